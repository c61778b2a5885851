# SPDX-License-Identifier: Apache-2.0
"""Frames that HTTP/2 does not allow: each is met with the error that RFC 9113 names."""

import struct
import unittest

from h2_stage import H2Test
from http2 import (ACK, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM,
                   FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE,
                   MAX_FRAME_SIZE, PADDED, PING, PREFACE, PRIORITY, PRIORITY_FLAG, PROTOCOL_ERROR,
                   PUSH_PROMISE, REFUSED_STREAM, RST_STREAM, SETTINGS, STREAM_CLOSED,
                   WINDOW_UPDATE, encode, frame, integer, request, settings)

HEAD = encode(request())
POST = encode(request(method="POST"))
WHOLE = frame(HEADERS, END_HEADERS | END_STREAM, 1, HEAD)
OPEN = frame(HEADERS, END_HEADERS, 1, POST)

# (name, what is sent behind preface and SETTINGS, codes of the GOAWAY)
CONNECTION_ERRORS = [
    ("DATA on stream 0", frame(DATA, 0, 0, b"x"), PROTOCOL_ERROR),
    ("HEADERS on stream 0", frame(HEADERS, END_HEADERS, 0, HEAD), PROTOCOL_ERROR),
    ("PRIORITY on stream 0", frame(PRIORITY, 0, 0, bytes(5)), PROTOCOL_ERROR),
    ("RST_STREAM on stream 0", frame(RST_STREAM, 0, 0, bytes(4)), PROTOCOL_ERROR),
    ("SETTINGS on a stream", frame(SETTINGS, 0, 1), PROTOCOL_ERROR),
    ("PING on a stream", frame(PING, 0, 1, bytes(8)), PROTOCOL_ERROR),
    ("GOAWAY on a stream", frame(GOAWAY, 0, 1, bytes(8)), PROTOCOL_ERROR),
    ("CONTINUATION on stream 0", frame(CONTINUATION, END_HEADERS, 0, HEAD), PROTOCOL_ERROR),
    ("DATA on an idle stream", frame(DATA, END_STREAM, 1, b"x"), PROTOCOL_ERROR),
    ("RST_STREAM on an idle stream", frame(RST_STREAM, 0, 1, bytes(4)), PROTOCOL_ERROR),
    ("WINDOW_UPDATE on an idle stream", frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\1"), PROTOCOL_ERROR),
    ("CONTINUATION without HEADERS", frame(CONTINUATION, END_HEADERS, 1, HEAD), PROTOCOL_ERROR),
    ("CONTINUATION behind END_HEADERS", WHOLE + frame(CONTINUATION, END_HEADERS, 1, HEAD),
     PROTOCOL_ERROR),
    ("CONTINUATION of another stream", frame(HEADERS, END_STREAM, 1, HEAD[:5])
     + frame(CONTINUATION, END_HEADERS, 3, HEAD[5:]), PROTOCOL_ERROR),
    ("HEADERS within a head", frame(HEADERS, END_STREAM, 1, HEAD[:5])
     + frame(HEADERS, END_HEADERS | END_STREAM, 3, HEAD), PROTOCOL_ERROR),
    ("DATA within a head", frame(HEADERS, 0, 1, HEAD[:5]) + frame(DATA, 0, 1, b"x"),
     PROTOCOL_ERROR),
    ("PRIORITY within a head", frame(HEADERS, 0, 1, HEAD[:5]) + frame(PRIORITY, 0, 1, bytes(5)),
     PROTOCOL_ERROR),
    ("an unknown type within a head", frame(HEADERS, 0, 1, HEAD[:5]) + frame(99, 0, 1, b"x"),
     PROTOCOL_ERROR),
    ("PUSH_PROMISE of a client", frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + HEAD),
     PROTOCOL_ERROR),
    ("an even stream", frame(HEADERS, END_HEADERS | END_STREAM, 2, HEAD), PROTOCOL_ERROR),
    ("a stream below the last one", frame(HEADERS, END_HEADERS | END_STREAM, 5, HEAD)
     + frame(HEADERS, END_HEADERS | END_STREAM, 3, HEAD), (PROTOCOL_ERROR, STREAM_CLOSED)),
    ("DATA shorter than its padding", OPEN + frame(DATA, PADDED | END_STREAM, 1, b"\5xx"),
     PROTOCOL_ERROR),
    ("HEADERS shorter than their padding", frame(HEADERS, PADDED | END_HEADERS, 1, b"\xff" + HEAD),
     PROTOCOL_ERROR),
    ("HEADERS shorter than their priority", frame(HEADERS, PRIORITY_FLAG | END_HEADERS, 1, b"\0"),
     (FRAME_SIZE_ERROR, PROTOCOL_ERROR)),
    ("a frame over 16 KB", OPEN + frame(DATA, END_STREAM, 1, bytes(16385)), FRAME_SIZE_ERROR),
    ("HEADERS over 16 KB", frame(HEADERS, END_HEADERS, 1, bytes(16385)), FRAME_SIZE_ERROR),
    ("SETTINGS of 3 octets", frame(SETTINGS, 0, 0, bytes(3)), FRAME_SIZE_ERROR),
    ("SETTINGS ACK with payload", frame(SETTINGS, ACK, 0, bytes(6)), FRAME_SIZE_ERROR),
    ("PING of 7 octets", frame(PING, 0, 0, bytes(7)), FRAME_SIZE_ERROR),
    ("RST_STREAM of 3 octets", OPEN + frame(RST_STREAM, 0, 1, bytes(3)), FRAME_SIZE_ERROR),
    ("WINDOW_UPDATE of 3 octets", frame(WINDOW_UPDATE, 0, 0, bytes(3)), FRAME_SIZE_ERROR),
    ("GOAWAY of 7 octets", frame(GOAWAY, 0, 0, bytes(7)), FRAME_SIZE_ERROR),
    ("WINDOW_UPDATE of 0", frame(WINDOW_UPDATE, 0, 0, bytes(4)), PROTOCOL_ERROR),
    ("PRIORITY of 6 octets on an idle stream", frame(PRIORITY, 0, 7, bytes(6)), FRAME_SIZE_ERROR),
    ("WINDOW_UPDATE of 0 on an idle stream", frame(WINDOW_UPDATE, 0, 7, bytes(4)), PROTOCOL_ERROR),
    ("WINDOW_UPDATE of 0 within a head", OPEN + frame(HEADERS, 0, 3, HEAD[:5])
     + frame(WINDOW_UPDATE, 0, 1, bytes(4)), PROTOCOL_ERROR),
    ("the window over 2^31 - 1", frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"),
     FLOW_CONTROL_ERROR),
    ("ENABLE_PUSH of 2", settings((2, 2)), PROTOCOL_ERROR),
    ("INITIAL_WINDOW_SIZE over 2^31 - 1", settings((INITIAL_WINDOW_SIZE, 1 << 31)),
     FLOW_CONTROL_ERROR),
    ("MAX_FRAME_SIZE below 16 KB", settings((MAX_FRAME_SIZE, 16383)), PROTOCOL_ERROR),
    ("MAX_FRAME_SIZE over 16 MB", settings((MAX_FRAME_SIZE, 1 << 24)), PROTOCOL_ERROR),
    ("a window that overflows by SETTINGS", OPEN
     + frame(WINDOW_UPDATE, 0, 1, struct.pack(">I", 0x7fffffff - 65535))
     + settings((INITIAL_WINDOW_SIZE, 65536)), FLOW_CONTROL_ERROR),
    ("HPACK: index 0", frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x80"), COMPRESSION_ERROR),
    ("HPACK: index beyond the table", frame(HEADERS, END_HEADERS | END_STREAM, 1,
                                            HEAD + b"\xff\x80\x01"), COMPRESSION_ERROR),
    ("HPACK: table larger than allowed", frame(HEADERS, END_HEADERS | END_STREAM, 1,
                                               integer(1 << 20, 5, 32) + HEAD), COMPRESSION_ERROR),
    ("HPACK: table size behind a field", frame(HEADERS, END_HEADERS | END_STREAM, 1,
                                               HEAD + integer(0, 5, 32)), COMPRESSION_ERROR),
    ("HPACK: cut short", frame(HEADERS, END_HEADERS | END_STREAM, 1, HEAD + b"\0\x05ab"),
     COMPRESSION_ERROR),
    ("HPACK: padding of Huffman too long", frame(HEADERS, END_HEADERS | END_STREAM, 1,
                                                 HEAD + b"\0\x82\x1f\xff\x01x"), COMPRESSION_ERROR),
    ("HPACK: EOS in Huffman", frame(HEADERS, END_HEADERS | END_STREAM, 1,
                                    HEAD + b"\0\x84\xff\xff\xff\xff\x01x"), COMPRESSION_ERROR),
    ("HEADERS behind END_STREAM", OPEN + frame(DATA, END_STREAM, 1, b"x")
     + frame(HEADERS, END_HEADERS | END_STREAM, 1, HEAD), STREAM_CLOSED),
]

# (name, what is sent, stream, codes of its RST_STREAM)
STREAM_ERRORS = [
    ("the window over 2^31 - 1", OPEN + frame(WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff"), 1,
     FLOW_CONTROL_ERROR),
    ("DATA behind RST_STREAM", OPEN + frame(RST_STREAM, 0, 1, b"\0\0\0\x08")
     + frame(DATA, 0, 1, b"x"), 1, STREAM_CLOSED),
    ("DATA behind END_STREAM", WHOLE + frame(DATA, END_STREAM, 1, b"x"), 1, STREAM_CLOSED),
    ("WINDOW_UPDATE of 0", OPEN + frame(WINDOW_UPDATE, 0, 1, bytes(4)), 1, PROTOCOL_ERROR),
    ("WINDOW_UPDATE of 0 and the reserved bit", OPEN + frame(WINDOW_UPDATE, 0, 1, b"\x80\0\0\0"), 1,
     PROTOCOL_ERROR),
    ("WINDOW_UPDATE of 0 behind END_STREAM", WHOLE + frame(WINDOW_UPDATE, 0, 1, bytes(4)), 1,
     PROTOCOL_ERROR),
    ("PRIORITY of 4 octets", OPEN + frame(PRIORITY, 0, 1, bytes(4)), 1, FRAME_SIZE_ERROR),
    ("trailers without END_STREAM", OPEN + frame(HEADERS, END_HEADERS, 1, encode([("x", "y")])), 1,
     PROTOCOL_ERROR),
]


class Frames(H2Test):
    def test_a_fault_of_the_connection_ends_it_with_the_code_of_the_rfc(self):
        for name, sent, codes in CONNECTION_ERRORS:
            with self.subTest(name):
                client = self.open()
                client.send(sent)
                self.goaway(client, *(codes if isinstance(codes, tuple) else (codes,)))

    def test_a_fault_of_a_stream_ends_that_stream_alone(self):
        for name, sent, stream, code in STREAM_ERRORS:
            with self.subTest(name):
                client = self.open()
                client.send(sent)
                self.resets(client, stream, code)
                self.serves(client, 101)

    def test_what_is_no_preface_gets_no_answer_but_goodbye(self):
        for name, sent in [("SETTINGS missing", PREFACE + frame(PING, 0, 0, bytes(8))),
                           ("SETTINGS cut by a stream", PREFACE + WHOLE)]:
            with self.subTest(name):
                client = self.open(hello=False)
                client.send(sent)
                self.goaway(client, PROTOCOL_ERROR)

    def test_what_must_be_ignored_is_ignored(self):
        for name, sent in [("an unknown type", frame(0x77, 0xff, 0, b"whatever")),
                           ("an unknown type on a stream", frame(0x77, 0, 7, b"x")),
                           ("an unknown setting", settings((0x7777, 1))),
                           ("unknown flags", frame(PING, 0xfe, 0, bytes(8))),
                           ("a stream that depends on itself", frame(
                               HEADERS, END_HEADERS | END_STREAM | PRIORITY_FLAG, 1,
                               b"\0\0\0\1\x10" + HEAD)),
                           ("the same, padded", frame(
                               HEADERS, END_HEADERS | END_STREAM | PRIORITY_FLAG | PADDED, 1,
                               b"\2\x80\0\0\1\x10" + HEAD + bytes(2))),
                           ("PRIORITY that names itself", frame(PRIORITY, 0, 5, b"\0\0\0\5\x10")),
                           ("PRIORITY of an idle stream", frame(PRIORITY, 0, 5, b"\0\0\0\3\x10")),
                           ("PING ACK unasked", frame(PING, ACK, 0, bytes(8))),
                           ("the reserved bit of a stream", frame(PRIORITY, 0, 0x80000005,
                                                                  b"\0\0\0\3\x10"))]:
            with self.subTest(name):
                client = self.open()
                client.send(sent)
                self.serves(client, 101)
                self.assertEqual(client.goaways, [])

    def test_ping_and_settings_are_acknowledged(self):
        client = self.open()
        client.send(frame(PING, 0, 0, b"12345678"))
        client.read_until(lambda: any(f.type == PING for f in client.frames))
        pong = [f for f in client.frames if f.type == PING][0]
        self.assertEqual((pong.flags, pong.payload), (ACK, b"12345678"))
        client.read_until(lambda: client.acked)
        self.assertTrue(client.acked)

    def test_a_head_may_come_in_pieces(self):
        for name, pieces in [
                ("octet by octet", [HEAD[i:i + 1] for i in range(len(HEAD))]),
                ("an empty CONTINUATION", [HEAD[:3], b"", HEAD[3:]])]:
            with self.subTest(name):
                client = self.open()
                last = len(pieces) - 1
                client.send(frame(HEADERS, END_STREAM, 1, pieces[0]),
                            *[frame(CONTINUATION, END_HEADERS if i == last else 0, 1, pieces[i])
                              for i in range(1, len(pieces))])
                client.wait(1)
                self.assertEqual(client.status(1), 200)

    def test_octets_may_come_one_by_one(self):
        client = self.open(hello=False)
        for octet in PREFACE + settings() + WHOLE:
            client.send(bytes([octet]))
        client.wait(1)
        self.assertEqual(client.status(1), 200)

    def test_padding_and_priority_are_taken_off(self):
        client = self.open()
        client.send(frame(HEADERS, END_HEADERS | PADDED | PRIORITY_FLAG, 1,
                          b"\4" + b"\0\0\0\0\x10" + POST + bytes(4)),
                    frame(DATA, PADDED | END_STREAM, 1, b"\3hello" + bytes(3)))
        client.wait(1)
        self.assertEqual(client.status(1), 200)
        self.assertEqual(self.stage.recorder.take()[0][1], b"hello")

    def test_streams_over_the_limit_are_refused_and_the_others_served(self):
        client = self.open()
        client.read_until(lambda: client.settings)
        self.assertEqual(client.settings[3], 128)
        client.read_until(lambda: client.acked)
        client.send(*[client.head(i, POST, end=False) for i in range(1, 259, 2)])
        self.resets(client, 257, REFUSED_STREAM, PROTOCOL_ERROR)
        client.send(frame(DATA, END_STREAM, 1, b"x"))
        client.wait(1)
        self.assertEqual(client.status(1), 200)


if __name__ == "__main__":
    unittest.main()
