# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 over TLS: what is agreed on, hosts that do not belong to their connection, backends."""

import shutil
import tempfile
import unittest

import http2
from harness import Worker, echo, exchange, get, ingress, service
from http2 import DATA, END_STREAM, frame, request
from test_h2_backend import OK, Server, head
from tls_stage import Authority, client_context, tls_backend, tls_connect

NOTES = {"sluice.dev/backend-protocol": "h2", "sluice.dev/backend-tls-verify": "false"}


class Stage:
    def __init__(self, *flags):
        self.folder = tempfile.mkdtemp(prefix="sluice-h2-")
        authority = Authority()
        one, two = authority.issue("a.test"), authority.issue("b.test")
        self.seen, self.seen1 = [], []
        self.h2 = tls_backend(self.serve, one, self.folder, self.seen, alpn=["h2"])
        self.h1 = tls_backend(echo("one"), one, self.folder, self.seen1, alpn=["http/1.1"])
        rules = [ingress(name, {"/": to}, host=host, annotations=NOTES,
                         tls=[{"hosts": [host], "secretName": secret}] if secret else None)
                 for name, host, secret, to in (
                     ("a", "a.test", "one", "h2"), ("same", "same.test", "one", "h2"),
                     ("b", "b.test", "two", "h2"), ("none", "none.test", None, "h2"),
                     ("old", "old.test", "one", "h1"))]
        self.worker = Worker(service("h2", [self.h2]) + service("h1", [self.h1]) + rules
                             + [one.secret("one"), two.secret("two")], *flags, https=True)

    @staticmethod
    def serve(conn, _backend):
        server = Server(conn)
        for stream in server.requests():
            scheme = dict(server.peer.heads[stream][0])[":scheme"].encode()
            server.peer.send(head(stream, OK), frame(DATA, END_STREAM, stream, scheme))

    def close(self):
        self.worker.close()
        self.h2.close()
        self.h1.close()
        shutil.rmtree(self.folder)


class H2OverTls(unittest.TestCase):
    def start(self, *flags):
        stage = Stage(*flags)
        self.addCleanup(stage.close)
        return stage

    def connect(self, stage, name):
        conn = tls_connect(stage.worker.https, name, client_context(alpn=["h2", "http/1.1"]))
        self.addCleanup(conn.close)
        self.assertEqual(conn.selected_alpn_protocol(), "h2")
        return http2.Client(conn)

    def test_a_host_needs_a_connection_with_its_own_certificate(self):
        stage = self.start()
        for name, asked in (("a.test", [("a.test", 200), ("A.TEST:443", 200), ("same.test", 200),
                                        ("b.test", 421), ("none.test", 421), ("x.test", 421)]),
                            (None, [("a.test", 200), ("b.test", 200)])):
            client = self.connect(stage, name)
            for number, (host, status) in enumerate(asked):
                with self.subTest(name=name, host=host):
                    stream = 2 * number + 1
                    client.send(client.head(stream, request(authority=host, scheme="https")))
                    client.wait(stream)
                    self.assertEqual(client.status(stream), status, client.rst)

    def test_backends_over_tls_speak_http2_where_asked(self):
        stage = self.start()
        client = self.connect(stage, "a.test")
        for stream in (1, 3, 5):
            client.send(client.head(stream, request(scheme="https")))
            client.wait(stream)
            self.assertEqual((client.status(stream), bytes(client.data[stream])), (200, b"https"))
        self.assertEqual(stage.seen, [(False, "h2")])

    def test_a_backend_that_does_not_agree_to_http2_is_502(self):
        stage = self.start()
        client = self.connect(stage, "old.test")
        client.send(client.head(1, request(authority="old.test", scheme="https")))
        client.wait(1)
        self.assertEqual(client.status(1), 502)

    def test_http2_may_be_left_out(self):
        stage = self.start("--no-http2")
        with tls_connect(stage.worker.https, "a.test",
                         client_context(alpn=["h2", "http/1.1"])) as conn:
            self.assertEqual(conn.selected_alpn_protocol(), "http/1.1")
            self.assertEqual(exchange(conn, get(host="a.test"))[0], 200)


if __name__ == "__main__":
    unittest.main()
