# SPDX-License-Identifier: Apache-2.0
"""WebSockets: by Upgrade over HTTP/1.1 and by extended CONNECT over HTTP/2 (RFC 8441); tunnels that
close half by half, and what is no tunnel."""

import base64
import hashlib
import socket
import struct
import threading
import unittest

import http2
from harness import Backend, Worker, field, ingress, read_head, service
from http2 import CANCEL, CONNECT_ERROR, DATA, END_STREAM, RST_STREAM, frame

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 4.2.2
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
CONNECT = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"),
           (":authority", "a.test"), (":path", "/chat?x"), ("sec-websocket-version", "13"),
           ("sec-websocket-protocol", "echo"), ("origin", "http://a.test")]


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


class WebSockets(unittest.TestCase):
    def start(self, serve=None, *flags, answer=None):
        """serve(conn) has the tunnel; answer(key) is the whole head in place of a right 101."""
        self.heads, self.ended = [], threading.Event()

        def handler(conn, _backend):
            head, rest = read_head(conn)
            if head is None:
                return
            self.heads.append(head)
            key = field(head, "sec-websocket-key") or ""
            conn.sendall(answer(key) if answer else (
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                f"Sec-WebSocket-Accept: {accept_of(key)}\r\nSec-WebSocket-Protocol: echo\r\n\r\n"
            ).encode())
            try:
                if serve:
                    serve(conn, rest)
            finally:
                self.ended.set()

        self.backend = Backend(handler)
        self.addCleanup(self.backend.close)
        self.worker = Worker(self.objects(), "--h2c", *flags)
        self.addCleanup(self.worker.close)

    def objects(self, path="/"):
        return service("s", [self.backend]) + [ingress("i", {path: "s"})]

    @staticmethod
    def echo(conn, rest):
        """Gives back what comes; at its end says so and ends as well."""
        while True:
            if rest:
                conn.sendall(rest)
            rest = conn.recv(65536)
            if not rest:
                conn.sendall(b"bye")
                return

    def upgrade(self, extra="", rest=b""):
        conn = self.worker.connect()
        self.addCleanup(conn.close)
        conn.sendall((f"GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, Upgrade\r\n"
                      f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                      f"Sec-WebSocket-Key: {KEY}\r\n{extra}\r\n").encode() + rest)
        head, rest = read_head(conn)
        return conn, head, rest

    def extended(self, fields=None):
        client = http2.connect(self.worker.port)
        self.addCleanup(client.close)
        client.read_until(lambda: client.settings)
        self.assertEqual(client.settings[http2.ENABLE_CONNECT_PROTOCOL], 1)
        client.send(client.head(1, fields or CONNECT, end=False))
        return client

    def read(self, conn, size):
        got = b""
        while len(got) < size:
            more = conn.recv(65536)
            if not more:
                break
            got += more
        return got

    # ---- HTTP/1.1

    def test_upgrade_tunnels_both_ways_and_closes_half_by_half(self):
        self.start(self.echo)
        conn, head, rest = self.upgrade(rest=b"early")
        self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)
        self.assertEqual(field(head, "sec-websocket-accept"), accept_of(KEY))
        self.assertEqual(field(self.heads[0], "upgrade"), "websocket")
        self.assertEqual(rest + self.read(conn, 5 - len(rest)), b"early")
        for i in range(20):
            conn.sendall(b"%03d" % i)
            self.assertEqual(self.read(conn, 3), b"%03d" % i)
        conn.shutdown(socket.SHUT_WR)
        self.assertEqual(self.read(conn, 100), b"bye")

    def test_the_backend_may_end_its_half_first(self):
        got = []

        def serve(conn, _rest):
            conn.sendall(b"last")
            conn.shutdown(socket.SHUT_WR)
            got.append(self.read(conn, 100))

        self.start(serve)
        conn, _, rest = self.upgrade()
        self.assertEqual(rest + self.read(conn, 100), b"last")
        conn.sendall(b"still here")
        conn.shutdown(socket.SHUT_WR)
        self.assertTrue(self.ended.wait(10))
        self.assertEqual(got, [b"still here"])

    def test_an_answer_other_than_101_is_an_answer(self):
        self.start(None, answer=lambda key: b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
        _, head, rest = self.upgrade()
        self.assertTrue(head.startswith(b"HTTP/1.1 403"), head)
        self.assertEqual(rest, b"no")

    def test_no_other_protocol_is_upgraded_to(self):
        self.start(None, answer=lambda key: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        for protocol in ("h2c", "TLS/1.0", "foo, bar"):
            with self.worker.connect() as conn:
                conn.sendall(f"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings"
                             f"\r\nUpgrade: {protocol}\r\nHTTP2-Settings: AAMAAABk\r\n\r\n".encode())
                head, _ = read_head(conn)
                self.assertTrue(head.startswith(b"HTTP/1.1 200"), head)
            self.assertIsNone(field(self.heads[-1], "upgrade"))
            self.assertIsNone(field(self.heads[-1], "http2-settings"))

    def test_a_tunnel_has_an_idle_time_of_its_own(self):
        # A body would be given up after 100 ms; the tunnel lives on for 700 ms without a byte.
        self.start(self.echo, "--body-timeout=100", "--tunnel-idle-timeout=700")
        conn, _, _ = self.upgrade()
        self.assertFalse(self.ended.wait(0.3))
        conn.sendall(b"x")
        self.assertEqual(self.read(conn, 1), b"x")
        self.assertTrue(self.ended.wait(10))
        try:
            self.assertEqual(conn.recv(10), b"")
        except ConnectionResetError:
            pass

    # ---- HTTP/2

    def test_extended_connect_tunnels_and_closes_half_by_half(self):
        self.start(self.echo)
        client = self.extended()
        client.read_until(lambda: client.heads[1] or client.rst)
        self.assertEqual(client.status(1), 200, client.rst)
        self.assertEqual(client.field(1, "sec-websocket-protocol"), "echo")
        for name in ("sec-websocket-accept", "upgrade", "connection", "content-length"):
            self.assertIsNone(client.field(1, name))
        head = self.heads[0]
        self.assertTrue(head.startswith(b"GET /chat?x HTTP/1.1\r\nHost: a.test\r\n"), head)
        for name, value in (("upgrade", "websocket"), ("connection", "upgrade"),
                            ("sec-websocket-version", "13"), ("origin", "http://a.test")):
            self.assertEqual(field(head, name), value)
        self.assertEqual(len(base64.b64decode(field(head, "sec-websocket-key"))), 16)
        for i in range(20):
            client.send(frame(DATA, 0, 1, b"%03d" % i))
            client.read_until(lambda: len(client.data[1]) == 3 * i + 3)
        client.send(frame(DATA, END_STREAM, 1, b"end"))
        client.wait(1)
        self.assertEqual(bytes(client.data[1])[-6:], b"endbye")
        self.assertIn(1, client.ended)
        self.assertEqual(client.rst, {})

    def test_an_answer_other_than_101_answers_connect(self):
        for name, answer, status in [
                ("403", b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", 403),
                ("200", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 502),
                ("101 with another key's answer", (
                    "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
                    f"Sec-WebSocket-Accept: {accept_of(KEY)}\r\n\r\n").encode(), 502),
                ("101 without answer", b"HTTP/1.1 101 S\r\nConnection: upgrade\r\n"
                 b"Upgrade: websocket\r\n\r\n", 502)]:
            with self.subTest(name):
                self.start(None, answer=lambda key: answer)  # pylint: disable=cell-var-from-loop
                client = self.extended()
                client.wait(1)
                self.assertEqual(client.status(1), status, client.rst)

    def test_a_reset_ends_the_tunnel_on_the_other_side(self):
        self.start(self.echo)
        client = self.extended()
        client.read_until(lambda: client.heads[1])
        client.send(frame(RST_STREAM, 0, 1, struct.pack(">I", CANCEL)))
        self.assertTrue(self.ended.wait(10))

        def reset(conn, _rest):
            conn.recv(1)
            conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        self.start(reset)
        client = self.extended()
        client.read_until(lambda: client.heads[1])
        client.send(frame(DATA, 0, 1, b"x"))
        client.wait(1)
        self.assertEqual(client.rst.get(1), CONNECT_ERROR)

    def test_tunnels_outlive_the_table_they_began_with(self):
        self.start(self.echo)
        conn, _, _ = self.upgrade()
        client = self.extended()
        client.read_until(lambda: client.heads[1])
        for i in range(5):
            self.worker.reload(self.objects(f"/other{i}"))
            conn.sendall(b"x")
            self.assertEqual(self.read(conn, 1), b"x")
            client.send(frame(DATA, 0, 1, b"y"))
            client.read_until(lambda: len(client.data[1]) == i + 1)
        self.assertEqual(bytes(client.data[1]), b"yyyyy")


if __name__ == "__main__":
    unittest.main()
