# SPDX-License-Identifier: Apache-2.0
"""Interim heads (1xx) of a backend: many pass, but no backend can send them for ever."""

import unittest

import http2
from harness import Backend, Worker, exchange, get, ingress, read_head, service
from http2 import request

FINAL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: %s\r\n\r\n"

# (name, heads before the final one, status)
CASES = [
    ("as many as pass", PROCESSING * 200, 200),
    ("one more", PROCESSING * 201, 502),
    ("long ones", HINTS % (b"x" * 6000) * 10, 200),
    ("too long ones", HINTS % (b"x" * 6000) * 11, 502),
]


class InterimHeads(unittest.TestCase):
    def start(self, handler):
        backend = Backend(handler)
        self.addCleanup(backend.close)
        self.worker = Worker(service("s", [backend]) + [ingress("i", {"/": "s"})], "--h2c")
        self.addCleanup(self.worker.close)

    def test_their_count_and_their_octets_are_bounded(self):
        def handler(conn, _backend):
            rest = b""
            while True:
                head, rest = read_head(conn, rest)
                if head is None:
                    return
                _, heads, _ = CASES[int(head.split(b" ")[1][1:])]
                conn.sendall(heads + FINAL)

        self.start(handler)
        for number, (name, _, status) in enumerate(CASES):
            with self.subTest(name), self.worker.connect() as conn:
                self.assertEqual(exchange(conn, get(f"/{number}"))[0], status)
            with self.subTest(name + ", HTTP/2"):
                client = http2.connect(self.worker.port)
                client.send(client.head(1, request(f"/{number}")))
                client.wait(1)
                self.assertEqual(client.status(1), status)
                client.close()

    def test_a_backend_that_never_stops_is_502(self):
        def handler(conn, _backend):
            read_head(conn)
            while True:
                conn.sendall(PROCESSING * 1000)

        self.start(handler)
        with self.worker.connect() as conn:
            self.assertEqual(exchange(conn, get())[0], 502)
        self.assertEqual(self.worker.stats()["response_faults"], {"head-long": 1})


if __name__ == "__main__":
    unittest.main()
