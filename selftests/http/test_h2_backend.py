# SPDX-License-Identifier: Apache-2.0
"""Backends that speak HTTP/2, with HTTP/2 and HTTP/1.1 clients: streams, trailers, retries."""

import socket
import struct
import threading
import time
import unittest

import http2
from harness import Backend, Worker, get, ingress, read_body, read_head, service
from http2 import (ACK, CANCEL, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS,
                   INTERNAL_ERROR, PING, REFUSED_STREAM, RST_STREAM, WINDOW_UPDATE, encode, frame, request,
                   settings)

OK = encode([(":status", "200"), ("content-type", "application/grpc")])


def head(stream, block, end=False):
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block)


class Server:
    """One connection of a backend that speaks HTTP/2; on_head(server, stream, fields)."""

    def __init__(self, conn, said=()):
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        preface = b""
        while len(preface) < 24:
            more = conn.recv(24 - len(preface))
            if not more:
                raise ConnectionError("no preface")
            preface += more
        assert preface == http2.PREFACE, preface
        self.peer = http2.Client(conn, hello=False)
        self.peer.send(settings(*said))

    def requests(self):
        """Streams in the order in which their heads come."""
        known = 0
        while True:
            got = self.peer.read_frame()
            if got is None:
                return
            ids = [i for i, heads in self.peer.heads.items() if heads]
            while known < len(ids):
                yield ids[known]
                known += 1

    def body(self, stream):
        self.peer.read_until(lambda: stream in self.peer.ended)
        return bytes(self.peer.data[stream])


class Stage(unittest.TestCase):
    protocol = "h2c"

    def start(self, *handlers, flags=()):
        self.seen = []
        self.backends = [Backend(handler) for handler in handlers]
        self.worker = Worker(
            service("s", self.backends)
            + [ingress("i", {"/": "s"},
                       annotations={"sluice.dev/backend-protocol": self.protocol})],
            "--h2c", *flags)
        self.addCleanup(self.worker.close)
        for backend in self.backends:
            self.addCleanup(backend.close)

    def open(self):
        client = http2.connect(self.worker.port)
        self.addCleanup(client.close)
        return client

    def plain(self, answer):
        """Handler that notes each request and gives frames: answer(stream)."""
        def handler(conn, _backend):
            server = Server(conn)
            for stream in server.requests():
                body = server.body(stream)
                self.seen.append((server.peer.heads[stream], body))
                server.peer.send(answer(stream))
        return handler


class Backends(Stage):
    def test_a_request_comes_in_the_form_of_http2(self):
        self.start(self.plain(lambda stream: head(stream, OK) + frame(DATA, END_STREAM, stream,
                                                                       b"ok")))
        client = self.open()
        client.send(client.head(1, request("/a//b?c", "POST", extra=[
            ("te", "trailers"), ("x-a", "b")]), end=False), frame(DATA, END_STREAM, 1, b"hello"))
        client.wait(1)
        self.assertEqual((client.status(1), bytes(client.data[1])), (200, b"ok"))
        fields, body = self.seen[0][0][0], self.seen[0][1]
        self.assertEqual(fields[:4], [(":method", "POST"), (":scheme", "http"),
                                      (":authority", "a.test"), (":path", "/a//b?c")])
        names = [name for name, _ in fields]
        self.assertIn(("te", "trailers"), fields)
        self.assertIn(("x-a", "b"), fields)
        self.assertIn("x-forwarded-for", names)
        for name in ("host", "connection", "transfer-encoding"):
            self.assertNotIn(name, names)
        self.assertEqual(body, b"hello")

    def test_a_request_without_body_ends_with_its_head(self):
        self.start(self.plain(lambda stream: head(stream, OK, end=True)))
        with self.worker.connect() as conn:
            conn.sendall(get("/"))
            answer, rest = read_head(conn)
            self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer)
            self.assertEqual(read_body(conn, answer, rest)[0], b"")
        self.assertEqual(self.seen[0][1], b"")

    def test_trailers_reach_clients_of_both_versions(self):
        self.start(self.plain(lambda stream: head(stream, OK) + frame(DATA, 0, stream, b"ok")
                              + head(stream, encode([("grpc-status", "0")]), end=True)))
        client = self.open()
        client.send(client.head(1, request(method="POST", extra=[("te", "trailers")])))
        client.wait(1)
        self.assertEqual(client.heads[1][1:], [[("grpc-status", "0")]])
        self.assertEqual(bytes(client.data[1]), b"ok")
        with self.worker.connect() as conn:
            conn.sendall(get("/", extra="TE: trailers\r\nConnection: TE, close\r\n"))
            got = b""
            while True:
                more = conn.recv(65536)
                if not more:
                    break
                got += more
        self.assertTrue(got.endswith(b"2\r\nok\r\n0\r\ngrpc-status: 0\r\n\r\n"), got)

    def test_an_answer_of_trailers_alone_stays_one_head(self):
        self.start(self.plain(lambda stream: head(stream, encode([
            (":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "12")]),
            end=True)))
        client = self.open()
        client.send(client.head(1, request(method="POST", extra=[("te", "trailers")])))
        client.wait(1)
        last = [f for f in client.frames if f.stream == 1]
        self.assertEqual([f.type for f in last], [HEADERS])
        self.assertTrue(last[0].flags & END_STREAM)
        self.assertEqual(client.field(1, "grpc-status"), "12")

    def test_both_bodies_stream_at_once(self):
        def echo(conn, _backend):
            server = Server(conn)
            for stream in server.requests():
                server.peer.send(head(stream, OK))
                for _ in range(5):
                    done = len(server.peer.data[stream])
                    server.peer.read_until(lambda: len(server.peer.data[stream]) > done)
                    server.peer.send(frame(DATA, 0, stream,
                                           bytes(server.peer.data[stream][done:])))
                server.peer.send(head(stream, encode([("grpc-status", "0")]), end=True))
        self.start(echo)
        client = self.open()
        client.send(client.head(1, request(method="POST", extra=[("te", "trailers")]), end=False))
        client.read_until(lambda: client.heads[1])
        for i in range(5):  # each message is answered before the next is sent
            client.send(frame(DATA, 0, 1, b"%d" % i))
            client.read_until(lambda: len(client.data[1]) == i + 1)
        client.wait(1)
        self.assertEqual(bytes(client.data[1]), b"01234")
        self.assertEqual(client.field(1, "grpc-status"), "0")

    def test_many_streams_share_one_connection(self):
        gate = threading.Event()

        def handler(conn, _backend):
            server = Server(conn)
            streams = []
            for stream in server.requests():
                streams.append(stream)
                if len(streams) == 20:
                    gate.set()
                    for one in streams:
                        server.peer.send(head(one, OK, end=True))
        self.start(handler)
        warm = self.open()
        client = self.open()
        client.send(*[client.head(i, request()) for i in range(1, 21, 2)])
        warm.send(*[warm.head(i, request()) for i in range(1, 21, 2)])
        self.assertTrue(gate.wait(10))
        for one in (client, warm):
            for i in range(1, 21, 2):
                one.wait(i)
                self.assertEqual(one.status(i), 200)
        self.assertEqual(self.worker.stats()["upstream_connects"], 1)

    def test_what_a_backend_has_not_begun_is_sent_again(self):
        def goes(conn, _backend):
            server = Server(conn)
            for stream in server.requests():
                server.peer.send(frame(GOAWAY, 0, 0, struct.pack(">II", stream - 1, 0)))
        def refuses(conn, _backend):
            server = Server(conn)
            for stream in server.requests():
                server.peer.send(frame(RST_STREAM, 0, stream, struct.pack(">I", REFUSED_STREAM)))
        for name, handler in (("GOAWAY", goes), ("REFUSED_STREAM", refuses)):
            with self.subTest(name):
                self.start(handler, self.plain(lambda stream: head(stream, OK, end=True)))
                client = self.open()
                for i in range(1, 9, 2):
                    client.send(client.head(i, request(method="POST")))
                    client.wait(i)
                    self.assertEqual(client.status(i), 200)

    def test_a_response_cut_short_is_reset(self):
        self.start(self.plain(lambda stream: head(stream, OK) + frame(DATA, 0, stream, b"half")
                              + frame(RST_STREAM, 0, stream, struct.pack(">I", INTERNAL_ERROR))))
        client = self.open()
        client.send(client.head(1, request()))
        client.wait(1)
        self.assertEqual(client.rst[1], INTERNAL_ERROR)
        with self.worker.connect() as conn:
            conn.sendall(get("/"))
            got = b""
            try:
                while True:
                    more = conn.recv(65536)
                    if not more:
                        break
                    got += more
            except ConnectionResetError:
                got += b"reset"
            self.assertFalse(got.endswith(b"0\r\n\r\n"), got)

    def test_a_client_that_resets_cancels_the_stream_alone(self):
        cancelled = threading.Event()

        def handler(conn, _backend):
            server = Server(conn)
            for stream in server.requests():
                if dict(server.peer.heads[stream][0])[":path"] == "/slow":
                    server.peer.send(head(stream, OK) + frame(DATA, 0, stream, b"x"))
                    server.peer.read_until(lambda: stream in server.peer.rst)
                    if server.peer.rst.get(stream) == CANCEL:
                        cancelled.set()
                else:
                    server.peer.send(head(stream, OK, end=True))
        self.start(handler)
        client = self.open()
        client.send(client.head(1, request("/slow")))
        client.read_until(lambda: client.data[1])
        client.send(frame(RST_STREAM, 0, 1, struct.pack(">I", CANCEL)))
        self.assertTrue(cancelled.wait(10))
        client.send(client.head(3, request()))
        client.wait(3)
        self.assertEqual(client.status(3), 200)
        self.assertEqual(self.worker.stats()["upstream_connects"], 1)

    def test_large_bodies_pass_the_windows_of_both_sides(self):
        size = 600000

        def handler(conn, _backend):
            server = Server(conn)
            for stream in server.requests():
                while stream not in server.peer.ended:
                    got = server.peer.read_frame()
                    if got.type == DATA and got.payload:
                        more = struct.pack(">I", len(got.payload))
                        server.peer.send(frame(WINDOW_UPDATE, 0, 0, more),
                                         *([] if got.flags & END_STREAM
                                           else [frame(WINDOW_UPDATE, 0, stream, more)]))
                body = bytes(server.peer.data[stream])
                self.seen.append(body)
                server.peer.send(head(stream, OK, end=True))
        self.start(handler)
        body = bytes(range(256)) * (size // 256)
        with self.worker.connect() as conn:
            conn.sendall(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n"
                         % len(body) + body)
            answer, _ = read_head(conn)
            self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer)
        self.assertEqual(self.seen[0], body)

    def test_a_malformed_head_is_502(self):
        for name, fields in (("no :status", [("x", "y")]), ("upper case", [(":status", "200"),
                                                                          ("X", "y")]),
                             ("connection", [(":status", "200"), ("connection", "close")])):
            with self.subTest(name):
                self.start(self.plain(lambda stream: head(stream, encode(fields), end=True)))
                client = self.open()
                client.send(client.head(1, request(method="POST")))
                client.wait(1)
                self.assertEqual(client.status(1), 502)

    def test_a_backend_without_http2_is_502(self):
        def handler(conn, _backend):
            conn.recv(65536)
            conn.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        self.start(handler)
        client = self.open()
        client.send(client.head(1, request(method="POST")))
        client.wait(1)
        self.assertEqual(client.status(1), 502)

    def test_idle_connections_are_closed(self):
        closed = threading.Event()

        def handler(conn, _backend):
            server = Server(conn)
            for stream in server.requests():
                server.peer.send(head(stream, OK, end=True))
            closed.set()
        self.start(handler, flags=("--upstream-idle-timeout=200",))
        client = self.open()
        client.send(client.head(1, request()))
        client.wait(1)
        self.assertEqual(client.status(1), 200)
        self.assertTrue(closed.wait(10))


class Silent(Stage):
    """A backend of which nothing more is heard: its host is gone, or it hangs."""

    def falls_silent(self, conn, backend):
        """Answers on its first connection only what comes first, on others all."""
        first = backend.accepted == 1
        server = Server(conn)
        for count, stream in enumerate(server.requests()):
            server.peer.send(head(stream, OK, end=True))
            if first and not count:
                self.released.wait(30)
                return

    def start_silent(self, *flags):
        self.released = threading.Event()
        self.addCleanup(self.released.set)
        self.start(self.falls_silent, flags=flags)
        client = self.open()
        client.send(client.head(1, request()))
        client.wait(1)
        self.assertEqual(client.status(1), 200)
        return client

    def test_one_request_runs_out_of_time_and_no_other(self):
        client = self.start_silent("--response-timeout=500")
        statuses = []
        for stream in range(3, 23, 2):
            client.send(client.head(stream, request()))
            client.wait(stream)
            statuses.append(client.status(stream))
        self.assertEqual(statuses, [504] + [200] * 9)

    def test_what_waits_on_it_goes_elsewhere_without_an_answer_to_a_ping(self):
        client = self.start_silent("--response-timeout=20000")
        client.send(client.head(3, request()), client.head(5, request()))
        time.sleep(0.6)
        client.send(frame(RST_STREAM, 0, 5, struct.pack(">I", CANCEL)))
        began = time.monotonic()
        client.wait(3)
        self.assertEqual(client.status(3), 200)
        self.assertLess(time.monotonic() - began, 9)

    def test_a_backend_that_answers_the_ping_keeps_its_connection(self):
        pinged = threading.Event()

        def handler(conn, _backend):
            server = Server(conn)
            for stream in server.requests():
                if dict(server.peer.heads[stream][0])[":path"] != "/slow":
                    server.peer.send(head(stream, OK, end=True))
                    continue
                while server.peer.frames[-1].type != PING:
                    server.peer.read_frame()
                server.peer.send(frame(PING, ACK, 0, server.peer.frames[-1].payload))
                pinged.set()
        self.start(handler, flags=("--response-timeout=500",))
        client = self.open()
        client.send(client.head(1, request("/slow")))
        client.wait(1)
        self.assertEqual(client.status(1), 504)
        self.assertTrue(pinged.wait(10))
        time.sleep(0.2)
        client.send(client.head(3, request()))
        client.wait(3)
        self.assertEqual(client.status(3), 200)
        self.assertEqual(self.worker.stats()["upstream_connects"], 1)


class Cancelled(Stage):
    RESETS_MAX = 200  # on one connection: then this backend takes us for an attacker

    def guarded(self, conn, _backend):
        server = Server(conn)
        resets = 0
        for stream in self.heads_and_resets(server):
            if stream is None:
                resets += 1
                self.most = max(self.most, resets)
                if resets > self.RESETS_MAX:
                    server.peer.send(frame(GOAWAY, 0, 0, struct.pack(">II", 0, ENHANCE_YOUR_CALM)))
                    return
                continue
            path = dict(server.peer.heads[stream][0])[":path"]
            server.peer.send(head(stream, OK, end=path == "/"))
            if path == "/end":
                self.slow.send(frame(DATA, END_STREAM, self.slow_stream, b"whole"))
            elif path == "/slow":
                self.slow, self.slow_stream = server.peer, stream

    def heads_and_resets(self, server):
        while True:
            got = server.peer.read_frame()
            if got is None:
                return
            if got.type == HEADERS:
                yield got.stream
            elif got.type == RST_STREAM:
                yield None

    def test_clients_that_reset_do_not_end_the_streams_of_others(self):
        self.most = 0
        self.start(self.guarded, flags=("--http2-max-resets=100000",))
        good, hostile = self.open(), self.open()
        good.send(good.head(1, request("/slow")))
        good.read_until(lambda: good.heads[1])
        for stream in range(1, 1001, 2):
            hostile.send(hostile.head(stream, request("/x")))
            hostile.read_until(lambda: hostile.heads[stream])
            hostile.send(frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL)))
        good.send(good.head(3, request("/end")))
        good.wait(1)
        self.assertEqual((good.status(1), bytes(good.data[1])), (200, b"whole"))
        self.assertLess(self.most, self.RESETS_MAX)
        self.assertLess(self.worker.stats()["upstream_connects"], 20)


if __name__ == "__main__":
    unittest.main()
