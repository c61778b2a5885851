# SPDX-License-Identifier: Apache-2.0
"""Rules about requests: what the backend reads, to the octet, and what never reaches it."""

import unittest

from harness import read_head
from rules import Stage, splits, status_of

H = b"\r\nHost: a.test"
E = b"\r\n\r\n"
C = b"\r\nConnection: close"
I = b"\r\nX-Request-ID: i"

# Each ends its connection, so that the end of what comes back is seen. (name, request, target as
# forwarded, Host as forwarded, fields before X-Forwarded-For, body)
PASS = [
    ("plain", b"GET / HTTP/1.1" + H + I + C + E, b"GET /", b"a.test", b"", b""),
    ("one empty line before", b"\r\nGET / HTTP/1.1" + H + I + C + E, b"GET /", b"a.test", b"", b""),
    ("unknown method", b"BREW /x HTTP/1.1" + H + I + C + E, b"BREW /x", b"a.test", b"", b""),
    ("HTTP/1.0 without Host", b"GET / HTTP/1.0" + I + E, b"GET /", b"127.0.0.1:%(port)d", b"", b""),
    ("HTTP/1.7", b"GET / HTTP/1.7" + H + I + C + E, b"GET /", b"a.test", b"", b""),
    ("absolute-form", b"GET http://b.test:81/x?y HTTP/1.1" + H + I + C + E, b"GET /x?y",
     b"b.test:81", b"", b""),
    ("odd characters", b"GET /|[]{}^?|[] HTTP/1.1" + H + I + C + E, b"GET /|[]{}^?|[]", b"a.test",
     b"", b""),
    ("normal path, query untouched", b"GET //a/./%62/../c%2Fd?%41//.. HTTP/1.1" + H + I + C + E,
     b"GET //a/c%2Fd?%41//..", b"a.test", b"", b""),
    ("spaces around values", b"GET / HTTP/1.1" + H + I + C + b"\r\nA:b\r\nD: \t e \t" + E,
     b"GET /", b"a.test", b"A: b\r\nD: e\r\n", b""),
    ("names with _", b"GET / HTTP/1.1" + H + I + C + b"\r\nX_A: 1\r\nB: 2" + E, b"GET /", b"a.test",
     b"B: 2\r\n", b""),
    ("hop-by-hop", b"GET / HTTP/1.1" + H + I + b"\r\nConnection: close, X-A\r\nX-A: 1\r\nKeep-Alive: 1"
     b"\r\nProxy-Connection: x\r\nTE: gzip\r\nUpgrade: h2c\r\nB: 2" + E, b"GET /", b"a.test",
     b"B: 2\r\n", b""),
    ("Connection removes no field of the proxy",
     b"POST / HTTP/1.1" + H + I + b"\r\nConnection: close, host, content-length, x-forwarded-for"
     b"\r\nContent-Length: 2" + E + b"ab", b"POST /", b"a.test", b"Content-Length: 2\r\n", b"ab"),
    ("forwarding fields are overwritten",
     b"GET / HTTP/1.1" + H + I + C + b"\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https"
     b"\r\nX-Forwarded-Host: e\r\nX-Forwarded-Port: 1\r\nX-Real-IP: 1.1.1.1" + E, b"GET /",
     b"a.test", b"", b""),
    ("length", b"POST / HTTP/1.1" + H + I + C + b"\r\nContent-Length: 005" + E + b"hello", b"POST /",
     b"a.test", b"Content-Length: 5\r\n", b"hello"),
    ("chunked", b"POST / HTTP/1.1" + H + I + C + b"\r\nTransfer-Encoding: Chunked" + E +
     b"5;x=\"y\"\r\nhello\r\n1\r\n!\r\n0\r\nHost: b\r\nX: y\r\n\r\n", b"POST /", b"a.test",
     b"Transfer-Encoding: chunked\r\n", b"hello!"),
    ("Max-Forwards counts down", b"OPTIONS /x HTTP/1.1" + H + I + C + b"\r\nMax-Forwards: 10\r\nA: b" + E,
     b"OPTIONS /x", b"a.test", b"Max-Forwards: 9\r\nA: b\r\n", b""),
    ("Max-Forwards of GET", b"GET /x HTTP/1.1" + H + I + C + b"\r\nMax-Forwards: 0" + E,
     b"GET /x", b"a.test", b"Max-Forwards: 0\r\n", b""),
    ("TE: trailers", b"GET / HTTP/1.1" + H + I + C + b"\r\nTE: trailers" + E, b"GET /", b"a.test",
     b"Connection: TE\r\nTE: trailers\r\n", b""),
]


def field(line):
    return b"POST / HTTP/1.1" + H + b"\r\n" + line + E


def target(text):
    return b"GET " + text + b" HTTP/1.1" + H + E


def host(text):
    return b"GET / HTTP/1.1\r\nHost:" + text + E


REFUSED = [
    ("two empty lines", b"\r\n\r\nGET / HTTP/1.1" + H + E, 400),
    ("no Host", b"GET / HTTP/1.1" + E, 400),
    ("two Hosts", b"GET / HTTP/1.1" + H + H + E, 400),
    ("HTTP/2.0", b"GET / HTTP/2.0" + H + E, 505),
    ("HTTP/0.9", b"GET /\r\n", 400),
    ("space behind version", b"GET / HTTP/1.1 " + H + E, 400),
    ("CONNECT", b"CONNECT a:443 HTTP/1.1" + H + E, 405),
    ("TRACE", b"TRACE / HTTP/1.1" + H + E, 405),
    ("LF in request line", b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    ("TLS on a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01", 400),
] + [("Host " + repr(text), host(text), 400) for text in (
    b"", b" u@a", b" a::", b" a:0", b" a:65536", b" a:x", b" a/b", b" a b", b" a,b", b" \xc3", b" [::1",
    b" ::1")] + [("target " + repr(text), target(text), 400) for text in (
        b"a:80", b"*", b"/a#b", b"/\xc3\xa9", b"/%zz", b"/%2", b"/%00", b"/a\x01", b"/a\tb", b"/..",
        b"/a/../../b", b"/%2e%2e", b"/%2f..%2f", b"/a%2F..", b"ftp://a/", b"http://u@a/")] + [
            ("field " + repr(line), field(line), status) for line, status in (
                (b": x", 400), (b"X : y", 400), (b"X y: z", 400), (b"X", 400), (b"X: y\r\n z", 400),
                (b"X: a\rb", 400), (b"X: a\nY: b", 400), (b"X: \0", 400), (b"X: \x01", 400),
                (b"Content-Length: 5\r\nContent-Length: 5", 400), (b"Content-Length: 5, 5", 400),
                (b"Content-Length: +5", 400), (b"Content-Length: 0x5", 400),
                (b"Content-Length:", 400), (b"Content-Length: 99999999999999999999", 400),
                (b"Content-Length: 5\r\nTransfer-Encoding: chunked", 400),
                (b"Content-Length: 5\r\nTransfer-Encoding: new", 400),
                (b"Transfer-Encoding: chunked, chunked", 400),
                (b"Transfer-Encoding: gzip, chunked", 400), (b"Transfer-Encoding: xchunked", 501),
                (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
                (b"Expect: 200-ok", 417))] + [
                    ("chunked in HTTP/1.0",
                     b"POST / HTTP/1.0" + H + b"\r\nTransfer-Encoding: chunked" + E, 400)]

CHUNKS = [b"5 \r\nhello", b"0x5\r\nhello", b"+5\r\nhello", b"-1\r\n", b"\r\n", b"5\nhello", b"5;\n",
          b"fffffffffffffffff\r\n", b"5\r\nhello!\r\n", b"5\r\nhello\n0\r\n", b"0\r\n\n",
          b"0\r\nX : y\r\n\r\n", b"0\r\nX: \0\r\n\r\n", b"1;" + b"e" * 5000 + b"\r\n"]


class Requests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()

    @classmethod
    def tearDownClass(cls):
        cls.stage.close()

    def test_what_passes_reaches_the_backend_in_one_form(self):
        port = self.stage.worker.port
        for name, request, start, authority, fields, body in PASS:
            authority = authority.replace(b"%(port)d", b"%d" % port)
            expected = b"".join((
                start, b" HTTP/1.1\r\nHost: ", authority, b"\r\n", fields,
                b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: ", authority,
                b"\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: %d" % port,
                b"\r\nX-Real-IP: 127.0.0.1\r\nX-Request-ID: i\r\n\r\n"))
            for how, pieces in splits(request):
                with self.subTest(f"{name}, {how}"):
                    answer, reset = self.stage.talk(pieces)
                    self.assertEqual((status_of(answer), reset), (200, False), answer)
                    self.assertTrue(answer.endswith(b"\r\n\r\nok"), answer)
                    self.assertEqual(self.stage.recorder.take(), [(expected, body)])

    def test_what_is_refused_reaches_nobody_and_ends_the_connection(self):
        for name, request, status in REFUSED:
            for how, pieces in splits(request):
                with self.subTest(f"{name}, {how}"):
                    answer, reset = self.stage.talk(pieces)
                    self.assertEqual((status_of(answer), reset), (status, False), answer)
                    self.assertIn(b"\r\nConnection: close\r\n", answer)
                    self.assertEqual(self.stage.recorder.take(), [])

    def test_broken_chunks_end_the_connection(self):
        head = b"POST / HTTP/1.1" + H + b"\r\nTransfer-Encoding: chunked" + E
        for chunks in CHUNKS:
            for how, pieces in (("whole", [head + chunks]), ("apart", [head, chunks])):
                with self.subTest(f"{chunks[:20]!r}, {how}"):
                    answer, _ = self.stage.talk(pieces)
                    self.assertEqual(status_of(answer), 400, answer)
                    self.assertEqual(self.stage.recorder.take(), [])

    def test_limits(self):
        for name, request, status in (
                ("target of 8,000", target(b"/" + b"x" * 7999), 200),
                ("target of 16,001", target(b"/" + b"x" * 16000), 414),
                ("target of 30,000", target(b"/" + b"x" * 29999), 414),
                ("head of 16,385", field(b"X: " + b"x" * 16384), 431),
                ("100 fields", b"GET / HTTP/1.1" + H + b"\r\nX: y" * 99 + E, 200),
                ("101 fields", b"GET / HTTP/1.1" + H + b"\r\nX: y" * 100 + E, 431)):
            with self.subTest(name), self.stage.worker.connect() as conn:
                conn.sendall(request)
                head, _ = read_head(conn)
                self.assertEqual(status_of(head), status)
        self.stage.recorder.take()

    def test_options_asterisk_is_answered_here(self):
        for line, fields in ((b"OPTIONS *", b""), (b"OPTIONS http://a.test", b""),
                             (b"OPTIONS /x", b"\r\nMax-Forwards: 0")):
            answer, _ = self.stage.talk([line + b" HTTP/1.1" + H + C + fields + E])
            self.assertEqual(status_of(answer), 200, answer)
            self.assertEqual(self.stage.recorder.take(), [])

    def test_no_body_in_answers_to_head(self):
        answer, _ = self.stage.talk([b"HEAD /.. HTTP/1.1" + H + E])
        self.assertEqual(status_of(answer), 400)
        self.assertTrue(answer.endswith(E), answer)

    def test_pipelined_requests_are_answered_in_order_and_kept_apart(self):
        many = b"".join(b"POST /%d HTTP/1.1" % i + H + b"\r\nContent-Length: 2" + E + b"%02d" % i
                        for i in range(20))
        last = b"GET /last HTTP/1.1" + H + C + E
        answer, _ = self.stage.talk([many + last])
        self.assertEqual(answer.count(b"HTTP/1.1 200 OK"), 21)
        seen = self.stage.recorder.take()
        self.assertEqual([head.split(b" ")[1] for head, _ in seen],
                         [b"/%d" % i for i in range(20)] + [b"/last"])
        self.assertEqual([body for _, body in seen], [b"%02d" % i for i in range(20)] + [b""])


if __name__ == "__main__":
    unittest.main()
