# SPDX-License-Identifier: Apache-2.0
"""Services, EndpointSlices and conditions through real traffic: which pods are asked, and when the
answer is Sluice's own 503."""

import collections

from cluster import (HTTP_PORT, OTHER_HTTP_PORT, app, backend, endpoint, endpoint_slice, ingress,
                     path, rule, service)
from scene import SceneTest, add_cases

A, B, C = "10.244.1.11", "10.244.1.12", "10.244.1.13"
A6 = "fd00:244:1::11"


def conditions(address, **values):
    """An endpoint whose conditions are written as given, None included."""
    return {"addresses": [address], "conditions": values}


def raw_slice(name, **fields):
    """A slice with fields that endpoint_slice() would not write."""
    return {**endpoint_slice(name, [A]), **fields}


def in_namespace(item, namespace):
    """The object in a namespace, unless it names one itself."""
    given = item["metadata"].get("namespace", "default")
    return {**item, "metadata": {
        **item["metadata"], "namespace": namespace if given == "default" else given}}


# (name, objects of Service 's', pods that answer: letters, or a status)
CASES = [
    ("ready missing means ready", [service("s"), endpoint_slice("s", [A])], "a"),
    ("conditions empty", [service("s"), endpoint_slice("s", [conditions(A)])], "a"),
    ("ready null means ready", [service("s"), endpoint_slice("s", [conditions(A, ready=None)])],
     "a"),
    ("ready false is left out", [service("s"), endpoint_slice("s", [
        conditions(A, ready=True), conditions(B, ready=False)])], "a"),
    ("none ready: serving and terminating serve", [service("s"), endpoint_slice("s", [
        conditions(A, ready=False, serving=True, terminating=True),
        conditions(B, ready=False, serving=False, terminating=True),
        conditions(C, ready=False, serving=True, terminating=False)])], "a"),
    ("serving missing means serving", [service("s"), endpoint_slice("s", [
        conditions(A, ready=False, terminating=True)])], "a"),
    ("one ready: terminating ones get nothing", [service("s"), endpoint_slice("s", [
        conditions(A, ready=False, serving=True, terminating=True),
        conditions(B, ready=True)])], "b"),
    ("none usable", [service("s"), endpoint_slice("s", [
        conditions(A, ready=False), conditions(B, ready=False, terminating=False)])], 503),
    ("no slice", [service("s")], 503),
    ("slice without endpoints", [service("s"), endpoint_slice("s", [])], 503),
    ("endpoints null", [service("s"), raw_slice("s", endpoints=None)], 503),
    ("ports null", [service("s"), raw_slice("s", ports=None)], 503),
    ("slices are merged", [service("s"), endpoint_slice("s", [A]),
                           endpoint_slice("s", [B, C], suffix="2")], "abc"),
    ("an empty slice beside a full one", [service("s"), raw_slice("s", endpoints=None),
                                          endpoint_slice("s", [B], suffix="2")], "b"),
    ("the slice of another service", [service("s"), endpoint_slice("other", [A])], 503),
    ("the slice of another namespace",
     [service("s"), endpoint_slice("s", [A], namespace="elsewhere")], 503),
    ("only the first address of an endpoint counts", [service("s"), endpoint_slice("s", [
        {"addresses": [A, B]}])], "a"),
    ("IPv6 pods", [service("s"), endpoint_slice("s", [A6], family="IPv6")], "a"),
    ("IPv4 and IPv6 pods", [service("s"), endpoint_slice("s", [A6], family="IPv6"),
                            endpoint_slice("s", [B], suffix="2")], "ab"),
    ("v1 Endpoints", [service("s"), {
        "apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "s"}, "subsets": [
            {"addresses": [{"ip": A}], "notReadyAddresses": [{"ip": B}],
             "ports": [{"port": HTTP_PORT}]},
            {"addresses": [{"ip": C}], "ports": [{"port": HTTP_PORT}]}]}], "ac"),
    ("unknown service", [service("other")], 503),
    ("unknown port number", [service("s", [(None, 81, "TCP")]), endpoint_slice("s", [A])], 503),
    ("ExternalName", [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {
        "type": "ExternalName", "externalName": "example.com", "ports": [{"port": 80}]}}], 503),
    ("port 80 of TCP and UDP means TCP", [
        service("s", [("udp", 80, "UDP"), ("web", 80, "TCP")]),
        endpoint_slice("s", [A], [("udp", 9, "UDP"), ("web", HTTP_PORT, "TCP")])], "a"),
    ("the slice's port counts, not targetPort", [
        service("s"), endpoint_slice("s", [A], [(None, OTHER_HTTP_PORT, "TCP")])], "a"),
    ("a named service port needs the slice port of its name", [
        service("s", [("web", 80, "TCP")]), endpoint_slice("s", [A], [
            ("admin", OTHER_HTTP_PORT, "TCP"), ("web", HTTP_PORT, "TCP")])], "a"),
    ("a slice without the port's name", [
        service("s", [("web", 80, "TCP")]), endpoint_slice("s", [A], [
            ("admin", HTTP_PORT, "TCP")])], 503),
]


class Backends(SceneTest):
    """Each case is a namespace with one Ingress and one Service."""

    @classmethod
    def manifests(cls, cluster):
        files = {}
        for number, (_, objects, _) in enumerate(CASES):
            namespace = f"case{number}"
            items = [ingress("web", rule(f"{namespace}.test", path("/", "s")))] + objects
            files[f"{namespace}.json"] = [in_namespace(item, namespace) for item in items]
        files["resource.json"] = [ingress("resource", rule("resource.test", {
            "path": "/bucket", "pathType": "Prefix", "backend": {"resource": {
                "apiGroup": "storage.example.com", "kind": "Bucket", "name": "x"}}},
            path("/", "a")))] + app("a", cluster.pods["pod-a"])
        files["names.json"] = [
            ingress("names", rule("names.test", path("/web", "named", port="web"),
                                  path("/number", "named", port=8000),
                                  path("/other", "named", port="other"),
                                  path("/unknown", "named", port="nope"))),
            service("named", [("web", 80, "TCP"), ("other", 8000, "TCP")]),
            endpoint_slice("named", [A], [("web", HTTP_PORT, "TCP"),
                                          ("other", OTHER_HTTP_PORT, "TCP")])]
        files["differ.json"] = [
            ingress("differ", rule("differ.test", path("/", "differ", port="web"))),
            service("differ", [("web", 80, "TCP")]),
            endpoint_slice("differ", [A], [("web", HTTP_PORT, "TCP")]),
            endpoint_slice("differ", [B], [("web", OTHER_HTTP_PORT, "TCP")], suffix="2")]
        files["moving.json"] = [
            ingress("moving", rule("moving.test", path("/", "moving"))), service("moving"),
            endpoint_slice("moving", [A]), endpoint_slice("moving", [A, B], suffix="2")]
        files["dead.json"] = [
            ingress("dead", rule("dead.test", path("/", "dead"))), service("dead"),
            endpoint_slice("dead", [A, "10.244.1.99"], [(None, HTTP_PORT, "TCP")])]
        files["refused.json"] = [
            ingress("refused", rule("refused.test", path("/", "refused"))), service("refused"),
            endpoint_slice("refused", [A], [(None, 7, "TCP")])]
        return files

    def pods_of(self, host, requests=24, request_path="/"):
        """How often each pod (or status) answers."""
        return collections.Counter(str(self.answer(request_path, host)) for _ in range(requests))

    def test_resource_backend_takes_only_itself_out(self):
        self.assertEqual(self.answer("/x", "resource.test"), "a")
        self.assertIn(self.answer("/bucket/x", "resource.test"), ("a", 503))

    def test_ports_by_name_and_by_number(self):
        for request_path, port in (("/web", HTTP_PORT), ("/number", OTHER_HTTP_PORT),
                                   ("/other", OTHER_HTTP_PORT)):
            response = self.cluster.get(request_path, "names.test")
            self.assertEqual(response.fields.get("port"), str(port), f"{request_path}: {response}")
        self.assertEqual(self.answer("/unknown", "names.test"), 503)

    def test_port_numbers_may_differ_from_pod_to_pod(self):
        seen = {(response.pod, response.fields["port"]) for response in
                (self.cluster.get("/", "differ.test") for _ in range(12))}
        self.assertEqual(seen, {("pod-a", str(HTTP_PORT)), ("pod-b", str(OTHER_HTTP_PORT))})

    def test_an_address_in_two_slices_counts_once(self):
        counts = self.pods_of("moving.test", 40)
        self.assertEqual(set(counts), {"a", "b"})
        self.assertLessEqual(abs(counts["a"] - counts["b"]), 8, counts)

    def test_all_pods_take_part(self):
        number = [name for name, *_ in CASES].index("slices are merged")
        counts = self.pods_of(f"case{number}.test", 60)
        self.assertEqual(set(counts), set("abc"))
        self.assertGreaterEqual(min(counts.values()), 12, counts)

    def test_keep_alive_requests_are_balanced_one_by_one(self):
        number = [name for name, *_ in CASES].index("slices are merged")
        text = self.cluster.curl("-H", f"Host: case{number}.test", "http://192.0.2.1/[1-12]")
        counts = collections.Counter(line for line in text.splitlines() if line[:4] == "pod=")
        self.assertEqual(len(counts), 3, counts)
        self.assertEqual(set(counts.values()), {4}, counts)

    def test_a_pod_that_refuses_is_answered_502(self):
        self.assertEqual(self.answer("/", "refused.test"), 502)

    def test_a_dead_pod_costs_no_request(self):
        self.assertEqual(self.pods_of("dead.test", 8), {"a": 8})


def check(test, number, wanted):
    counts = test.pods_of(f"case{number}.test", 1 if isinstance(wanted, int) else 8)
    test.assertEqual(set(counts), {str(wanted)} if isinstance(wanted, int) else set(wanted))


add_cases(Backends, [(name, number, wanted)
                     for number, (name, _, wanted) in enumerate(CASES)], check)


class ExternalNames(SceneTest):
    """--allow-external-name: an address, and a name that the node's hosts file has."""

    flags = ("--allow-external-name",)
    PORT = 8099

    @classmethod
    def external(cls, name, host, port):
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {
            "type": "ExternalName", "externalName": host, "ports": [{"port": port}]}}

    @classmethod
    def manifests(cls, cluster):
        return {"all.json": [
            ingress("external", rule("external.test", path("/address", "address", port=HTTP_PORT),
                                     path("/name", "name", port=cls.PORT),
                                     path("/unknown", "unknown"))),
            cls.external("address", A, HTTP_PORT), cls.external("name", "localhost", cls.PORT),
            cls.external("unknown", "nobody.invalid", 80)]}

    def test_an_address_needs_no_slice(self):
        self.assertEqual(self.answer("/address", "external.test"), "a")

    def test_a_name_is_looked_up(self):
        self.cluster.node.start("server", ["python3", "-m", "http.server", str(self.PORT),
                                           "--bind", "127.0.0.1", "--directory",
                                           self.cluster.folder])
        # 404 of that server: nothing else here says so in words of its own.
        self.cluster.get_until(
            lambda response: (response.header("Server") or "").startswith("SimpleHTTP"),
            "the server on the node", timeout=20, path="/name", host="external.test")

    def test_a_name_that_is_not_found_is_503(self):
        self.assertEqual(self.answer("/unknown", "external.test"), 503)


class DefaultBackend(SceneTest):
    """An Ingress with a default backend alone, whose Service comes and goes."""

    @classmethod
    def manifests(cls, cluster):
        return {"ingress.json": ingress("all", default=backend("later"))}

    def test_the_service_may_come_later(self):
        self.assertEqual(self.answer("/x", "any.test"), 503)
        self.cluster.save("service.json", app("later", self.cluster.pods["pod-c"]))
        self.answers_soon("c", "/x", "any.test")
        self.cluster.remove("service.json")
        self.answers_soon(503, "/x", "any.test")
