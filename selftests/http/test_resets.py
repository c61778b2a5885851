# SPDX-License-Identifier: Apache-2.0
"""Either side gone at any state, slow, or half shut: the other is told, and nothing is left behind."""

import json
import os
import socket
import struct
import threading
import time
import unittest
from unittest import mock

import http2
from harness import Backend, Worker, exchange, get, ingress, read_head, service
from rules import ANSWER, status_of
from tls_stage import tls_connect

E = b"\r\n\r\n"
HEAD = b"POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n"
POST = HEAD + b"Content-Length: 10" + E
CHUNKED = HEAD + b"TE: trailers\r\nTransfer-Encoding: chunked" + E
SOCKET = get(extra="Connection: upgrade\r\nUpgrade: websocket\r\n")
SWITCH = b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket" + E
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 10" + E


def reset(conn):
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()


# What a client says before it goes, what its backend has said by then.
CLIENT_STATES = [
    ("before a byte", b"", b""), ("within the empty line", b"\r", b""), ("within a head", get()[:20], b""),
    ("waiting for an answer", get(), b""), ("within a body", POST + b"hello", b""),
    ("within chunks", CHUNKED + b"5\r\nhel", b""), ("within trailers", CHUNKED + b"1\r\na\r\n0\r\nX: y\r\n", b""),
    ("behind a body", POST + b"0123456789", b""), ("within the head of the answer", get(), OK[:20]),
    ("after an interim answer", get(), b"HTTP/1.1 103 E" + E), ("within the answer", get(), OK + b"hello"),
    ("within an answer in chunks", get(), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" + E + b"5\r\nhe"),
    ("with the next one waiting", get() + get("/2"), b""), ("in a tunnel", SOCKET, SWITCH + b"x"),
    ("early answer", POST + b"hello", ANSWER), ("idle", get(), ANSWER), ("refused", b"GET\r\n", b""),
]
SHUT_IS_GONE = {"before a byte", "within the empty line", "within a head", "within a body",
                "within chunks", "within trailers", "idle", "refused"}


class Gone(unittest.TestCase):
    def setUp(self):
        self.say, self.heard = b"", threading.Event()
        self.backend = Backend(self.handler)
        self.addCleanup(self.backend.close)
        self.worker = Worker(service("s", [self.backend]) + [ingress("i", {"/": "s"})],
                             "--upstream-idle-max=0")
        self.addCleanup(self.worker.close)

    def handler(self, conn, _backend):
        read_head(conn)
        conn.sendall(self.say)
        self.heard.set()
        while conn.recv(65536):
            pass

    def assert_nothing_left(self):
        for _ in range(200):
            stats = self.worker.stats()
            if stats["conns_open"] == 0 and stats["upstream_conns_open"] == 0:
                return
            time.sleep(0.05)
        self.fail(stats)

    def test_a_client_may_go_at_any_state_in_any_way(self):
        for name, said, answered in CLIENT_STATES:
            for how in ("reset", "close", "half"):
                # Who has shut his side may still read, so he is owed what he asked for: only a
                # reset says that he is gone. In the other states the end of his side says enough.
                if how != "reset" and name not in SHUT_IS_GONE:
                    continue
                with self.subTest(f"{name}, {how}"):
                    self.say = answered
                    self.heard.clear()
                    conn = self.worker.connect()
                    conn.sendall(said)
                    if said.startswith((b"GET /", b"POST /")) and E in said:
                        self.assertTrue(self.heard.wait(10))
                    if answered.startswith(SWITCH[:12]) and len(answered) > 20:
                        self.assertTrue(conn.recv(1))
                    if how == "reset":
                        reset(conn)
                    elif how == "close":
                        conn.close()
                    else:
                        conn.shutdown(socket.SHUT_WR)
                    self.assert_nothing_left()
                    conn.close()

    def test_a_backend_may_go_at_any_state_in_any_way(self):
        kill = threading.Event()

        def handler(conn, _backend):
            read_head(conn)
            conn.sendall(self.say)
            if self.how == "reset":
                # Behind what was said, or it would be lost with it.
                kill.wait(10)
                reset(conn)

        backend = Backend(handler)
        self.addCleanup(backend.close)
        # A kept connection may be reset under the next request, which is another matter.
        worker = Worker(service("s", [backend]) + [ingress("i", {"/": "s"})],
                        "--upstream-idle-max=0")
        self.addCleanup(worker.close)
        for request in (get(extra="Connection: close\r\n"), POST + b"hello", POST + b"0123456789", CHUNKED + b"5\r\nhello\r\n"):
            for said, status, whole in (
                    (b"", 502, True), (OK[:20], 502, True), (b"HTTP/1.1 103 E" + E, 502, True),
                    (OK, 200, False), (OK + b"hello", 200, False), (OK + b"0123456789", 200, True),
                    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" + E + b"5\r\nhello\r\n", 200, False)):
                for self.how in ("close", "reset"):
                    with self.subTest(f"{request[-20:]} {said[-20:]} {self.how}"):
                        self.say = said
                        kill.clear()
                        with worker.connect() as conn:
                            conn.sendall(request)
                            got, was_reset = b"", False
                            try:
                                if said.startswith(OK):
                                    got = conn.recv(65536)
                                kill.set()
                                while more := conn.recv(65536):
                                    got += more
                            except OSError:
                                was_reset = True
                        final = got[got.rfind(b"HTTP/1.1 "):]
                        if whole:
                            self.assertEqual((status_of(final), was_reset), (status, False))
                        else:
                            self.assertTrue(was_reset, got)
        self.say, self.how = OK + b"0123456789", "close"
        with worker.connect() as conn:
            self.assertEqual(exchange(conn, get())[0], 200)


class Slow(unittest.TestCase):
    def setUp(self):
        # What a sanitizer holds back of memory that was freed is none that the helper holds.
        held = mock.patch.dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=1")
        held.start()
        self.addCleanup(held.stop)

    def serve(self, handler):
        backend = Backend(handler)
        self.addCleanup(backend.close)
        self.worker = Worker(service("s", [backend]) + [ingress("i", {"/": "s"})])
        self.addCleanup(self.worker.close)

    def test_a_slow_reader_costs_the_helper_no_memory(self):
        size = 64 << 20

        def handler(conn, _backend):
            read_head(conn)
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d" % size + E)
            for _ in range(64):
                conn.sendall(b"x" * (1 << 20))

        self.serve(handler)
        before = self.worker.rss_kb()
        conns = [self.worker.connect(timeout_s=60) for _ in range(8)]
        for conn in conns:
            conn.sendall(get())
            self.assertEqual(status_of(conn.recv(40)), 200)
        # Most of what could be sent waits in the sockets of the two connections by now.
        self.assertLess(self.worker.rss_kb() - before, 8 << 10)
        for conn in conns[1:]:
            conn.close()
        got = 40
        while got < size:
            more = len(conns[0].recv(1 << 20))
            self.assertGreater(more, 0)
            got += more
        conns[0].close()

    def test_a_slow_writer_is_waited_for(self):
        seen = []

        def handler(conn, _backend):
            head, rest = read_head(conn)
            while len(rest) < 10:
                rest += conn.recv(100)
            seen.append(rest)
            for i in range(len(ANSWER)):
                conn.sendall(ANSWER[i:i + 1])
                time.sleep(0.002)

        self.serve(handler)
        with self.worker.connect() as conn:
            for octet in POST + b"0123456789":
                conn.sendall(bytes([octet]))
                time.sleep(0.002)
            head, rest = read_head(conn)
            self.assertEqual(status_of(head), 200)
            while len(rest) < 2:
                rest += conn.recv(10)
            self.assertEqual((rest, seen), (b"ok", [b"0123456789"]))


def read_to_end(conn):
    got = b""
    try:
        while more := conn.recv(65536):
            got += more
    except BrokenPipeError:
        pass  # OpenSSL 3.5 wants to send an alert at an end without close_notify
    return got


class GaveUp(unittest.TestCase):
    """A client that closes while its backend works sends what one sends that only shuts its side."""

    def setUp(self):
        self.asked, self.gone = threading.Semaphore(0), threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)
        backend = Backend(self.handler)
        self.addCleanup(backend.close)
        self.worker = Worker(service("s", [backend]) + [ingress("i", {"/": "s"})],
                             "--access-log=json", "--h2c", https=True)
        self.addCleanup(self.worker.close)

    def handler(self, conn, _backend):
        """Answers what /say holds when it is let; else waits for the end of the connection."""
        rest = b""
        while True:
            head, rest = read_head(conn, rest)
            if head is None:
                return
            self.asked.release()
            if b" /wait" in head:
                conn.recv(1)
                self.gone.release()
                return
            self.go_on.acquire(timeout=10)
            conn.sendall(self.say)
            if not self.say:
                return

    def raw(self):
        return self.worker.connect()

    def secure(self):
        return tls_connect(self.worker.https)

    def logged(self):
        for _ in range(100):
            self.worker.stats()
            if self.worker.lines:
                line = json.loads(self.worker.lines.pop(0))
                return line["status"], line.get("why")
            time.sleep(0.05)
        return None

    def test_a_client_that_closes_while_its_backend_works_is_noticed(self):
        h2 = http2.PREFACE + http2.settings() + http2.frame(
            http2.HEADERS, http2.END_HEADERS | http2.END_STREAM, 1, http2.encode(http2.request("/wait")))
        for name, connect, request in (
                ("HTTP/1.1", self.raw, get("/wait")), ("HTTP/1.0", self.raw, get("/wait", version="1.0")),
                ("with one that is pipelined", self.raw, get("/wait") + get("/never")),
                ("TLS", self.secure, get("/wait")), ("HTTP/2", self.raw, h2)):
            with self.subTest(name):
                conn = connect()
                conn.sendall(request)
                self.assertTrue(self.asked.acquire(timeout=10))
                if name == "HTTP/2":  # unread bytes would be answered by a reset at once
                    conn.settimeout(0.3)
                    with self.assertRaises(TimeoutError):
                        while conn.recv(65536):
                            pass
                conn.close()
                self.assertTrue(self.gone.acquire(timeout=5), "the backend works on")
                self.assertEqual(self.logged(), (499, "the client is gone"))

    def test_one_that_reads_on_gets_its_answer_as_it_is(self):
        early, malformed = b"HTTP/1.1 103 Early" + E, b"nonsense" + E
        for say, asked, wanted in (
                (ANSWER, get(), rb"HTTP/1\.1 200 OK\r\n"), (ANSWER, get(version="1.0"), rb"HTTP/1\.1 200 OK\r\n"),
                (early + ANSWER, get(), rb"HTTP/1\.1 103 Early\r\n\r\nHTTP/1\.1 200 OK\r\n"),
                (ANSWER, get() + get(), rb"HTTP/1\.1 200 OK\r\n[^/]*\r\n\r\nokHTTP/1\.1 200 OK\r\n"),
                (malformed, get(), rb"HTTP/1\.1 502 Bad Gateway\r\n"), (b"", get(), rb"HTTP/1\.1 502 Bad Gateway\r\n")):
            for connect in (self.raw, self.secure):
                with self.subTest(f"{say[:20]} {asked[:20]} {connect.__name__}"), connect() as conn:
                    self.say = say
                    conn.sendall(asked)
                    with socket.socket(fileno=os.dup(conn.fileno())) as plain:
                        plain.shutdown(socket.SHUT_WR)
                    for _ in range(asked.count(b"GET ")):
                        self.assertTrue(self.asked.acquire(timeout=10))
                        time.sleep(0.1)
                        self.go_on.release()
                    got = read_to_end(conn)
                    self.assertRegex(got, rb"\A" + wanted + rb"((?!HTTP/)[\s\S])*\r\n\r\n(ok|502 .*\n)\Z")


if __name__ == "__main__":
    unittest.main()
