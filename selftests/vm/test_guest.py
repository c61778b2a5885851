# SPDX-License-Identifier: Apache-2.0
"""What only a kernel of one's own can show: libxdp's dispatcher with other programs beside ours,
how each kernel is attached to, and what is said where a feature is missing. Runs in a guest."""

import json
import os
import pathlib
import re
import signal
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "selftests/lib"))

from cluster import (TCP_PORT, VIP, Cluster, app, endpoint_slice, ingress, path, rule,  # noqa: E402
                     service)
from netns import run  # noqa: E402

HOST = "web.test"
COUNT_OBJECT = ROOT / "build/tests/vm/xdp_count.bpf.o"
KERNEL = tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2])
BEFORE, AFTER = 10, 90  # priorities: ours runs with libxdp's default, 50


def manifests(cluster):
    pods = cluster.pods.values()
    l4 = service("tcp", [("raw", 7000, "TCP")], type="LoadBalancer",
                 loadBalancerClass="sluice.dev/l4", loadBalancerIP=VIP)
    return {"web.json": [ingress("web", rule(HOST, path("/", "web")))] + app("web", *pods),
            "l4.json": [l4, endpoint_slice("tcp", [pod.ip for pod in pods],
                                           [("raw", TCP_PORT, "TCP")])]}


class GuestScene(unittest.TestCase):
    """A scene of its own for each test."""

    def setUp(self):
        self.cluster = Cluster(pods=("pod-a",))
        self.addCleanup(self.cluster.close)
        for name, content in manifests(self.cluster).items():
            self.cluster.save(name, content)

    def interface(self):
        return self.cluster.ctl_json("status")["interfaces"][0]

    def serves(self):
        self.assertEqual(self.cluster.get("/", HOST).status, 200)
        self.assertIn("sees 192.0.2.10", self.cluster.tcp())


class Dispatcher(GuestScene):
    """Other XDP programs on the interface."""

    def loader(self, *words, check=True):
        """libxdp keeps its pins where sluiced was told to have its own."""
        return self.cluster.node.run("xdp-loader", *words, check=check,
                                     env={**os.environ, "LIBXDP_BPFFS": str(self.cluster.bpffs)})

    def add(self, priority, check=True):
        return self.loader("load", "-m", "native", "-P", priority, "eth0", COUNT_OBJECT,
                           check=check)

    def programs(self):
        """Ids of the programs in the dispatcher, in the order in which they run."""
        found = re.findall(r"=>\s+(\d+)\s+(\w+)\s+(\d+)", self.loader("status", "eth0").stdout)
        return [(int(priority), name, int(number)) for priority, name, number in found]

    def counts(self):
        """Packets that each of the counting programs saw, by priority."""
        counts = {}
        for priority, name, number in self.programs():
            if name.startswith("xdp_count"):
                program = json.loads(run(["bpftool", "-j", "prog", "show", "id", number]).stdout)
                dump = json.loads(run(["bpftool", "-j", "map", "dump", "id",
                                       program["map_ids"][0]]).stdout)
                counts[priority] = dump[0]["formatted"]["value"]
        return counts

    def names(self):
        return [name[:7] for _, name, _ in self.programs()]

    def test_ours_comes_between_others(self):
        self.add(BEFORE)
        self.add(AFTER)
        self.cluster.start()
        self.assertTrue(self.interface()["dispatcher"])
        self.assertEqual(self.names(), ["xdp_cou", "xdp_ing", "xdp_cou"])
        before = self.counts()
        self.serves()
        after = self.counts()
        for priority in (BEFORE, AFTER):
            self.assertGreater(after[priority], before[priority])

    def test_another_that_comes_later(self):
        """With the dispatcher of xdp-loader, whose slots newer kernels hold to leave packets alone."""
        self.cluster.start()
        self.assertTrue(self.interface()["dispatcher"])
        taken = KERNEL < (6, 12)
        done = self.add(AFTER, check=taken)
        if taken:
            self.assertEqual(self.names(), ["xdp_ing", "xdp_cou"])
        else:
            self.assertIn("Failed to attach program xdp_ingress", done.stdout + done.stderr)
            self.assertEqual(self.names(), ["xdp_ing"], "ours is left as it was")
        self.serves()

    def test_ours_is_replaced_and_goes_alone(self):
        self.add(AFTER)
        self.cluster.start()
        self.cluster.sluiced.stop(signal.SIGKILL)
        self.serves()
        self.cluster.start()
        self.serves()
        self.assertEqual(self.names(), ["xdp_ing", "xdp_cou"])
        self.cluster.end()
        names = [name for _, name, _ in self.programs()]
        self.assertEqual([name[:9] for name in names], ["xdp_count"], "only the other is left")


class Features(GuestScene):
    """What is found out about the kernel, and what is said where something is missing."""

    def test_status_says_how_it_is_attached(self):
        self.cluster.start()
        interface = self.interface()
        self.assertEqual(interface["xdp"], "native")
        self.assertEqual(interface["tc"], "tcx" if KERNEL >= (6, 6) else "clsact")
        self.serves()

    def test_a_kernel_without_btf(self):
        empty = self.cluster.folder / "no-btf"
        empty.mkdir()
        run(["mount", "--bind", empty, "/sys/kernel/btf"])
        self.addCleanup(run, ["umount", "/sys/kernel/btf"])
        process = self.cluster.start(ready=False)
        self.assertNotEqual(process.popen.wait(30), 0)
        self.assertRegex(process.log(), "CONFIG_DEBUG_INFO_BTF")
        self.assertRegex(process.log(), r"Linux 6\.1")
        self.assertNotIn("xdp", self.cluster.node.run("ip", "link", "show", "eth0").stdout)
