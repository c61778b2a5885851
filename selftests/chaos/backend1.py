# SPDX-License-Identifier: Apache-2.0
"""Backends that speak HTTP/1.1, in all the wrong ways too."""

import asyncio
import re

from truth import DOWN, NEVER, UP, Check, body_bytes, cells, pause_s
from wire1 import Cut, Reader, bad_chunk, chunked, end, reset, say

# What a backend does with a request, and how often.
BEHAVIOURS = {
    "length": 30, "chunked": 20, "until-end": 5, "trailers": 4, "interim": 6, "early": 6,
    "no-content": 3, "reset": 3, "close": 3, "stall": 1, "short": 4, "cut-chunk": 4,
    "bad-chunk": 3, "long": 3, "garbage": 2, "big-head": 1, "two-lengths": 1, "switch": 1,
    "half-head": 2,
}
MAY_BE_SENT_TWICE = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS")


class Backend1:
    """One server; keeps what it sees in the truth of the run."""

    def __init__(self, truth, name):
        self.truth, self.name = truth, name
        self.server = None
        self.writers = set()

    async def start(self, host, tls=None):
        self.server = await asyncio.start_server(self._serve, host, 0, ssl=tls, backlog=512)
        self.host, self.port = self.server.sockets[0].getsockname()[:2]
        return self

    async def stop(self):
        self.server.close()
        for writer in list(self.writers):
            reset(writer)

    async def _serve(self, stream, writer):
        self.writers.add(writer)
        try:
            reader = Reader(stream)
            while await self._answer(reader, writer):
                pass
        except (Cut, OSError, asyncio.TimeoutError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    async def _answer(self, reader, writer, first=None):
        """One request. Returns whether the connection goes on."""
        first, fields = await reader.head(first)
        match = re.fullmatch(r"(\w+) /\w+/([0-9a-f]{8}) HTTP/1\.1", first)
        if not match or fields.get("x-id") != match[2]:
            self.truth.violate(f"{self.name}: a request that no client sent: {first!r} {fields}")
            return False
        method, number = match[1], int(match[2], 16)
        attempts = self.truth.attempts[number]
        rng = self.truth.rng("backend", f"{number:08x}", len(attempts))
        how = rng.choices(list(BEHAVIOURS), BEHAVIOURS.values())[0]
        # What an HTTP/2 backend refused was never processed, and may be sent again.
        if method not in MAY_BE_SENT_TWICE and any(it != "refused" for it in attempts):
            self.truth.violate(f"{self.name}: {method} {number:08x} was sent again, "
                               f"after {attempts}")
        attempts.append(how)
        self.truth.count(f"backend {how}")
        check = Check(self.truth, number, UP, self.name)
        if fields.get("upgrade") == "websocket" and rng.random() < 0.8:
            await self._tunnel(rng, reader, writer, number, check)
            return False
        if how == "early" and rng.random() < 0.5:
            await say(rng, writer, b"HTTP/1.1 200 OK\r\nX-Id: %08x\r\nX-Down: 0\r\n"
                      b"Content-Length: 0\r\nConnection: close\r\n\r\n" % number)
            if rng.random() < 0.5:
                return False
            await reader.body(fields, check.feed)
            return False
        if fields.get("expect") == "100-continue" and rng.random() < 0.7:
            await say(rng, writer, b"HTTP/1.1 100 Continue\r\n\r\n")
        await reader.body(fields, check.feed)
        check.finish(int(fields.get("x-up", NEVER)))
        wait = pause_s(rng)
        if wait:
            await asyncio.sleep(wait)
        return await self._respond(rng, how, method, number, writer)

    async def _respond(self, rng, how, method, number, writer):
        size = body_bytes(rng)
        data = cells(number, DOWN, 0, size)
        ended = how not in ("short", "cut-chunk", "bad-chunk")
        head = b"X-Id: %08x\r\nX-Down: %d\r\nVia: x\r\n" % (number, size if ended else NEVER)
        first = b"HTTP/1.1 200 OK\r\n"
        length = b"Content-Length: %d\r\n\r\n" % size
        tail = b"0\r\n\r\n"
        message, goes_on = None, False
        if how in ("length", "interim", "early"):
            if how == "interim":
                for _ in range(rng.choice([1, 2, 20])):
                    first = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + first
            goes_on = rng.random() < 0.9
            message = first + head + (b"" if goes_on else b"Connection: close\r\n") + length + data
        elif how in ("chunked", "trailers"):
            if how == "trailers":
                tail = b"0\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n"
            message = (first + head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(rng, data)
                       + tail)
            goes_on = True
        elif how == "until-end":
            message = first + head + b"Connection: close\r\n\r\n" + data
        elif how == "no-content":
            message = b"HTTP/1.1 204 No Content\r\n" + head + b"\r\n"
            goes_on = True
        if message is not None:
            if method == "HEAD":
                message = message[:message.index(b"\r\n\r\n", message.index(head)) + 4]
                goes_on = goes_on and how != "until-end"
            await say(rng, writer, message)
            return goes_on
        await self._misbehave(rng, how, number, first + head, data, writer)
        return False

    @staticmethod
    async def _misbehave(rng, how, number, head, data, writer):
        cut = rng.randrange(len(data) + 1)
        length = b"Content-Length: %d\r\n\r\n" % len(data)
        by_chunks = head + b"Transfer-Encoding: chunked\r\n\r\n"
        message = {
            "reset": b"", "close": b"", "stall": b"",
            "short": head + b"Content-Length: %d\r\n\r\n" % (len(data) + 1) + data[:cut],
            "cut-chunk": by_chunks + chunked(rng, data[:cut]),
            "bad-chunk": by_chunks + chunked(rng, data[:cut]) + bad_chunk(rng, data[cut:]),
            "long": head + length + data + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
            "garbage": rng.randbytes(rng.choice([1, 20, 20000])),
            "big-head": head + b"X-Big: " + b"x" * 70000 + b"\r\n" + length + data,
            "two-lengths": head + b"Content-Length: 1\r\n" + length + data,
            "switch": b"HTTP/1.1 101 S\r\nX-Id: %08x\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
                      % number,
            "half-head": head[:rng.randrange(1, len(head))],
        }[how]
        await say(rng, writer, message)
        if how == "reset":
            reset(writer)
        elif how == "stall":
            await asyncio.sleep(4)
        elif how != "close":
            await end(rng, writer)

    async def _tunnel(self, rng, reader, writer, number, check):
        self.truth.count("backend tunnel")
        await say(rng, writer, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                  b"Connection: Upgrade\r\nX-Id: %08x\r\nSec-WebSocket-Accept: x\r\n\r\n" % number)
        await speak_tunnel(rng, reader, writer, cells(number, DOWN, 0, body_bytes(rng)), check)


async def speak_tunnel(rng, reader, writer, data, check):
    """Sends data and checks what comes, both at once, then ends in some way."""
    async def listen():
        while got := await reader.some():
            check.feed(got)

    listening = asyncio.ensure_future(listen())
    try:
        await say(rng, writer, data)
        await asyncio.wait([listening], timeout=rng.choice([0, 0.05, 0.5]))
        await end(rng, writer)
        await asyncio.wait([listening], timeout=0.2)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
