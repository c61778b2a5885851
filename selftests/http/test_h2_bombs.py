# SPDX-License-Identifier: Apache-2.0
"""Heads of HTTP/2 that are short on the wire and long once they are decoded, from either side."""

import pathlib
import time
import unittest

import http2
from h2_stage import H2Test
from harness import Backend, Worker, exchange, fixed, get, ingress, service
from http2 import (CONTINUATION, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, encode, frame, integer,
                   request)
from rules import ANSWER
from test_h2_backend import Server

VALUE = b"v" * 4000
INDEXED = b"\xbe"  # the newest entry of the dynamic table
NEW = b"\x40" + integer(1, 7) + b"x" + integer(len(VALUE), 7) + VALUE


def bomb(size, start=b""):
    """A block of so many octets: one entry of 4 KB, and references to it."""
    block = start + NEW
    return block + INDEXED * (size - len(block))


def frames(stream, block, end=True, piece=16384):
    flags = END_STREAM if end else 0
    pieces = [block[i:i + piece] for i in range(0, len(block), piece)]
    for i, part in enumerate(pieces):
        last = END_HEADERS if i == len(pieces) - 1 else 0
        yield frame(CONTINUATION if i else HEADERS, last | (0 if i else flags), stream, part)


def cpu_ms(worker):
    return int(pathlib.Path(f"/proc/{worker.pid}/schedstat").read_text().split()[0]) / 1e6


class Clients(H2Test):
    COUNT = 20

    def cost_ms(self, block):
        """CPU time of the worker for each of some clients that send the block."""
        before = cpu_ms(self.stage.worker)
        for _ in range(self.COUNT):
            client = http2.connect(self.stage.worker.port)
            try:
                client.send(*frames(1, block))
            except OSError:
                pass
            client.read_until(lambda: client.goaways or client.rst)
            if not client.rst:  # malformed before it was long: the stream alone ends
                self.goaway(client, ENHANCE_YOUR_CALM)
            client.close()
        return (cpu_ms(self.stage.worker) - before) / self.COUNT

    def test_a_bomb_ends_the_connection_before_it_is_decoded(self):
        start = encode(request())
        for name, block in (("valid", bomb(16000, start)), ("no pseudo-field", bomb(16000)),
                            ("white space", bomb(16000, start).replace(b"vv", b"v ", 1)),
                            ("upper case", bomb(16000, start).replace(b"x", b"X", 1)),
                            ("many frames", bomb(400000, start))):
            with self.subTest(name):
                # 28 to 40 ms where all of it is decoded; a connection alone costs some tenths.
                cost_ms = self.cost_ms(block)
                self.assertLess(cost_ms, 5)
        faults = self.stage.worker.stats()["request_faults"]
        self.assertGreaterEqual(faults["http2-flood"], self.COUNT)

    def test_a_block_that_nobody_reads_is_bounded_on_the_wire(self):
        """Of a stream that is ignored no field is told of: its block counts by its octets."""
        client = self.open()
        try:
            client.send(*frames(3, encode([("connection", "x")]) + b"\x82" * 300000))
        except OSError:
            pass
        self.goaway(client, ENHANCE_YOUR_CALM)

    def test_long_heads_are_refused_and_only_so_many_a_second(self):
        client = self.open()
        long = [("y", "z" * 4000)] * 10
        client.send(*frames(1, encode(request(extra=long))))
        client.wait(1)
        self.assertEqual((client.status(1), client.goaways), (431, []))
        for stream in range(3, 131, 2):
            try:
                client.send(*frames(stream, encode(request(extra=long))))
            except OSError:
                break
        self.goaway(client, ENHANCE_YOUR_CALM)

    def test_heads_within_the_limit_are_not_counted(self):
        client = self.open()
        usual = [("y", "z" * 4000)] * 3
        for stream in range(1, 161, 2):
            client.send(client.head(stream, request(extra=usual)))
            client.wait(stream)
            self.assertEqual(client.status(stream), 200)
        self.assertEqual(client.goaways, [])


class Backends(unittest.TestCase):
    def serve(self, blocks):
        """A backend whose answer is these blocks, and another of another host."""
        def handler(conn, _backend):
            server = Server(conn)
            for stream in server.requests():
                for block in blocks:
                    server.peer.send(*frames(stream, block, end=block is blocks[-1]))

        bad, good = Backend(handler), Backend(fixed(ANSWER))
        self.addCleanup(bad.close)
        self.addCleanup(good.close)
        self.worker = Worker(
            service("bad", [bad]) + service("good", [good])
            + [ingress("bad", {"/": "bad"}, host="bad.test",
                       annotations={"sluice.dev/backend-protocol": "h2c"}),
               ingress("good", {"/": "good"}, host="good.test")])
        self.addCleanup(self.worker.close)

    def check(self, wanted, cpu_ms_max):
        before = cpu_ms(self.worker)
        with self.worker.connect() as client, self.worker.connect() as other:
            client.sendall(get("/", host="bad.test"))
            time.sleep(0.05)
            self.assertEqual(exchange(other, get("/", host="good.test"))[0], 200)
            self.assertEqual(exchange(client, b"")[0], wanted)
        self.assertLess(cpu_ms(self.worker) - before, cpu_ms_max)

    def test_a_bomb_is_502_and_stops_nobody_else(self):
        start = encode([(":status", "200")])
        for name, block in (("1.6 MB", bomb(1600000, start)), ("one frame", bomb(16000, start)),
                            ("of an invalid field", bomb(1600000, start).replace(b"x", b"X", 1)),
                            ("ignored", bomb(1600000, encode([(":status", "200"), (":status", "200")])))):
            with self.subTest(name):
                self.serve([block])
                self.check(502, 100)  # 4,800 ms where all of it is decoded

    def test_some_interim_heads_pass(self):
        interim = encode([(":status", "103"), ("link", "x" * 100)])
        self.serve([interim] * 20 + [encode([(":status", "200")])])
        self.check(200, 1000)


if __name__ == "__main__":
    unittest.main()
