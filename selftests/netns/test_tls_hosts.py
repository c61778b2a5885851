# SPDX-License-Identifier: Apache-2.0
"""Which certificate a host gets, and what plain HTTP to it is answered: the tls section through real
handshakes and requests."""

import base64
import re
import ssl
import subprocess

from certs import Authority
from cluster import NODE_IP, app, backend, ingress, path, read_response, request_bytes, rule
from scene import SceneTest, add_cases

OLD, OLDER = "2024-02-01T00:00:00Z", "2024-01-01T00:00:00Z"
DEFAULT = "default.test"


def broken(secret, **changes):
    """A Secret that is none: None takes a key of data out."""
    data = {**secret["data"], **changes.pop("data", {})}
    return {**secret, **changes, "data": {key: value for key, value in data.items() if value}}


def secrets():
    authority = Authority()
    certificates = {name: authority.issue(name) for name in (
        DEFAULT, "a.test", "*.w.test", "x.w.test", "old.test", "new.test", "outside.test")}

    def secret(name, of, namespace="default"):
        return certificates[of].secret(name, namespace)

    text = secret("text", "a.test")
    data = text.pop("data")
    text["stringData"] = {key: base64.b64decode(value).decode() for key, value in data.items()}
    return [secret("default", DEFAULT), secret("a", "a.test"), secret("wild", "*.w.test"),
            secret("one", "x.w.test"), secret("old", "old.test"), secret("new", "new.test"),
            secret("outside", "outside.test"), secret("foreign", "a.test", "elsewhere"), text,
            broken(secret("opaque", "a.test"), type="Opaque"),
            broken(secret("keyless", "a.test"), data={"tls.key": None}),
            broken(secret("junk", "a.test"), data={"tls.crt": "aGVsbG8="})]


def secured(name, host, entry, to="a", url_path="/", **more):
    """An Ingress with one tls entry; hosts: its own unless the entry says."""
    entry = {"hosts": [host], **entry}
    if entry["hosts"] is None:
        del entry["hosts"]
    return ingress(name, rule(host, path(url_path, to)), tls=[entry], **more)


def ingresses():
    simple = [secured(name, f"{name}.test", {"secretName": name})
              for name in ("a", "foreign", "text", "opaque", "keyless", "junk", "missing")]
    return simple + [
        secured("upper", "upper.test", {"hosts": ["UPPER.test"], "secretName": "a"}),
        secured("wild", "*.w.test", {"secretName": "wild"}, to="b"),
        secured("one", "x.w.test", {"secretName": "one"}, to="c"),
        secured("young", "conflict.test", {"secretName": "new"}, created=OLD),
        secured("aged", "conflict.test", {"secretName": "old"}, url_path="/2", created=OLDER),
        secured("no-hosts", "no-hosts.test", {"hosts": None, "secretName": "a"}),
        secured("no-secret", "no-secret.test", {}),
        secured("outside", "inside.test", {"hosts": ["outside.test"], "secretName": "outside"}),
        secured("off", "off.test", {"secretName": "a"},
                annotations={"sluice.dev/ssl-redirect": "false"}),
        secured("part", "shared.test", {"secretName": "a"}, url_path="/one"),
        ingress("other-part", rule("shared.test", path("/two", "b"))),
        secured("own-default", "fallback.test", {"secretName": "a"}, url_path="/x",
                default=backend("b")),
        ingress("plain", rule("plain.test", path("/", "a"))),
    ]


class TlsScene(SceneTest):
    """All Secrets and a default certificate; Ingresses are those of each class."""

    flags = ("--default-certificate", "default/default")
    ingresses = staticmethod(list)

    @classmethod
    def manifests(cls, cluster):
        services = sum((app(letter, cluster.pods[f"pod-{letter}"]) for letter in "abc"), [])
        return {"services.json": services, "secrets.json": secrets(),
                "ingresses.json": cls.ingresses()}

    def handshake(self, name, host):
        """Name in the certificate that is shown, and who answers."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        raw = self.cluster.client.connect(NODE_IP, 443, timeout=10)
        with context.wrap_socket(raw, server_hostname=name) as conn:
            done = subprocess.run(["openssl", "x509", "-inform", "der", "-noout", "-subject"],
                                  input=conn.getpeercert(True), capture_output=True, check=True)
            conn.sendall(request_bytes("/", host, headers=[("Connection", "close")]))
            response = read_response(conn.makefile("rb"))
        shown = re.search(rb"CN ?= ?(\S+)", done.stdout)[1].decode()
        return shown, response.pod[-1] if response.pod else response.status

    def check_handshakes(self, wanted):
        for name, answer in wanted.items():
            with self.subTest(name):
                self.assertEqual(self.handshake(name, name or "a.test"), answer)

    def check_plain(self, wanted):
        for (host, url_path), answer in wanted.items():
            with self.subTest(f"{host}{url_path}"):
                self.assertEqual(self.answer(url_path, host), answer)

    def check_locations(self, wanted):
        for (host, url_path), answer in wanted.items():
            with self.subTest(f"{host}{url_path}"):
                response = self.cluster.get(url_path, host)
                self.assertEqual((response.status, response.header("Location")), (308, answer))


class TlsHosts(TlsScene):
    ingresses = staticmethod(ingresses)

    def test_on_http_1_1_the_host_routes_whatever_the_server_name_was(self):
        self.assertEqual(self.handshake("a.test", "plain.test"), ("a.test", "a"))

    def test_a_redirect_is_the_same_for_every_method(self):
        for method in ("HEAD", "POST", "DELETE"):
            with self.subTest(method):
                self.assertEqual(self.cluster.get("/", "a.test", method=method).status, 308)


add_cases(TlsHosts, [
    ("a host and its Secret", {"a.test": ("a.test", "a"), "A.TEST": ("a.test", "a"),
                               "text.test": ("a.test", "a"), "upper.test": ("a.test", "a")}),
    ("no name, an unknown one, one without tls", {
        None: (DEFAULT, "a"), "unknown.test": (DEFAULT, 404), "plain.test": (DEFAULT, "a")}),
    ("Secrets of no use leave the default certificate", {
        f"{name}.test": (DEFAULT, "a")
        for name in ("foreign", "opaque", "keyless", "junk", "missing", "no-secret")}),
    ("wildcard and exact", {"q.w.test": ("*.w.test", "b"), "x.w.test": ("x.w.test", "c"),
                            "p.q.w.test": (DEFAULT, 404), "w.test": (DEFAULT, 404)}),
    ("the oldest has the host", {"conflict.test": ("old.test", "a")}),
    ("no hosts means those of the rules", {"no-hosts.test": ("a.test", "a")}),
    ("a host without a rule has its certificate", {"outside.test": ("outside.test", 404),
                                                   "inside.test": (DEFAULT, "a")}),
], TlsHosts.check_handshakes)

add_cases(TlsHosts, [
    ("hosts with tls are redirected", {(f"{name}.test", "/"): 308 for name in (
        "a", "A", "missing", "no-hosts", "no-secret", "q.w", "x.w", "outside")}),
    ("hosts without are not", {("plain.test", "/"): "a", ("inside.test", "/"): "a",
                               ("off.test", "/"): "a"}),
    ("a host is redirected as a whole", {("shared.test", "/two"): 308, ("fallback.test", "/"): 308}),
    ("challenges are answered", {("a.test", "/.well-known/acme-challenge/token"): "a",
                                 ("a.test", "/%2ewell-known/acme-challenge/token"): "a",
                                 ("a.test", "/.well-known/x/../acme-challenge/token"): "a"}),
    ("what only looks like one is not", {("a.test", "/.well-known/acme-challenge"): 308,
                                         ("a.test", "/.well-known/acme-challenges"): 308,
                                         ("a.test", "/.well-known/acme-challenge/../x"): 308}),
], TlsHosts.check_plain)

add_cases(TlsHosts, [
    ("redirects name the host in normal form, and the path as it is forwarded", {
        ("a.test", "/x?y=1&z=%2F"): "https://a.test/x?y=1&z=%2F",
        ("a.test:8080", "/"): "https://a.test/", ("A.Test.", "/"): "https://a.test/",
        ("a.test", "//b/../c"): "https://a.test//c", ("a.test", "/%41"): "https://a.test/%41",
        ("a.test", "/a%2fb"): "https://a.test/a%2fb", ("q.w.test", "/"): "https://q.w.test/"}),
], TlsHosts.check_locations)


class TlsWithoutHosts(TlsScene):
    """TLS of a rule without a host."""

    @staticmethod
    def ingresses():
        return [ingress("all", rule(None, path("/", "b")), tls=[{"secretName": "outside"}]),
                secured("a", "a.test", {"secretName": "a"}),
                ingress("plain", rule("plain.test", path("/", "c")))]

    def test_it_is_that_of_hosts_without_rules_and_of_clients_that_name_none(self):
        for name, host, wanted in (
                ("any.test", "any.test", ("outside.test", "b")),
                (None, "any.test", ("outside.test", "b")), (None, NODE_IP, ("outside.test", "b")),
                (None, "a.test", ("outside.test", "a")), ("a.test", "a.test", ("a.test", "a")),
                ("plain.test", "plain.test", (DEFAULT, "c"))):
            with self.subTest(f"{name} {host}"):
                self.assertEqual(self.handshake(name, host), wanted)

    def test_plain_requests_for_them_are_redirected(self):
        self.check_plain({("any.test", "/"): 308, (NODE_IP, "/"): 308, ("a.test", "/"): 308,
                          ("plain.test", "/"): "c"})


class TlsOfDefaultBackend(TlsScene):
    """TLS of an Ingress that has a default backend alone."""

    @staticmethod
    def ingresses():
        return [ingress("all", default=backend("b"), tls=[{"secretName": "outside"}]),
                ingress("plain", rule("plain.test", path("/x", "c")))]

    def test_it_is_that_of_all_hosts_without_rules(self):
        for name, host, wanted in (("any.test", "any.test", ("outside.test", "b")),
                                   (None, NODE_IP, ("outside.test", "b")),
                                   ("plain.test", "plain.test", (DEFAULT, "b"))):
            with self.subTest(f"{name} {host}"):
                self.assertEqual(self.handshake(name, host), wanted)
        self.check_plain({("any.test", "/"): 308, (NODE_IP, "/"): 308, ("plain.test", "/"): "b"})
