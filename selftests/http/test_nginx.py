# SPDX-License-Identifier: Apache-2.0
"""Ingresses of the class of --nginx-class: their annotations, defaults and order of checks."""

import json
import unittest

from harness import Backend, Worker, echo, exchange, field, get, ingress, service

NGINX = "nginx.ingress.kubernetes.io/"


def nginx(name, paths, host, notes=None, tls=None, kind="Prefix", **spec):
    item = ingress(name, paths, host=host,
                   annotations={NGINX + key: value for key, value in (notes or {}).items()},
                   tls=tls)
    for path in item["spec"]["rules"][0]["http"]["paths"]:
        path["pathType"] = kind
    item["spec"].update(ingressClassName="nginx", **spec)
    return item


def config(**keys):
    return {"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"namespace": "ingress-nginx", "name": "ingress-nginx-controller"},
            "data": {key.replace("_", "-"): value for key, value in keys.items()}}


class Nginx(unittest.TestCase):
    def start(self, *items, **flags):
        self.backend = Backend(echo())
        self.addCleanup(self.backend.close)
        objects = service("s", [self.backend]) + service("none", []) + list(items)
        self.worker = Worker(objects, **flags)
        self.addCleanup(self.worker.close)

    def ask(self, path, host, extra="", method="GET", rest=b""):
        with self.worker.connect() as client:
            status, head, body, _ = exchange(
                client, get(path, host, extra=extra, method=method) + rest)
        return status, head, body

    def seen(self, path, host, extra=""):
        """Head of the request as the backend got it."""
        status, _, body = self.ask(path, host, extra)
        self.assertEqual(status, 200, body)
        return json.loads(body)["head"].encode() + b"\r\n"

    def test_a_rewrite_makes_expressions_of_all_paths_of_the_host(self):
        self.start(
            nginx("one", {"/something(/|$)(.*)": "s"}, "a.test", {"rewrite-target": "/$2"},
                  kind="ImplementationSpecific"),
            nginx("two", {"/foo": "s"}, "a.test", kind="Exact"),
            nginx("three", {"/": "s"}, "b.test", {"rewrite-target": "/"}),
            nginx("four", {"/app": "s"}, "c.test", {"rewrite-target": "/new"}),
            nginx("five", {"/old/(.+)": "s"}, "d.test",
                  {"rewrite-target": "https://new.test/$1"}),
            nginx("six", {"/x(/y)?": "s"}, "e.test", {"rewrite-target": "$1"}))
        for host, path, wanted in [
                ("a.test", "/something/new/x?q=1", "/new/x?q=1"), ("a.test", "/SOMEthing", "/"),
                ("a.test", "/FOObar", "/FOObar"), ("b.test", "/x/y", "/x/y"),
                ("c.test", "/app/below", "/new"), ("c.test", "/APPle", "/new"),
                ("e.test", "/x/y", "/y")]:
            with self.subTest(path=path):
                self.assertEqual(self.seen(path, host).split(b" ")[1], wanted.encode())
        status, head, _ = self.ask("/old/a/b?q", "d.test")
        self.assertEqual((status, field(head, "Location")), (302, "https://new.test/a/b?q"))
        self.assertEqual(self.ask("/x", "e.test")[0], 500)
        self.assertEqual(self.ask("/other", "a.test")[0], 404)

    def test_order_of_expressions(self):
        other = Backend(echo("other"))
        self.addCleanup(other.close)
        self.start(*service("o", [other]),
                   nginx("one", {"/foo/bar": "s", "/foo/bar/[a-z]{3}": "o"}, "a.test",
                         {"use-regex": "true"}, kind="ImplementationSpecific"))
        self.assertIn(b'"other"', self.ask("/foo/bar/bar", "a.test")[2])
        self.assertNotIn(b'"other"', self.ask("/foo/bar/1", "a.test")[2])

    def test_redirects(self):
        self.start(
            nginx("p", {"/": "none"}, "p.test", {"permanent-redirect": "https://x.test/y"}),
            nginx("q", {"/": "s"}, "q.test",
                  {"permanent-redirect": "https://x.test", "permanent-redirect-code": "308"}),
            nginx("r", {"/": "s"}, "r.test", {"permanent-redirect": "https://x.test",
                                              "permanent-redirect-code": "399"}),
            nginx("t", {"/": "s"}, "t.test", {"temporal-redirect": "https://x.test",
                                              "permanent-redirect": "https://z.test"}),
            nginx("bad", {"/": "s"}, "bad.test", {"permanent-redirect": "ftp://x"}),
            nginx("root", {"/foo": "s"}, "root.test", {"app-root": "/foo"}),
            nginx("w", {"/": "s"}, "w.test", {"from-to-www-redirect": "true"}),
            nginx("alias", {"/": "s"}, "one.test", {"server-alias": "two.test, *.three.test"}),
            nginx("force", {"/": "s"}, "f.test", {"force-ssl-redirect": "true"}),
            nginx("tls", {"/": "s"}, "unlisted.test", tls=[{"hosts": ["listed.test"]}]),
            nginx("plain", {"/": "s"}, "plain.test", {"ssl-redirect": "false"},
                  tls=[{"hosts": ["plain.test"]}]))
        for host, path, status, location in [
                ("p.test", "/a?b", 301, "https://x.test/y"), ("q.test", "/", 308, "https://x.test"),
                ("r.test", "/", 301, "https://x.test"), ("t.test", "/", 302, "https://x.test"),
                ("bad.test", "/", 200, None), ("root.test", "/", 302, "http://root.test/foo"),
                ("root.test", "/foo", 200, None), ("www.w.test", "/x/", 308, "http://w.test/x"),
                ("w.test", "/", 200, None), ("two.test", "/", 200, None),
                ("a.three.test", "/", 200, None), ("four.test", "/", 404, None),
                ("f.test", "/x/", 308, "https://f.test/x"),
                ("f.test", "/x/?q=1", 308, "https://f.test/x/?q=1"),
                ("unlisted.test", "/x", 308, "https://unlisted.test/x"),
                ("plain.test", "/x", 200, None)]:
            with self.subTest(host, path=path):
                got, head, _ = self.ask(path, host)
                self.assertEqual((got, field(head, "Location")), (status, location))
        self.assertEqual(self.ask("/x", "f.test", "X-Forwarded-Proto: https\r\n")[0], 308)

    def test_cors(self):
        cors = {"enable-cors": "true"}
        self.start(
            nginx("any", {"/": "s"}, "any.test", cors),
            nginx("list", {"/": "s"}, "list.test",
                  {**cors, "cors-allow-origin": "https://a.test, https://*.b.test:8443, no origin",
                   "cors-allow-credentials": "false", "cors-max-age": "60",
                   "cors-expose-headers": "X-One, X-Two", "cors-allow-methods": "GET",
                   "cors-allow-headers": "X-Three"}),
            nginx("off", {"/": "s"}, "off.test", {"cors-allow-origin": "https://a.test"}))
        status, head, _ = self.ask("/", "any.test")
        self.assertEqual((status, field(head, "Access-Control-Allow-Origin"),
                          field(head, "Access-Control-Allow-Credentials"),
                          field(head, "Access-Control-Allow-Methods"),
                          field(head, "Access-Control-Max-Age")),
                         (200, "*", "true", "GET, PUT, POST, DELETE, PATCH, OPTIONS", "1728000"))
        for origin, wanted in [("https://A.test", "https://A.test"), ("https://evil.test", None),
                               ("evilhttps://a.test", None), ("https://x.b.test:8443", True),
                               ("https://x.y.b.test:8443", None)]:
            with self.subTest(origin):
                status, head, _ = self.ask("/", "list.test", f"Origin: {origin}\r\n")
                self.assertEqual(status, 200)
                self.assertEqual(field(head, "Access-Control-Allow-Origin"),
                                 origin if wanted is True else wanted)
        preflight = "Origin: https://a.test\r\nAccess-Control-Request-Method: GET\r\n"
        status, head, _ = self.ask("/", "list.test", preflight, "OPTIONS")
        self.assertEqual((status, field(head, "Access-Control-Allow-Methods"),
                          field(head, "Access-Control-Expose-Headers"),
                          field(head, "Access-Control-Allow-Headers"),
                          field(head, "Access-Control-Max-Age"),
                          field(head, "Access-Control-Allow-Credentials"), field(head, "Vary")),
                         (204, "GET", "X-One, X-Two", "X-Three", "60", None, "Origin"))
        self.assertEqual(self.ask("/", "list.test", "Origin: https://e\r\n", "OPTIONS")[0], 200)
        self.assertIsNone(field(self.ask("/", "off.test")[1], "Access-Control-Allow-Origin"))

    def test_fields_towards_the_backend(self):
        self.start(
            nginx("v", {"/": "s"}, "v.test", {"upstream-vhost": "inner.test"}),
            nginx("var", {"/": "s"}, "var.test", {"upstream-vhost": "$http_x_inner"}),
            nginx("p", {"/p(/|$)(.*)": "s"}, "p.test",
                  {"rewrite-target": "/$2", "x-forwarded-prefix": "/p"}),
            nginx("n", {"/": "s"}, "n.test", {"x-forwarded-prefix": "/p"}),
            nginx("bad", {"/": "s"}, "bad.test", {"upstream-vhost": "$nothing"}))
        self.assertEqual(field(self.seen("/", "v.test"), "Host"), "inner.test")
        self.assertEqual(field(self.seen("/", "v.test"), "X-Forwarded-Host"), "v.test")
        self.assertEqual(field(self.seen("/", "var.test", "X-Inner: z.test\r\n"), "Host"), "z.test")
        self.assertEqual(field(self.seen("/p/x", "p.test"), "X-Forwarded-Prefix"), "/p")
        self.assertIsNone(field(self.seen("/", "n.test"), "X-Forwarded-Prefix"))
        self.assertEqual(field(self.seen("/", "bad.test"), "Host"), "bad.test")
        self.assertEqual(field(self.seen("/", "n.test", "X-Scheme: https\r\n"), "X-Scheme"), "http")

    def test_guards_fail_closed(self):
        self.start(
            nginx("allow", {"/": "s"}, "allow.test", {"allowlist-source-range": "127.0.0.0/8"}),
            nginx("other", {"/": "s"}, "other.test", {"whitelist-source-range": "10.0.0.0/8"}),
            nginx("both", {"/": "s"}, "both.test", {"whitelist-source-range": "10.0.0.0/8",
                                                    "allowlist-source-range": "127.0.0.1"}),
            nginx("deny", {"/": "s"}, "deny.test", {"denylist-source-range": "127.0.0.1"}),
            nginx("b1", {"/": "s"}, "b1.test", {"allowlist-source-range": "127.0.0.1, oops"}),
            nginx("b2", {"/": "s"}, "b2.test", {"denylist-source-range": "oops"}),
            nginx("b3", {"/": "s"}, "b3.test", {"whitelist-source-range": ""}),
            nginx("b4", {"/": "s"}, "b4.test", {"allowlist-source-range": ""}),
            nginx("sn1", {"/": "s"}, "sn1.test", {"configuration-snippet": "deny all;"}),
            nginx("sn2", {"/": "s"}, "sn2.test",
                  {"configuration-snippet": "more_set_headers \"X: y\";"}),
            nginx("waf", {"/": "s"}, "waf.test", {"enable-modsecurity": "true"}),
            nginx("nowaf", {"/": "s"}, "nowaf.test", {"enable-modsecurity": "false"}))
        for host, status in [("allow", 200), ("other", 403), ("both", 200), ("deny", 403),
                             ("b1", 503), ("b2", 503), ("b3", 200), ("b4", 503), ("sn1", 503),
                             ("sn2", 200), ("waf", 503), ("nowaf", 200)]:
            with self.subTest(host):
                self.assertEqual(self.ask("/", f"{host}.test")[0], status)

    def test_defaults_and_config_map(self):
        big = nginx("big", {"/": "s"}, "big.test", {"proxy-body-size": "0"})
        items = [nginx("i", {"/": "s"}, "i.test"), big,
                 nginx("small", {"/": "s"}, "small.test", {"proxy-body-size": "4k"}),
                 nginx("bad", {"/": "s"}, "bad.test", {"proxy-body-size": "4 apples"})]
        self.start(*items)

        def post(host, size):
            return self.ask("/", host, f"Content-Length: {size}\r\n", "POST", b"x" * size)[0]
        self.assertEqual([post("i.test", 1 << 20), post("i.test", (1 << 20) + 1),
                          post("big.test", (1 << 20) + 1), post("small.test", 4097),
                          post("bad.test", 4097)], [200, 413, 200, 413, 200])
        self.worker.reload(service("s", [self.backend]) + items + [config(proxy_body_size="1k")])
        self.assertEqual([post("i.test", 1025), post("small.test", 1025)], [413, 200])

    def test_sticky(self):
        self.start(
            nginx("i", {"/some": "s"}, "i.test", {"affinity": "cookie"}),
            nginx("j", {"/": "s"}, "j.test",
                  {"affinity": "cookie", "session-cookie-name": "SID",
                   "session-cookie-path": "/x", "session-cookie-domain": "j.test",
                   "session-cookie-expires": "60", "session-cookie-max-age": "70",
                   "session-cookie-samesite": "Strict", "session-cookie-secure": "true"}),
            nginx("bad", {"/": "s"}, "bad.test", {"affinity": "ip"}))
        cookie = field(self.ask("/some/x", "i.test")[1], "Set-Cookie")
        self.assertRegex(cookie, r"^INGRESSCOOKIE=\w+; Path=/some; HttpOnly$")
        cookie = field(self.ask("/", "j.test")[1], "Set-Cookie")
        self.assertRegex(cookie, r"^SID=\w+; Path=/x; HttpOnly; Max-Age=70; Expires=.* GMT; "
                                 r"Domain=j.test; SameSite=Strict; Secure$")
        self.assertIsNone(field(self.ask("/", "bad.test")[1], "Set-Cookie"))

    def test_a_canary_takes_nothing_from_the_main_ingress(self):
        other = Backend(echo("canary"))
        self.addCleanup(other.close)
        self.start(*service("o", [other]),
                   nginx("a-canary", {"/": "o"}, "i.test", {"canary": "true"}),
                   nginx("b-main", {"/": "s"}, "i.test"),
                   nginx("off", {"/": "s"}, "off.test", {"canary": "false"}),
                   nginx("alone", {"/": "o"}, "alone.test", {"canary": "true"}))
        for _ in range(4):
            self.assertEqual(json.loads(self.ask("/", "i.test")[2])["name"], "")
        self.assertEqual(self.ask("/", "off.test")[0], 200)
        self.assertEqual(self.ask("/", "alone.test")[0], 404)

    def test_order_of_checks(self):
        tls = [{"hosts": ["z.test"]}]
        self.start(
            nginx("a", {"/": "s"}, "a.test", {"proxy-body-size": "10", "enable-cors": "true",
                                              "permanent-redirect": "https://x.test",
                                              "denylist-source-range": "0.0.0.0/0"}, tls=tls),
            nginx("b", {"/": "none"}, "b.test", {"denylist-source-range": "0.0.0.0/0"}, tls=tls),
            nginx("c", {"/": "none"}, "c.test", {"denylist-source-range": "0.0.0.0/0"}),
            nginx("d", {"/": "s"}, "d.test", {"denylist-source-range": "oops",
                                              "permanent-redirect": "https://x.test"}),
            nginx("e", {"/": "s"}, "e.test", {"denylist-source-range": "0.0.0.0/0"}))
        long = "Content-Length: 20\r\n"
        for name, host, method, extra, rest, status in [
                ("413 before all", "a", "POST", long, b"x" * 20, 413),
                ("preflight before redirects", "a", "OPTIONS", "", b"", 204),
                ("the route's redirect before https", "a", "GET", "", b"", 301),
                ("https before no endpoints and 403", "b", "GET", "", b"", 308),
                ("no endpoints before 403", "c", "GET", "", b"", 503),
                ("a guard that cannot be read before redirects", "d", "GET", "", b"", 503),
                ("then the lists", "e", "GET", "", b"", 403)]:
            with self.subTest(name):
                self.assertEqual(self.ask("/", f"{host}.test", extra, method, rest)[0], status)

    def test_the_port_of_the_pods(self):
        item = nginx("i", {"/": "s"}, "i.test")
        port = item["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"]
        port.clear()
        port["number"] = 8080
        self.backend = Backend(echo())
        self.addCleanup(self.backend.close)
        objects = service("s", [self.backend])
        for thing in objects:
            if thing["kind"] == "Service":
                thing["spec"]["ports"][0]["targetPort"] = 8080
        self.worker = Worker(objects + [item])
        self.addCleanup(self.worker.close)
        self.assertEqual(self.ask("/", "i.test")[0], 200)

    def test_hash_by_a_text(self):
        others = [Backend(echo(str(i))) for i in range(4)]
        for backend in others:
            self.addCleanup(backend.close)
        self.start(*service("many", others),
                   nginx("i", {"/": "many"}, "i.test", {"upstream-hash-by": "$request_uri"}))

        def name(path):
            return json.loads(self.ask(path, "i.test")[2])["name"]
        self.assertEqual(len({name("/same") for _ in range(8)}), 1)
        self.assertGreater(len({name(f"/{i}") for i in range(40)}), 1)


if __name__ == "__main__":
    unittest.main()
