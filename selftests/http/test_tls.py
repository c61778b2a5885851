# SPDX-License-Identifier: Apache-2.0
"""TLS to clients: which certificate, which protocol, sessions, replacement under load."""

import socket
import ssl
import threading
import time
import unittest

from harness import Backend, Worker, echo, exchange, get, ingress, read_head, service
from tls_stage import Authority, client_context, s_client, served_with, tls_connect

HOSTS = {"a": "a.test", "star": "*.b.test", "exact": "x.b.test", "rsa": "rsa.test"}
CLIENTS, ROUNDS = 3, 6  # of the load while certificates are replaced
SEGMENT = 536  # bytes: what the sockets on both sides hold is small, too
FILLS = 16  # answers of 3 KB: more than that


class Stage:
    def __init__(self):
        self.authority = Authority()
        middle = self.middle = Authority("Middle", self.authority)
        self.certificates = {
            "a": middle.issue("a.test"), "star": self.authority.issue("*.b.test"),
            "exact": self.authority.issue("x.b.test"),
            "rsa": self.authority.issue("rsa.test", kind="rsa"),
            "fallback": self.authority.issue("fallback.test")}
        self.backend = Backend(echo("one"))
        self.worker = Worker(self.objects(), https=True)

    def objects(self, **replaced):
        made = {**self.certificates, **replaced}
        rules = [ingress(f"i-{name}", {"/": "s"}, host=host,
                         tls=[{"hosts": [host], "secretName": name}])
                 for name, host in HOSTS.items()]
        rules.append(ingress("hsts", {"/": "s"}, host="hsts.test",
                             annotations={"sluice.dev/hsts": "1000",
                                          "sluice.dev/proxy-body-size": "8"}))
        rules.append(ingress("broken", {"/": "s"}, host="broken.test",
                             tls=[{"hosts": ["broken.test"], "secretName": "broken"}]))
        broken = {**self.certificates["a"].secret("broken")}
        broken["data"] = {**broken["data"],
                          "tls.key": self.certificates["exact"].secret("x")["data"]["tls.key"]}
        return (service("s", [self.backend]) + rules + [broken]
                + [certificate.secret(name) for name, certificate in made.items()])

    def close(self):
        self.worker.close()
        self.backend.close()


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()
        cls.port = cls.stage.worker.https

    @classmethod
    def tearDownClass(cls):
        cls.stage.close()

    def test_the_certificate_follows_the_server_name(self):
        for asked, wanted in (
                ("a.test", "a"), ("A.TEST", "a"), ("y.b.test", "star"), ("x.b.test", "exact"),
                ("b.test", "fallback"), ("z.y.b.test", "fallback"), ("rsa.test", "rsa"),
                ("unknown.test", "fallback"), ("hsts.test", "fallback"), (None, "fallback"),
                ("broken.test", "fallback")):
            with self.subTest(asked):
                self.assertEqual(served_with(self.port, asked),
                                 self.stage.certificates[wanted].der())

    def test_the_chain_is_sent(self):
        context = client_context(self.stage.authority)
        context.check_hostname = True
        for name in ("a.test", "q.b.test", "rsa.test"):
            with self.subTest(name), tls_connect(self.port, name, context) as conn:
                self.assertEqual(exchange(conn, get(host=name))[0], 200)

    def test_versions_and_ciphers(self):
        for args, wanted in (
                (("-tls1_3",), "TLSv1.3"), (("-tls1_2",), "TLSv1.2"), (("-tls1_1",), None),
                (("-tls1_2", "-cipher", "AES128-SHA:AES128-GCM-SHA256"), None),
                (("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"), None),
                (("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256", "-servername", "rsa.test"),
                 "TLSv1.2")):
            with self.subTest(args):
                out = s_client(self.port, "-cipher", "ALL:@SECLEVEL=0", *args)
                if wanted:
                    self.assertIn(f"New, {wanted}", out)
                else:
                    self.assertIn("Cipher is (NONE)", out)

    def test_alpn(self):
        for offered, wanted in ((["http/1.1"], "http/1.1"), (["nonsense"], None), ([], None)):
            with self.subTest(offered), tls_connect(
                    self.port, "a.test", client_context(alpn=offered)) as conn:
                self.assertEqual(conn.selected_alpn_protocol(), wanted)
                self.assertEqual(exchange(conn, get())[0], 200)

    def test_sessions_are_resumed(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = client_context(version=version)
            session = None
            with self.subTest(version.name):
                for number in range(4):
                    with tls_connect(self.port, "a.test", context, session) as conn:
                        self.assertEqual(exchange(conn, get())[0], 200)
                        self.assertEqual(conn.session_reused, number > 0)
                        session = conn.session

    def test_a_response_that_may_be_is_stapled(self):
        stage, own = self.stage, self.stage.certificates
        for name, response, stapled, told in (
                ("good", stage.middle.staple(own["a"]), True, None),
                ("revoked", stage.middle.staple(own["a"], good=False), False, "is good"),
                ("of another certificate", stage.middle.staple(own["star"]), False, "of another"),
                ("nonsense", b"x", False, "not an OCSP response"),
                ("none", None, False, None)):
            with self.subTest(name):
                more = {"tls.ocsp": response} if response else {}
                stage.worker.reload([*stage.objects(), own["a"].secret("a", **more)])
                for version in ("-tls1_3", "-tls1_2") if stapled else ("-tls1_3",):
                    out = s_client(self.port, "-servername", "a.test", "-status", version)
                    self.assertEqual("OCSP Response Status: successful" in out, stapled)
                if told:
                    self.assertIn(told, stage.worker.text())
        stage.worker.reload(stage.objects())

    def test_hsts_over_https_alone(self):
        worker = self.stage.worker
        with tls_connect(self.port, "hsts.test") as conn:
            head = exchange(conn, get(host="hsts.test"))[1]
            self.assertIn(b"\r\nStrict-Transport-Security: max-age=1000\r\n", head)
            head = exchange(conn, get(host="a.test"))[1]
            self.assertNotIn(b"Strict-Transport-Security", head)
        with tls_connect(self.port, "hsts.test") as conn:  # an answer of our own (RFC 6797 7.1)
            status, head = exchange(conn, get(host="hsts.test", method="PUT", extra="Content-Length: 9\r\n"))[:2]
            self.assertEqual(status, 413)
            self.assertIn(b"\r\nStrict-Transport-Security: max-age=1000\r\n", head)
        with worker.connect() as conn:
            status, head = exchange(conn, get(host="hsts.test"))[:2]
            self.assertEqual(status, 200)
            self.assertNotIn(b"Strict-Transport-Security", head)

    def test_a_balancer_that_ended_tls_is_not_redirected(self):
        worker = Worker(self.stage.objects(), "--trust", "127.0.0.0/8", https=True)
        self.addCleanup(worker.close)
        for proto, wanted in (("https", 200), ("HTTPS", 200), ("http", 308), ("https\r\nX-Forwarded-Proto: http", 308),
                              ("https, http", 308), ("", 308)):
            with self.subTest(proto), worker.connect() as conn:
                extra = f"X-Forwarded-Proto: {proto}\r\n"
                self.assertEqual(exchange(conn, get("/", host="a.test", extra=extra))[0], wanted)
        with worker.connect() as conn:
            head = exchange(conn, get(host="hsts.test", extra="X-Forwarded-Proto: https\r\n"))[1]
            self.assertIn(b"\r\nStrict-Transport-Security: max-age=1000\r\n", head)
        with self.stage.worker.connect() as conn:  # a stranger says it
            extra = "X-Forwarded-Proto: https\r\n"
            self.assertEqual(exchange(conn, get("/", host="a.test", extra=extra))[0], 308)

    def test_a_host_with_tls_is_redirected(self):
        for path, wanted in (("/x?y=%20", 308), ("/.well-known/acme-challenge/t", 200)):
            with self.subTest(path), self.stage.worker.connect() as conn:
                status, head = exchange(conn, get(path, host="a.test"))[:2]
                self.assertEqual(status, wanted)
                if wanted == 308:
                    self.assertIn(f"\r\nLocation: https://a.test:{self.port}{path}\r\n".encode(),
                                  head)

    def test_replaced_certificates_break_no_connection(self):
        stage = self.stage
        wrong, stop = [], threading.Event()

        def load():
            kept = tls_connect(self.port, "a.test")
            done = 0
            while not stop.is_set() or done < ROUNDS:
                try:
                    if exchange(kept, get())[0] != 200:
                        wrong.append("kept connection: status")
                    with tls_connect(self.port, "a.test") as fresh:
                        if exchange(fresh, get())[0] != 200:
                            wrong.append("new connection: status")
                except OSError as error:
                    wrong.append(repr(error))
                    break
                done += 1
            kept.close()

        threads = [threading.Thread(target=load) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        made = [stage.authority.issue("a.test", kind=kind) for kind in ("rsa", "ec")]
        for number in range(ROUNDS):
            fresh = made[number % 2]
            stage.worker.reload(stage.objects(a=fresh))
            self.assertEqual(served_with(self.port, "a.test"), fresh.der())
        stop.set()
        for thread in threads:
            thread.join()
        stage.worker.reload(stage.objects())
        self.assertEqual(wrong, [])
        self.assertEqual(served_with(self.port, "a.test"), stage.certificates["a"].der())


class SlowReader(unittest.TestCase):
    def setUp(self):
        self.backend = Backend(self.handler)
        self.addCleanup(self.backend.close)
        self.worker = Worker(service("s", [self.backend]) + [ingress("i", {"/": "s"})],
                             https=True)
        self.addCleanup(self.worker.close)

    def handler(self, conn, _backend):
        """A head of 3 KB and no body; of /broken a body that is none, as soon as the head has gone on."""
        rest = b""
        while True:
            head, rest = read_head(conn, rest)
            if head is None:
                return
            name = head.split()[1][1:]
            conn.sendall(b"HTTP/1.1 200 OK\r\nX-Name: %s\r\nX-Fill: %s\r\nTransfer-Encoding: chunked\r\n\r\n"
                         % (name, b"x" * 3000))
            if name == b"broken":
                time.sleep(0.05)
                conn.sendall(b"xyz\r\n")
                return
            conn.sendall(b"0\r\n\r\n")

    def connect(self):
        """Reads nothing by itself; holds and is sent little."""
        raw = socket.socket()
        raw.settimeout(10)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
        raw.connect(("127.0.0.1", self.worker.https))
        return client_context().wrap_socket(raw)

    def test_a_head_that_waits_in_a_record_is_not_taken_back(self):
        """On one of these connections the sockets are full when the head of the broken one comes."""
        conns = [self.connect() for _ in range(FILLS)]
        for fills, conn in enumerate(conns):
            conn.sendall(b"".join(get(f"/{i}") for i in range(fills)) + get("/broken") + get("/last"))
        time.sleep(1)
        refused = 0
        for fills, conn in enumerate(conns):
            with self.subTest(fills), conn:
                got = b""
                try:
                    while b"X-Name: last" not in got and (more := conn.recv(65536)):
                        got += more
                except OSError:
                    pass
                # It was begun, and is cut off; or there is a 502 in its place, and then the last.
                self.assertEqual(b"HTTP/1.1 502" in got, b"X-Name: last" in got)
                refused += b"HTTP/1.1 502" in got
        self.assertEqual(self.worker.stats()["own_replies"], refused)


if __name__ == "__main__":
    unittest.main()
