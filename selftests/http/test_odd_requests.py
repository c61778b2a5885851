# SPDX-License-Identifier: Apache-2.0
"""A thousand requests at the edge of the rules: the answer, and what the backend read."""

import re
import unittest

from harness import field
from odd_requests import cases
from rules import Stage, status_of

OWN_FIELDS = {b"host", b"content-length", b"transfer-encoding", b"connection"}


class OddRequests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()

    @classmethod
    def tearDownClass(cls):
        cls.stage.close()

    def check_canonical(self, head):
        """What the backend reads has one meaning only."""
        self.assertRegex(head, rb"\A[!#$%&'*+\-.^_`|~0-9A-Za-z]+ /[!-~]* HTTP/1\.1\r\n")
        self.assertNotIn(b"#", head.split(b" ")[1])
        names = []
        for text in head.split(b"\r\n")[1:-2]:
            name = re.match(rb"([!#$%&'*+\-.^`|~0-9A-Za-z]+): ([\t -~\x80-\xff]*)\Z", text)
            self.assertIsNotNone(name, text)
            names.append(name.group(1).lower())
        for name in OWN_FIELDS:
            self.assertLessEqual(names.count(name), 1, head)
        self.assertEqual(names.count(b"host"), 1, head)
        self.assertFalse({b"content-length", b"transfer-encoding"} <= set(names), head)
        self.assertFalse({b"keep-alive", b"proxy-connection", b"upgrade"} & set(names), head)

    def check(self, case, pieces):
        answer, reset = self.stage.talk(pieces)
        seen = self.stage.recorder.take()
        self.assertEqual((status_of(answer), reset), (case.status, False), answer)
        own = case.status != 200 or case.group == "answered here"
        self.assertEqual(len(seen), 0 if own else 1, seen)
        if own:
            self.assertIn(b"\r\nConnection: close\r\n", answer)
            self.assertRegex(answer, rb"\r\nDate: [^\r]+ GMT\r\nServer: sluice\r\n")
            self.assertRegex(answer, rb"\r\nContent-Type: [^\r]+\r\nContent-Length: \d+\r\n")
            return
        head, body = seen[0]
        self.check_canonical(head)
        if case.target is not None:
            self.assertEqual(head.split(b" ")[1], case.target)
        if case.host is not None:
            self.assertEqual(field(head, "host").encode("latin-1"), case.host)
        if case.body is not None:
            self.assertEqual(body, case.body)

    def test_each_whole_and_in_octets(self):
        for case in cases():
            with self.subTest(f"{case.group}: {case.name}, whole"):
                self.check(case, [case.request])
            # Octet by octet as long as that is a matter of milliseconds.
            if len(case.request) < 400:
                with self.subTest(f"{case.group}: {case.name}, octets"):
                    self.check(case, [case.request[i:i + 1] for i in range(len(case.request))])


if __name__ == "__main__":
    unittest.main()
