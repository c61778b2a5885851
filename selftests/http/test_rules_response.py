# SPDX-License-Identifier: Apache-2.0
"""Rules about answers: what a client reads of them, and which of them it never sees."""

import re
import unittest

from harness import Backend, Worker, exchange, ingress, read_head, service
from rules import Stage, splits, status_of

E = b"\r\n\r\n"
OK = b"HTTP/1.1 200 OK"


def get(method=b"GET", minor=b"1", fields=b"\r\nConnection: close"):
    return method + b" / HTTP/1." + minor + b"\r\nHost: a.test" + fields + E


CLOSE = b"Connection: close\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

# (name, request, answer of the backend, does it close, head without Date and Server, body)
PASS = [
    ("length", get(), OK + b"\r\nA: b\r\nContent-Length: 002" + E + b"ok", False,
     OK + b"\r\nA: b\r\nContent-Length: 2\r\n" + CLOSE + b"\r\n", b"ok"),
    ("chunked", get(), OK + b"\r\nTransfer-Encoding: chunked" + E + b"2;x\r\nok\r\n0\r\nX: y\r\n\r\n",
     False, OK + b"\r\n" + CHUNKED + CLOSE + b"\r\n", [b"ok"]),
    ("until close", get(), OK + E + b"hello", True, OK + b"\r\n" + CHUNKED + CLOSE + b"\r\n",
     [b"hello"]),
    ("until close, HTTP/1.0 backend", get(), b"HTTP/1.0 200 OK" + E + b"hello", True,
     OK + b"\r\n" + CHUNKED + CLOSE + b"\r\n", [b"hello"]),
    ("chunked to HTTP/1.0", get(minor=b"0", fields=b""),
     OK + b"\r\nTransfer-Encoding: chunked" + E + b"2\r\nok\r\n0\r\n\r\n", False,
     OK + b"\r\n" + CLOSE + b"\r\n", b"ok"),
    ("until close to HTTP/1.0", get(minor=b"0", fields=b""), OK + E + b"hello", True,
     OK + b"\r\n" + CLOSE + b"\r\n", b"hello"),
    ("hop-by-hop", get(), OK + b"\r\nConnection: x-a\r\nX-A: 1\r\nKeep-Alive: 1\r\nContent-Length: 0"
     + E, False, OK + b"\r\nContent-Length: 0\r\n" + CLOSE + b"\r\n", b""),
    ("space before colon, fold", get(), OK + b"\r\nA : b\r\n c\r\nContent-Length: 0" + E, False,
     OK + b"\r\nA: b c\r\nContent-Length: 0\r\n" + CLOSE + b"\r\n", b""),
    ("HEAD", get(b"HEAD"), OK + b"\r\nContent-Length: 9" + E, False,
     OK + b"\r\nContent-Length: 9\r\n" + CLOSE + b"\r\n", b""),
    ("204 with length", get(), b"HTTP/1.1 204 No\r\nContent-Length: 9" + E, False,
     b"HTTP/1.1 204 No\r\n" + CLOSE + b"\r\n", b""),
    ("304 with length", get(), b"HTTP/1.1 304 Not\r\nContent-Length: 9" + E, False,
     b"HTTP/1.1 304 Not\r\nContent-Length: 9\r\n" + CLOSE + b"\r\n", b""),
    ("interim answers", get(), b"HTTP/1.1 103 Early\r\nLink: x\r\nContent-Length: 1" + E
     + b"HTTP/1.1 102 P" + E + OK + b"\r\nContent-Length: 2" + E + b"ok", False,
     b"HTTP/1.1 103 Early\r\nLink: x" + E + b"HTTP/1.1 102 P" + E + OK
     + b"\r\nContent-Length: 2\r\n" + CLOSE + b"\r\n", b"ok"),
    ("interim answers to HTTP/1.0", get(minor=b"0", fields=b""), b"HTTP/1.1 103 Early" + E + OK
     + b"\r\nContent-Length: 2" + E + b"ok", False,
     OK + b"\r\nContent-Length: 2\r\n" + CLOSE + b"\r\n", b"ok"),
]


def answer(line):
    return OK + b"\r\n" + line + E


BAD_GATEWAY = [
    ("not HTTP", b"SSH-2.0-OpenSSH_9\r\n\r\n"),
    ("HTTP/2", b"HTTP/2.0 200 OK" + E),
    ("status of two digits", b"HTTP/1.1 20 OK" + E),
    ("bare CR", answer(b"X: a\rb")),
    ("NUL", answer(b"X: a\0b")),
    ("bare LF", answer(b"X: a\nY: b")),
    ("empty name", answer(b": x")),
    ("two lengths", answer(b"Content-Length: 2\r\nContent-Length: 2")),
    ("list of lengths", answer(b"Content-Length: 2, 2")),
    ("signed length", answer(b"Content-Length: +2")),
    ("length and coding", answer(b"Content-Length: 2\r\nTransfer-Encoding: chunked")),
    ("two codings", answer(b"Transfer-Encoding: gzip, chunked")),
    ("coding in HTTP/1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked" + E),
    ("101 unasked", b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket" + E),
    ("head over 64 KB", answer(b"X: " + b"x" * 65536)),
]

CUT = [
    ("length", OK + b"\r\nContent-Length: 9" + E + b"hello"),
    ("chunk", OK + b"\r\nTransfer-Encoding: chunked" + E + b"9\r\nhello"),
    ("last chunk", OK + b"\r\nTransfer-Encoding: chunked" + E + b"5\r\nhello\r\n"),
    ("broken chunk", OK + b"\r\nTransfer-Encoding: chunked" + E + b"5\r\nhello\r\nzz\r\n"),
]


def unchunk(body):
    out = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        size = int(size, 16)
        if size == 0:
            return out, body
        out, body = out + body[:size], body[size + 2:]


def without_origin(head):
    return re.sub(rb"(Date|Server): [^\r]*\r\n", b"", head)


class Answers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()

    @classmethod
    def tearDownClass(cls):
        cls.stage.close()

    def give(self, pieces, close):
        self.stage.recorder.answer, self.stage.recorder.close = pieces, close

    def test_what_passes_has_one_form(self):
        for name, request, raw, close, head, body in PASS:
            for how, pieces in splits(raw):
                with self.subTest(f"{name}, {how}"):
                    self.give(pieces, close)
                    got, reset = self.stage.talk([request])
                    got = without_origin(got)
                    self.assertFalse(reset)
                    self.assertEqual(got[:len(head)], head)
                    if isinstance(body, list):
                        self.assertEqual(unchunk(got[len(head):]), (body[0], b"\r\n"))
                    else:
                        self.assertEqual(got[len(head):], body)

    def test_final_answers_have_a_date_and_a_server(self):
        for fields, expected in ((b"", rb"\r\nDate: \w{3}, [^\r]+ GMT\r\nServer: sluice\r\n"),
                                 (b"\r\nDate: d\r\nServer: s", rb"\r\nDate: d\r\nServer: s\r\n")):
            self.give([OK + fields + b"\r\nContent-Length: 0" + E], False)
            got, _ = self.stage.talk([get()])
            self.assertRegex(got, expected)
            self.assertEqual(len(re.findall(rb"\r\n(?:Date|Server):", got)), 2)

    def test_nonsense_is_a_bad_gateway(self):
        for name, raw in BAD_GATEWAY:
            for how, pieces in [("whole", [raw]), ("cut", [raw[:9], raw[9:]])]:
                with self.subTest(f"{name}, {how}"):
                    self.give(pieces, True)
                    got, reset = self.stage.talk([get()])
                    self.assertEqual((status_of(got), reset), (502, False), got)

    def test_a_body_cut_short_is_never_ended_as_if_whole(self):
        for name, raw in CUT:
            for minor in (b"1", b"0"):
                with self.subTest(f"{name}, HTTP/1.{minor.decode()}"):
                    self.give([raw], True)
                    got, reset = self.stage.talk([get(minor=minor, fields=b"")])
                    # What had arrived may be lost by the reset; an end never follows it.
                    self.assertTrue(reset, got)
                    self.assertFalse(got.endswith(b"0\r\n\r\n"), got)

    def test_trailers_pass_where_they_were_asked_for(self):
        raw = (OK + b"\r\nTrailer: X\r\nTransfer-Encoding: chunked" + E
               + b"2\r\nok\r\n0\r\nX: y\r\nHost: b\r\nSet-Cookie: c\r\n\r\n")
        for fields, trailers in ((b"", b"\r\n"), (b"\r\nTE: trailers", b"X: y\r\n\r\n")):
            self.give([raw], False)
            got, _ = self.stage.talk([get(fields=b"\r\nConnection: close" + fields)])
            head, _, body = got.partition(E)
            self.assertEqual(unchunk(body), (b"ok", trailers))
            self.assertEqual(b"\r\nTrailer: X" in head, bool(fields))
        self.give([raw.replace(b"Trailer: X", b"Connection: X")], False)
        got, _ = self.stage.talk([get(fields=b"\r\nConnection: close\r\nTE: trailers")])
        self.assertEqual(unchunk(got.partition(E)[2]), (b"ok", b"\r\n"))

    def test_bytes_behind_an_answer_reach_nobody(self):
        self.give([OK + b"\r\nContent-Length: 2" + E + b"okHTTP/1.1 200 EVIL\r\n\r\n"], False)
        for _ in range(3):
            got, _ = self.stage.talk([get()])
            self.assertTrue(got.endswith(b"\r\n\r\nok"), got)


class NoContent(unittest.TestCase):
    def test_a_204_that_says_it_has_a_body_is_the_last_of_its_connection(self):
        for fields in (b"Content-Length: 5", b"Transfer-Encoding: chunked"):
            with self.subTest(fields):
                conns = set()

                def serve(conn, _backend, fields=fields, conns=conns):
                    rest = b""
                    while True:
                        head, rest = read_head(conn, rest)
                        if head is None:
                            return
                        conns.add(conn.getpeername())
                        conn.sendall(b"HTTP/1.1 204 No\r\n" + fields + E)

                backend = Backend(serve)
                worker = Worker(service("s", [backend]) + [ingress("i", {"/": "s"})])
                try:
                    with worker.connect() as conn:
                        for _ in range(3):
                            status, _, _, _ = exchange(conn, get(fields=b""))
                            self.assertEqual(status, 204)
                finally:
                    worker.close()
                    backend.close()
                self.assertEqual(len(conns), 3)


if __name__ == "__main__":
    unittest.main()
