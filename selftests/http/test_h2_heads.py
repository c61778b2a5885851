# SPDX-License-Identifier: Apache-2.0
"""Heads over HTTP/2: what is malformed resets its stream, what HTTP/1.1 refuses is answered as there,
and what passes reaches the backend in one form only."""

import re
import unittest

from h2_stage import H2Test
from http2 import (CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, NO_ERROR, PROTOCOL_ERROR,
                   encode, frame, request)

M, S, A, P = (":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")

# (name, fields): RFC 9113 8.1.1, 8.2, 8.3
MALFORMED = [
    ("no :method", [S, A, P]),
    ("no :scheme", [M, A, P]),
    ("no :path", [M, S, A]),
    ("no pseudo-field", [("host", "a.test")]),
    ("empty :path", [M, S, A, (":path", "")]),
    (":path without slash", [M, S, A, (":path", "x")]),
    ("* with GET", [M, S, A, (":path", "*")]),
    (":method twice", [M, M, S, A, P]),
    (":scheme twice", [M, S, S, A, P]),
    (":authority twice", [M, S, A, A, P]),
    (":path twice", [M, S, A, P, P]),
    ("unknown pseudo-field", [M, S, A, P, (":x", "y")]),
    (":status in a request", [M, S, A, P, (":status", "200")]),
    (":protocol without CONNECT", [M, S, A, P, (":protocol", "websocket")]),
    ("pseudo-field behind a field", [M, S, A, ("x", "y"), P]),
    ("upper case in a name", [M, S, A, P, ("X-Upper", "y")]),
    ("upper case in a pseudo-field", [(":Method", "GET"), S, A, P]),
    ("empty name", [M, S, A, P, ("", "y")]),
    ("colon in a name", [M, S, A, P, ("a:b", "y")]),
    ("space in a name", [M, S, A, P, ("a b", "y")]),
    ("control character in a name", [M, S, A, P, ("a\x01", "y")]),
    ("CR LF in a name", [M, S, A, P, ("a: b\r\nc", "y")]),
    ("high octet in a name", [M, S, A, P, (b"a\xe4", "y")]),
    ("DEL in a name", [M, S, A, P, ("a\x7f", "y")]),
    ("LF in a value", [M, S, A, P, ("a", "x\ny: z")]),
    ("CR in a value", [M, S, A, P, ("a", "x\ry")]),
    ("CR LF in a value", [M, S, A, P, ("a", "x\r\nb: c")]),
    ("NUL in a value", [M, S, A, P, ("a", "x\0y")]),
    ("space before a value", [M, S, A, P, ("a", " x")]),
    ("space behind a value", [M, S, A, P, ("a", "x ")]),
    ("tab behind a value", [M, S, A, P, ("a", "x\t")]),
    ("CR LF in :path", [M, S, A, (":path", "/ HTTP/1.1\r\nx: y\r\n\r\n")]),
    ("space in :path", [M, S, A, (":path", "/a b")]),
    ("NUL in :path", [M, S, A, (":path", "/\0")]),
    ("CR LF in :method", [(":method", "GET / HTTP/1.1\r\nx: y"), S, A, P]),
    ("space in :method", [(":method", "G T"), S, A, P]),
    ("empty :method", [(":method", ""), S, A, P]),
    ("CR LF in :authority", [M, S, (":authority", "a.test\r\nx: y"), P]),
    ("space in :authority", [M, S, (":authority", "a b"), P]),
    ("space in :scheme", [M, (":scheme", "ht tp"), A, P]),
    ("connection", [M, S, A, P, ("connection", "close")]),
    ("keep-alive", [M, S, A, P, ("keep-alive", "1")]),
    ("proxy-connection", [M, S, A, P, ("proxy-connection", "close")]),
    ("transfer-encoding", [M, S, A, P, ("transfer-encoding", "chunked")]),
    ("upgrade", [M, S, A, P, ("upgrade", "h2c")]),
    ("te: gzip", [M, S, A, P, ("te", "gzip")]),
    ("te: trailers, gzip", [M, S, A, P, ("te", "trailers, gzip")]),
    ("host unlike :authority", [M, S, A, P, ("host", "b.test")]),
    ("port of host unlike :authority", [M, S, A, P, ("host", "a.test:8080")]),
    ("port of another scheme", [M, S, A, P, ("host", "a.test:443")]),
    ("content-length: sign", [M, S, A, P, ("content-length", "+1")]),
    ("content-length: list", [M, S, A, P, ("content-length", "0, 0")]),
    ("content-length: hex", [M, S, A, P, ("content-length", "0x1")]),
    ("content-length: empty", [M, S, A, P, ("content-length", "")]),
    ("content-length: overflow", [M, S, A, P, ("content-length", "9" * 20)]),
    ("content-length twice", [M, S, A, P, ("content-length", "0"), ("content-length", "0")]),
    ("content-length without a body", [M, S, A, P, ("content-length", "1")]),
    ("no host at all", [M, S, P]),
    ("two hosts, no :authority", [M, S, P, ("host", "a.test"), ("host", "a.test")]),
    ("two hosts", [M, S, A, P, ("host", "a.test"), ("host", "a.test")]),
    ("empty :authority", [M, S, (":authority", ""), P]),
    ("CONNECT with :path", [(":method", "CONNECT"), A, P]),
    ("CONNECT with :scheme", [(":method", "CONNECT"), S, A]),
    ("CONNECT without :authority", [(":method", "CONNECT")]),
]

# (name, fields, status): well-formed, and refused by the rules of HTTP/1.1
REFUSED = [
    ("impossible port", [M, S, (":authority", "a.test:99999"), P], 400),
    ("broken escape", [M, S, A, (":path", "/%zz")], 400),
    ("escaped NUL", [M, S, A, (":path", "/%00")], 400),
    ("# in :path", [M, S, A, (":path", "/a#b")], 400),
    ("high octet in :path", [M, S, A, (":path", b"/\xe4")], 400),
    ("above the root", [M, S, A, (":path", "/../x")], 400),
    ("encoded slash beside dots", [M, S, A, (":path", "/a%2f..%2fb")], 400),
    ("another scheme", [M, (":scheme", "ftp"), A, P], 400),
    ("expectation", [(":method", "POST"), S, A, P, ("expect", "tea")], 417),
    ("TRACE", [(":method", "TRACE"), S, A, P], 405),
    ("CONNECT", [(":method", "CONNECT"), (":authority", "a.test:80")], 405),
    ("CONNECT to an unknown protocol", [(":method", "CONNECT"), (":protocol", "x"), S, A, P], 501),
    (":path over the limit", [M, S, A, (":path", "/" + "x" * 16001)], 414),
    ("too many fields", [M, S, A, P] + [(f"x{i}", "y") for i in range(101)], 431),
    ("head over the limit", [M, S, A, P] + [(f"x{i}", "y" * 2000) for i in range(9)], 431),
    ("OPTIONS *", [(":method", "OPTIONS"), S, A, (":path", "*")], 200),
    ("HEAD of what is refused", [(":method", "HEAD"), S, A, (":path", "/%zz")], 400),
]

OURS = re.compile(rb"(?m)^X-(Forwarded-\w+|Real-IP|Request-ID): .*\r\n")
HOST = b"Host: a.test\r\n"

# (name, fields, body, head without our own fields, body at the backend)
FORWARDED = [
    ("least", [M, S, A, P], None, b"GET / HTTP/1.1\r\n" + HOST + b"\r\n", b""),
    ("no :authority", [M, S, P, ("host", "a.test")], None, b"GET / HTTP/1.1\r\n" + HOST + b"\r\n",
     b""),
    ("host like :authority", [M, S, A, P, ("host", "A.TEST.")], None,
     b"GET / HTTP/1.1\r\n" + HOST + b"\r\n", b""),
    ("host with the port of the scheme", [M, S, A, P, ("host", "a.test:80")], None,
     b"GET / HTTP/1.1\r\n" + HOST + b"\r\n", b""),
    ("path and query", [M, S, A, (":path", "/%61//b/./c?d=%zz//&e=100%")], None,
     b"GET /%61//b/c?d=%zz//&e=100% HTTP/1.1\r\n" + HOST + b"\r\n", b""),
    ("empty port", [M, S, (":authority", "a.test:"), P, ("host", "a.test")], None,
     b"GET / HTTP/1.1\r\n" + HOST + b"\r\n", b""),
    ("cookies", [M, S, A, P, ("cookie", "a=b"), ("x", "y"), ("cookie", "c=d"), ("cookie", "e")],
     None, b"GET / HTTP/1.1\r\n" + HOST + b"x: y\r\nCookie: a=b; c=d; e\r\n\r\n", b""),
    ("te: trailers", [M, S, A, P, ("te", "trailers")], None,
     b"GET / HTTP/1.1\r\n" + HOST + b"Connection: TE\r\nTE: trailers\r\n\r\n", b""),
    ("underscore", [M, S, A, P, ("a_b", "y"), ("x", "")], None,
     b"GET / HTTP/1.1\r\n" + HOST + b"x: \r\n\r\n", b""),
    ("obs-text", [M, S, A, P, ("x", b"\xe4\tb")], None,
     b"GET / HTTP/1.1\r\n" + HOST + b"x: \xe4\tb\r\n\r\n", b""),
    ("other methods", [(":method", "Patch!"), S, A, P], None,
     b"Patch! / HTTP/1.1\r\n" + HOST + b"\r\n", b""),
    ("length", [(":method", "POST"), S, A, P, ("content-length", "5")], [b"he", b"llo"],
     b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\n", b"hello"),
    ("no length", [(":method", "POST"), S, A, P], [b"he", b"llo"],
     b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n", b"hello"),
    ("length of nothing", [(":method", "POST"), S, A, P, ("content-length", "0")], None,
     b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n", b""),
    ("forged forwarding", [M, S, A, P, ("x-forwarded-for", "1.2.3.4"), ("x-real-ip", "1.2.3.4"),
                           ("http2-settings", "x")], None,
     b"GET / HTTP/1.1\r\n" + HOST + b"\r\n", b""),
]


class Heads(H2Test):
    def test_a_malformed_head_resets_its_stream_and_reaches_no_backend(self):
        client = self.open()
        for number, (name, fields) in enumerate(MALFORMED):
            with self.subTest(name):
                if number % 50 == 49:  # so many faults in a second are too many
                    client = self.open()
                stream = 2 * number + 1
                client.send(client.head(stream, fields))
                self.resets(client, stream, PROTOCOL_ERROR)
        self.assertEqual(self.stage.recorder.take(), [])
        self.serves(client, 1001)

    def test_dynamic_table_survives_a_malformed_head(self):
        client = self.open()
        # literal with incremental indexing, in a head that is refused
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1,
                          encode([M, S, A, P, ("Bad", "x")]) + b"\x40\x01k\x01v"))
        self.resets(client, 1, PROTOCOL_ERROR)
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, encode([M, S, A, P]) + b"\xbe"))
        client.wait(3)
        self.assertEqual(client.status(3), 200)
        self.assertIn(b"\r\nk: v\r\n", self.stage.recorder.take()[0][0])

    def test_what_http1_refuses_is_answered_alike(self):
        client = self.open()
        for number, (name, fields, status) in enumerate(REFUSED):
            with self.subTest(name):
                stream = 2 * number + 1
                block = encode(fields)
                client.send(frame(HEADERS, END_STREAM, stream, block[:16384]),
                            frame(CONTINUATION, END_HEADERS, stream, block[16384:]))
                client.wait(stream)
                self.assertEqual(client.status(stream), status, client.rst)
                self.assertEqual(client.field(stream, "server"), "sluice")
                self.assertIsNone(client.field(stream, "connection"))
        self.assertEqual(self.stage.recorder.take(), [])
        self.serves(client, 1001)

    def test_userinfo_is_refused_by_nghttp2_or_by_us(self):
        client = self.open()
        client.send(client.head(1, [M, S, (":authority", "u@a.test"), P]))
        client.wait(1)
        if 1 in client.rst:  # nghttp2 1.64 takes it for malformed, 1.52 leaves it to us
            self.assertEqual((client.status(1), client.rst[1]), (None, PROTOCOL_ERROR))
        else:
            self.assertEqual(client.status(1), 400)
        self.assertEqual(self.stage.recorder.take(), [])
        self.serves(client, 3)

    def test_an_answer_before_the_body_ends_the_stream_without_error(self):
        client = self.open()
        client.send(client.head(1, [(":method", "POST"), S, A, (":path", "/%zz")], end=False))
        client.read_until(lambda: 1 in client.rst)
        self.assertEqual((client.status(1), client.rst[1]), (400, NO_ERROR))
        client.send(frame(DATA, 0, 1, b"late"), frame(DATA, END_STREAM, 1, b"too"))
        self.serves(client, 3)

    def test_what_passes_reaches_the_backend_in_one_form(self):
        client = self.open()
        for number, (name, fields, body, head, expected) in enumerate(FORWARDED):
            with self.subTest(name):
                stream = 2 * number + 1
                client.send(client.head(stream, fields, end=body is None))
                for i, piece in enumerate(body or []):
                    client.send(frame(DATA, END_STREAM if i == len(body) - 1 else 0, stream, piece))
                client.wait(stream)
                self.assertEqual(client.status(stream), 200, client.rst)
                got_head, got_body = self.stage.recorder.take()[0]
                self.assertEqual(OURS.sub(b"", got_head), head)
                self.assertEqual(got_body, expected)

    def test_a_length_of_nothing_reaches_the_backend_when_nothing_came(self):
        head = [(":method", "POST"), S, A, P, ("content-length", "0")]
        for name, rest in [("an octet", frame(DATA, END_STREAM, 1, b"x")),
                           ("an octet, and more to come", frame(DATA, 0, 1, b"x")),
                           ("bad trailers", frame(HEADERS, END_HEADERS | END_STREAM, 1,
                                                  encode([("X", "y")])))]:
            with self.subTest(name):
                client = self.open()
                client.send(client.head(1, head, end=False))
                self.serves(client, 3)  # by then the head was read, and is held
                client.send(rest)
                self.resets(client, 1, PROTOCOL_ERROR)
                self.serves(client, 5)
                self.assertEqual([text.split(b" ")[0] for text, _ in self.stage.recorder.take()],
                                 [b"GET", b"GET"])
        client = self.open()
        client.send(client.head(1, head, end=False))
        self.serves(client, 3)
        client.send(frame(DATA, END_STREAM, 1))
        client.wait(1)
        self.assertEqual(client.status(1), 200)
        self.assertIn(b"\r\nContent-Length: 0\r\n", self.stage.recorder.take()[1][0])

    def test_trailers_over_the_limits_are_431(self):
        for name, trailers in [("many", [(f"x{i}", "y") for i in range(33)]),
                               ("long", [("x", "y" * 8200)]),
                               ("longer than a buffer", [("x", "y" * 9000), ("z", "y" * 9000)])]:
            for spoken in ([], [("te", "trailers")]):
                with self.subTest(f"{name}, {spoken}"):
                    client = self.open()
                    block = encode(trailers)
                    client.send(client.head(1, [(":method", "POST"), S, A, P, *spoken], end=False),
                                frame(DATA, 0, 1, b"hello"),
                                frame(HEADERS, END_STREAM, 1, block[:16384]),
                                frame(CONTINUATION, END_HEADERS, 1, block[16384:]))
                    client.wait(1)
                    self.assertEqual(client.status(1), 431, client.rst)
                    self.serves(client, 3)
                    self.assertEqual(len(self.stage.recorder.take()), 1)

    def test_a_body_is_as_long_as_content_length_says(self):
        for name, said, pieces in [("shorter", "5", [b"abc"]), ("longer", "2", [b"abc"]),
                                   ("longer, in pieces", "2", [b"ab", b"c"])]:
            with self.subTest(name):
                client = self.open()
                client.send(client.head(1, [(":method", "POST"), S, A, P, ("content-length", said)],
                                        end=False))
                for i, piece in enumerate(pieces):
                    client.send(frame(DATA, END_STREAM if i == len(pieces) - 1 else 0, 1, piece))
                self.resets(client, 1, PROTOCOL_ERROR)
                self.serves(client, 3)


if __name__ == "__main__":
    unittest.main()
