# SPDX-License-Identifier: Apache-2.0
"""Backends that speak HTTP/2, with or without TLS."""

import asyncio
import re
import struct

import http2
from backend1 import MAY_BE_SENT_TWICE, Backend1
from http2 import DATA, GOAWAY, PING, frame
from truth import DOWN, NEVER, UP, Check, body_bytes, cells, pause_s
from wire1 import Cut, Reader, reset
from wire2 import Peer2

BEHAVIOURS = {"good": 50, "trailers": 8, "interim": 6, "early": 6, "no-content": 3, "refused": 4,
              "reset": 4, "cut": 6, "wrong-length": 4, "goaway": 3, "abort": 2, "stall": 1,
              "stray": 3, "big-head": 1}


class Backend2(Backend1):
    """As Backend1, for streams."""

    async def _serve(self, stream, writer):
        self.writers.add(writer)
        rng = self.truth.rng("connection", self.name, len(self.writers))
        try:
            reader = Reader(stream)
            first = await reader.line()
            if first != b"PRI * HTTP/2.0":
                # Tunnels come by Upgrade of HTTP/1.1, whatever else the backend speaks.
                await self._answer(reader, writer, first)
                return
            await stream.readexactly(8)
            peer = Peer2(rng, stream, writer)
            peer.begun = {}  # stream -> (attempts at its request, place of this one)
            peer.last = None  # by GOAWAY: later streams are not begun
            peer.on_stream = lambda it: self._stream(peer, it)
            await peer.hello()
            await peer.run()
        except (Cut, OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    async def _stream(self, peer, stream):
        try:
            await self._serve_stream(peer, stream)
        except (Cut, OSError):
            pass

    async def _serve_stream(self, peer, stream):
        if peer.last is not None and stream.number > peer.last:
            return
        fields = stream.heads[0]
        match = re.fullmatch(r"/\w+/([0-9a-f]{8})", fields.get(":path", ""))
        if not match or fields.get("x-id") != match[1]:
            self.truth.violate(f"{self.name}: a request that no client sent: {fields}")
            return
        method, number = fields[":method"], int(match[1], 16)
        attempts = self.truth.attempts[number]
        rng = self.truth.rng("backend", f"{number:08x}", len(attempts))
        how = rng.choices(list(BEHAVIOURS), BEHAVIOURS.values())[0]
        if method not in MAY_BE_SENT_TWICE and any(it != "refused" for it in attempts):
            self.truth.violate(f"{self.name}: {method} {number:08x} was sent again, "
                               f"after {attempts}")
        attempts.append(how)
        peer.begun[stream.number] = (attempts, len(attempts) - 1)
        self.truth.count(f"backend2 {how}")
        if how == "refused":
            await peer.reset(stream.number, http2.REFUSED_STREAM)
            return
        check = Check(self.truth, number, UP, self.name)
        stream.accept(check.feed)
        if how != "early":
            await stream.until(lambda: stream.over)
            if not stream.ended:
                return
            check.finish(int(fields.get("x-up", NEVER)))
            await asyncio.sleep(pause_s(rng))
        await self._respond2(rng, how, method, number, peer, stream)

    async def _respond2(self, rng, how, method, number, peer, stream):
        cut = how in ("cut", "wrong-length", "abort")
        data = cells(number, DOWN, 0, body_bytes(rng) + cut)
        length = len(data) + (rng.choice([-1, 1, 100]) if how == "wrong-length" else 0)
        # Where more comes than was said, a reader of HTTP/1.1 has it all before the fault.
        promised = length if length < len(data) else NEVER if cut else len(data)
        head = [(":status", "200"), ("x-id", f"{number:08x}"), ("x-down", str(promised))]
        at = stream.number
        if how == "reset":
            return await peer.reset(at, rng.choice([http2.CANCEL, http2.INTERNAL_ERROR, 77]))
        if how == "stall":
            return await asyncio.sleep(4)
        if how == "stray":
            await peer.send(frame(DATA, 0, at + 2000, b"x") if rng.random() < 0.2
                            else frame(PING, 0, 0, bytes(8)), frame(99, 255, at, b"unknown"))
        if how == "no-content":
            head[0] = (":status", "204")
            return await peer.send(peer.head(at, head, end=True))
        if how == "interim":
            await peer.send(*[peer.head(at, [(":status", "103"), ("link", "</a>")])
                              for _ in range(rng.choice([1, 3, 20]))])
        if how == "big-head":
            head.append(("x-big", "x" * 15000))
        if how == "wrong-length" or rng.random() < 0.5:
            head.append(("content-length", str(length)))
        if method == "HEAD":
            return await peer.send(peer.head(at, head, end=True))
        await peer.send(peer.head(at, head))
        if cut and how != "wrong-length":
            await peer.say(stream, data[:rng.randrange(len(data))], end=False)
            if how == "abort":
                return reset(peer.writer)
            return await peer.reset(at, http2.INTERNAL_ERROR)
        await peer.say(stream, data, end=how != "trailers")
        if how == "trailers":
            await peer.send(peer.head(at, [("x-sum", "1"), ("grpc-status", "0")], end=True))
        if how == "goaway":
            peer.last = at if peer.last is None else min(at, peer.last)
            for other, (attempts, index) in peer.begun.items():
                if other > at:
                    attempts[index] = "refused"
            await peer.send(frame(GOAWAY, 0, 0, struct.pack(">II", at, 0)))
        if how == "early" and not stream.over:
            await peer.reset(at, http2.NO_ERROR)
