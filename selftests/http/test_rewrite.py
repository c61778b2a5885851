# SPDX-License-Identifier: Apache-2.0
"""The path that a backend gets where sluice.dev/rewrite-target is set."""

import json
import pathlib
import re
import unittest

from harness import Backend, Worker, echo, exchange, get, ingress, service

TARGET, REGEX = "sluice.dev/rewrite-target", "sluice.dev/use-regex"

# (name, pathType, path of the rule, rewrite-target, {request: what the backend gets, or a status})
CASES = [
    ("prefix to the root", "Prefix", "/app", "/",
     {"/app": "/", "/app/": "/", "/app/x?y=1": "/x?y=1", "/app//x/../z": "/z",
      "/app/https://x//y": "/https://x//y", "//%61pp//%7e%c3": "/%7e%c3"}),
    ("prefix to another", "Prefix", "/app/", "/new/base",
     {"/app": "/new/base", "/app/": "/new/base/", "/app/x": "/new/base/x"}),
    ("exact", "Exact", "/one", "/two/three", {"/one": "/two/three", "/one?q": "/two/three?q"}),
    ("groups", "ImplementationSpecific", "/something(/|$)(.*)", "/$2",
     {"/something": "/", "/something/": "/", "/something/new/x?y": "/new/x?y"}),
    ("groups turned round", "ImplementationSpecific", "/([a-z]+)/([0-9]+)$", "/v/$2/$1",
     {"/item/42": "/v/42/item", "/item/x": 404}),
    ("a group that took no part", "ImplementationSpecific", "/a(/b)?(/c)?", "/z$1$2",
     {"/a": "/z", "/a/b": "/z/b", "/a/c": "/z/c"}),
    ("the forwarded path stays canonical", "ImplementationSpecific", "/x(.*)", "/.$1",
     {"/x./y": 400, "/xy": "/.y", "/x/y": "/y"}),
    ("slashes that meet are merged", "ImplementationSpecific", "/s/(.*)", "/t//$1",
     {"/s/u": "/t/u"}),
    ("groups are of the normal form", "ImplementationSpecific", "/e/(.*)", "/f/$1",
     {"/e/a%2Fb%20c": "/f/a%2Fb%20c", "/e/%7e//%c3|%7c%40": "/f/~/%C3%7C%7C@"}),
]


class Rewrite(unittest.TestCase):
    def test_rewrite(self):
        backend = Backend(echo())
        self.addCleanup(backend.close)
        objects = service("s", [backend])
        for number, (_, kind, path, target, _) in enumerate(CASES):
            notes = {TARGET: target}
            if kind == "ImplementationSpecific":
                notes[REGEX] = "true"
            item = ingress(f"i{number}", {path: "s"}, host=f"h{number}.test", annotations=notes)
            item["spec"]["rules"][0]["http"]["paths"][0]["pathType"] = kind
            objects.append(item)
        worker = Worker(objects)
        self.addCleanup(worker.close)
        for number, (name, _, _, _, requests) in enumerate(CASES):
            for request, wanted in requests.items():
                with self.subTest(name, request=request), worker.connect() as client:
                    status, _, body, _ = exchange(client, get(request, f"h{number}.test"))
                    if isinstance(wanted, int):
                        self.assertEqual(status, wanted)
                        continue
                    self.assertEqual(status, 200, body)
                    line = json.loads(body)["head"].split("\r\n")[0]
                    self.assertEqual(re.fullmatch(r"GET (.*) HTTP/1.1", line).group(1), wanted)

    def test_a_default_backend_is_not_rewritten(self):
        backend = Backend(echo())
        self.addCleanup(backend.close)
        item = ingress("i", {"/app": "s"}, host="a.test", annotations={TARGET: "/x"})
        item["spec"]["defaultBackend"] = {"service": {"name": "s", "port": {"number": 80}}}
        worker = Worker(service("s", [backend]) + [item])
        self.addCleanup(worker.close)
        for request, wanted in (("/other", "GET /other "), ("/app/1", "GET /x/1 ")):
            with worker.connect() as client:
                body = exchange(client, get(request))[2]
            self.assertTrue(json.loads(body)["head"].startswith(wanted), body)

    def test_costly_expressions_end_a_request_and_no_other(self):
        backend = Backend(echo())
        self.addCleanup(backend.close)
        item = ingress("i", {f"/(x+x+)+y{n}": "s" for n in range(1000)}, host="a.test",
                       annotations={REGEX: "true"})
        for path in item["spec"]["rules"][0]["http"]["paths"]:
            path["pathType"] = "ImplementationSpecific"
        worker = Worker(service("s", [backend]) + [item, ingress("all", {"/": "s"}, host="a.test")])
        self.addCleanup(worker.close)

        def cpu_ms():
            stat = pathlib.Path(f"/proc/{worker.pid}/schedstat").read_text()
            return int(stat.split()[0]) / 1e6

        with worker.connect() as client:
            self.assertEqual(exchange(client, get("/other", "a.test"))[0], 200)
        before = cpu_ms()
        for _ in range(10):
            with worker.connect() as client:  # no later rule gets what an earlier one may have matched
                self.assertEqual(exchange(client, get("/" + "x" * 60 + "!y0123456789", "a.test"))[0], 500)
        self.assertLess((cpu_ms() - before) / 10, 50)  # 500 ms where each has a limit of its own

    def test_a_path_that_grows_too_long_is_refused(self):
        backend = Backend(echo())
        self.addCleanup(backend.close)
        item = ingress("i", {"/a(.*)": "s"}, host="a.test",
                       annotations={TARGET: "/$1$1$1$1$1$1$1$1$1", REGEX: "true"})
        item["spec"]["rules"][0]["http"]["paths"][0]["pathType"] = "ImplementationSpecific"
        worker = Worker(service("s", [backend]) + [item])
        self.addCleanup(worker.close)
        for length, wanted in ((500, 200), (4000, 414)):
            with self.subTest(length), worker.connect() as client:
                self.assertEqual(exchange(client, get("/a" + "b" * length))[0], wanted)


if __name__ == "__main__":
    unittest.main()
