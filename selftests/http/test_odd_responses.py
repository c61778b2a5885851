# SPDX-License-Identifier: Apache-2.0
"""Responses at the edge of the rules: what the client reads of them, or the 502 it gets."""

import re
import unittest

from rules import Stage, status_of

E = b"\r\n\r\n"
OK = b"HTTP/1.1 200 OK"
GET = b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close" + E
TOKEN = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ODD = [c for c in range(128) if not chr(c).isalnum()] + [0x80, 0xa0, 0xc3, 0xff]
RESET = None  # the client's connection is reset: what came must not pass for the whole; or, where
# nothing had been sent on yet, it is told so with a 502


def octets():
    """Every odd octet in every place; (name, response, status)."""
    for c in ODD:
        octet = bytes([c])
        control = (c < 0x20 and c != 9) or c == 0x7f
        length = b"\r\nContent-Length: 0" + E
        yield f"0x{c:02x} in the reason", OK + octet + b"x" + length, 502 if control else 200
        yield (f"0x{c:02x} in the status", b"HTTP/1.1 2" + octet + b"0 OK" + length, 502)
        yield (f"0x{c:02x} behind the status", b"HTTP/1.1 200" + octet + length,
               200 if octet == b" " else 502)
        yield (f"0x{c:02x} in the version", b"HTTP/1" + octet + b"1 200 OK" + length,
               200 if octet == b"." else 502)
        yield (f"0x{c:02x} in a name", OK + b"\r\nX" + octet + b"Y: z" + length,
               200 if c in TOKEN or octet == b":" else 502)
        yield (f"0x{c:02x} before a colon", OK + b"\r\nX" + octet + b": z" + length,
               200 if c in TOKEN or octet in b" \t:" else 502)
        yield (f"0x{c:02x} in a value", OK + b"\r\nX: y" + octet + b"z" + length, 502 if control else 200)
        yield (f"0x{c:02x} before a length", OK + b"\r\nContent-Length:" + octet + b"0" + E,
               200 if octet in b" \t" else 502)
        yield (f"0x{c:02x} behind a length", OK + b"\r\nContent-Length: 0" + octet + E,
               200 if octet in b" \t" else 502)
        yield (f"0x{c:02x} behind chunked",
               OK + b"\r\nTransfer-Encoding: chunked" + octet + E + b"0" + E,
               200 if octet in b" \t" else 502)
        yield (f"0x{c:02x} before a chunk size",
               OK + b"\r\nTransfer-Encoding: chunked" + E + octet + b"2\r\nok\r\n0" + E, RESET)
        yield (f"0x{c:02x} behind a chunk size",
               OK + b"\r\nTransfer-Encoding: chunked" + E + b"2" + octet + b"\r\nok\r\n0" + E,
               RESET)


def heads():
    for text, status in (
            (b"HTTP/1.1 200 OK", 200), (b"HTTP/1.1 200 ", 200), (b"HTTP/1.1 200", 200),
            (b"HTTP/1.0 200 OK", 200), (b"HTTP/1.2 200 OK", 200), (b"HTTP/2.0 200 OK", 502),
            (b"HTTP/0.9 200 OK", 502), (b"HTTP/1.1 100000 OK", 502), (b"HTTP/1.1 20 OK", 502),
            (b"HTTP/1.1 2000 OK", 502), (b"HTTP/1.1 099 OK", 502), (b"HTTP/1.1 abc OK", 502),
            (b"HTTP/1.1 -20 OK", 502), (b"HTTP/1.1  200 OK", 502), (b"HTTP/1.1", 502), (b"HTTP/1.1 ", 502),
            (b"http/1.1 200 OK", 502), (b"HTTP 200 OK", 502), (b"200 OK", 502), (b"ICY 200 OK", 502),
            (b" HTTP/1.1 200 OK", 502), (b"", 502), (b"<html>", 502), (b"HTTP/1.1 299 Odd", 299),
            (b"HTTP/1.1 404 Not Found", 404), (b"HTTP/1.1 500 \xc3\xa9", 500), (b"HTTP/1.1 599 X", 599)):
        yield f"status line {text!r}", text + b"\r\nContent-Length: 0" + E, status
    for text, status in (
            (b"X: y", 200), (b"X:", 200), (b"X : y", 200), (b"X\t : y", 200), (b"X: y\r\n z", 200),
            (b"X: y\r\n\tz", 200), (b"X: y \r\n  z \r\n\t w", 200), (b"X:\r\n y", 200), (b"X: y\r\n ", 200),
            (b" X: y", 502), (b"\tX: y", 502), (b": y", 502), (b" : y", 502), (b"X", 502), (b"X y: z", 502),
            (b"X: a\rb", 502), (b"X: a\nY: b", 502), (b"X: a\0b", 502), (b"X\0: y", 502),
            (b"X: a\r\r\n", 502), (b"X: y\r\n z\rw", 502), (b"X: y\r\n z\0", 502),
            (b"X: \xff", 200), (b"X\xff: y", 502), (b"Connection: x\r\nX: 1", 200),
            (b"Host: a\r\nHost: b", 200), (b"Expect: x", 200), (b"TE: x", 200), (b"Upgrade: h2c", 200),
            (b"Set-Cookie: a=1\r\nSet-Cookie: b=2", 200), (b"Keep-Alive: timeout=1", 200)):
        yield f"field {text!r}", OK + b"\r\n" + text + b"\r\nContent-Length: 0" + E, status
    for text, status in (
            (b"Content-Length: 2", 200), (b"Content-Length: 002", 200), (b"Content-Length: 2 ", 200),
            (b"Content-Length: 2\r\nContent-Length: 2", 502), (b"Content-Length: 2\r\nContent-Length: 3", 502),
            (b"Content-Length: 2, 2", 502), (b"Content-Length: +2", 502), (b"Content-Length: -2", 502),
            (b"Content-Length: 0x2", 502), (b"Content-Length: 2.0", 502), (b"Content-Length:", 502),
            (b"Content-Length: x", 502), (b"Content-Length: 2 2", 502),
            (b"Content-Length: 99999999999999999999", 502), (b"Content-Length:\r\n 2", 200),
            (b"Content-Length : 2", 200), (b"Content-Length: 2\r\n 2", 502),
            (b"Content-Length: 2\r\nTransfer-Encoding: chunked", 502),
            (b"Transfer-Encoding: chunked\r\nContent-Length: 2", 502),
            (b"Content-Length: 2\r\nTransfer-Encoding: identity", 502),
            (b"Transfer-Encoding: gzip", 502), (b"Transfer-Encoding: gzip, chunked", 502),
            (b"Transfer-Encoding: chunked, gzip", 502), (b"Transfer-Encoding: chunked, chunked", 502),
            (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 502),
            (b"Transfer-Encoding: identity", 502), (b"Transfer-Encoding: xchunked", 502),
            (b"Transfer-Encoding:", 502), (b"Transfer-Encoding: chunked;x", 502)):
        yield f"framing {text!r}", OK + b"\r\n" + text + E + b"ok", status
    for size, status in ((16000, 200), (60000, 200), (65536 - len(OK) - 30, 200), (65536, 502), (200000, 502)):
        yield f"field of {size}", OK + b"\r\nContent-Length: 0\r\nX: " + b"x" * size + E, status
    for count, status in ((100, 200), (1000, 200), (1023, 200), (1024, 502)):
        yield (f"{count} fields and a length", OK + b"\r\nX: y" * count + b"\r\nContent-Length: 0" + E,
               status)


def bodies():
    """(name, response behind the chunked head, body or RESET)."""
    for chunks, body in (
            (b"2\r\nok\r\n0\r\n\r\n", b"ok"), (b"02\r\nok\r\n000\r\n\r\n", b"ok"), (b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n", b"ok"),
            (b"2;x=\"y\"\r\nok\r\n0;z\r\n\r\n", b"ok"), (b"2;" + b"x" * 4000 + b"\r\nok\r\n0\r\n\r\n", b"ok"),
            (b"2\r\nok\r\n0\r\nX: y\r\n\r\n", b"ok"), (b"2\r\nok\r\n0\r\nX : y\r\n z\r\n\r\n", b"ok"),
            (b"2;" + b"x" * 4200 + b"\r\nok\r\n0\r\n\r\n", RESET), (b"2\nok\r\n0\r\n\r\n", RESET),
            (b"2\r\nok\n0\r\n\r\n", RESET), (b"2\r\nokx\r\n0\r\n\r\n", RESET), (b"0x2\r\nok\r\n0\r\n\r\n", RESET),
            (b"2 \r\nok\r\n0\r\n\r\n", RESET), (b"-2\r\nok\r\n0\r\n\r\n", RESET), (b"ffffffffffffffff1\r\nok", RESET),
            (b"2\r\nok\r\n0\r\nX\r\n\r\n", RESET), (b"2\r\nok\r\n0\r\nX: \0\r\n\r\n", RESET), (b"2\r\nok\r\n", RESET),
            (b"2\r\nok\r\n0\r\n", RESET), (b"2\r\nok\r\n0\r\nX: y\r\n", RESET), (b"9\r\nok", RESET), (b"2", RESET),
            (b"", RESET)):
        yield repr(chunks[:30]), OK + b"\r\nTransfer-Encoding: chunked" + E + chunks, body


class OddResponses(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()
        cls.stage.recorder.close = True

    @classmethod
    def tearDownClass(cls):
        cls.stage.close()

    def variants(self, raw):
        yield "whole", [raw]
        if len(raw) < 300:
            yield "octets", [raw[i:i + 1] for i in range(len(raw))]

    def check_canonical(self, answer):
        head = answer.partition(E)[0]
        self.assertRegex(head, rb"\AHTTP/1\.1 [1-9]\d\d [\t -~\x80-\xff]*\r\n")
        names = []
        for text in head.split(b"\r\n")[1:]:
            found = re.match(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+): [\t -~\x80-\xff]*\Z", text)
            self.assertIsNotNone(found, text)
            names.append(found.group(1).lower())
        for name in (b"content-length", b"transfer-encoding", b"date", b"server", b"connection"):
            self.assertLessEqual(names.count(name), 1, head)
        self.assertFalse({b"content-length", b"transfer-encoding"} <= set(names), head)
        self.assertFalse({b"keep-alive", b"upgrade", b"te"} & set(names), head)
        self.assertIn(b"date", names)
        self.assertIn(b"server", names)

    def check(self, raw, status):
        for how, pieces in self.variants(raw):
            with self.subTest(how):
                self.stage.recorder.answer = pieces
                answer, reset = self.stage.talk([GET])
                if status is RESET and not reset:
                    self.assertEqual(status_of(answer), 502, answer)
                elif status is RESET:
                    self.assertTrue(reset, answer)
                    self.assertFalse(answer.endswith(b"0" + E), answer)
                else:
                    self.assertEqual((status_of(answer), reset), (status, False), answer[:300])
                    self.check_canonical(answer)

    def test_octets(self):
        for name, raw, status in octets():
            with self.subTest(name):
                self.check(raw, status)

    def test_heads(self):
        for name, raw, status in heads():
            with self.subTest(name):
                self.check(raw, status)

    def test_bodies(self):
        for name, raw, body in bodies():
            with self.subTest(name):
                self.check(raw, 200 if body is not RESET else RESET)

    def test_a_body_that_begins_with_a_fault_is_a_bad_gateway(self):
        for chunks in (b"zz\r\n", b" 2\r\nok\r\n0\r\n\r\n", b"2;\r\nok\r\n0\r\n\r\n"):
            with self.subTest(chunks):
                self.stage.recorder.answer = OK + b"\r\nTransfer-Encoding: chunked" + E + chunks
                answer, reset = self.stage.talk([GET])
                self.assertEqual((status_of(answer), reset), (502, False), answer)
                self.assertNotIn(OK, answer)

    def test_fields_pass_in_order_and_folds_become_a_space(self):
        raw = (OK + b"\r\nSet-Cookie: a=1\r\nB : c \t\r\n \t d\r\nSet-Cookie: e=2\r\nX-Y: z\r\nset-cookie: f=3"
               b"\r\nContent-Length: 0" + E)
        for how, pieces in self.variants(raw):
            with self.subTest(how):
                self.stage.recorder.answer = pieces
                answer, _ = self.stage.talk([GET])
                self.assertIn(b"\r\nSet-Cookie: a=1\r\nB: c d\r\nSet-Cookie: e=2\r\nX-Y: z\r\n"
                              b"set-cookie: f=3\r\n", answer)

    def test_what_has_no_body_gets_none_whatever_its_fields_say(self):
        for status in (204, 304):
            for fields in (b"", b"\r\nContent-Length: 5", b"\r\nTransfer-Encoding: chunked"):
                for body in (b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n"):
                    with self.subTest(f"{status} {fields} {body}"):
                        self.stage.recorder.answer = b"HTTP/1.1 %d X" % status + fields + E + body
                        answer, reset = self.stage.talk([GET])
                        self.assertFalse(reset)
                        self.assertTrue(answer.endswith(E), answer)
                        self.assertNotIn(b"Transfer-Encoding", answer)
                        self.assertEqual(b"Content-Length: 5\r\n" in answer,
                                         status == 304 and b"Length" in fields)
        for fields in (b"", b"\r\nContent-Length: 5", b"\r\nTransfer-Encoding: chunked"):
            self.stage.recorder.answer = OK + fields + E + b"hello"
            answer, reset = self.stage.talk([GET.replace(b"GET", b"HEAD")])
            self.assertFalse(reset)
            self.assertTrue(answer.endswith(E), answer)

    def test_interim_answers_pass_and_frame_nothing(self):
        for status in (100, 102, 103, 199):
            for fields in (b"", b"\r\nContent-Length: 5", b"\r\nTransfer-Encoding: chunked", b"\r\nLink: x",
                           b"\r\nConnection: close\r\nKeep-Alive: x"):
                with self.subTest(f"{status} {fields}"):
                    interim = b"HTTP/1.1 %d X" % status + fields + E
                    self.stage.recorder.answer = interim * 2 + OK + b"\r\nContent-Length: 2" + E + b"ok"
                    answer, _ = self.stage.talk([GET])
                    link = b"\r\nLink: x" if b"Link" in fields else b""
                    self.assertTrue(answer.startswith((b"HTTP/1.1 %d X" % status + link + E) * 2),
                                    answer)
                    self.assertTrue(answer.endswith(E + b"ok"), answer)
                    answer, _ = self.stage.talk([b"GET / HTTP/1.0" + E])
                    self.assertTrue(answer.startswith(OK), answer)

    def test_a_connection_reset_before_or_within_an_answer(self):
        for raw, status in ((b"", 502), (b"HTTP/1.1 2", 502), (OK + b"\r\nX: y", 502),
                            (b"HTTP/1.1 100 C" + E, 502)):
            with self.subTest(raw):
                self.stage.recorder.answer = raw
                # A method that must not be tried again.
                answer, reset = self.stage.talk([GET.replace(b"GET", b"POST")])
                final = answer[answer.rfind(b"HTTP/1.1 "):]
                self.assertEqual((status_of(final), reset), (status, False), answer)


if __name__ == "__main__":
    unittest.main()
