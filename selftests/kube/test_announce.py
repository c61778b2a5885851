# SPDX-License-Identifier: Apache-2.0
"""Which node answers for which address: a Lease a node, the same answer on all of them."""

import time
import unittest

from watching import KubeWatch, service, slice_of

from kube_double import Double

ADDRESSES = [f"198.51.100.{number}" for number in range(1, 41)]


class Holders(unittest.TestCase):
    """Replicas whose Leases last three seconds."""

    def setUp(self):
        self.double = Double()
        self.addCleanup(self.double.close)
        self.double.namespace("sluice-system")

    def node(self, name, *options, **user):
        watch = KubeWatch(self.double.kubeconfig(f"kubeconfig-{name}", **user), "--announce",
                          f"--node-name={name}", "--lease-duration-s=3", *options)
        self.addCleanup(watch.close)
        return watch

    def until(self, condition, what, timeout=20.0):
        end = time.monotonic() + timeout
        while not (result := condition()):
            self.assertLess(time.monotonic(), end, f"not in {timeout} s: {what}")
            time.sleep(0.05)
        return result

    @staticmethod
    def held(watch, addresses=ADDRESSES):
        """Those that the node holds now."""
        for address in addresses:
            watch.say(f"holds {address}")
        lines = [watch.expect("holds ").split() for _ in addresses]
        return {address for _, address, answer in lines if answer == "1"}

    def parted(self, nodes):
        """Does each address have exactly one holder, and each node some?"""
        held = [self.held(node) for node in nodes]
        return all(held) and sum(map(len, held)) == len(ADDRESSES) and held

    def test_each_address_has_one_holder_and_a_dead_one_is_followed(self):
        nodes = {name: self.node(name) for name in ("a", "b", "c")}
        before = dict(zip(nodes, self.until(lambda: self.parted(nodes.values()),
                                            "one holder each")))
        lease = self.double.read("leases", "sluice-system", "sluice-node-a")["spec"]
        self.assertEqual((lease["holderIdentity"], lease["leaseDurationSeconds"]), ("a", 3))
        nodes.pop("a").kill()
        after = dict(zip(nodes, self.until(lambda: self.parted(nodes.values()),
                                           "those of the dead one taken over")))
        for name in nodes:
            self.assertLessEqual(before[name], after[name], "what it had, it keeps")

    def test_who_leaves_is_followed_at_once(self):
        first, second = self.node("a"), self.node("b")
        self.until(lambda: self.parted((first, second)), "one holder each")
        first.close()
        self.assertEqual(self.double.read("leases", "sluice-system", "sluice-node-a")["spec"][
            "holderIdentity"], "", "given back, not left to run out")
        self.until(lambda: len(self.held(second)) == len(ADDRESSES), "all of them")

    def test_who_cannot_renew_holds_nothing_before_others_do(self):
        watch = self.node("a")
        self.until(lambda: self.held(watch), "some")
        self.double.fault(verb="update", resource="leases", silence=True, times=99)
        self.until(lambda: not self.held(watch), "nothing any more", 5)

    def test_local_policy_asks_for_a_ready_pod_on_the_node(self):
        address = ADDRESSES[0]
        self.double.put(service("l4", type="LoadBalancer", loadBalancerClass="sluice.dev/l4",
                                loadBalancerIP=address, externalTrafficPolicy="Local"))
        self.double.put(slice_of("l4", ["10.0.0.1"], nodeName="a"))
        nodes = {name: self.node(name) for name in ("a", "b", "c")}
        holders = lambda: {name for name, watch in nodes.items() if self.held(watch, [address])}
        for name in ("a", "b", "c"):
            self.double.put(slice_of("l4", ["10.0.0.1"], nodeName=name))
            self.until(lambda name=name: holders() == {name}, f"{name} alone")
        self.double.put(slice_of("l4", [], nodeName="a"))
        self.until(lambda: holders() == set(), "nobody")

    def test_rights_of_the_overlay_are_named_when_missing(self):
        self.double.user("poor", "poor-token", rules=[
            {"apiGroups": ["*"], "resources": ["*"], "verbs": ["list", "watch"]}])
        watch = self.node("a", token="poor-token")
        watch.expect("synced")
        watch.expect_log('missing RBAC rule: apiGroups: ["coordination.k8s.io"], '
                         'resources: ["leases"]')
        self.assertEqual(self.held(watch), set())


if __name__ == "__main__":
    unittest.main()
