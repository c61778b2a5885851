# SPDX-License-Identifier: Apache-2.0
"""Clients that speak HTTP/1.x, as good as they can or as bad as they want."""

import asyncio
import socket
import time

from backend1 import speak_tunnel
from truth import DOWN, HANG_S, NEVER, UP, Check, body_bytes, cells
from wire1 import Cut, Reader, bad_chunk, chunked, end, reset, say

# What a client does with a request, and how often.
BEHAVIOURS = {"good": 60, "pipeline": 6, "abort-head": 4, "abort-body": 6, "more": 3, "less": 4,
              "bad-chunk": 3, "leave": 6, "slow-reader": 4, "half-close": 4, "garbage": 2,
              "tunnel": 8}
METHODS = ["GET", "GET", "GET", "HEAD", "POST", "POST", "PUT"]


async def connect_to(world, rng, protocol):
    """(reader, writer) of a connection to the worker, by TLS or not."""
    tls = rng.random() < 0.35
    sock = socket.socket()
    sock.setblocking(False)
    if rng.random() < 0.2:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    try:
        await asyncio.get_running_loop().sock_connect(
            sock, ("127.0.0.1", world.https_port if tls else world.port))
        how = {"ssl": world.client_tls(protocol), "server_hostname": world.host,
               "ssl_handshake_timeout": HANG_S} if tls else {}
        return await asyncio.open_connection(sock=sock, **how)
    except BaseException:
        sock.close()
        raise


class Client1:
    def __init__(self, world, name, numbers):
        self.world, self.truth, self.name, self.numbers = world, world.truth, name, numbers
        self.rng = self.truth.rng("client", name)

    async def run(self):
        while not self.truth.stopping:
            writer = None
            try:
                stream, writer = await connect_to(self.world, self.rng, "http/1.1")
                reader = Reader(stream)
                for _ in range(self.rng.choice([1, 1, 3, 20])):
                    if self.truth.stopping or not await self._one(reader, writer):
                        break
            except (Cut, OSError, asyncio.TimeoutError):
                self.truth.count("client cut off")
            finally:
                if writer:
                    writer.close()
            await asyncio.sleep(self.rng.choice([0, 0, 0.01, 0.1]))

    def _request(self, how):
        """(number, method, head, body on the wire)"""
        rng, number = self.rng, next(self.numbers)
        method = rng.choice(METHODS)
        size = body_bytes(rng) if method in ("POST", "PUT") else 0
        if how in ("abort-body", "more", "less", "bad-chunk"):
            method, size = rng.choice(["POST", "PUT"]), max(size, 10)
        data = cells(number, UP, 0, size)
        promised = NEVER if how in ("abort-body", "less", "bad-chunk") else size
        framing = b""
        if how == "bad-chunk" or size and how not in ("more", "less") and rng.random() < 0.4:
            framing = b"Transfer-Encoding: chunked\r\n"
            cut = size if promised >= 0 else rng.randrange(size)
            body = chunked(rng, data[:cut])
            if how == "bad-chunk":
                body += bad_chunk(rng, data[cut:])
            elif promised >= 0:
                body += rng.choice([b"0\r\n\r\n", b"0\r\nX-Sum: 1\r\n\r\n"])
        else:
            body = data[:rng.randrange(size)] if how in ("abort-body", "less") else data
            if how == "more":
                size = promised = size // 2
            if method in ("POST", "PUT"):
                framing = b"Content-Length: %d\r\n" % size
        path = rng.choice(self.world.prefixes)
        head = (b"%b /%b/%08x HTTP/1.1\r\nHost: %b\r\nX-Id: %08x\r\nX-Up: %d\r\n%b"
                % (method.encode(), path.encode(), number, self.world.host.encode(), number,
                   promised, framing))
        if framing and rng.random() < 0.15:
            head += b"Expect: 100-continue\r\n"
        return number, method, head + b"\r\n", body

    async def _one(self, reader, writer):
        """One request, or some at once. Returns whether the connection goes on."""
        rng = self.rng
        how = rng.choices(list(BEHAVIOURS), BEHAVIOURS.values())[0]
        self.truth.count(f"client {how}")
        if how == "pipeline":
            return await self._pipeline(reader, writer)
        if how == "tunnel":
            return await self._tunnel(reader, writer)
        number, method, head, body = self._request(how)
        if how == "garbage":
            await say(rng, writer, rng.choice([rng.randbytes(200), b"GET / HTTP/9.9\r\n\r\n",
                                               head[:-2] + b"X: " + b"y" * 40000, b"\r\n\r\n"]))
            await end(rng, writer)
            return False
        if how == "abort-head":
            await say(rng, writer, head[:rng.randrange(len(head))])
            await end(rng, writer)
            return False
        sending = asyncio.ensure_future(self._send(how, head, body, writer))
        try:
            if how in ("abort-body", "less", "bad-chunk", "leave"):
                await asyncio.wait([sending], timeout=rng.choice([0.01, 0.5, 2]))
                if rng.random() < 0.5:
                    await asyncio.wait_for(self._answer(reader, number, method), 0.5)
                await end(rng, writer)
                return False
            if how == "slow-reader":
                await asyncio.sleep(rng.choice([0.1, 0.6, 3]))
            goes_on = await self._answer_in_time(reader, number, method)
            await asyncio.wait([sending], timeout=5)
            return goes_on and sending.done() and how not in ("more", "half-close")
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, how, head, body, writer):
        await say(self.rng, writer, head)
        if b"Expect:" in head:
            await asyncio.sleep(self.rng.choice([0, 0.1]))
        await say(self.rng, writer, body)
        if how == "half-close" and writer.can_write_eof():
            writer.write_eof()

    async def _pipeline(self, reader, writer):
        asked = [self._request("good") for _ in range(self.rng.choice([2, 3, 10]))]
        sending = asyncio.ensure_future(
            say(self.rng, writer, b"".join(head + body for _, _, head, body in asked)))
        try:
            for number, method, _, _ in asked:
                if not await self._answer_in_time(reader, number, method):
                    return False
            return True
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _answer_in_time(self, reader, number, method):
        started = time.monotonic()
        try:
            return await asyncio.wait_for(self._answer(reader, number, method), HANG_S)
        except asyncio.TimeoutError:
            self.truth.violate(f"{self.name}: {method} {number:08x}: neither an answer nor an end "
                               f"in {time.monotonic() - started:.0f} s; attempts "
                               f"{self.truth.attempts.get(number)}")
            return False

    async def _answer(self, reader, number, method):
        """Reads the answer to a request. Returns whether the connection goes on."""
        truth = self.truth
        while True:
            first, fields = await reader.head()
            status = int(first.split()[1]) if first.startswith("HTTP/1.1 ") else 0
            if status == 101 or not 100 <= status < 600:
                truth.violate(f"{self.name}: {method} {number:08x}: answered {first!r}")
                return False
            if status >= 200:
                break
        goes_on = fields.get("connection", "").lower() != "close"
        has_body = method != "HEAD" and status not in (204, 304)
        if "x-id" not in fields:
            if status < 400:
                truth.violate(f"{self.name}: {method} {number:08x}: {first!r} of no backend")
            truth.count(f"own {status}")
            if has_body:
                await reader.body(fields, len, until_end=True)
            return goes_on
        if fields["x-id"] != f"{number:08x}":
            truth.violate(f"{self.name}: {method} {number:08x}: got the answer of {fields['x-id']}")
            return False
        if not has_body:
            truth.count("whole")
            return goes_on
        check = Check(truth, number, DOWN, self.name)
        await reader.body(fields, check.feed, until_end=True)
        # A body that ends with the connection cannot tell that it was cut off.
        if "content-length" in fields or "transfer-encoding" in fields:
            check.finish(int(fields["x-down"]))
        truth.count("whole")
        return goes_on

    async def _tunnel(self, reader, writer):
        number = next(self.numbers)
        await say(self.rng, writer, b"GET /%b/%08x HTTP/1.1\r\nHost: %b\r\n"
                  b"X-Id: %08x\r\nX-Up: 0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"
                  b"Sec-WebSocket-Version: 13\r\n\r\n"
                  % (self.rng.choice(self.world.prefixes).encode(), number,
                     self.world.host.encode(), number))
        try:
            first, fields = await asyncio.wait_for(reader.head(), HANG_S)
        except asyncio.TimeoutError:
            self.truth.violate(f"{self.name}: tunnel {number:08x}: no answer, attempts "
                               f"{self.truth.attempts.get(number)}")
            return False
        if not first.startswith("HTTP/1.1 101 "):
            return False
        if fields.get("x-id") != f"{number:08x}":
            self.truth.violate(f"{self.name}: tunnel {number:08x}: to another one: {fields}")
        self.truth.count("tunnels")
        data = cells(number, UP, 0, body_bytes(self.rng))
        await speak_tunnel(self.rng, reader, writer, data,
                           Check(self.truth, number, DOWN, f"{self.name} in a tunnel"))
        return False


class Canary:
    """A client without fault, of a backend without fault: it is served, whatever others do."""

    def __init__(self, world, numbers):
        self.world, self.truth, self.numbers = world, world.truth, numbers
        self.worst_s = 0.0

    async def run(self):
        while not self.truth.stopping:
            number, started = next(self.numbers), time.monotonic()
            try:
                await asyncio.wait_for(self._ask(number), HANG_S)
            except (Cut, OSError, asyncio.TimeoutError) as error:
                await asyncio.sleep(0.1)  # a lag is noted when it is over
                if self.truth.lagged_since(started):
                    self.truth.count("canary excused")
                else:
                    self.truth.violate(f"canary {number:08x}: {type(error).__name__} {error} after "
                                       f"{time.monotonic() - started:.1f} s")
            self.worst_s = max(self.worst_s, time.monotonic() - started)
            await asyncio.sleep(0.05)

    async def _ask(self, number):
        stream, writer = await asyncio.open_connection("127.0.0.1", self.world.port)
        try:
            reader = Reader(stream)
            writer.write(b"GET /canary/%08x HTTP/1.1\r\nHost: canary.test\r\nX-Id: %08x\r\n\r\n"
                         % (number, number))
            first, fields = await reader.head()
            if first.split()[1] != "200":
                raise Cut(first)
            check = Check(self.truth, number, DOWN, "canary")
            await reader.body(fields, check.feed)
            check.finish(1000)
            self.truth.count("canary")
        finally:
            reset(writer)
