# SPDX-License-Identifier: Apache-2.0
"""Answers of our own to clients that do not take them: each has its deadline, and nothing is left."""

import socket
import time
import unittest

import http2
from harness import Backend, Worker, fixed, get, ingress, service
from http2 import END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, PREFACE, encode, frame, request, settings
from rules import ANSWER

BODY_TIMEOUT_S, IDLE_TIMEOUT_S, FAREWELL_S, SLACK_S = 1, 1, 2, 3
STREAMS = 20
PIPELINED = 40000  # answers of some 160 bytes: more than all sockets on the way take


class OwnAnswers(unittest.TestCase):
    def setUp(self):
        backend = Backend(fixed(ANSWER))
        self.addCleanup(backend.close)
        small = {"sluice.dev/proxy-body-size": "8"}
        self.worker = Worker(
            service("s", [backend])
            + [ingress("i", {"/": "s"}, host="a.test", annotations=small)],
            "--h2c", f"--body-timeout={BODY_TIMEOUT_S * 1000}",
            f"--client-idle-timeout={IDLE_TIMEOUT_S * 1000}")
        self.addCleanup(self.worker.close)

    def all_closed(self, within_s):
        """No connection is left by then."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            if self.worker.stats()["conns_open"] == 0:
                return True
            time.sleep(0.1)
        return False

    def test_a_stream_whose_window_stays_shut_is_reset(self):
        for name, asked, status in (
                ("404", request(authority="b.test"), 404),
                ("413", request(method="POST", extra=[("content-length", "100")]), 413)):
            with self.subTest(name):
                client = http2.connect(self.worker.port, said=[(INITIAL_WINDOW_SIZE, 0)])
                self.addCleanup(client.close)
                client.send(b"".join(client.head(i, asked, end=name == "404")
                                     for i in range(1, 2 * STREAMS, 2)))
                client.read_until(lambda c=client: len(c.rst) == STREAMS)
                self.assertEqual({client.status(i) for i in range(1, 2 * STREAMS, 2)}, {status})
                self.assertEqual(sorted(client.rst), list(range(1, 2 * STREAMS, 2)))

    def test_clients_that_go_away_leave_nothing(self):
        heads = b"".join(frame(HEADERS, END_HEADERS | END_STREAM, i, encode(request(authority="b.test")))
                         for i in range(1, 2 * STREAMS, 2))
        shut = PREFACE + settings((INITIAL_WINDOW_SIZE, 0)) + heads
        within_s = BODY_TIMEOUT_S + IDLE_TIMEOUT_S + FAREWELL_S + SLACK_S
        for name, said in (("HTTP/2", shut), ("HTTP/1.1", get(host="b.test") * PIPELINED)):
            for half in (True, False):
                with self.subTest(f"{name} {half}"):
                    conn = self.worker.connect()
                    conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                    conn.setblocking(False)
                    conn.send(said)  # what does not go is not needed
                    time.sleep(0.2)
                    if half:
                        conn.shutdown(socket.SHUT_WR)
                    self.assertTrue(self.all_closed(within_s), self.worker.stats())
                    conn.close()


if __name__ == "__main__":
    unittest.main()
