# SPDX-License-Identifier: Apache-2.0
"""TLS end to end: Secrets through sluiced to all workers, backends behind TLS, passthrough, PROXY
headers from a balancer, and what status and metrics say of it."""

import shutil
import ssl
import tempfile

from certs import Authority
from cluster import (CLIENT_IP, NODE_IP, app, endpoint_slice, ingress, path, read_response,
                     request_bytes, rule, service)
from netns import wait_until
from pod_server import PodServer, read_head
from scene import SceneTest

TLS_PORT = 9443  # of the pod that ends TLS itself
CONNS = 24       # so many that both workers have some
NOTE = "sluice.dev/"


class Tls(SceneTest):
    flags = ("--proxy-protocol-in", f"443={CLIENT_IP}/32")

    @classmethod
    def manifests(cls, cluster):
        cls.authority = Authority()
        cls.web = cls.authority.issue("web.test")
        cls.inner = cls.authority.issue("inner.test")
        other = cls.authority.issue("other.test")
        broken = {**cls.web.secret("broken")}
        broken["data"] = {**broken["data"], "tls.key": other.secret("x")["data"]["tls.key"]}

        def tls(name):
            return [{"hosts": [f"{name}.test"], "secretName": name}]

        pod = cluster.pods["pod-b"].ip
        return {
            "web.json": [ingress("web", rule("web.test", path("/", "web")), tls=tls("web")),
                         ingress("broken", rule("broken.test", path("/", "web")), tls=tls("broken")),
                         broken] + app("web", cluster.pods["pod-a"]),
            "secret.json": [cls.web.secret("web")],
            "inner.json": [
                ingress("inner", rule("inner.test", path("/", "inner")), annotations={
                    NOTE + "backend-protocol": "https", NOTE + "backend-ca": "ca",
                    NOTE + "backend-server-name": "inner.test"}),
                ingress("untrusted", rule("untrusted.test", path("/", "inner")), annotations={
                    NOTE + "backend-protocol": "https",
                    NOTE + "backend-server-name": "inner.test"}),
                ingress("pass", rule("pass.test", path("/", "inner")),
                        annotations={NOTE + "tls-passthrough": "true"}),
                cls.authority.secret("ca"),
                service("inner"), endpoint_slice("inner", [pod], [(None, TLS_PORT, "TCP")])]}

    def setUp(self):
        folder = tempfile.mkdtemp(prefix="sluice-tls-")
        self.addCleanup(shutil.rmtree, folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.inner.write(folder))

        def handle(conn, _reader):
            with context.wrap_socket(conn, server_side=True) as secure:
                reader = secure.makefile("rb")
                while read_head(reader):
                    secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ninner")

        server = PodServer(self.cluster.pods["pod-b"], TLS_PORT, handle)
        self.addCleanup(server.__exit__)

    def connect(self, name, session=None, context=None):
        """A TLS connection behind the PROXY header that our address has to send."""
        raw = self.cluster.client.connect(NODE_IP, 443, timeout=10)
        raw.sendall(b"PROXY TCP4 203.0.113.7 192.0.2.1 4321 443\r\n")
        if not context:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        conn = context.wrap_socket(raw, server_hostname=name, session=session)
        self.addCleanup(conn.close)
        return conn

    def ask(self, conn, host):
        conn.sendall(request_bytes("/", host))
        return read_response(conn.makefile("rb"))

    def test_a_secret_reaches_all_workers_and_the_client_is_who_the_header_says(self):
        for _ in range(CONNS // 2):
            conn = self.connect("web.test")
            self.assertEqual(conn.getpeercert(binary_form=True), self.web.der())
        response = self.ask(conn, "web.test")
        self.assertEqual(response.status, 200)
        self.assertIn("xff=203.0.113.7\n", response.text)
        self.assertIn("proto=https\n", response.text)

    def test_sessions_are_resumed_by_any_worker(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        session = self.connect("web.test", context=context).session
        reused = [self.connect("web.test", session, context).session_reused for _ in range(CONNS)]
        self.assertEqual(reused, [True] * CONNS)

    def test_a_replaced_secret_counts_for_the_next_handshake(self):
        kept = self.connect("web.test")
        fresh = self.authority.issue("web.test")
        self.cluster.save("secret.json", [fresh.secret("web")])
        wait_until(lambda: self.connect("web.test").getpeercert(binary_form=True) == fresh.der(),
                   "the new certificate", 5)
        self.assertEqual(self.ask(kept, "web.test").status, 200)
        self.cluster.save("secret.json", [self.web.secret("web")])
        wait_until(lambda: self.connect("web.test").getpeercert(binary_form=True) == self.web.der(),
                   "the old certificate", 5)

    def test_a_key_of_another_certificate_is_a_problem(self):
        self.assertNotEqual(self.connect("broken.test").getpeercert(binary_form=True),
                            self.web.der())
        text = self.cluster.ctl("problems").stdout
        self.assertIn("SecretUnusable", text)
        self.assertIn("default/broken", text)

    def test_backends_are_trusted_by_their_authority_alone(self):
        for host, wanted in (("inner.test", 200), ("untrusted.test", 502)):
            with self.subTest(host):
                self.assertEqual(self.cluster.get("/", host).status, wanted)
        self.assertGreater(self.cluster.metrics()["sluice_upstream_tls_errors_total"], 0)

    def test_tls_that_is_passed_through_ends_in_the_pod(self):
        conn = self.connect("pass.test")
        self.assertEqual(conn.getpeercert(binary_form=True), self.inner.der())
        self.assertEqual(self.ask(conn, "pass.test").text, "inner")

    def test_expiry_is_told(self):
        metrics = self.cluster.metrics()
        self.assertEqual(metrics["sluice_certificates"], 1)
        self.assertEqual(metrics["sluice_certificates_expired"], 0)
        told = self.cluster.ctl_json("status")["certificates"]
        self.assertEqual((told["count"], told["first"]), (1, "default/web"))
        self.assertEqual(told["first_end_unix_s"],
                         metrics["sluice_certificates_first_end_time_seconds"])
        self.assertIn("default/web", self.cluster.ctl("status").stdout)
