# SPDX-License-Identifier: Apache-2.0
"""Rules about bodies on the way to the backend: trailers, expectations, early answers."""

import socket
import threading
import unittest

from harness import (Backend, Worker, exchange, field, fixed, get, ingress, read_body, read_head,
                     service)
from rules import ANSWER, Stage, splits, status_of

H = b"\r\nHost: a.test"
E = b"\r\n\r\n"
C = b"\r\nConnection: close"
CHUNKED = b"POST / HTTP/1.1" + H + C + b"\r\nTransfer-Encoding: chunked"
EXPECT = b"POST / HTTP/1.1" + H + b"\r\nExpect: 100-continue\r\nContent-Length: 5" + E


class Trailers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()

    @classmethod
    def tearDownClass(cls):
        cls.stage.close()

    def send(self, fields, trailers):
        request = CHUNKED + fields + E + b"2\r\nok\r\n0\r\n" + trailers + b"\r\n"
        for how, pieces in splits(request):
            with self.subTest(how):
                answer, _ = self.stage.talk(pieces)
                self.assertEqual(status_of(answer), 200, answer)
                (head, body), = self.stage.recorder.take()
                self.assertEqual(body, b"ok")
                yield head, self.stage.recorder.trailers

    def test_they_are_dropped_unless_trailers_are_spoken(self):
        for head, trailers in self.send(b"\r\nTrailer: X-Sum", b"X-Sum: 1\r\n"):
            self.assertEqual(trailers, [])
            self.assertNotIn(b"Trailer", head)

    def test_they_pass_where_trailers_are_spoken(self):
        for head, trailers in self.send(b"\r\nTE: trailers\r\nTrailer: X-Sum",
                                        b"X-Sum:  1 \r\nx-b: 2\r\n"):
            self.assertEqual(trailers, [b"X-Sum: 1", b"x-b: 2"])
            self.assertIn(b"\r\nTrailer: X-Sum\r\n", head)

    def test_they_are_dropped_where_connection_may_name_them(self):
        for head, trailers in self.send(b"\r\nConnection: TE, X-Sum\r\nTE: trailers\r\nTrailer: X-Sum",
                                        b"X-Sum: 1\r\n"):
            self.assertEqual(trailers, [])
            self.assertNotIn(b"Trailer", head)

    def test_nothing_that_frames_routes_or_authenticates_passes(self):
        names = [b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Authorization",
                 b"Cookie", b"X-Forwarded-For", b"X-Real-IP", b"Forwarded", b"TE", b"Trailer",
                 b"Expect", b"Content-Type", b"X_Sum", b"X-Request-ID", b"Proxy", b"X-Scheme",
                 b"X-Forwarded-Prefix", b"X-Original-URL"]
        lines = b"".join(name + b": 1\r\n" for name in names) + b"X-Sum: 1\r\n"
        for _, trailers in self.send(b"\r\nTE: trailers", lines):
            self.assertEqual(trailers, [b"X-Sum: 1"])

    def test_they_reach_the_next_backend_when_the_first_is_not_there(self):
        recorder = self.stage.recorder
        worker = Worker(service("s", [recorder.backend], down=[("127.0.0.1", 1)]) +
                        [ingress("i", {"/": "s"})])
        self.addCleanup(worker.close)
        for body in (b"", b"2\r\nok\r\n"):
            for _ in range(6):  # in turn, half of them begin at the one that is not there
                with worker.connect() as conn:
                    conn.sendall(CHUNKED + b"\r\nTE: trailers" + E + body + b"0\r\nX: y\r\n\r\n")
                    head, _ = read_head(conn)
                    self.assertEqual(status_of(head), 200)
                self.assertEqual(recorder.trailers, [b"X: y"])
        self.assertGreater(worker.stats()["upstream_retries"], 0)
        recorder.take()


class Expectations(unittest.TestCase):
    def serve(self, handler, *flags):
        backend = Backend(handler)
        self.addCleanup(backend.close)
        self.worker = Worker(service("s", [backend]) + [ingress("i", {"/": "s"}, host="a.test")],
                             *flags)
        self.addCleanup(self.worker.close)
        conn = self.worker.connect()
        self.addCleanup(conn.close)
        return conn

    def test_the_backends_100_reaches_the_client_before_the_body_is_sent(self):
        def handler(conn, _backend):
            head, rest = read_head(conn)
            self.assertIn(b"\r\nExpect: 100-continue\r\n", head)
            conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            while len(rest) < 5:
                rest += conn.recv(100)
            conn.sendall(ANSWER)

        conn = self.serve(handler)
        conn.sendall(EXPECT)
        head, rest = read_head(conn)
        self.assertEqual(head, b"HTTP/1.1 100 Continue\r\n\r\n")
        conn.sendall(b"hello")
        head, rest = read_head(conn, rest)
        self.assertEqual(status_of(head), 200)
        self.assertNotIn(b"Connection: close", head)

    def test_a_backend_that_sends_no_100_does_not_stop_the_client(self):
        def handler(conn, _backend):
            _, rest = read_head(conn)
            while len(rest) < 5:
                rest += conn.recv(100)
            conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" + ANSWER)  # too late to be of use

        conn = self.serve(handler)
        conn.sendall(EXPECT)
        head, rest = read_head(conn)
        self.assertEqual(head, b"HTTP/1.1 100 Continue\r\n\r\n")
        conn.sendall(b"hello")
        head, rest = read_head(conn, rest)
        self.assertEqual(status_of(head), 200)

    def test_a_final_answer_instead_of_100_closes(self):
        def handler(conn, _backend):
            read_head(conn)
            conn.sendall(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")

        conn = self.serve(handler)
        conn.sendall(EXPECT)
        head, _ = read_head(conn)
        self.assertEqual(status_of(head), 401)
        self.assertIn(b"\r\nConnection: close\r\n", head)

    def test_it_means_nothing_in_http_1_0_or_without_a_body(self):
        for request in (b"POST / HTTP/1.0" + H + b"\r\nExpect: 100-continue\r\nContent-Length: 2" + E
                        + b"ok",
                        b"GET / HTTP/1.1" + H + C + b"\r\nExpect: 100-continue" + E):
            stage = Stage()
            try:
                answer, _ = stage.talk([request])
                self.assertEqual(status_of(answer), 200)
                self.assertNotIn(b"Expect", stage.recorder.take()[0][0])
            finally:
                stage.close()

    def test_an_early_answer_is_sent_on_and_the_rest_of_the_body_read_away(self):
        def handler(conn, _backend):
            read_head(conn)
            conn.sendall(ANSWER)
            while conn.recv(65536):
                pass

        conn = self.serve(handler)
        for _ in range(3):
            conn.sendall(b"POST / HTTP/1.1" + H + b"\r\nContent-Length: 100000" + E + b"x" * 50000)
            head, rest = read_head(conn)
            self.assertEqual(status_of(head), 200)
            while len(rest) < 2:
                rest += conn.recv(10)
            conn.sendall(b"x" * 50000)  # then the next request, on the same connection

    def test_an_answer_passes_whole_from_a_backend_that_reads_no_more(self):
        def handler(conn, _backend):
            read_head(conn)
            conn.sendall(b"HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 50000\r\n\r\n"
                         + b"y" * 50000)
            # Closing with bytes unread resets the connection.

        conn = self.serve(handler)
        for number in range(10):
            with self.subTest(number), self.worker.connect() as conn:
                sender = threading.Thread(target=self.send_all, args=(
                    conn, b"POST / HTTP/1.1" + H + b"\r\nContent-Length: 8000000" + E + b"x" * 8000000))
                sender.start()
                head, rest = read_head(conn)
                self.assertEqual(status_of(head), 413)
                self.assertEqual(len(read_body(conn, head, rest)[0]), 50000)
                conn.shutdown(socket.SHUT_RDWR)
                sender.join()

    @staticmethod
    def send_all(conn, data):
        try:
            conn.sendall(data)
        except OSError:
            pass  # nobody reads any more

    def test_an_own_answer_says_close_where_the_body_is_too_much_to_drop(self):
        self.serve(fixed(ANSWER))
        for size, said in ((1000, None), (1000000, "close")):
            with self.subTest(size), self.worker.connect() as conn:
                conn.sendall(b"POST / HTTP/1.1\r\nHost: other.test\r\nContent-Length: %d" % size + E)
                head, rest = read_head(conn)
                self.assertEqual(status_of(head), 404)
                self.assertEqual(field(head, "connection"), said)
                read_body(conn, head, rest)
                conn.sendall(b"x" * size)
                if not said:
                    self.assertEqual(exchange(conn, get(host="other.test"))[0], 404)

    def test_a_refused_body_of_any_size_does_not_take_the_answer_away(self):
        backend = Backend(lambda conn, _: read_head(conn))
        self.addCleanup(backend.close)
        worker = Worker(service("s", [backend]) + [
            ingress("i", {"/": "s"}, annotations={"sluice.dev/proxy-body-size": "1k"})])
        self.addCleanup(worker.close)
        size = 32 << 20
        for framing, body in ((b"Content-Length: %d" % size, b"x" * size),
                              (b"Transfer-Encoding: chunked", b"%x\r\n" % size + b"x" * size)):
            with self.subTest(framing), worker.connect() as conn:
                conn.sendall(b"POST / HTTP/1.1" + H + b"\r\n" + framing + E + body)
                conn.shutdown(socket.SHUT_WR)
                head, _ = read_head(conn)
                self.assertEqual(status_of(head), 413)
        self.assertEqual(worker.stats()["request_faults"], {"body-long": 2})


if __name__ == "__main__":
    unittest.main()
