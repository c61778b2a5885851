# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 over asyncio, by frames: either end of a connection, with windows that starve its peer."""

import asyncio
import struct

import http2
from http2 import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS,
                   INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE,
                   frame)
from wire1 import Cut

WINDOW = 65535  # of a connection, and of streams until SETTINGS say otherwise (RFC 9113 6.9.2)


class Stream:
    """What came on one stream."""

    def __init__(self, number, window):
        self.number, self.window = number, window
        self.heads = []
        self.take = None  # gets the octets of the body
        self.held = []  # those that came before anybody took them
        self.ended = False  # by END_STREAM
        self.code = None  # by RST_STREAM, or the end of the connection: -1
        self.changed = asyncio.Event()

    @property
    def over(self):
        return self.ended or self.code is not None

    def note(self):
        self.changed.set()

    def accept(self, take):
        self.take = take
        for data in self.held:
            take(data)
        self.held.clear()

    async def until(self, done):
        while not done():
            self.changed.clear()
            await self.changed.wait()


class Peer2:
    """One end. rng decides how it grants windows; on_stream(stream) is a coroutine for each stream
    that the other end begins."""

    def __init__(self, rng, stream, writer, on_stream=None):
        self.rng, self.stream, self.writer, self.on_stream = rng, stream, writer, on_stream
        self.streams, self.tasks = {}, set()
        self.window, self.initial, self.frame_max = WINDOW, WINDOW, 16384
        self.decoder = http2.Decoder()
        self.block = None
        self.gone = False
        self.goaway = False
        self.grants = rng.choices(["all", "late", "little", "none"], [70, 15, 10, 5])[0]

    async def send(self, *frames):
        self.writer.write(b"".join(frames))
        await self.writer.drain()

    async def hello(self, preface=b""):
        said = []
        if self.rng.random() < 0.5:
            said.append((INITIAL_WINDOW_SIZE, self.rng.choice([0, 1, 100, 16384, 1 << 20])))
        if self.rng.random() < 0.3:
            said.append((MAX_FRAME_SIZE, self.rng.choice([16384, 100000])))
        frames = [preface + http2.settings(*said)]
        if self.rng.random() < 0.5:
            frames.append(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 20)))
        await self.send(*frames)

    async def run(self):
        """Reads frames until the connection ends."""
        try:
            while True:
                head = await self.stream.readexactly(9)
                size = int.from_bytes(head[:3], "big")
                kind, flags, number = struct.unpack(">BBI", head[3:])
                await self._on_frame(kind, flags, number, await self.stream.readexactly(size))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.gone = True
            for stream in list(self.streams.values()):
                if not stream.over:
                    stream.code = -1
                stream.note()
            if self.tasks:
                await asyncio.wait(self.tasks, timeout=1)
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)

    def open(self, number):
        stream = self.streams[number] = Stream(number, self.initial)
        return stream

    async def _on_frame(self, kind, flags, number, payload):
        stream = self.streams.get(number)
        if kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack(">HI", payload[at:at + 6])
                if name == INITIAL_WINDOW_SIZE:
                    for other in self.streams.values():
                        other.window += value - self.initial
                    self.initial = value
            await self.send(frame(SETTINGS, ACK))
            self._note_all()
        elif kind == PING and not flags & ACK:
            await self.send(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE:
            step = int.from_bytes(payload, "big") & 0x7fffffff
            if number == 0:
                self.window += step
                self._note_all()
            elif stream:
                stream.window += step
                stream.note()
        elif kind in (HEADERS, CONTINUATION):
            await self._on_block(kind, flags, number, payload)
        elif kind == DATA:
            await self._on_data(stream, flags, number, payload)
        elif kind == RST_STREAM and stream:
            stream.code = int.from_bytes(payload, "big")
            stream.note()
        elif kind == GOAWAY:
            self.goaway = True

    async def _on_block(self, kind, flags, number, payload):
        if kind == HEADERS:
            self.block = (payload, flags & END_STREAM)
        else:
            self.block = (self.block[0] + payload, self.block[1])
        if not flags & END_HEADERS:
            return
        fields, stream = dict(self.decoder.decode(self.block[0])), self.streams.get(number)
        begins = stream is None and self.on_stream
        if begins:
            stream = self.open(number)
        if stream is None:
            return
        stream.heads.append(fields)
        if self.block[1]:
            stream.ended = True
        stream.note()
        if begins:
            task = asyncio.ensure_future(self.on_stream(stream))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _on_data(self, stream, flags, number, payload):
        if stream:
            if stream.take:
                stream.take(payload)
            else:
                stream.held.append(payload)
            if flags & END_STREAM:
                stream.ended = True
            stream.note()
        if payload:
            await self._grant(number, len(payload))

    async def _grant(self, number, count):
        if self.grants == "none":
            return
        if self.grants == "late":
            await asyncio.sleep(0.02)
        steps = [count] if self.grants != "little" or count > 2000 else [1] * min(count, 50)
        for step in steps:
            update = struct.pack(">I", step)
            await self.send(frame(WINDOW_UPDATE, 0, 0, update),
                            frame(WINDOW_UPDATE, 0, number, update))

    def _note_all(self):
        for stream in self.streams.values():
            stream.note()

    def head(self, number, fields, end=False):
        """HEADERS, sometimes padded, sometimes in pieces."""
        block = http2.encode(fields)
        flags = END_STREAM if end else 0
        kind = self.rng.random()
        if kind < 0.15:
            pad = self.rng.randrange(20)
            return frame(HEADERS, flags | END_HEADERS | http2.PADDED, number,
                         bytes([pad]) + block + bytes(pad))
        if kind < 0.3 and len(block) > 2:
            cut = self.rng.randrange(1, len(block))
            return (frame(HEADERS, flags, number, block[:cut])
                    + frame(CONTINUATION, END_HEADERS, number, block[cut:]))
        return frame(HEADERS, flags | END_HEADERS, number, block)

    async def say(self, stream, data, end=True):
        """Sends a body within the peer's windows; Cut if the stream is over before."""
        at = 0
        while at < len(data):
            await stream.until(lambda: self.gone or stream.code is not None
                               or min(self.window, stream.window) > 0)
            if self.gone or stream.code is not None:
                raise Cut("reset")
            count = min(self.window, stream.window, self.frame_max, len(data) - at,
                        self.rng.choice([1, 100, 4000, 16384]) if len(data) < 5000 else 16384)
            self.window -= count
            stream.window -= count
            last = end and at + count == len(data)
            await self.send(frame(DATA, END_STREAM if last else 0, stream.number,
                                  data[at:at + count]))
            at += count
            if self.rng.random() < 0.1:
                await asyncio.sleep(0.002)
        if end and not data:
            await self.send(frame(DATA, END_STREAM, stream.number))

    async def reset(self, number, code=http2.CANCEL):
        await self.send(frame(RST_STREAM, 0, number, struct.pack(">I", code)))
