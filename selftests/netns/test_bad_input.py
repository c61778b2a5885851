# SPDX-License-Identifier: Apache-2.0
"""Manifests with faults: a clear message that names object, field and reason, and nothing else
disturbed."""

import re
import time

from cluster import app, backend, endpoint_slice, ingress, meta, path, rule, service, to_json
from netns import wait_until
from scene import SceneTest, add_cases

HOST = "victim.test"
LONG_HOST = ".".join(["a" * 60] * 5)


def text_of(value):
    return value if isinstance(value, str) else to_json(value)


def with_spec(spec, kind="Ingress", api="networking.k8s.io/v1"):
    return {"apiVersion": api, "kind": kind, "metadata": meta("bad"), "spec": spec}


def used(*items):
    """The objects, and an Ingress that uses Service bad: of others nothing is said."""
    return [ingress("user", rule("user.test", path("/", "bad"))), *items]


# (name, file name, content, words that one log line has)
FAULTS = [
    ("broken YAML", "bad.yaml", "kind: [Ingress\nmetadata:\n  name: x\n", ["bad.yaml", r":?\b[123]\b"]),
    ("a tab in YAML", "bad.yaml", "kind: Ingress\nmetadata:\n\tname: x\n", ["bad.yaml", r"\b3\b"]),
    ("broken JSON", "bad.json", '{"kind": "Ingress",', ["bad.json"]),
    ("an empty file name list", "bad.json", "[1, 2]", ["bad.json"]),
    ("binary", "bad.yaml", "\x00\x01\x02kind", ["bad.yaml"]),
    ("an alias bomb", "bad.yaml", "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n"
        for n in range(12)), ["bad.yaml"]),
    ("deep nesting", "bad.json", "[" * 100000, ["bad.json"]),
    ("spec is text", "bad.json", with_spec("text"), ["Ingress", "default/bad", "spec"]),
    ("rules is an object", "bad.json", with_spec({"ingressClassName": "sluice", "rules": {}}),
     ["Ingress", "default/bad", "rules"]),
    ("no name", "bad.json", {"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": {}},
     ["bad.json", "Service", "name"]),
    ("name is a number", "bad.json", {"apiVersion": "v1", "kind": "Service",
                                      "metadata": {"name": 7}, "spec": {"ports": []}},
     ["Service", "metadata.name"]),
    ("a name that is none", "bad.json", service("Not_A_Name!"), ["Service", "Not_A_Name!"]),
    ("a host of 300 characters", "bad.json", ingress("bad", rule(LONG_HOST, path("/", "v"))),
     ["default/bad", "host"]),
    ("a host with an underscore", "bad.json", ingress("bad", rule("a_b.test", path("/", "v"))),
     ["default/bad", r"rules\[0\]", "host", "a_b.test"]),
    ("a wildcard in the middle", "bad.json", ingress("bad", rule("a.*.test", path("/", "v"))),
     ["default/bad", "host"]),
    ("a host that is an address", "bad.json", ingress("bad", rule("192.0.2.1", path("/", "v"))),
     ["default/bad", "host"]),
    ("a path with a double slash", "bad.json", ingress("bad", rule("x.test", path("/a//b", "v"))),
     ["default/bad", "path", "/a//b"]),
    ("a regular expression that does not compile", "bad.json", ingress(
        "bad", rule("x.test", path("/[z-a]", "v", "ImplementationSpecific")),
        annotations={"sluice.dev/use-regex": "true"}),
     ["default/bad", r"paths\[0\].path", "z-a", "out of order", "InvalidRegex"]),
    ("an unknown pathType", "bad.json", ingress("bad", rule("x.test", path("/a", "v", "Regex"))),
     ["default/bad", "pathType", "Regex"]),
    ("pathType missing", "bad.json", ingress("bad", rule("x.test", {
        "path": "/a", "backend": backend("v")})), ["default/bad", "pathType"]),
    ("a backend without service", "bad.json", ingress("bad", rule("x.test", {
        "path": "/a", "pathType": "Prefix", "backend": {}})), ["default/bad", "backend"]),
    ("an unknown service", "bad.json", ingress("bad", rule("x.test", path("/a", "nothing"))),
     ["default/bad", "nothing"]),
    ("an unknown port", "bad.json", ingress("bad", rule("x.test", path("/a", "victim", port=81))),
     ["default/bad", "81"]),
    ("a port out of range", "bad.json", used(service("bad", [("web", 80, "TCP"),
                                                                   ("x", 70000, "TCP")])),
     ["default/bad", "port", "70000"]),
    ("a protocol that is none", "bad.json", used(service("bad", [("web", 80, "TCP"),
                                                                        ("x", 81, "ICMP")])),
     ["default/bad", "protocol", "ICMP"]),
    ("an endpoint that is no address", "bad.json", used(service("bad"), endpoint_slice(
        "bad", ["10.0.0.999"])),
     ["EndpointSlice", "default/bad-1", "10.0.0.999"]),
    ("a loadBalancerIP that is none", "bad.json", service(
        "bad", type="LoadBalancer", loadBalancerClass="sluice.dev/l4", loadBalancerIP="nope"),
     ["default/bad", "loadBalancerIP", "nope"]),
    ("an unknown kind", "bad.json", {"apiVersion": "apps/v1", "kind": "Deployment",
                                     "metadata": meta("bad")}, ["Deployment"]),
    ("an old Ingress version", "bad.json", {"apiVersion": "extensions/v1beta1", "kind": "Ingress",
                                            "metadata": meta("bad"), "spec": {}},
     ["extensions/v1beta1"]),
    ("a duplicate in one file", "bad.json", [service("twice"), service("twice")],
     ["Service", "default/twice"]),
    ("a duplicate of another file", "bad.json", [service("victim", [
        (None, 80, "TCP")])], ["Service", "default/victim", "bad.json"]),
]


class Faults(SceneTest):
    """Each fault comes beside a good object in a second file; both the old and the new good
    objects serve."""

    @classmethod
    def manifests(cls, cluster):
        return {"victim.json": [ingress("victim", rule(HOST, path("/", "victim")))]
                + app("victim", cluster.pods["pod-a"])}

    def setUp(self):
        self.from_byte = len(self.cluster.sluiced.log())

    def tearDown(self):
        for name in ("bad.yaml", "bad.json", "good.json"):
            (self.cluster.manifests / name).unlink(missing_ok=True)
        self.answers_soon(404, "/", "good.test")

    def new_log(self):
        return self.cluster.sluiced.log()[self.from_byte:]

    def wait_line(self, words):
        """Waits for a log line that has all the words (regular expressions)."""
        def found():
            for line in self.new_log().splitlines():
                if all(re.search(word, line) for word in words):
                    return line
            return None

        try:
            return wait_until(found, "log line")
        except TimeoutError:
            self.fail(f"no log line with {words} in:\n{self.new_log()}")

    def check_good(self):
        self.assertEqual(self.answer("/", HOST), "a")
        self.cluster.save("good.json", ingress("good", rule("good.test", path("/", "victim"))))
        self.answers_soon("a", "/", "good.test")

    def test_a_file_that_breaks_keeps_its_last_good_version(self):
        good = to_json(ingress("kept", rule("kept.test", path("/", "victim"))))
        self.cluster.save("bad.json", good)
        self.answers_soon("a", "/", "kept.test")
        (self.cluster.manifests / "bad.json").write_text(good[:len(good) // 2])
        self.wait_line(["bad.json"])
        self.assertEqual(self.answer("/", "kept.test"), "a")
        self.check_good()
        self.assertEqual(self.answer("/", "kept.test"), "a")
        self.assertTrue(self.cluster.ready())
        self.cluster.save("bad.json", to_json(
            ingress("kept", rule("kept.test", path("/x", "victim")))))
        self.answers_soon(404, "/", "kept.test")
        self.assertEqual(self.answer("/x", "kept.test"), "a")

    def test_a_broken_document_among_good_ones_keeps_the_whole_file(self):
        text = ("{}\n---\n" + to_json(ingress("one", rule("one.test", path("/", "victim")))) +
                "\n---\n" + "kind: {\n")
        self.cluster.save("bad.yaml", text)
        self.wait_line(["bad.yaml"])
        time.sleep(0.2)
        self.assertEqual(self.answer("/", "one.test"), 404)
        self.check_good()

    def test_a_bad_object_takes_only_itself_out(self):
        self.cluster.save("bad.json", [
            ingress("one", rule("one.test", path("/", "victim"))),
            with_spec("text"),
            ingress("two", rule("two.test", path("/", "victim"), path("/a//b", "victim")),
                    rule("a_b.test", path("/", "victim"))),
        ])
        self.answers_soon("a", "/", "one.test")
        self.answers_soon("a", "/", "two.test")
        self.cluster.save("bad.json", [])
        self.answers_soon(404, "/", "one.test")

    def test_the_first_file_keeps_a_duplicate_name(self):
        before = self.answer("/", HOST)
        self.cluster.save("zz-second.json", ingress("victim", rule("other.test",
                                                                   path("/", "victim"))))
        self.wait_line(["Ingress", "default/victim", "zz-second.json"])
        self.assertEqual(self.answer("/", HOST), before)
        self.cluster.remove("zz-second.json")
        time.sleep(0.2)
        self.assertEqual(self.answer("/", HOST), before)


def check(test, file_name, content, words):
    beside = test.cluster.manifests / file_name
    beside.write_bytes(text_of(content).encode())
    test.wait_line(words)
    test.check_good()


add_cases(Faults, FAULTS, check)


class BadAtStart(SceneTest):
    """A directory that has a broken file from the beginning: ready with what is good."""

    @classmethod
    def manifests(cls, cluster):
        return {"bad.yaml": "kind: [", "victim.json": [
            ingress("victim", rule(HOST, path("/", "victim")))]
            + app("victim", cluster.pods["pod-a"])}

    def test_serves_what_is_good(self):
        self.assertEqual(self.answer("/", HOST), "a")
        self.assertIn("bad.yaml", self.cluster.sluiced.log())
