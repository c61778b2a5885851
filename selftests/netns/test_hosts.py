# SPDX-License-Identifier: Apache-2.0
"""Hosts, wildcards and default backends through real traffic."""

from cluster import (NODE_IP6, app, backend, ingress, path, rule)
from scene import SceneTest, add_cases

OLD, OLDER = "2024-05-01T10:00:00Z", "2023-05-01T10:00:00Z"


def services(cluster):
    return sum((app(letter, cluster.pods[f"pod-{letter}"]) for letter in "abc"), [])


def check(test, requests):
    for (host, request_path), wanted in requests.items():
        with test.subTest(f"{host} {request_path}"):
            test.assertEqual(test.answer(request_path, host), wanted)


class Hosts(SceneTest):
    """There is a rule without a host, and no overall default backend."""

    @classmethod
    def manifests(cls, cluster):
        return {"services.json": services(cluster), "ingresses.json": [
            ingress("exact", rule("bar.foo.com", path("/exact", "a"))),
            ingress("wildcard", rule("*.foo.com", path("/", "b")), created=OLDER),
            ingress("any", rule(None, path("/", "c", "Exact"), path("/any", "c"))),
            ingress("mixed-case", rule("upper.example.com", path("/", "a"))),
            ingress("host-only", rule("only.example.com"), default=backend("b")),
            ingress("host-only-without-default", rule("nothing.example.com")),
            ingress("own-default", rule("own.example.com", path("/a", "a")), default=backend("b")),
            ingress("shared-1", rule("shared.example.com", path("/one", "a")), created=OLD,
                    default=backend("b")),
            ingress("shared-2", rule("shared.example.com", path("/two", "a")), created=OLDER,
                    default=backend("c")),
            ingress("shared-0", rule("shared.example.com", path("/zero", "a")),
                    created="2020-01-01T00:00:00Z"),
            ingress("half-bad", rule("half_bad.example.com", path("/", "a")),
                    rule("10.0.0.1", path("/", "a")), rule("half.example.com", path("/", "b"))),
            ingress("top", rule("*.top", path("/", "c"))),
            ingress("punycode", rule("xn--bcher-kva.example", path("/", "a"))),
            ingress("twice", rule("twice.example.com", path("/one", "a")),
                    rule("twice.example.com", path("/two", "b"))),
            ingress("empty-http", {"host": "empty.example.com", "http": {"paths": None}},
                    default=backend("a")),
            ingress("sub-wildcard", rule("*.deep.foo.com", path("/", "c"))),
        ]}

    def test_ip_addresses_match_only_rules_without_a_host(self):
        for host in ("192.0.2.1", "192.0.2.1:80", "[::1]", "[::1]:80"):
            with self.subTest(host):
                self.assertEqual(self.answer("/any", host), "c")

    def test_over_ipv6_the_same(self):
        for host, wanted in (("bar.foo.com", 404), ("x.foo.com", "b"), ("[2001:db8:1::1]", "c")):
            with self.subTest(host):
                self.assertEqual(self.answer("/any", host, address=NODE_IP6), wanted)

    def test_an_empty_port_is_none(self):
        self.assertEqual(self.answer("/exact", "bar.foo.com:"), "a")

    def test_http_1_0_without_host_uses_rules_without_a_host(self):
        self.assertEqual(self.answer("/any", None, version="1.0"), "c")

    def test_broken_hosts_are_refused(self):
        for host in ("", "a b", "user@shop.example.com", "x:99999", "x:8a", "a/b", "[::1", "a,b"):
            with self.subTest(host):
                wanted = (400,) if host else (400, "c")  # an empty Host is valid by RFC 9112
                self.assertIn(self.answer("/any", host), wanted)


add_cases(Hosts, [
    ("exact host wins over an older wildcard", {("bar.foo.com", "/exact"): "a"}),
    ("no fall through from exact host to wildcard", {("bar.foo.com", "/other"): 404}),
    ("wildcard covers one label", {("baz.foo.com", "/x"): "b", ("foo.com", "/any"): "c",
                                   ("baz.bar.foo.com", "/any"): "c"}),
    ("wildcard below a wildcard", {("x.deep.foo.com", "/"): "c", ("deep.foo.com", "/"): "b"}),
    ("a bad host takes only its rule out",
     {("half.example.com", "/"): "b", ("half_bad.example.com", "/any"): "c"}),
    ("a wildcard of a top level", {("x.top", "/"): "c", ("x.y.top", "/any"): "c",
                                   ("top", "/any/x"): "c"}),
    ("punycode is a name like any", {("xn--bcher-kva.example", "/"): "a",
                                     ("XN--BCHER-KVA.example", "/"): "a"}),
    ("two rules of one host are merged",
     {("twice.example.com", "/one"): "a", ("twice.example.com", "/two/x"): "b",
      ("twice.example.com", "/"): 404}),
    ("http without paths is a host alone", {("empty.example.com", "/x"): "a"}),
    ("unknown hosts use rules without a host", {("nobody.example.net", "/any/x"): "c",
                                                ("nobody.example.net", "/"): "c"}),
    ("a path that the rules without a host lack", {("nobody.example.net", "/none"): 404}),
    ("hosts are compared in lower case", {("UPPER.Example.COM", "/"): "a",
                                          ("BAZ.FOO.COM", "/"): "b"}),
    ("the port is no part of the host", {("upper.example.com:80", "/"): "a",
                                         ("upper.example.com:8443", "/"): "a"}),
    ("one trailing dot is ignored", {("upper.example.com.", "/"): "a",
                                     ("upper.example.com.:80", "/"): "a"}),
    ("a host without http goes to the default backend", {("only.example.com", "/x/y"): "b"}),
    ("a host without http and without default", {("nothing.example.com", "/any"): 404}),
    ("default backend of an Ingress with rules catches its hosts alone",
     {("own.example.com", "/a/x"): "a", ("own.example.com", "/other"): "b",
      ("stranger.example.com", "/other"): 404}),
    ("a shared host uses the default of the oldest that has one",
     {("shared.example.com", "/one"): "a", ("shared.example.com", "/two"): "a",
      ("shared.example.com", "/zero"): "a", ("shared.example.com", "/else"): "c"}),
], check)


class OverallDefault(SceneTest):
    """Two Ingresses with a default backend and no rules, and the flag."""

    flags = ("--default-backend", "default/a:80")

    @classmethod
    def manifests(cls, cluster):
        return {"services.json": services(cluster), "ingresses.json": [
            ingress("young", default=backend("c"), created=OLD),
            ingress("ruled", rule("ruled.example.com", path("/a", "a"))),
        ], "older.json": ingress("older", default=backend("b"), created=OLDER)}

    def test_the_oldest_wins_then_the_next_then_the_flag(self):
        self.assertEqual(self.answer("/x", "nobody.example.com"), "b")
        self.cluster.remove("older.json")
        self.answers_soon("c", "/x", "nobody.example.com")
        self.cluster.save("ingresses.json",
                          [ingress("ruled", rule("ruled.example.com", path("/a", "a")))])
        self.answers_soon("a", "/x", "nobody.example.com")
        self.cluster.save("older.json", ingress("older", default=backend("b"), created=OLDER))
        self.answers_soon("b", "/x", "nobody.example.com")

    def test_paths_that_no_rule_of_a_host_matches_reach_it(self):
        self.assertEqual(self.answer("/a", "ruled.example.com"), "a")
        self.answers_soon("b", "/other", "ruled.example.com")
