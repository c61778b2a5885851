# SPDX-License-Identifier: Apache-2.0
"""Virtual addresses in a flat network: two nodes on one switch, one answers, the other follows."""

import contextlib
import http.client
import json
import re
import signal
import socket
import struct
import time
import unittest

from cluster import request
from kube_scene import DoubleApi, Forwarder, kubectl
from netns import BUILD, ROOT, Lab, run, wait_until

VIP, VIP6 = "192.0.2.100", "2001:db8:1::100"
ADMIN_PORT = 9901


def mac_of(host):
    return json.loads(host.run("ip", "-j", "link", "show", "eth0").stdout)[0]["address"]


class Node:
    """One node with its own Sluice; it serves HTTP on the virtual addresses alone."""

    def __init__(self, lab, name, number, peer_has_xdp=True):
        self.lab, self.name, self.number = lab, name, number
        self.host = lab.host(name)
        lab.link(self.host, "eth0", lab.switch, f"port{number}")
        lab.switch.ip(f"link set port{number} master br0")
        if peer_has_xdp:  # else what XDP sends by this device is lost without a word
            lab.attach_xdp_pass(lab.switch, f"port{number}")
        self.host.ip(f"addr add 192.0.2.{number}/24 dev eth0",
                     f"addr add 2001:db8:1::{number}/64 dev eth0")
        self.mac = mac_of(self.host)
        self.bpffs = lab.folder / f"bpf-{name}"
        self.bpffs.mkdir()
        run(["mount", "-t", "bpf", "bpf", self.bpffs])
        self.starts = 0

    def start(self, *flags):
        self.starts += 1
        self.sluiced = self.host.start(f"sluiced-{self.starts}", [
            BUILD / "sluiced", "--interface", "eth0", "--node-name", self.name, "--bpffs",
            self.bpffs, "--address", VIP, "--address", VIP6, "--proxy-workers", "1",
            "--announce", "l2", "--drain-timeout", "1s", *flags])
        wait_until(self.ready, f"{self.name} ready", 40)

    def ready(self):
        if not self.sluiced.running():
            raise RuntimeError(f"sluiced ended:\n{self.sluiced.log()}")
        with contextlib.suppress(OSError, http.client.HTTPException):
            return request(self.host, "127.0.0.1", ADMIN_PORT, "/readyz").status == 200
        return False


class Flat(Lab):
    """A switch, a client and nodes on it."""

    def __init__(self):
        super().__init__()
        self.switch = self.host("switch")
        self.switch.ip("link add br0 type bridge mcast_snooping 1", "link set br0 up")
        self.client = self.host("client")
        self.link(self.client, "eth0", self.switch, "port0")
        self.switch.ip("link set port0 master br0")
        self.client.ip("addr add 192.0.2.50/24 dev eth0", "addr add 2001:db8:1::50/64 dev eth0")

    def arp_answers(self, address, for_s=0.6):
        """MACs that answer one ARP request of the client."""
        mac = bytes.fromhex(mac_of(self.client).replace(":", ""))
        sock = self.client.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
        wanted = socket.inet_aton(address)
        answers = set()
        with sock:
            sock.bind(("eth0", 0x0806))
            sock.send(b"\xff" * 6 + mac + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1) + mac
                      + socket.inet_aton("192.0.2.50") + bytes(6) + wanted)
            end = time.monotonic() + for_s
            while (left := end - time.monotonic()) > 0:
                sock.settimeout(left)
                with contextlib.suppress(TimeoutError):
                    frame = sock.recv(100)
                    if frame[20:22] == b"\0\2" and frame[28:32] == wanted and frame[0:6] == mac:
                        answers.add(frame[22:28].hex(":"))
        return answers

    def neighbour(self, address):
        """The MAC that the client believes in."""
        text = self.client.run("ip", "neigh", "show", address, "dev", "eth0").stdout
        found = re.search(r"lladdr (\S+)", text)
        return found and found[1]

    def served(self, address):
        """Does the address answer with HTTP of ours?"""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return request(self.client, address, 80, "/", "x.test", timeout=2).status == 404
        return False


class Alone(unittest.TestCase):
    """Without other nodes, from a directory: this one has every address."""

    def test_addresses_are_answered_for_also_without_sluiced(self):
        with Flat() as lab:
            node = Node(lab, "node-a", 1)
            folder = lab.folder / "manifests"
            folder.mkdir()
            node.start("--manifests", folder)
            self.check(lab, node)
            node.sluiced.stop(signal.SIGKILL)
            lab.client.ip("neigh flush dev eth0")
            self.check(lab, node)
            node.start("--manifests", folder, "--announce", "off")
            self.assertEqual(node.host.run("bpftool", "map", "dump", "pinned",
                                           node.bpffs / "sluice/v2/announced", "-j").stdout
                             .strip(), "[]")

    def test_addresses_are_answered_for_where_xdp_cannot_send(self):
        with Flat() as lab:
            node = Node(lab, "node-a", 1, peer_has_xdp=False)
            folder = lab.folder / "manifests"
            folder.mkdir()
            node.start("--manifests", folder)
            self.check(lab, node)

    def check(self, lab, node):
        for address in (VIP, VIP6):
            wait_until(lambda address=address: lab.served(address), f"{address} served", 15)
            self.assertEqual(lab.neighbour(address), node.mac)
        self.assertEqual(lab.arp_answers(VIP), {node.mac})
        self.assertEqual(lab.arp_answers("192.0.2.1"), {node.mac}, "the stack's own address")


class Two(unittest.TestCase):
    """Two nodes by one API server, with the rights of manifests/overlays/l2."""

    def setUp(self):
        self.lab = Flat()
        self.addCleanup(self.lab.close)
        self.api = DoubleApi(self.lab.folder)
        self.addCleanup(self.api.close)
        kubectl(self.api.admin, "apply", "--validate=false", "-f",
                ROOT / "manifests/overlays/l2/rbac.yaml")
        double = self.api.double
        rules = list(double.rules["sluice"])
        rules += [{**rule, "namespace": "sluice-system"} for rule in
                  double.read("roles", "sluice-system", "sluice-announce")["rules"]]
        double.allow("sluice", rules)
        self.nodes = [Node(self.lab, "node-a", 1), Node(self.lab, "node-b", 2)]
        for node in self.nodes:
            forwarder = Forwarder(node.host, self.api.target)
            self.addCleanup(forwarder.cut)
            node.start("--kubeconfig", self.api.kubeconfig)

    def holder(self):
        """The one node that answers for VIP; None while that is not settled: at a hand-over both may
        answer until the Lease has been seen by the other one."""
        answers = self.lab.arp_answers(VIP)
        return next((node for node in self.nodes if {node.mac} == answers), None)

    def settled(self):
        """As holder(), three times the same; else None."""
        first, second, third = self.holder(), self.holder(), self.holder()
        return first if first is second is third else None

    def test_one_answers_and_the_other_follows(self):
        try:
            first = wait_until(self.settled, "a holder", 20)
            other = next(node for node in self.nodes if node is not first)
            for address in (VIP, VIP6):
                wait_until(lambda address=address: self.lab.served(address), f"{address}", 15)
            self.assertEqual(self.lab.neighbour(VIP), first.mac)
            first.sluiced.stop(signal.SIGKILL)  # its programs and workers go on, unattended
            wait_until(lambda: self.settled() is other, "the other one took over", 60)
            wait_until(lambda: self.lab.neighbour(VIP) == other.mac, "the client was told", 10)
            for address in (VIP, VIP6):
                wait_until(lambda address=address: self.lab.served(address), f"{address}", 15)
            first.start("--kubeconfig", self.api.kubeconfig)
            wait_until(lambda: self.settled() is first, "back where it belongs", 30)
            first.sluiced.stop(signal.SIGINT, 30)
            wait_until(lambda: self.lab.neighbour(VIP) == other.mac, "handed over", 20)
            self.assertTrue(self.lab.served(VIP))
            self.assertIs(self.settled(), other)
        except BaseException:
            print(self.lab.logs(), flush=True)
            raise


if __name__ == "__main__":
    unittest.main()
