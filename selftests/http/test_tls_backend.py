# SPDX-License-Identifier: Apache-2.0
"""TLS to backends: who is trusted, by which name, and what happens to those who are not."""

import json
import shutil
import tempfile
import unittest

from harness import Worker, echo, exchange, get, ingress, service
from tls_stage import Authority, tls_backend

NOTES = "sluice.dev/"
HTTPS = {NOTES + "backend-protocol": "https"}
DAYS = 30

# (name of the route, annotations beside backend-protocol, certificate of the backend, its authority,
# status, SNI that it gets)
ROUTES = [
    ("ca-and-name", {"backend-ca": "ca", "backend-server-name": "inner.test"}, "named", 200,
     "inner.test"),
    ("ca-and-service-name", {"backend-ca": "ca"}, "service", 200, "s-ca-and-service-name.default.svc"),
    ("ca-and-address", {"backend-ca": "ca"}, "address", 200, "s-ca-and-address.default.svc"),
    ("intermediate", {"backend-ca": "ca", "backend-server-name": "inner.test"}, "chained", 200,
     "inner.test"),
    ("pinned-leaf", {"backend-ca": "pin", "backend-server-name": "inner.test"}, "named", 200,
     "inner.test"),
    ("system-roots", {"backend-server-name": "inner.test"}, "rooted", 200, "inner.test"),
    ("not-verified", {"backend-tls-verify": "false"}, "foreign", 200,
     "s-not-verified.default.svc"),
    ("unknown-ca", {"backend-ca": "ca", "backend-server-name": "inner.test"}, "foreign", 502, None),
    ("not-of-system", {"backend-server-name": "inner.test"}, "named", 502, None),
    ("other-name", {"backend-ca": "ca", "backend-server-name": "other.test"}, "named", 502,
     "other.test"),
    ("not-the-service", {"backend-ca": "ca"}, "named", 502, "s-not-the-service.default.svc"),
    ("expired", {"backend-ca": "ca", "backend-server-name": "inner.test"}, "expired", 502, None),
    ("no-such-ca", {"backend-ca": "absent", "backend-server-name": "inner.test"}, "named", 502,
     None),
]


class Stage:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="sluice-tls-")
        ca, root, foreign = Authority(), Authority("Root"), Authority("Foreign")
        self.certificates = {
            "named": ca.issue("inner.test"), "service": ca.issue("s-ca-and-service-name.default.svc"),
            "address": ca.issue("x.test", "IP:127.0.0.1"),
            "chained": Authority("Middle", ca).issue("inner.test"),
            "rooted": root.issue("inner.test"), "foreign": foreign.issue("inner.test"),
            "expired": ca.issue("inner.test", days=-1)}
        self.seen, self.backends, objects = {}, {}, []
        for name, notes, kind, _, _ in ROUTES:
            self.seen[name] = []
            backend = tls_backend(echo(name), self.certificates[kind], self.folder, self.seen[name])
            self.backends[name] = backend
            objects += service("s-" + name, [backend])
            objects.append(ingress(name, {"/": "s-" + name}, host=name + ".test", annotations={
                **HTTPS, **{NOTES + key: value for key, value in notes.items()}}))
        pin = {**ca.secret("pin"), "data": {"ca.crt": self.certificates["named"].secret("x")
                                            ["data"]["tls.crt"]}}
        self.objects = objects + [ca.secret("ca"), pin]
        self.worker = Worker(self.objects, roots=root.chain)

    def ask(self, name, conn=None, **more):
        if conn:
            return exchange(conn, get(host=name + ".test", **more))
        with self.worker.connect() as fresh:
            return exchange(fresh, get(host=name + ".test", **more))

    def close(self):
        self.worker.close()
        for backend in self.backends.values():
            backend.close()
        shutil.rmtree(self.folder)


class TlsBackend(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()

    @classmethod
    def tearDownClass(cls):
        cls.stage.close()

    def test_who_is_trusted(self):
        for name, _, _, wanted, sni in ROUTES:
            with self.subTest(name):
                before = self.stage.worker.stats()["upstream_tls_errors"]
                status, _, body = self.stage.ask(name)[:3]
                self.assertEqual(status, wanted)
                if wanted == 200:
                    self.assertEqual(json.loads(body)["name"], name)
                    self.assertEqual(self.stage.worker.stats()["upstream_tls_errors"], before)
                elif name != "no-such-ca":
                    self.assertGreater(self.stage.worker.stats()["upstream_tls_errors"], before)
                if sni:
                    self.assertEqual(set(self.stage.backends[name].names), {sni})

    def test_a_failure_is_told_with_its_reason(self):
        for name, reason in (("unknown-ca", "unable to get local issuer certificate"),
                             ("expired", "certificate has expired"),
                             ("other-name", "its certificate is of another name"),
                             ("no-such-ca", "no CA certificate in default/absent")):
            with self.subTest(name):
                self.assertEqual(self.stage.ask(name)[0], 502)
                lines = [line for line in self.stage.worker.text().splitlines()
                         if f"default/s-{name}:80" in line]
                self.assertTrue(any(reason in line for line in lines), lines)

    def test_connections_are_kept(self):
        name, seen = "ca-and-name", self.stage.seen["ca-and-name"]
        self.stage.ask(name)
        count = len(seen)
        with self.stage.worker.connect() as conn:
            for _ in range(5):
                self.assertEqual(self.stage.ask(name, conn)[0], 200)
        self.assertEqual(len(seen), count)

    def test_bodies_are_whole(self):
        for size in (1, 16384, 16385, 3_000_000):
            with self.subTest(size), self.stage.worker.connect() as conn:
                request = (f"POST / HTTP/1.1\r\nHost: ca-and-name.test\r\n"
                           f"Content-Length: {size}\r\n\r\n").encode() + b"x" * size
                status, _, body = exchange(conn, request)[:3]
                self.assertEqual((status, json.loads(body)["body_bytes"]), (200, size))


class Replacement(unittest.TestCase):
    def test_an_authority_that_is_replaced_is_trusted_no_more(self):
        folder = tempfile.mkdtemp(prefix="sluice-tls-")
        self.addCleanup(shutil.rmtree, folder)
        old, new = Authority("Old"), Authority("New")
        seen = []
        backend = tls_backend(echo("one"), old.issue("inner.test"), folder, seen)
        self.addCleanup(backend.close)
        objects = service("s", [backend]) + [ingress("i", {"/": "s"}, annotations={
            **HTTPS, NOTES + "backend-ca": "ca", NOTES + "backend-server-name": "inner.test"})]
        worker = Worker(objects + [old.secret("ca")])
        self.addCleanup(worker.close)
        with worker.connect() as conn:
            self.assertEqual(exchange(conn, get())[0], 200)
            worker.reload(objects + [new.secret("ca")])
            self.assertEqual(exchange(conn, get())[0], 502, "also of a connection that was kept")
            worker.reload(objects + [old.secret("ca")])
            self.assertEqual(exchange(conn, get())[0], 200)
            self.assertEqual(len(seen), 2)

    def test_sessions_are_resumed_with_the_backend_that_gave_them(self):
        folder = tempfile.mkdtemp(prefix="sluice-tls-")
        self.addCleanup(shutil.rmtree, folder)
        authority, seen = Authority(), []

        def one_each(conn, backend):
            conn.recv(65536)
            conn.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")

        backend = tls_backend(one_each, authority.issue("inner.test"), folder, seen,
                              alpn=["h2", "http/1.1"])
        self.addCleanup(backend.close)
        worker = Worker(service("s", [backend]) + [authority.secret("ca"), ingress(
            "i", {"/": "s"}, annotations={**HTTPS, NOTES + "backend-ca": "ca",
                                          NOTES + "backend-server-name": "inner.test"})])
        self.addCleanup(worker.close)
        with worker.connect() as conn:
            for _ in range(4):
                self.assertEqual(exchange(conn, get())[0], 200)
        self.assertEqual(seen, [(resumed, "http/1.1") for resumed in (False, True, True, True)])


if __name__ == "__main__":
    unittest.main()
