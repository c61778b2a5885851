# SPDX-License-Identifier: Apache-2.0
"""The PROXY protocol: from balancers before us, and to backends."""

import json
import re
import shutil
import socket
import tempfile
import unittest

from harness import Backend, Worker, echo, exchange, field, get, ingress, read_head, service
from rules import splits
from tls_stage import Authority, client_context, tls_backend, tls_connect

V2 = b"\r\n\r\n\0\r\nQUIT\n"
ENDS4 = bytes.fromhex("c0000201c000020210e101bb")  # 192.0.2.1:4321 to 192.0.2.2:443
ENDS6 = bytes.fromhex("20010db8" + "00" * 11 + "01" + "20010db8" + "00" * 11 + "02" + "10e101bb")
LOCAL = "127.0.0.1"

# (name, header, client as the backend is told)
GOOD = [
    ("v1 IPv4", b"PROXY TCP4 192.0.2.1 192.0.2.2 4321 443\r\n", "192.0.2.1"),
    ("v1 IPv6", b"PROXY TCP6 2001:db8::1 2001:db8::2 4321 443\r\n", "2001:db8::1"),
    ("v1 unknown", b"PROXY UNKNOWN\r\n", LOCAL),
    ("v2 IPv4", V2 + b"\x21\x11\x00\x0c" + ENDS4, "192.0.2.1"),
    ("v2 IPv6", V2 + b"\x21\x21\x00\x24" + ENDS6, "2001:db8::1"),
    ("v2 with TLVs", V2 + b"\x21\x11\x00\x13" + ENDS4 + b"\x02\x00\x04host", "192.0.2.1"),
    ("v2 local", V2 + b"\x20\x00\x00\x00", LOCAL),
]

BAD = [
    ("none", get()),
    ("v1 nonsense", b"PROXY TCP4 1.2.3.4\r\n" + get()),
    ("v1 too long", b"PROXY UNKNOWN " + b"x" * 200 + b"\r\n" + get()),
    ("v2 version", V2 + b"\x31\x11\x00\x0c" + ENDS4 + get()),
    ("v2 too short", V2 + b"\x21\x11\x00\x04" + ENDS4 + get()),
    ("v2 too long", V2 + b"\x21\x11\xff\xff" + ENDS4 + get()),
]


class In(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.backend = Backend(echo("one"))
        objects = service("s", [cls.backend]) + [ingress("i", {"/": "s"})]
        cls.objects = objects

    @classmethod
    def tearDownClass(cls):
        cls.backend.close()

    def worker(self, *flags, https=False):
        worker = Worker(self.objects, *flags, https=https, proxy_from=["127.0.0.1"])
        self.addCleanup(worker.close)
        return worker

    def test_the_client_is_who_the_header_says(self):
        worker = self.worker("--access-log=json")
        for name, header, client in GOOD:
            for how, pieces in splits(header + get()) if len(header) < 50 else [
                    ("whole", [header + get()]),
                    *((f"cut at {i}", [header[:i], header[i:] + get()])
                      for i in range(1, len(header) + 1))]:
                with self.subTest(f"{name}, {how}"), worker.connect() as conn:
                    for piece in pieces[:-1]:
                        conn.sendall(piece)
                    status, _, body = exchange(conn, pieces[-1])[:3]
                    head = json.loads(body)["head"].encode()
                    self.assertEqual(status, 200)
                    self.assertEqual(field(head, "x-forwarded-for"), client)
                    self.assertEqual(field(head, "x-real-ip"), client)
        worker.stats()
        self.assertTrue(any('"client":"2001:db8::1"' in line for line in worker.lines))

    def test_port_of_the_header_is_forwarded(self):
        worker = self.worker()
        with worker.connect() as conn:
            body = exchange(conn, GOOD[0][1] + get())[2]
            self.assertEqual(field(json.loads(body)["head"].encode(), "x-forwarded-port"), "443")

    def test_a_bad_header_or_none_ends_the_connection(self):
        worker = self.worker()
        for name, data in BAD:
            with self.subTest(name), worker.connect() as conn:
                before = worker.stats()["proxy_header_errors"]
                conn.sendall(data)
                try:
                    self.assertEqual(conn.recv(100), b"")
                except ConnectionResetError:
                    pass
                self.assertEqual(worker.stats()["proxy_header_errors"], before + 1)

    def test_from_others_it_is_no_header(self):
        worker = Worker(self.objects, proxy_from=["192.0.2.0/24", "2001:db8::/32"])
        self.addCleanup(worker.close)
        with worker.connect() as conn:
            self.assertEqual(exchange(conn, get())[0], 200)
        with worker.connect() as conn:
            self.assertEqual(exchange(conn, GOOD[0][1] + get())[0], 400)

    def test_limits_by_source_count_whom_the_header_names(self):
        worker = self.worker("--max-conns-source=2")
        conns = []
        for header, wanted in [(GOOD[0][1], 200), (GOOD[0][1], 200), (GOOD[0][1], 503),
                               (GOOD[1][1], 200), (GOOD[1][1], 200), (GOOD[2][1], 200),
                               (GOOD[2][1], 200), (GOOD[2][1], 200), (GOOD[1][1], 503)]:
            conns.append(worker.connect())
            self.addCleanup(conns[-1].close)
            self.assertEqual(exchange(conns[-1], header + get())[0], wanted)

    def test_before_tls(self):
        worker = self.worker(https=True)
        for name, header, client in GOOD:
            for cut in (0, 5, len(header)):
                with self.subTest(name, cut=cut):
                    raw = socket.create_connection(("127.0.0.1", worker.https), timeout=10)
                    raw.sendall(header[:cut])
                    raw.sendall(header[cut:])
                    with client_context().wrap_socket(raw, server_hostname="a.test") as conn:
                        body = exchange(conn, get())[2]
                        head = json.loads(body)["head"].encode()
                        self.assertEqual(field(head, "x-forwarded-for"), client)
                        self.assertEqual(field(head, "x-forwarded-proto"), "https")

    def test_whom_the_header_names_has_to_be_trusted_for_his_fields(self):
        worker = self.worker("--trust=192.0.2.1")
        for header, wanted in ((GOOD[0][1], "203.0.113.9, 192.0.2.1"),
                               (GOOD[1][1], "2001:db8::1"), (GOOD[2][1], LOCAL)):
            with self.subTest(header), worker.connect() as conn:
                body = exchange(conn, header + get(extra="X-Forwarded-For: 203.0.113.9\r\n"))[2]
                self.assertEqual(field(json.loads(body)["head"].encode(), "x-forwarded-for"),
                                 wanted)


class Recorder:
    """HTTP behind a PROXY header of either version: notes each connection's header."""

    def __init__(self):
        self.headers = []
        self.backend = Backend(self.serve)

    def take_header(self, conn):
        data = conn.recv(16, socket.MSG_WAITALL)
        if data.startswith(V2[:12]):
            length = int.from_bytes(data[14:16], "big")
            data += conn.recv(length, socket.MSG_WAITALL) if length else b""
        else:
            while not data.endswith(b"\r\n"):
                data += conn.recv(1)
        self.headers.append(data)

    def serve(self, conn, backend):
        self.take_header(conn)
        echo("out")(conn, backend)


def out(name, version, **more):
    return ingress(name, {"/": name}, host=f"{name}.test",
                   annotations={"sluice.dev/proxy-protocol": version, **more})


class Out(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.v1, cls.v2, cls.passed = Recorder(), Recorder(), Recorder()
        cls.tls_headers = []
        cls.folder = tempfile.mkdtemp(prefix="sluice-proxy-")
        cls.authority = Authority()
        certificate = cls.authority.issue("inner.test")
        recorder = cls.passed

        def first_header(conn, backend):
            recorder.take_header(conn)
            cls.tls_serve(conn, backend)

        tls = tls_backend(echo("tls"), certificate, cls.folder)
        tls.close()
        cls.tls_serve = staticmethod(tls.handler)
        cls.tls = Backend(first_header)
        cls.worker = Worker(
            service("v1", [cls.v1.backend]) + service("v2", [cls.v2.backend])
            + service("tls", [cls.tls]) + service("pass", [cls.tls])
            + [out("v1", "v1"), out("v2", "v2"),
               out("tls", "v2", **{"sluice.dev/backend-protocol": "https",
                                   "sluice.dev/backend-ca": "ca",
                                   "sluice.dev/backend-server-name": "inner.test"}),
               out("pass", "v1", **{"sluice.dev/tls-passthrough": "true"}),
               cls.authority.secret("ca")], https=True)

    @classmethod
    def tearDownClass(cls):
        cls.worker.close()
        for backend in (cls.v1.backend, cls.v2.backend, cls.tls):
            backend.close()
        shutil.rmtree(cls.folder)

    def test_each_client_has_connections_of_its_own(self):
        for name, recorder in (("v1", self.v1), ("v2", self.v2)):
            with self.subTest(name):
                recorder.headers.clear()
                ports = []
                for _ in range(2):
                    with self.worker.connect() as conn:
                        ports.append(conn.getsockname()[1])
                        for _ in range(3):
                            self.assertEqual(exchange(conn, get(host=f"{name}.test"))[0], 200)
                self.assertEqual(len(recorder.headers), 2)
                for header, port in zip(recorder.headers, ports):
                    if name == "v1":
                        self.assertEqual(header, b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n"
                                         % (port, self.worker.port))
                    else:
                        self.assertEqual(header, V2 + b"\x21\x11\x00\x0c\x7f\0\0\1\x7f\0\0\1"
                                         + port.to_bytes(2, "big")
                                         + self.worker.port.to_bytes(2, "big"))

    def test_connections_of_a_client_that_went_are_closed(self):
        with self.worker.connect() as conn:
            self.assertEqual(exchange(conn, get(host="v1.test"))[0], 200)
            self.assertGreater(self.worker.stats()["upstream_conns_open"], 0)
        with self.worker.connect() as conn:  # of another client, so that the first is gone for sure
            exchange(conn, get(host="v2.test"))
            self.assertEqual(self.worker.stats()["upstream_conns_open"], 1)

    def test_before_tls_to_the_backend(self):
        self.passed.headers.clear()
        with self.worker.connect() as conn:
            self.assertEqual(exchange(conn, get(host="tls.test"))[0], 200)
        self.assertRegex(self.passed.headers[0], re.escape(V2 + b"\x21\x11\x00\x0c"))

    def test_before_tls_that_is_passed_through(self):
        self.passed.headers.clear()
        with tls_connect(self.worker.https, "pass.test") as conn:
            port = conn.getsockname()[1]
            self.assertEqual(exchange(conn, get(host="pass.test"))[0], 200)
        self.assertEqual(self.passed.headers, [b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n"
                                               % (port, self.worker.https)])


if __name__ == "__main__":
    unittest.main()
