# SPDX-License-Identifier: Apache-2.0
"""Clients that speak HTTP/2: many streams at once, good ones beside bad ones."""

import asyncio
import functools
import struct

import http2
from client1 import connect_to
from http2 import DATA, GOAWAY, HEADERS, PING, PRIORITY, WINDOW_UPDATE, frame
from truth import DOWN, HANG_S, NEVER, UP, Check, body_bytes, cells
from wire1 import Cut, reset
from wire2 import Peer2

BEHAVIOURS = {"good": 70, "reset": 8, "cut-body": 5, "wrong-length": 3, "refused": 3, "leave": 4,
              "tunnel": 5}
# What ends the connection, or may: sent now and then between streams.
STRAY = [frame(PING, 0, 0, bytes(8)), frame(PRIORITY, 0, 999, bytes(5)), frame(77, 1, 0, b"new"),
         frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0)), frame(DATA, 0, 0, b"x"),
         frame(GOAWAY, 0, 0, bytes(8)), frame(HEADERS, 5, 2, b"\x82"), b"rubbish" * 10]


class Client2:
    def __init__(self, world, name, numbers):
        self.world, self.truth, self.name, self.numbers = world, world.truth, name, numbers
        self.rng = self.truth.rng("client2", name)

    async def run(self):
        while not self.truth.stopping:
            writer = None
            try:
                stream, writer = await connect_to(self.world, self.rng, "h2")
                peer = Peer2(self.rng, stream, writer)
                await peer.hello(http2.PREFACE)
                reading = asyncio.ensure_future(peer.run())
                try:
                    await self._use(peer)
                finally:
                    reading.cancel()
                    await asyncio.gather(reading, return_exceptions=True)
            except (Cut, OSError, asyncio.TimeoutError):
                self.truth.count("client2 cut off")
            finally:
                if writer:
                    (reset if self.rng.random() < 0.3 else type(writer).close)(writer)
            await asyncio.sleep(self.rng.choice([0, 0.01, 0.1]))

    async def _use(self, peer):
        """Some rounds of streams at once, on one connection."""
        at = 1
        for _ in range(self.rng.choice([1, 3, 10])):
            if self.truth.stopping or peer.gone or peer.goaway:
                return
            count = self.rng.choice([1, 2, 5, 20])
            tasks = [asyncio.ensure_future(self._stream(peer, at + 2 * i)) for i in range(count)]
            at += 2 * count
            if self.rng.random() < 0.15:
                await peer.send(self.rng.choice(STRAY))
            try:
                if self.rng.random() < 0.1:
                    await asyncio.wait(tasks, timeout=self.rng.choice([0.01, 0.1]))
                    return
                await asyncio.wait(tasks)
            finally:
                for task in tasks:
                    task.cancel()
                for result in await asyncio.gather(*tasks, return_exceptions=True):
                    if isinstance(result, Exception) and not isinstance(result, (Cut, OSError)):
                        raise result

    async def _stream(self, peer, at):
        rng, number = self.rng, next(self.numbers)
        how = rng.choices(list(BEHAVIOURS), BEHAVIOURS.values())[0]
        self.truth.count(f"client2 {how}")
        method = rng.choice(["GET", "GET", "HEAD", "POST", "PUT"])
        size = body_bytes(rng) if method in ("POST", "PUT") and how != "tunnel" else 0
        if how in ("cut-body", "wrong-length"):
            method, size = rng.choice(["POST", "PUT"]), max(size, 10)
        data = cells(number, UP, 0, size)
        length = size + (rng.choice([-1, 1]) if how == "wrong-length" else 0)
        # Where more comes than was said, a backend of HTTP/1.1 has it all before the fault.
        promised = NEVER if how in ("cut-body", "wrong-length") else size
        if length < size:
            promised = length
        fields = http2.request(f"/{rng.choice(self.world.prefixes)}/{number:08x}", method,
                               self.world.host, extra=[("x-id", f"{number:08x}"),
                                                       ("x-up", str(promised))])
        if how == "tunnel":
            return await self._tunnel(peer, at, number, fields)
        if how == "wrong-length" or size and rng.random() < 0.5:
            fields.append(("content-length", str(length)))
        if how == "refused":
            fields.append(rng.choice([("connection", "close"), ("Upper", "x"), (":path", "/"),
                                      ("te", "gzip"), ("x-big", "y" * 40000)]))
        stream = peer.open(at)
        check = Check(self.truth, number, DOWN, self.name)
        stream.accept(functools.partial(self._take, stream, check))
        await peer.send(peer.head(at, fields, end=not size))
        sending = asyncio.ensure_future(self._send(peer, stream, how, data))
        try:
            if how == "leave":
                return await asyncio.sleep(rng.choice([0, 0.1]))
            if how == "reset":
                await asyncio.sleep(rng.choice([0, 0.005, 0.1]))
                return await peer.reset(at)
            try:
                await asyncio.wait_for(stream.until(lambda: stream.over or peer.gone), HANG_S)
            except asyncio.TimeoutError:
                if peer.grants == "all" and how == "good":
                    self.truth.violate(f"{self.name}: {method} {number:08x}: no end of stream {at} "
                                       f"in {HANG_S} s: {stream.heads} {check.bytes}, attempts "
                                       f"{self.truth.attempts.get(number)}")
                return None
            self._judge(stream, check, number, method)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        return None

    async def _send(self, peer, stream, how, data):
        if not data:
            return
        if how == "cut-body":
            await peer.say(stream, data[:self.rng.randrange(len(data))], end=False)
            if self.rng.random() < 0.7:
                await peer.reset(stream.number)
            return
        await peer.say(stream, data)

    @staticmethod
    def _take(stream, check, data):
        # An answer of the worker's own has a text for people.
        if "x-id" in stream.heads[-1]:
            check.feed(data)

    def _judge(self, stream, check, number, method):
        final = [head for head in stream.heads if head.get(":status", "1")[0] != "1"]
        if not final:
            return
        fields = final[0]
        status = int(fields[":status"])
        if "x-id" not in fields:
            if status < 400:
                self.truth.violate(f"{self.name}: {method} {number:08x}: {fields} of no backend")
            self.truth.count(f"own {status} by HTTP/2")
            return
        if fields["x-id"] != f"{number:08x}":
            self.truth.violate(f"{self.name}: {method} {number:08x}: "
                               f"the answer of {fields['x-id']}")
        elif stream.ended and method != "HEAD" and status != 204:
            check.finish(int(fields["x-down"]))
        self.truth.count("whole by HTTP/2" if stream.ended else "cut by HTTP/2")

    async def _tunnel(self, peer, at, number, fields):
        """A WebSocket by extended CONNECT (RFC 8441)."""
        fields = [(":method", "CONNECT"), (":protocol", "websocket"), *fields[1:],
                  ("sec-websocket-version", "13")]
        stream = peer.open(at)
        await peer.send(peer.head(at, fields))
        await asyncio.wait_for(
            stream.until(lambda: stream.over or stream.heads or peer.gone), HANG_S)
        if not stream.heads or stream.heads[0].get(":status") != "200" \
                or "x-id" not in stream.heads[0]:
            return
        check = Check(self.truth, number, DOWN, f"{self.name} in a tunnel")
        # A backend that refuses the upgrade answers like any other: with a body of this request.
        stream.accept(check.feed)
        self.truth.count("tunnels by HTTP/2")
        await peer.say(stream, cells(number, UP, 0, body_bytes(self.rng)),
                       end=self.rng.random() < 0.5)
        await asyncio.sleep(self.rng.choice([0, 0.1]))
        await peer.reset(at)
