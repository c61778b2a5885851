# SPDX-License-Identifier: Apache-2.0
"""Clients that take no answer, or go away in the middle of one: no connection lives for ever."""

import socket
import time
import unittest

import http2
from harness import Backend, Worker, fixed, ingress, service
from http2 import request

TIMEOUT_MS = 600
GRACE_S = 8  # the longest deadline that no flag sets (5 s), and a machine that is busy
FLAGS = tuple(f"--{name}={TIMEOUT_MS}" for name in (
    "client-head-timeout", "client-idle-timeout", "body-timeout",
    "tunnel-idle-timeout", "upstream-idle-timeout"))
SLOW_S = 1.5  # an answer that takes longer than a head may
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + bytes(1000000)


def slow(conn, _backend):
    """Answers, but late."""
    while conn.recv(65536):
        time.sleep(SLOW_S)
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


class Deadlines(unittest.TestCase):
    flags = FLAGS

    def setUp(self):
        backends = {"page": Backend(fixed(PAGE)), "slow": Backend(slow)}
        objects = [ingress("i", {"/page": "page", "/slow": "slow"}, host="a.test")]
        for name, backend in backends.items():
            self.addCleanup(backend.close)
            objects += service(name, [backend])
        self.worker = Worker(objects, "--h2c", *self.flags, "--response-timeout=10000")
        self.addCleanup(self.worker.close)

    def connect(self):
        """A connection that holds few bytes unread."""
        conn = socket.socket()
        self.addCleanup(conn.close)
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        conn.settimeout(5)
        conn.connect(("127.0.0.1", self.worker.port))
        return conn

    def ends_alone(self):
        """All connections end although nobody reads from them or closes them."""
        end = time.monotonic() + GRACE_S
        while self.worker.stats()["conns_open"]:
            self.assertLess(time.monotonic(), end, "a connection lives on")
            time.sleep(0.05)

    def fill(self, conn, path):
        """Asks for so many answers that they do not fit into the sockets between."""
        ask = b"GET %s HTTP/1.1\r\nHost: a.test\r\n\r\n" % path * 100
        conn.settimeout(0.3)
        try:
            for _ in range(2000):
                conn.sendall(ask)
        except TimeoutError:
            return
        self.fail("the worker takes requests without end")


class Http1(Deadlines):
    def test_a_client_that_reads_no_404(self):
        self.fill(self.connect(), b"/none")
        self.ends_alone()

    def test_a_client_that_reads_no_404_and_has_shut_its_side(self):
        conn = self.connect()
        self.fill(conn, b"/none")
        conn.shutdown(socket.SHUT_WR)
        self.ends_alone()

    def test_a_client_that_reads_no_page(self):
        self.fill(self.connect(), b"/page")
        self.ends_alone()

    def test_a_client_that_says_nothing(self):
        self.connect()
        self.ends_alone()

    def test_a_client_that_says_half_a_head(self):
        self.connect().sendall(b"GET / HT")
        self.ends_alone()


class Http2(Deadlines):
    def open(self, **how):
        client = http2.Client(self.connect(), **how)
        return client

    def without_window(self, path):
        client = self.open(said=[(http2.INITIAL_WINDOW_SIZE, 0)])
        for stream in (1, 3, 5):
            client.send(client.head(stream, request(path)))
        client.read_until(lambda: all(client.status(stream) for stream in (1, 3, 5)))
        return client

    def test_a_client_without_a_window_for_a_404(self):
        client = self.without_window("/none")
        self.assertEqual(client.status(1), 404)
        self.ends_alone()

    def test_a_client_without_a_window_that_has_shut_its_side(self):
        self.without_window("/none").conn.shutdown(socket.SHUT_WR)
        self.ends_alone()

    def test_a_client_without_a_window_for_a_page(self):
        self.without_window("/page")
        self.ends_alone()

    def test_a_client_that_reads_no_answers_to_pings(self):
        client = self.open()
        client.conn.settimeout(0.3)
        ping = http2.frame(http2.PING, 0, 0, b"12345678") * 20
        try:
            for _ in range(2000):
                client.conn.sendall(ping)
                time.sleep(0.002)
        except (TimeoutError, ConnectionError):
            pass
        self.ends_alone()

    def test_a_client_that_says_nothing_behind_the_preface(self):
        self.open()
        self.ends_alone()

    def test_a_client_that_begins_a_stream_and_a_body_and_no_more(self):
        client = self.open()
        client.send(client.head(1, request("/page", method="POST"), end=False))
        self.ends_alone()


    def test_a_slow_answer_outlives_streams_that_were_refused(self):
        good, bad = request("/slow"), [(":method", "GET"), (":scheme", "http"), ("Upper", "x")]
        client = self.open()
        client.send(client.head(1, good), client.head(3, bad))
        client.read_until(lambda: 3 in client.rst or client.goaways)
        self.assertIn(3, client.rst, client.goaways)
        client.wait(1)
        self.assertEqual(client.status(1), 200, client.goaways)

    def test_a_slow_answer_outlives_a_stream_that_is_reset_at_once(self):
        client = self.open()
        client.send(client.head(1, request("/slow")), client.head(3, request("/none")),
                    http2.frame(http2.RST_STREAM, 0, 3, (8).to_bytes(4, "big")))
        client.wait(1)
        self.assertEqual(client.status(1), 200, client.goaways)

    def test_a_head_that_is_not_finished_ends_the_connection(self):
        client = self.open()
        client.send(client.head(1, request("/none"), flags=0))
        self.ends_alone()


class Draining(Deadlines):
    flags = ()

    def test_a_connection_that_is_idle_does_not_hold_it_up(self):
        conn = self.connect()
        for _ in range(2):
            conn.sendall(b"GET /none HTTP/1.1\r\nHost: a.test\r\n\r\n")
            self.assertTrue(conn.recv(4096).startswith(b"HTTP/1.1 404"))
        began = time.monotonic()
        self.worker.say("drain 20000")
        self.assertEqual(conn.recv(1), b"")
        conn.close()
        self.worker.event("exit")
        self.assertLess(time.monotonic() - began, 10)


del Deadlines

if __name__ == "__main__":
    unittest.main()
