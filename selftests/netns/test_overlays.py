# SPDX-License-Identifier: Apache-2.0
"""Pods of other nodes by way of an overlay network: replies come in by a tunnel's device, which XDP
does not see. One whose packets have Ethernet headers, and one whose packets begin with the IP header
(as those of IP in IP, GRE and WireGuard), here carried by a program, which a test has everywhere."""

import contextlib
import fcntl
import os
import select
import struct
import threading
import unittest

from cluster import endpoint_slice, service
from two_nodes import TCP_PORT, UDP_PORT, VIPS, VIPS6, TwoNodes, exchange

TRANSFER_BYTES = 8 << 20
CLOSED_PORT = 9999
MORE_VIP, MORE_VIP6 = "198.51.100.50", "2001:db8:2::50"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000  # <linux/if_tun.h>
MTU = 1400
SNAT = [("IPv4", VIPS["snat"], MORE_VIP), ("IPv6", VIPS6["snat"], MORE_VIP6)]


class OverlayNodes(TwoNodes):
    """Two nodes that reach each other's pods by the device `overlay`, and stand in for clients with
    their addresses there."""

    def addresses_of(self, node):
        return f"10.99.0.{node.number}", f"fd00:99::{node.number}"

    def prepare(self):
        for node, other in (self.nodes, self.nodes[::-1]):
            self.make_overlay(node, other)
            v4, v6 = self.addresses_of(node)
            node.host.ip(
                f"link set overlay mtu {MTU} up",
                f"addr add {v4}/24 dev overlay", f"addr add {v6}/64 dev overlay nodad",
                f"route replace 10.244.{other.number}.0/24 dev overlay {self.gateway(other)}",
                f"route replace fd00:244:{other.number}::/64 dev overlay {self.gateway(other, 1)}")

    def gateway(self, node, family=0):
        return f"via {self.addresses_of(node)[family]}"

    def flags_of(self, node):
        v4, v6 = self.addresses_of(node)
        return "--return-interface", "overlay", "--node-address", v4, "--node-address", v6


class EthernetOverlay(OverlayNodes):
    """VXLAN."""

    def make_overlay(self, node, other):
        node.host.ip(f"link add overlay type vxlan id 7 local {node.ip} remote {other.ip} "
                     "dstport 4789")


class IpOverlay(OverlayNodes):
    """A tun device each, and a thread that carries packets between both."""

    def __init__(self):
        self.tuns = []
        self.ended = os.pipe()
        super().__init__()

    def make_overlay(self, node, other):
        with node.host.entered():
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            self.tuns.append(fd)
            fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"overlay", IFF_TUN | IFF_NO_PI))
        if len(self.tuns) == 2:
            threading.Thread(target=self.carry, daemon=True).start()

    def gateway(self, node, family=0):
        return ""

    def carry(self):
        to = {self.tuns[0]: self.tuns[1], self.tuns[1]: self.tuns[0]}
        while True:
            readable, _, _ = select.select([*to, self.ended[0]], [], [])
            if self.ended[0] in readable:
                return
            for fd in readable:
                with contextlib.suppress(OSError):  # of a device that is down yet
                    os.write(to[fd], os.read(fd, 65536))

    def close(self):
        super().close()
        os.write(self.ended[1], b"x")


class EveryOverlay:
    """What both have to do."""

    scene = None

    @classmethod
    def setUpClass(cls):
        cls.lab = cls.scene()

    @classmethod
    def tearDownClass(cls):
        cls.lab.close()

    def tearDown(self):
        for node in self.lab.nodes:
            drops = node.drops()
            drops.pop("too_big", None)  # answered: the client learns what the overlay takes
            self.assertEqual(drops, {}, node.name)

    def own(self, family):
        return self.lab.addresses_of(self.lab.nodes[0])[family]

    def test_tcp(self):
        for family, (name, address, _) in enumerate(SNAT):
            with self.subTest(name), self.lab.connect(address, timeout=30) as sock:
                self.assertRegex(self.lab.who(sock), rf"^pod-b sees {self.own(family)} port \d+$")
                self.assertTrue(exchange(sock, TRANSFER_BYTES, family))

    def test_udp(self):
        for family, (name, address, _) in enumerate(SNAT):
            for size in (5, 1300):
                with self.subTest(name, size=size):
                    self.assertRegex(self.lab.udp(address, size),
                                     rf"^pod-b sees {self.own(family)} port \d+ size {size}$")

    def test_errors_of_pods_reach_the_client(self):
        for family, (name, _, address) in enumerate(SNAT):
            pod = self.lab.pods[1]
            closed = service("closed", [("tcp", TCP_PORT, "TCP"), ("udp", UDP_PORT, "UDP")],
                             type="LoadBalancer", loadBalancerClass="sluice.dev/l4",
                             loadBalancerIP=address, ipFamilies=["IPv6" if family else "IPv4"])
            slice_of = endpoint_slice(
                "closed", [{"addresses": [pod.ip6 if family else pod.ip], "nodeName": pod.node.name}],
                [("tcp", CLOSED_PORT, "TCP"), ("udp", CLOSED_PORT, "UDP")],
                family="IPv6" if family else "IPv4")
            self.lab.save("closed.json", [closed, slice_of])
            self.addCleanup(self.lab.save, "closed.json", [])
            with self.subTest(name), self.lab.udp_socket(address) as sock:
                with self.assertRaises(ConnectionRefusedError):
                    for _ in range(50):  # until the Service is there
                        sock.settimeout(0.2)
                        sock.send(b"anybody?")
                        with contextlib.suppress(TimeoutError):
                            sock.recv(100)

    def test_what_is_the_nodes_own_passes(self):
        for family, (name, _, _) in enumerate(SNAT):
            with self.subTest(name):
                self.lab.nodes[1].host.run("ping", "-c1", "-W5", self.own(family))


class Ethernet(EveryOverlay, unittest.TestCase):
    scene = EthernetOverlay


class Ip(EveryOverlay, unittest.TestCase):
    scene = IpOverlay

    def test_its_program_is_the_one_for_packets_without_ethernet_header(self):
        node = self.lab.nodes[0]
        self.assertEqual(sorted(node.tc_programs().values()),
                         ["tc_egress", "tc_ingress", "tc_ingress_ip"])
        self.assertNotIn("no Ethernet headers", node.sluiced.log())
