# SPDX-License-Identifier: Apache-2.0
"""Limits of HTTP/1 that hold over HTTP/2, and the counters of connections and streams."""

import threading
import time
import unittest

import http2
from h2_stage import H2Test
from harness import Backend, Worker, ingress, service
from http2 import (DATA, END_STREAM, INITIAL_WINDOW_SIZE, NO_ERROR,
                   REFUSED_STREAM, frame, request)
from test_h2_backend import Server


class RequestsOfAConn(H2Test):
    flags = ("--h2c", "--max-requests-conn=3")

    def test_the_last_stream_is_named_and_all_up_to_it_are_served(self):
        client = self.open()
        client.send(client.head(1, request(method="POST"), end=False))
        for stream in (3, 5):
            client.send(client.head(stream, request()))
        client.read_until(lambda: client.goaways)
        self.assertEqual(client.goaways, [(5, NO_ERROR)])
        client.send(client.head(7, request()), frame(DATA, END_STREAM, 1, b"late"))
        client.read_until(lambda: client.eof)
        self.assertEqual([client.status(i) for i in (1, 3, 5, 7)], [200, 200, 200, None])
        self.assertEqual(len(self.stage.recorder.take()), 3)

    def test_one_below_the_limit_stays_open(self):
        client = self.open()
        for stream in (1, 3):
            self.serves(client, stream)
        self.assertEqual(client.goaways, [])


class Buffers(H2Test):
    flags = ("--h2c", "--max-buffers=4")

    def test_streams_above_the_limit_are_told_503(self):
        client = self.open()
        stuck = range(1, 21, 2)
        for stream in stuck:  # its body is not whole: what is there is held
            client.send(client.head(stream, request(method="POST", extra=[("content-length", "9")]),
                                    end=False), frame(DATA, 0, stream, b"x"))
        client.read_until(lambda: any(client.status(stream) == 503 for stream in stuck))
        refused = [stream for stream in stuck if client.status(stream) == 503]
        self.assertTrue(refused, client.frames)
        self.assertEqual(client.field(refused[0], "retry-after"), "1")
        self.assertIn("buffers", self.stage.worker.stats()["request_faults"])


class Flood(unittest.TestCase):
    """Clients that take no answers, before a backend that answers nothing."""

    BUFFERS = 16

    def start(self, *flags):
        def stuck(conn, _backend):
            Server(conn, [(INITIAL_WINDOW_SIZE, 0)]).peer.read_until(lambda: self.up.set())
            self.over.wait(60)
        self.over, self.up = threading.Event(), threading.Event()
        self.addCleanup(self.over.set)
        backend = Backend(stuck)
        self.addCleanup(backend.close)
        self.worker = Worker(service("s", [backend]) + [ingress("i", {"/": "s"}, annotations={
            "sluice.dev/backend-protocol": "h2c"})], "--h2c", f"--max-buffers={self.BUFFERS}", *flags)
        self.addCleanup(self.worker.close)

    def open(self, **how):
        client = http2.connect(self.worker.port, timeout_s=5, **how)
        self.addCleanup(client.close)
        return client

    def heads(self, client):
        for stream in range(1, 201, 2):
            client.send(client.head(stream, request(method="POST", extra=[
                ("content-length", "1000000")]), end=False))

    def test_streams_that_take_no_503_are_refused(self):
        self.start()
        clients = [self.open(said=[(INITIAL_WINDOW_SIZE, 0)]) for _ in range(8)]
        for client in clients:
            self.heads(client)
        refused = 0
        for client in clients:
            client.read_until(lambda c=client: client.rst or client.eof or len(client.heads) > 90)
            refused += REFUSED_STREAM in client.rst.values()
        self.assertGreater(refused, 4)


class Counters(H2Test):
    def test_connections_and_streams_are_counted(self):
        before = self.stage.worker.stats()
        client = self.open()
        for stream in (1, 3, 5):
            self.serves(client, stream)
        during = self.stage.worker.stats()
        self.assertEqual(during["http2_conns"] - before["http2_conns"], 1)
        self.assertEqual(during["http2_streams"] - before["http2_streams"], 3)
        self.assertEqual(during["http2_conns_open"], 1)
        client.close()
        for _ in range(200):
            if self.stage.worker.stats()["http2_conns_open"] == 0:
                break
            time.sleep(0.02)
        self.assertEqual(self.stage.worker.stats()["http2_conns_open"], 0)


if __name__ == "__main__":
    unittest.main()
