# SPDX-License-Identifier: Apache-2.0
"""What one leader writes: Ingress status, addresses of Services, Events."""

import time
import unittest

from watching import KubeWatch, ingress, node, service, slice_of

from kube_double import Double

LEASE = "sluice-system", "sluice-leader"


def addresses(item):
    return [entry.get("ip") or entry.get("hostname") for entry in
            (item.get("status", {}).get("loadBalancer") or {}).get("ingress") or []]


class Writing(unittest.TestCase):
    """A double and replicas that lead for three seconds after each renewal."""

    def setUp(self):
        self.double = Double()
        self.addCleanup(self.double.close)
        self.double.namespace("sluice-system")
        self.double.namespace("shop")

    def replica(self, name, *options, **user):
        watch = KubeWatch(self.double.kubeconfig(f"kubeconfig-{name}", **user), "--write",
                          f"--identity={name}", "--lease-duration-s=3", *options)
        self.addCleanup(watch.close)
        return watch

    def until(self, condition, what, timeout=15.0):
        end = time.monotonic() + timeout
        while not (result := condition()):
            self.assertLess(time.monotonic(), end, f"not in {timeout} s: {what}")
            time.sleep(0.03)
        return result

    def lease(self):
        return self.double.read("leases", *LEASE)["spec"]

    def status(self, name, plural="ingresses", namespace="shop"):
        return addresses(self.double.read(plural, namespace, name))

    def until_status(self, name, wanted, plural="ingresses", timeout=15.0):
        self.until(lambda: self.status(name, plural) == wanted,
                   f"{name}: {wanted}, but {self.status(name, plural)}", timeout)

    def writes(self, **matching):
        return [entry for entry in self.double.log(**matching)
                if entry["verb"] in ("create", "update", "patch")]


class Leadership(Writing):
    """The Lease."""

    def test_one_of_three_leads_and_another_follows(self):
        replicas = {name: self.replica(name) for name in ("a", "b", "c")}
        leaders = lambda: [name for name, watch in replicas.items() if watch.counts()["leader"]]
        self.until(leaders, "a leader")
        for _ in range(20):
            self.assertLessEqual(len(leaders()), 1)
            time.sleep(0.05)
        first = leaders()[0]
        self.assertEqual(self.lease()["holderIdentity"], first)
        self.assertRegex(self.lease()["renewTime"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        replicas.pop(first).kill()
        self.until(leaders, "another leader")
        self.assertEqual(self.lease()["leaseTransitions"], 1)

    def test_lease_is_given_back_at_the_end(self):
        first = self.replica("a")
        first.expect_log("now the leader")
        first.close()
        self.assertEqual(self.lease()["holderIdentity"], "")
        second = self.replica("b")
        second.expect_log("now the leader", 10)

    def test_who_cannot_renew_stops_before_another_may_start(self):
        watch = self.replica("a", "--publish-address=192.0.2.1")
        watch.expect_log("now the leader")
        self.double.fault(verb="update", resource="leases", silence=True, times=99)
        lost = time.monotonic()
        watch.expect_log("no longer the leader", 5)
        self.assertLess(time.monotonic() - lost, 3.0)
        self.double.put(ingress("late"))
        time.sleep(0.6)
        self.assertEqual(self.status("late"), [])

    def test_race_for_the_lease_is_lost_in_peace(self):
        watch = self.replica("a")
        watch.expect_log("now the leader")
        lease = self.double.read("leases", *LEASE)
        self.double.put({**lease, "spec": {**lease["spec"], "holderIdentity": "other"}})
        watch.expect_log("no longer the leader")
        self.until(lambda: watch.counts()["leader"], "leader again, after the other one's time")


class IngressStatus(Writing):
    """status.loadBalancer of Ingresses."""

    def test_written_once_and_only_to_ours(self):
        self.double.put(ingress("ours"))
        self.double.put(ingress("theirs", cls="nginx"))
        watch = self.replica("a", "--publish-address=192.0.2.2,192.0.2.1,edge.example.com")
        self.until_status("ours", ["192.0.2.1", "192.0.2.2", "edge.example.com"])
        entries = self.double.read("ingresses", "shop", "ours")["status"]["loadBalancer"]["ingress"]
        self.assertIn({"hostname": "edge.example.com"}, entries)
        time.sleep(1)
        self.assertEqual(len(self.writes(resource="ingresses")), 1)
        self.assertEqual(self.status("theirs"), [])
        watch.expect_log("leader")

    def test_restart_writes_nothing_that_stands(self):
        self.double.put(ingress("ours"))
        first = self.replica("a", "--publish-address=192.0.2.1")
        self.until_status("ours", ["192.0.2.1"])
        first.close()
        self.double.clear_log()
        self.replica("b", "--publish-address=192.0.2.1").expect_log("now the leader")
        time.sleep(1)
        self.assertEqual(self.writes(resource="ingresses"), [])

    def test_ready_nodes_are_published(self):
        self.double.put(service("sluice", "sluice-system", clusterIP="None"))
        item = slice_of("sluice", ["10.0.0.1", "10.0.0.2", "10.0.0.3"], "sluice-system")
        item["endpoints"][2]["conditions"]["ready"] = False
        self.double.put(item)
        self.double.put(ingress("ours"))
        self.replica("a", "--publish-service=sluice-system/sluice")
        self.until_status("ours", ["10.0.0.1", "10.0.0.2"])
        self.double.put(slice_of("sluice", ["10.0.0.2", "10.0.0.4"], "sluice-system"))
        self.until_status("ours", ["10.0.0.2", "10.0.0.4"])
        self.double.put(slice_of("sluice", [], "sluice-system"))
        time.sleep(1)
        self.assertEqual(self.status("ours"), ["10.0.0.2", "10.0.0.4"])

    def test_nodes_with_external_addresses_are_published_by_these(self):
        for name, more in (("n1", {"ExternalIP": "203.0.113.1"}), ("n2", {})):
            self.double.put(node(name, InternalIP=f"10.0.0.{name[1]}", **more))
        self.double.put(service("sluice", "sluice-system", clusterIP="None"))
        item = slice_of("sluice", ["10.0.0.1", "10.0.0.2"], "sluice-system")
        for number, endpoint in enumerate(item["endpoints"], 1):
            endpoint["nodeName"] = f"n{number}"
        self.double.put(item)
        self.double.put(ingress("ours"))
        self.replica("a")
        self.until_status("ours", ["10.0.0.2", "203.0.113.1"])

    def test_without_a_service_this_node_is_published(self):
        self.double.put(ingress("ours"))
        self.double.put(node("n1", InternalIP="10.0.0.1"))
        self.replica("a", "--node-name=n1")
        self.until_status("ours", ["10.0.0.1"])
        self.double.put(service("sluice", "sluice-system", clusterIP="None"))
        self.double.put(slice_of("sluice", ["10.0.0.9"], "sluice-system"))
        self.until_status("ours", ["10.0.0.9"])

    def test_status_of_the_published_service_is_copied(self):
        self.double.put({**service("edge", "sluice-system", type="LoadBalancer"), "status": {
            "loadBalancer": {"ingress": [{"hostname": "lb.example.net"}]}}})
        self.double.put(ingress("ours"))
        self.replica("a", "--publish-service=sluice-system/edge")
        self.until_status("ours", ["lb.example.net"])

    def test_entries_of_others_stay_word_for_word(self):
        other = {"ip": "203.0.113.9", "ports": [{"port": 443, "protocol": "TCP"}]}
        self.double.put({**ingress("both"), "status": {"loadBalancer": {"ingress": [other]}}})
        first = self.replica("a", "--publish-address=192.0.2.1")
        self.until_status("both", ["203.0.113.9", "192.0.2.1"])
        entries = self.double.read("ingresses", "shop", "both")["status"]["loadBalancer"]["ingress"]
        self.assertEqual(entries[0], other)
        first.close()
        self.replica("b", "--publish-address=192.0.2.7")
        self.until_status("both", ["203.0.113.9", "192.0.2.7"])

    def test_cleared_when_the_class_is_withdrawn(self):
        self.double.put(ingress("moves"))
        self.double.put({**ingress("theirs", cls="nginx"), "status": {
            "loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}, manager="nginx")
        self.replica("a", "--publish-address=192.0.2.1")
        self.until_status("moves", ["192.0.2.1"])
        self.double.put(ingress("moves", cls="nginx"))
        self.until_status("moves", [])
        time.sleep(0.6)
        self.assertEqual(self.status("theirs"), ["192.0.2.1"], "another one wrote that")

    def test_cleared_though_another_one_wrote_the_status_last(self):
        """As the next controller does that takes the Ingress: then the server does not name us."""
        self.double.put(ingress("moves"))
        self.double.put(ingress("never-ours", cls="nginx"))
        self.replica("a", "--publish-address=192.0.2.1")
        self.until_status("moves", ["192.0.2.1"])
        for name in ("moves", "never-ours"):
            self.double.put({**ingress(name, cls="nginx"), "status": {
                "loadBalancer": {"ingress": [{"ip": "192.0.2.1"}, {"ip": "203.0.113.5"}]}}},
                            manager="nginx")
        with self.double.store.changed:
            item = self.double.read("ingresses", "shop", "moves")
            self.assertNotIn("sluice", str(item["metadata"].get("managedFields")))
        self.until_status("moves", ["203.0.113.5"])
        time.sleep(0.6)
        self.assertEqual(self.status("never-ours"), ["192.0.2.1", "203.0.113.5"])

    def test_a_thousand_are_written_once_each(self):
        watch = self.replica("a", "--publish-address=192.0.2.1")
        watch.expect_log("now the leader")
        for number in range(1000):
            self.double.put(ingress(f"i{number}", cls="later"))
        self.until(lambda: len(watch.have()) == 1000, "all read", 30)
        watch.say("own later")
        self.until(lambda: all(addresses(item) for item in self.double.all("ingresses")),
                   "all written", 120)
        self.assertEqual(len(self.writes(resource="ingresses")), 1000)
        self.assertLess(self.double.accepted, 60, "connections are used again")

    def test_failed_writes_are_tried_again(self):
        self.double.put(ingress("ours"))
        for fault in ({"code": 500, "body": "oops"}, {"code": 429, "body": "slow down"},
                      {"cut_after": 5}):
            self.double.fault(verb="patch", resource="ingresses", **fault)
        self.replica("a", "--publish-address=192.0.2.1")
        self.until_status("ours", ["192.0.2.1"], timeout=20)

    def test_forbidden_write_names_the_rule(self):
        self.double.user("reader", "read-only", rules=[
            {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["*"]}])
        self.double.put(ingress("ours"))
        watch = self.replica("a", "--publish-address=192.0.2.1", token="read-only")
        watch.expect_log('missing RBAC rule: apiGroups: ["networking.k8s.io"], '
                         'resources: ["ingresses/status"], verbs: ["patch"]')

    def test_bad_addresses_are_refused_at_the_start(self):
        for option in ("--publish-address=not_a_name", "--publish-service=nothing",
                       "--lb-pool=10.0.0.0/33"):
            with self.subTest(option):
                watch = self.replica("a", option)
                self.assertEqual(watch.process.wait(10), 1)
                watch.expect_log("error")
                watch.killed = True  # it was to end so
                watch.close()


def balanced(name, namespace="shop", **spec):
    annotations = spec.pop("annotations", None)
    item = service(name, namespace, type="LoadBalancer", loadBalancerClass="sluice.dev/l4", **spec)
    if annotations:
        item["metadata"]["annotations"] = annotations
    return item


class Addresses(Writing):
    """Addresses of Services out of --lb-pool."""

    def test_each_gets_one_and_keeps_it(self):
        for name in ("a", "b"):
            self.double.put(balanced(name))
        self.double.put(service("plain"))
        self.double.put(service("cloud", type="LoadBalancer"))
        first = self.replica("x", "--lb-pool=192.0.2.0/29")
        self.until_status("a", ["192.0.2.1"], "services")
        self.until_status("b", ["192.0.2.2"], "services")
        self.assertEqual(self.status("plain", "services"), [])
        self.assertEqual(self.status("cloud", "services"), [])
        first.close()
        self.double.remove("services", "shop", "a")
        self.double.clear_log()
        self.replica("y", "--lb-pool=192.0.2.0/29").expect_log("now the leader")
        self.double.put(balanced("c"))
        self.until_status("c", ["192.0.2.1"], "services")
        self.assertEqual(self.status("b", "services"), ["192.0.2.2"])
        self.assertEqual(len(self.writes(resource="services")), 1)

    def test_wishes_are_kept_to(self):
        self.double.put(balanced("field", loadBalancerIP="192.0.2.5"))
        self.double.put(balanced("annotation", annotations={
            "sluice.dev/load-balancer-ips": "192.0.2.6"}))
        self.double.put(balanced("outside", loadBalancerIP="198.51.100.1"))
        self.double.put(balanced("taken", loadBalancerIP="192.0.2.5"))
        self.replica("x", "--lb-pool=192.0.2.0/28")
        self.until_status("field", ["192.0.2.5"], "services")
        self.until_status("annotation", ["192.0.2.6"], "services")
        events = self.until(lambda: len(self.double.all("events", "events.k8s.io")) == 2 and
                            self.double.all("events", "events.k8s.io"), "two Events")
        notes = {item["regarding"]["name"]: item["note"] for item in events}
        self.assertIn("not in --lb-pool", notes["outside"])
        self.assertIn("belongs to another Service", notes["taken"])
        for name in ("outside", "taken"):
            self.assertEqual(self.status(name, "services"), [])
        self.double.remove("services", "shop", "field")
        self.until_status("taken", ["192.0.2.5"], "services")

    def test_both_families(self):
        self.double.put(balanced("dual", ipFamilies=["IPv4", "IPv6"]))
        self.double.put(balanced("six", ipFamilies=["IPv6"]))
        self.replica("x", "--lb-pool=192.0.2.0/30,2001:db8::10-2001:db8::11")
        self.until(lambda: self.status("dual", "services") and self.status("six", "services"),
                   "both")
        self.assertEqual(self.status("dual", "services"), ["192.0.2.1", "2001:db8::10"])
        self.assertEqual(self.status("six", "services"), ["2001:db8::11"])

    def test_pool_runs_out_and_frees(self):
        for name in ("a", "b", "c"):
            self.double.put(balanced(name))
            time.sleep(0.01)
        self.replica("x", "--lb-pool=192.0.2.1-192.0.2.2")
        self.until_status("b", ["192.0.2.2"], "services")
        event = self.until(lambda: self.double.all("events", "events.k8s.io"), "an Event")[0]
        self.assertIn("no IPv4 address of --lb-pool is free", event["note"])
        self.double.remove("services", "shop", "a")
        self.until_status("c", ["192.0.2.1"], "services")

    def test_two_with_one_address_are_parted(self):
        for name in ("old", "young"):
            item = balanced(name)
            item["metadata"]["creationTimestamp"] = (
                "2026-01-01T00:00:00Z" if name == "old" else "2026-02-01T00:00:00Z")
            self.double.put({**item, "status": {"loadBalancer": {"ingress": [
                {"ip": "192.0.2.3"}]}}})
        self.replica("x", "--lb-pool=192.0.2.0/28")
        self.until(lambda: self.status("young", "services") not in ([], ["192.0.2.3"]), "parted")
        self.assertEqual(self.status("old", "services"), ["192.0.2.3"])


class Events(Writing):
    """Events about objects that are not served as written."""

    def events(self):
        return self.double.all("events", "events.k8s.io")

    def test_made_once_and_counted_when_it_comes_back(self):
        made = self.double.put(ingress("web"))
        watch = self.replica("a")
        watch.expect("put Ingress")
        line = "Ingress shop web ServiceNotFound spec.rules[0]: Service \"shop/nosuch\" is unknown"
        watch.say(f"event {line}")
        event = self.until(self.events, "an Event")[0]
        self.assertEqual(event["regarding"], {
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "namespace": "shop",
            "name": "web", "uid": made["metadata"]["uid"]})
        self.assertEqual((event["reason"], event["type"], event["reportingController"]),
                         ("ServiceNotFound", "Warning", "sluice.dev/ingress"))
        watch.say(f"event {line}")
        watch.say(f"clear {line}")
        watch.say(f"event {line}")
        self.until(lambda: self.events()[0].get("series", {}).get("count") == 2, "counted")
        self.assertEqual(len(self.events()), 1)

    def test_what_is_put_right_at_once_is_not_told(self):
        watch = self.replica("a")
        watch.expect_log("now the leader")
        watch.say("event Ingress shop brief ServiceNotFound no such Service")
        watch.say("event Ingress shop lasting ServiceNotFound no such Service")
        time.sleep(0.2)
        watch.say("clear Ingress shop brief ServiceNotFound no such Service")
        self.until(self.events, "an Event")
        time.sleep(0.5)
        self.assertEqual([event["regarding"]["name"] for event in self.events()], ["lasting"])

    def test_only_the_leader_tells_and_a_new_one_counts_on(self):
        first, second = self.replica("a"), self.replica("b")
        line = "Ingress shop web Conflict taken"
        for watch in (first, second):
            watch.expect("synced")
            watch.say(f"event {line}")
        self.until(self.events, "an Event")
        time.sleep(0.5)
        self.assertEqual(len(self.writes(resource="events")), 1)
        leader = first if first.counts()["leader"] else second
        leader.kill()
        self.until(lambda: self.events()[0].get("series", {}).get("count") == 2, "counted on")

    def test_storm_is_slowed_down_and_long_notes_are_cut(self):
        watch = self.replica("a")
        watch.expect_log("now the leader")
        for number in range(80):
            watch.say(f"event Ingress shop i{number} Conflict {'ä' * 700}")
        time.sleep(1.2)
        self.assertLess(len(self.events()), 70)
        self.until(lambda: len(self.events()) == 80, "all of them, slowly", 20)

    def test_refusal_is_not_repeated_for_ever(self):
        self.double.fault(verb="create", resource="events", code=403, body="no", times=99)
        watch = self.replica("a")
        watch.expect_log("now the leader")
        watch.say("event Ingress shop web Conflict taken")
        watch.expect_log("create events.events.k8s.io")
        time.sleep(0.5)
        self.assertEqual(len(self.double.log(resource="events")), 1)


if __name__ == "__main__":
    unittest.main()
