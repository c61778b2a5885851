# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.x over asyncio: heads, bodies by their framing, ways to end a connection."""

import asyncio
import re
import socket
import struct

from truth import pause_s, pieces_of


class Cut(Exception):
    """The peer ended the connection, or what it said cannot be read."""


def reset(writer):
    """Ends a connection by RST, if it has not ended yet."""
    try:
        sock = writer.get_extra_info("socket")
    except AttributeError:  # asyncio's TLS forgets its socket when it is closed
        return
    try:
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    writer.transport.abort()


async def say(rng, writer, data):
    """Sends octets in pieces, some messages with pauses between them."""
    is_slow = rng.random() < 0.2
    for piece in pieces_of(rng, data):
        writer.write(piece)
        await writer.drain()
        if is_slow:
            await asyncio.sleep(pause_s(rng))


async def end(rng, writer):
    """Ends a connection in one of the ways that there are."""
    how = rng.choice(["close", "reset", "half", "stall"])
    if how == "half" and writer.can_write_eof():
        writer.write_eof()
        await asyncio.sleep(rng.choice([0, 0.05, 1.0]))
    elif how == "stall":
        await asyncio.sleep(rng.choice([0.3, 3.0]))
    if how == "reset":
        reset(writer)
    else:
        writer.close()


class Reader:
    """Of one connection; every end is a Cut."""

    def __init__(self, stream):
        self.stream = stream

    async def some(self, most=65536):
        """Some octets, b'' at the end."""
        try:
            return await self.stream.read(most)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Cut(str(error)) from error

    async def line(self):
        try:
            return (await self.stream.readuntil(b"\n")).rstrip(b"\r\n")
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise Cut(str(error)) from error

    async def head(self, first=None):
        """(first line, fields by their lower-case name); the first line may be read already"""
        first = await self.line() if first is None else first
        fields = {}
        while True:
            line = await self.line()
            if not line:
                return first.decode("latin-1"), fields
            name, _, value = line.decode("latin-1").partition(":")
            fields[name.lower()] = value.strip()

    async def exactly(self, count, take):
        while count:
            data = await self.some(min(count, 65536))
            if not data:
                raise Cut("end within a body")
            take(data)
            count -= len(data)

    async def body(self, fields, take, until_end=False):
        """Reads a body by its framing and gives it to take(); Cut if it is not whole."""
        if fields.get("transfer-encoding", "").lower() == "chunked":
            while True:
                size = await self.line()
                if not re.fullmatch(rb"[0-9A-Fa-f]+", size.partition(b";")[0].strip()):
                    raise Cut(f"chunk of size {size[:20]!r}")
                size = int(size.partition(b";")[0], 16)
                if size == 0:
                    break
                await self.exactly(size, take)
                if await self.line():
                    raise Cut("no end of a chunk")
            while await self.line():
                pass
        elif "content-length" in fields:
            await self.exactly(int(fields["content-length"]), take)
        elif until_end:
            while data := await self.some():
                take(data)


def bad_chunk(rng, data):
    """What no chunk looks like, after some that did; data: what would come next."""
    choices = [b"zz\r\n", b"-1\r\n\r\n", b"\r\n", b"fffffffffffffffff\r\n"]
    if data:
        whole = b"%x\r\n%b" % (len(data[:5]), data[:5])
        choices += [whole, whole + b"abc\r\n0\r\n\r\n"]
    return rng.choice(choices)


def chunked(rng, data):
    """Data as chunks, without the last one."""
    out = b""
    for piece in pieces_of(rng, data):
        if piece:
            extension = rng.choice([b"", b"", b"", b";a=b", b' ; q="x"'])
            out += b"%x%b\r\n%b\r\n" % (len(piece), extension, piece)
    return out
