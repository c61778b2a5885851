# SPDX-License-Identifier: Apache-2.0
"""TLS passed through by server name: the backend ends it, whatever way the ClientHello comes."""

import json
import shutil
import socket
import ssl
import tempfile
import threading
import time
import unittest

from harness import Backend, Worker, echo, exchange, get, ingress, service
from tls_stage import Authority, client_context, served_with, tls_backend, tls_connect

PASS = {"sluice.dev/tls-passthrough": "true"}
BIG_HELLO = 1800  # bytes and more: of the size that post-quantum key shares make


def client_hello(name, big=False):
    """The first bytes of a client; big: of more than one segment."""
    context = client_context(alpn=["x" * 250] * 8 if big else ("http/1.1",))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def records(hello, size):
    """The same message in records of this size."""
    message = hello[5:]
    return b"".join(b"\x16\x03\x01" + len(message[i:i + size]).to_bytes(2, "big")
                    + message[i:i + size] for i in range(0, len(message), size))


def echo_bytes(conn, _backend):
    """Says what the client says, then that he has ended."""
    while data := conn.recv(65536):
        conn.sendall(data)
    conn.sendall(b"ended")


class Recorder:
    """Notes what arrives on each connection, to its end."""

    def __init__(self):
        self.seen = []
        self.new = threading.Condition()
        self.backend = Backend(self._serve)

    def _serve(self, conn, _backend):
        data = b""
        while more := conn.recv(65536):
            data += more
        with self.new:
            self.seen.append(data)
            self.new.notify()

    def take(self, count=1):
        with self.new:
            self.new.wait_for(lambda: len(self.seen) >= count, 10)
            seen, self.seen = self.seen, []
        return seen


class Passthrough(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="sluice-tls-")
        authority = Authority()
        cls.certificates = {"backend": authority.issue("pass.test"),
                            "ours": authority.issue("fallback.test")}
        cls.tls = tls_backend(echo("backend"), cls.certificates["backend"], cls.folder)
        cls.raw, cls.plain = Backend(echo_bytes), Backend(echo("plain"))
        cls.recorder = Recorder()
        cls.worker = Worker(
            service("tls", [cls.tls]) + service("raw", [cls.raw]) + service("plain", [cls.plain])
            + service("record", [cls.recorder.backend]) + service("none", [])
            + service("down", [], down=[("127.0.0.1", 1)])
            + service("partly", [cls.raw], down=[("127.0.0.1", 1)])
            + [ingress("pass", {"/": "tls"}, host="pass.test", annotations=PASS),
               ingress("star", {"/": "tls"}, host="*.star.test", annotations=PASS),
               ingress("raw", {"/": "raw"}, host="raw.test", annotations=PASS),
               ingress("record", {"/": "record"}, host="record.test", annotations=PASS),
               ingress("none", {"/": "none"}, host="none.test", annotations=PASS),
               ingress("down", {"/": "down"}, host="down.test", annotations=PASS),
               ingress("partly", {"/": "partly"}, host="partly.test", annotations=PASS),
               ingress("plain", {"/": "plain"}, host="plain.test"),
               cls.certificates["ours"].secret("fallback")], https=True)
        cls.port = cls.worker.https

    @classmethod
    def tearDownClass(cls):
        cls.worker.close()
        for backend in (cls.tls, cls.raw, cls.plain, cls.recorder.backend):
            backend.close()
        shutil.rmtree(cls.folder)

    def connect(self):
        conn = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.addCleanup(conn.close)
        return conn

    def assert_closed(self, conn, maybe=b""):
        """Nothing comes (but what begins so) until the end, or a reset."""
        got = b""
        try:
            while more := conn.recv(100):
                got += more
        except ConnectionResetError:
            pass
        self.assertIn(got[:1], (b"", maybe))

    def test_who_ends_the_tls(self):
        for name, wanted in (("pass.test", "backend"), ("PASS.test", "backend"),
                             ("a.star.test", "backend"), ("a.b.star.test", "ours"),
                             ("plain.test", "ours"), ("unknown.test", "ours"), (None, "ours")):
            with self.subTest(name):
                self.assertEqual(served_with(self.port, name), self.certificates[wanted].der())

    def test_requests_and_answers_go_through(self):
        before = self.worker.stats()
        with tls_connect(self.port, "pass.test") as conn:
            for _ in range(3):
                status, _, body = exchange(conn, get(host="pass.test"))[:3]
                self.assertEqual(status, 200)
                self.assertNotIn(b"X-Forwarded", body)
        with tls_connect(self.port, "plain.test") as conn:
            self.assertEqual(exchange(conn, get(host="plain.test"))[0], 200)
        after = self.worker.stats()
        self.assertEqual(after["tls_passthroughs"] - before["tls_passthroughs"], 1)
        self.assertEqual(after["requests"] - before["requests"], 1)

    def test_a_hello_cut_at_every_byte_arrives_as_it_was_sent(self):
        hello = client_hello("record.test")
        for at in range(1, len(hello), 1):
            with self.subTest(at=at):
                conn = self.connect()
                conn.sendall(hello[:at])
                conn.sendall(hello[at:])
                conn.shutdown(socket.SHUT_WR)
                self.assertEqual(self.recorder.take(), [hello])
                conn.close()

    def test_a_hello_octet_by_octet(self):
        hello = client_hello("record.test")
        conn = self.connect()
        for i in range(len(hello)):
            conn.sendall(hello[i:i + 1])
        conn.shutdown(socket.SHUT_WR)
        self.assertEqual(self.recorder.take(), [hello])

    def test_a_hello_in_many_records_and_a_big_one(self):
        big = client_hello("record.test", big=True)
        self.assertGreater(len(big), BIG_HELLO)
        for name, hello in (("records of 1", records(client_hello("record.test"), 1)),
                            ("records of 100", records(client_hello("record.test"), 100)),
                            ("big", big), ("big, records of 500", records(big, 500))):
            for pieces in ([hello], [hello[:7], hello[7:]], [hello[:1400], hello[1400:]]):
                with self.subTest(name, pieces=len(pieces)):
                    conn = self.connect()
                    for piece in pieces:
                        conn.sendall(piece)
                    conn.shutdown(socket.SHUT_WR)
                    self.assertEqual(self.recorder.take(), [hello])
                    conn.close()

    def test_both_directions_end_on_their_own(self):
        hello = client_hello("raw.test")
        conn = self.connect()
        sent = hello + bytes(range(256)) * 8000
        writer = threading.Thread(target=lambda: (conn.sendall(sent),
                                                  conn.shutdown(socket.SHUT_WR)))
        writer.start()
        got = b""
        while more := conn.recv(65536):
            got += more
        writer.join()
        self.assertEqual(got, sent + b"ended")

    def test_the_next_backend_where_one_is_down(self):
        hello = client_hello("partly.test")
        for _ in range(4):
            conn = self.connect()
            conn.sendall(hello)
            conn.shutdown(socket.SHUT_WR)
            got = b""
            while more := conn.recv(65536):
                got += more
            self.assertEqual(got, hello + b"ended")

    def test_closed_where_no_backend_is_to_be_had(self):
        for name in ("none.test", "down.test"):
            with self.subTest(name):
                conn = self.connect()
                conn.sendall(client_hello(name))
                self.assert_closed(conn)

    def test_what_is_no_tls_is_ours_to_refuse(self):
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x00", b"\x80\x2e\x01\x00\x02"):
            with self.subTest(data):
                conn = self.connect()
                conn.sendall(data)
                conn.shutdown(socket.SHUT_WR)
                self.assert_closed(conn, maybe=b"\x15")  # an alert

    def test_the_access_log_has_a_line_of_each(self):
        worker = Worker(service("raw", [self.raw]) + service("down", [], down=[("127.0.0.1", 1)])
                        + [ingress("raw", {"/": "raw"}, host="raw.test", annotations=PASS),
                           ingress("down", {"/": "down"}, host="down.test", annotations=PASS)],
                        "--access-log=json", https=True)
        self.addCleanup(worker.close)
        for name in ("raw.test", "down.test"):
            with socket.create_connection(("127.0.0.1", worker.https), timeout=10) as conn:
                try:
                    conn.sendall(client_hello(name))
                    conn.shutdown(socket.SHUT_WR)
                    while conn.recv(65536):
                        pass
                except OSError:
                    pass  # closed: there is no backend
        for _ in range(200):
            worker.stats()
            if len(worker.lines) == 2:
                break
            time.sleep(0.05)
        lines = [json.loads(line) for line in worker.lines]
        self.assertEqual([(line["method"], line["target"], line["host"], line["version"], line["upstream"])
                          for line in lines],
                         [("CONNECT", name, name, "TLS", f"default/{name[:-5]}:80")
                          for name in ("raw.test", "down.test")])
        self.assertEqual(lines[0]["status"], 200)
        self.assertGreater(lines[0]["bytes"], 200)  # what it was told, said back
        self.assertIn(lines[1]["status"], (502, 503, 504))
        self.assertIn("why", lines[1])

    def test_a_hello_that_ends_early_is_closed(self):
        conn = self.connect()
        conn.sendall(client_hello("raw.test")[:60])
        conn.shutdown(socket.SHUT_WR)
        self.assert_closed(conn)

    def test_plain_http_to_the_host_is_served_as_its_rules_say(self):
        with self.worker.connect() as conn:
            self.assertEqual(exchange(conn, get(host="plain.test"))[0], 200)


if __name__ == "__main__":
    unittest.main()
