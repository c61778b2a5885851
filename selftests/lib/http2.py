# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 by hand (RFC 9113), so that tests can send what no library would: frames as bytes, HPACK
(RFC 7541) without a dynamic table of ours, and a client that reads into lists."""

import collections
import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY_FLAG = 1, 1, 4, 8, 32

(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED,
 FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM,
 INADEQUATE_SECURITY, HTTP_1_1_REQUIRED) = range(14)

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, \
    MAX_HEADER_LIST_SIZE = range(1, 7)
ENABLE_CONNECT_PROTOCOL = 8

Frame = collections.namedtuple("Frame", "type flags stream payload")

STATIC = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"),
    (":path", "/index.html"), (":scheme", "http"), (":scheme", "https"), (":status", "200"),
    (":status", "204"), (":status", "206"), (":status", "304"), (":status", "400"),
    (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""),
    ("accept", ""), ("access-control-allow-origin", ""), ("age", ""), ("allow", ""),
    ("authorization", ""), ("cache-control", ""), ("content-disposition", ""),
    ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""),
    ("date", ""), ("etag", ""), ("expect", ""), ("expires", ""), ("from", ""), ("host", ""),
    ("if-match", ""), ("if-modified-since", ""), ("if-none-match", ""), ("if-range", ""),
    ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""), ("location", ""),
    ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""),
    ("via", ""), ("www-authenticate", "")]


# Lengths of the Huffman codes of the printable octets from space on (RFC 7541 B). The code is
# canonical and all codes up to 15 bits are theirs, but for NUL's: so the lengths are the code.
LENGTHS = ("6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10 13 6" + 22 * " 7"
           + " 8 7 8 13 19 13 14 6 15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13")


def _huffman_codes():
    lengths = sorted([(int(bits), 32 + i) for i, bits in enumerate(LENGTHS.split())] + [(13, 0)])
    codes, code, last = {}, 0, lengths[0][0]
    for bits, symbol in lengths:
        code <<= bits - last
        last = bits
        codes[(bits, code)] = symbol
        code += 1
    return codes


HUFFMAN = _huffman_codes()


def huffman_decode(raw):
    out, code, bits = bytearray(), 0, 0
    for octet in raw:
        for shift in range(7, -1, -1):
            code, bits = code << 1 | octet >> shift & 1, bits + 1
            if (bits, code) in HUFFMAN:
                out.append(HUFFMAN[(bits, code)])
                code, bits = 0, 0
    return bytes(out)


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def integer(value, bits, first=0):
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out, value = bytearray([first | most]), value - most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def _text(value):
    value = value.encode("latin-1") if isinstance(value, str) else value
    return integer(len(value), 7) + value


def encode(fields):
    """A header block of literals without indexing: any octets, in any order."""
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in fields)


class Decoder:
    """Header blocks of a peer, with its dynamic table."""

    def __init__(self, size=4096):
        self.table, self.size, self.used = [], size, 0

    def _entry(self, index):
        if index <= len(STATIC):
            return STATIC[index - 1]
        return self.table[index - len(STATIC) - 1]

    def _add(self, name, value):
        self.table.insert(0, (name, value))
        self.used += len(name) + len(value) + 32
        self._shrink()

    def _shrink(self):
        while self.used > self.size:
            name, value = self.table.pop()
            self.used -= len(name) + len(value) + 32

    def decode(self, block):
        fields, at = [], 0

        def number(bits):
            nonlocal at
            most = (1 << bits) - 1
            value, shift = block[at] & most, 0
            at += 1
            if value < most:
                return value
            while True:
                octet = block[at]
                at += 1
                value += (octet & 127) << shift
                shift += 7
                if not octet & 128:
                    return value

        def text():
            nonlocal at
            huffman = block[at] & 128
            length = number(7)
            raw = block[at:at + length]
            at += length
            return (huffman_decode(raw) if huffman else raw).decode("latin-1")

        while at < len(block):
            octet = block[at]
            if octet & 128:
                fields.append(self._entry(number(7)))
            elif octet & 32 and not octet & 64:
                self.size = number(5)
                self._shrink()
            else:
                indexed = octet & 64
                index = number(6 if indexed else 4)
                name = self._entry(index)[0] if index else text()
                value = text()
                fields.append((name, value))
                if indexed:
                    self._add(name, value)
        return fields


def request(path="/", method="GET", authority="a.test", scheme="http", extra=()):
    return [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path),
            *extra]


class Client:
    """One connection: what is sent is bytes; what comes is kept as frames, by stream."""

    def __init__(self, conn, hello=True, said=()):
        self.conn, self.buffer, self.frames = conn, bytearray(), []
        self.decoder, self.eof, self.reset = Decoder(), False, False
        self.settings, self.acked = {}, False
        self.heads = collections.defaultdict(list)  # stream -> lists of fields
        self.data = collections.defaultdict(bytearray)
        self.ended, self.rst, self.goaways = set(), {}, []
        self._block = None
        if hello:
            self.send(PREFACE + settings(*said))

    def send(self, *frames):
        self.conn.sendall(b"".join(frames))

    def head(self, stream, fields, end=True, flags=END_HEADERS):
        block = fields if isinstance(fields, bytes) else encode(fields)
        return frame(HEADERS, flags | (END_STREAM if end else 0), stream, block)

    def read_frame(self):
        """One frame, or None at the end."""
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
            try:
                more = self.conn.recv(65536)
            except ConnectionResetError:
                self.reset, more = True, b""
            if not more:
                self.eof = True
                return None
            self.buffer += more
        size = int.from_bytes(self.buffer[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", self.buffer[3:9])
        got = Frame(kind, flags, stream, bytes(self.buffer[9:9 + size]))
        del self.buffer[:9 + size]
        self.frames.append(got)
        self._note(got)
        return got

    def _note(self, got):
        if got.type == SETTINGS and got.flags & ACK:
            self.acked = True
        elif got.type == SETTINGS:
            for at in range(0, len(got.payload), 6):
                name, value = struct.unpack(">HI", got.payload[at:at + 6])
                self.settings[name] = value
            try:
                self.send(frame(SETTINGS, ACK))
            except OSError:
                pass
        elif got.type in (HEADERS, CONTINUATION):
            if got.type == HEADERS:
                self._block = (got.stream, b"", got.flags & END_STREAM)
            stream, block, end = self._block
            self._block = (stream, block + got.payload, end)
            if got.flags & END_HEADERS:
                self.heads[stream].append(self.decoder.decode(self._block[1]))
                if end:
                    self.ended.add(stream)
        elif got.type == DATA:
            self.data[got.stream] += got.payload
            if got.flags & END_STREAM:
                self.ended.add(got.stream)
        elif got.type == RST_STREAM:
            self.rst[got.stream] = int.from_bytes(got.payload, "big")
        elif got.type == GOAWAY:
            self.goaways.append(struct.unpack(">II", got.payload[:8]))

    def read_until(self, done):
        """Reads until done() or the end; True if it is done."""
        while not done():
            if self.read_frame() is None:
                return done()
        return True

    def wait(self, stream):
        """Until a stream is over, one way or another."""
        return self.read_until(lambda: stream in self.ended or stream in self.rst or self.goaways)

    def status(self, stream):
        """Status of the final head of a stream; None: there is none."""
        for fields in self.heads[stream]:
            status = dict(fields).get(":status")
            if status and status[0] != "1":
                return int(status)
        return None

    def field(self, stream, name):
        return dict(self.heads[stream][-1]).get(name)

    def close(self):
        self.conn.close()


def connect(port, timeout_s=10, **how):
    conn = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Client(conn, **how)
