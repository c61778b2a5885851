# SPDX-License-Identifier: Apache-2.0
"""Limits and times of the helper: what happens at each of them, and that it is counted."""

import socket
import time
import unittest

from harness import (Backend, Worker, echo, exchange, field, fixed, get, ingress, read_head,
                     service)
from rules import ANSWER, status_of

E = b"\r\n\r\n"
HEAD = b"POST / HTTP/1.1\r\nHost: a.test\r\n"


def ended(conn):
    """True once the other side has closed; what it still sends is thrown away."""
    try:
        while conn.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def silent(conn, _backend):
    """Reads, and never answers."""
    while conn.recv(65536):
        pass


class Scene(unittest.TestCase):
    def serve(self, handler, *flags, annotations=None):
        backend = Backend(handler)
        self.addCleanup(backend.close)
        worker = Worker(service("s", [backend]) + [ingress("i", {"/": "s"}, annotations=annotations)],
                        *flags)
        self.addCleanup(worker.close)
        return worker

    def connect(self, worker):
        conn = worker.connect()
        self.addCleanup(conn.close)
        return conn

    def assert_unavailable(self, conn):
        head, _ = read_head(conn)
        self.assertEqual(status_of(head), 503)
        self.assertEqual(field(head, "retry-after"), "1")
        self.assertEqual(field(head, "connection"), "close")


class Numbers(Scene):
    def test_conns_above_the_limit_are_told_503_and_others_served_on(self):
        worker = self.serve(echo(), "--max-conns=16")
        held = [self.connect(worker) for _ in range(16)]
        for conn in held:
            self.assertEqual(exchange(conn, get())[0], 200)
        late = self.connect(worker)
        late.sendall(get())
        self.assert_unavailable(late)
        self.assertTrue(ended(late))
        self.assertEqual(exchange(held[0], get())[0], 200)
        self.assertEqual(worker.stats()["request_faults"], {"conns": 1})
        held.pop().close()
        self.serves_again(worker)

    def serves_again(self, worker):
        """A place that was given up is taken by the next one; when is up to the loop."""
        for _ in range(100):
            with worker.connect() as conn:
                if exchange(conn, get())[0] == 200:
                    return
            time.sleep(0.05)
        self.fail("no conn was taken after one had ended")

    def test_conns_of_one_address_above_its_limit_are_told_503(self):
        worker = self.serve(echo(), "--max-conns-source=4")
        held = [self.connect(worker) for _ in range(4)]
        for conn in held:
            self.assertEqual(exchange(conn, get())[0], 200)
        late = self.connect(worker)
        late.sendall(get())
        self.assert_unavailable(late)
        other = socket.create_connection(("127.0.0.1", worker.port), source_address=("127.0.0.2", 0))
        self.addCleanup(other.close)
        self.assertEqual(exchange(other, get())[0], 200)
        self.assertEqual(worker.stats()["request_faults"], {"conns-source": 1})
        late.close()
        held.pop().close()
        self.serves_again(worker)

    def test_one_address_holds_at_most_twice_its_limit(self):
        worker = self.serve(echo(), "--max-conns-source=4")
        conns = [self.connect(worker) for _ in range(50)]
        for conn in conns[8:]:
            self.assertTrue(ended(conn))
        self.assertEqual(worker.stats()["conns_open"], 8)

    def test_trusted_peers_speak_for_many(self):
        worker = self.serve(echo(), "--max-conns-source=2", "--trust=127.0.0.0/8")
        for conn in [self.connect(worker) for _ in range(8)]:
            self.assertEqual(exchange(conn, get())[0], 200)

    def test_the_last_request_of_a_conn_says_so(self):
        worker = self.serve(echo(), "--max-requests-conn=3")
        conn = self.connect(worker)
        conn.sendall(get() * 5)
        rest = b""
        for expected in (None, None, "close"):
            status, head, _, rest = exchange(conn, b"", rest)
            self.assertEqual((status, field(head, "connection")), (200, expected))
        self.assertEqual(rest, b"")
        self.assertTrue(ended(conn))
        conn = self.connect(worker)
        for expected in (None, None, "close"):
            _, head, _, _ = exchange(conn, get("/..").replace(b"/..", b"*").replace(b"GET", b"OPTIONS"))
            self.assertEqual(field(head, "connection"), expected)

    def test_requests_above_the_limit_of_buffers_are_told_503(self):
        worker = self.serve(silent, "--max-buffers=8")
        for _ in range(8):  # each waits for its answer, with its head kept for a retry
            self.connect(worker).sendall(get())
        late = self.connect(worker)
        for _ in range(100):
            late = self.connect(worker)
            late.settimeout(0.2)
            late.sendall(get())
            try:
                self.assert_unavailable(late)
                break
            except TimeoutError:
                continue
        else:
            self.fail("no request was refused")
        self.assertIn("buffers", worker.stats()["request_faults"])

    def test_flags_set_the_limits_of_the_head(self):
        worker = self.serve(echo(), "--max-head=9000", "--max-target=8000", "--max-fields=10")
        for name, request, status in (
                ("target", get("/" + "x" * 7999), 200), ("long target", get("/" + "x" * 8000), 414),
                ("head", get(extra="X: " + "y" * 8900 + "\r\n"), 200),
                ("long head", get(extra="X: " + "y" * 9000 + "\r\n"), 431),
                ("fields", get(extra="X: y\r\n" * 9), 200),
                ("many fields", get(extra="X: y\r\n" * 10), 431)):
            with self.subTest(name):
                self.assertEqual(exchange(self.connect(worker), request)[0], status)
        faults = worker.stats()["request_faults"]
        self.assertEqual(faults, {"target-long": 1, "head-long": 1, "fields-many": 1})

    def test_a_body_over_the_limit_is_refused_where_it_is_seen(self):
        worker = self.serve(fixed(ANSWER), "--max-body=10",
                            annotations={"sluice.dev/proxy-body-size": "20"})
        for name, framing, body, status in (
                ("length", b"Content-Length: 20", b"x" * 20, 200),
                ("long length", b"Content-Length: 21", b"", 413),
                ("chunks", b"Transfer-Encoding: chunked", b"14\r\n" + b"x" * 20 + b"\r\n0" + E, 200),
                ("long chunks", b"Transfer-Encoding: chunked", b"15\r\n" + b"x" * 21, 413),
                ("expectation", b"Expect: 100-continue\r\nContent-Length: 21", b"", 413)):
            with self.subTest(name):
                self.assertEqual(exchange(self.connect(worker), HEAD + framing + E + body)[0], status)
        worker = self.serve(fixed(ANSWER), "--max-body=10")
        self.assertEqual(exchange(self.connect(worker), HEAD + b"Content-Length: 11" + E)[0], 413)
        worker = self.serve(fixed(ANSWER), "--max-body=10",
                            annotations={"sluice.dev/proxy-body-size": "0"})
        self.assertEqual(exchange(self.connect(worker), HEAD + b"Content-Length: 11" + E + b"x" * 11)[0],
                         200)


class Times(Scene):
    """Each with a limit of a fraction of a second: what is looked at is what comes then."""

    def test_a_head_has_a_time_in_all_however_often_a_byte_comes(self):
        worker = self.serve(echo(), "--client-head-timeout=300")
        conn = self.connect(worker)
        conn.sendall(b"GET / HTTP/1.1\r\nX: ")
        conn.settimeout(0.05)
        answer = b""
        while not answer:  # bytes keep coming: a limit of gaps would never be reached
            conn.sendall(b"y")
            try:
                answer = conn.recv(65536)
            except TimeoutError:
                pass
        self.assertEqual(status_of(answer), 408)
        self.assertEqual(worker.stats()["request_faults"], {"head-time": 1})

    def test_who_says_nothing_is_closed_without_a_word(self):
        worker = self.serve(echo(), "--client-head-timeout=100", "--client-idle-timeout=100")
        conn = self.connect(worker)
        self.assertEqual(conn.recv(100), b"")
        conn = self.connect(worker)
        self.assertEqual(exchange(conn, get())[0], 200)
        self.assertEqual(conn.recv(100), b"")
        self.assertEqual(worker.stats()["request_faults"], {})

    def test_a_request_body_that_stands_still_is_408(self):
        worker = self.serve(silent, "--body-timeout=100")
        for framing in (b"Content-Length: 10", b"Transfer-Encoding: chunked"):
            conn = self.connect(worker)
            conn.sendall(HEAD + framing + E + b"5\r\n")
            head, _ = read_head(conn)
            self.assertEqual(status_of(head), 408)
        self.assertEqual(worker.stats()["request_faults"], {"body-time": 2})

    def test_a_backend_that_does_not_answer_is_504(self):
        worker = self.serve(silent, "--response-timeout=100")
        self.assertEqual(exchange(self.connect(worker), get())[0], 504)
        worker = self.serve(silent, annotations={"sluice.dev/response-timeout": "100ms"})
        self.assertEqual(exchange(self.connect(worker), get())[0], 504)
        self.assertEqual(worker.stats()["timeouts"], 1)

    def test_interim_answers_do_not_hold_up_the_time_for_an_answer(self):
        def handler(conn, _backend):
            read_head(conn)
            while True:
                conn.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
                time.sleep(0.02)

        worker = self.serve(handler, "--response-timeout=300")
        self.assertEqual(exchange(self.connect(worker), get())[0], 504)

    def test_a_response_body_that_stands_still_is_aborted(self):
        def handler(conn, _backend):
            read_head(conn)
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            silent(conn, _backend)

        for worker in (self.serve(handler, "--body-timeout=100"),
                       self.serve(handler, annotations={"sluice.dev/idle-timeout": "100ms"})):
            conn = self.connect(worker)
            conn.sendall(get())
            with self.assertRaises(ConnectionResetError):
                while conn.recv(65536):
                    pass

    def test_a_client_that_does_not_read_is_aborted(self):
        def handler(conn, _backend):
            read_head(conn)
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            conn.sendall(b"x" * 100000000)

        worker = self.serve(handler, "--body-timeout=200")
        conn = self.connect(worker)
        conn.sendall(get())
        conn.recv(100)
        for _ in range(200):
            if worker.stats()["conns_open"] == 0:
                break
            time.sleep(0.05)
        else:
            self.fail("the conn is still held")
        self.assertEqual(worker.stats()["timeouts"], 1)

    def test_a_tunnel_in_which_nothing_moves_is_ended(self):
        def handler(conn, _backend):
            read_head(conn)
            conn.sendall(b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
            silent(conn, _backend)

        worker = self.serve(handler, "--tunnel-idle-timeout=100")
        conn = self.connect(worker)
        conn.sendall(get(extra="Connection: upgrade\r\nUpgrade: websocket\r\n"))
        head, _ = read_head(conn)
        self.assertEqual(status_of(head), 101)
        self.assertTrue(ended(conn))

    def test_a_kept_connection_to_a_backend_is_ended_when_idle(self):
        worker = self.serve(echo(), "--upstream-idle-timeout=100")
        self.assertEqual(exchange(self.connect(worker), get())[0], 200)
        for _ in range(100):
            if worker.stats()["upstream_conns_open"] == 0:
                return
            time.sleep(0.05)
        self.fail("it is still open")

    def test_a_backend_that_cannot_be_connected_to_is_504_in_time(self):
        # A listener whose queue is full takes no more connections, and refuses none.
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            held = []
            for _ in range(4):
                conn = socket.socket()
                conn.setblocking(False)
                conn.connect_ex(full.getsockname())
                held.append(conn)
            worker = Worker(service("s", [], down=[full.getsockname()]) + [ingress("i", {"/": "s"})],
                            "--connect-timeout=100")
            self.addCleanup(worker.close)
            self.assertEqual(exchange(self.connect(worker), get())[0], 504)
            for conn in held:
                conn.close()


if __name__ == "__main__":
    unittest.main()
