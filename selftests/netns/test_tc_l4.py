# SPDX-License-Identifier: Apache-2.0
"""Where XDP cannot be attached, TC does all of its work: chosen by itself beside a foreign XDP program,
and by --xdp-mode tc. Senders leave checksums and segmentation to devices, as they do everywhere."""

import contextlib
import errno
import json
import signal
import socket
import threading
import unittest

from cluster import CLIENT_IP, CLIENT_IP6
from netns import BUILD, run, wait_until
from two_nodes import (TCP_PORT, VIPS, VIPS6, TwoNodes, balancer, exchange, pod_endpoint,
                       program_names)

MORE_VIP, MORE_VIP6 = "198.51.100.50", "2001:db8:2::50"  # of what single tests need
TRANSFER_BYTES = 8 << 20
ALL = [*VIPS.items(), *((f"{mode} IPv6", address) for mode, address in VIPS6.items())]


class Offloading(TwoNodes):
    """Nothing is written into a packet that a device could write."""

    def prepare(self):
        for host, device in ((self.client, "eth0"), *((pod.host, "eth0") for pod in self.pods)):
            host.run("ethtool", "-K", device, "tx", "on", "tso", "on", "gso", "on")


class Occupied(Offloading):
    """Each node's interface has an XDP program of somebody else, in either mode."""

    def prepare(self):
        super().prepare()
        for node, mode in zip(self.nodes, ("xdp", "xdpgeneric"), strict=True):
            self.attach_xdp_pass(node.host, "eth0", mode)


class TcTest(unittest.TestCase):
    scene, flags = Offloading, ("--xdp-mode", "tc")
    lab = None

    @classmethod
    def setUpClass(cls):
        cls.lab = cls.scene(cls.flags)

    @classmethod
    def tearDownClass(cls):
        cls.lab.close()

    def tearDown(self):
        if any(error for _, error in getattr(self._outcome, "errors", []) if error):
            for node in self.lab.nodes:
                print(node.name, node.drops(), node.ctl("status", check=False).stdout)

    def backends_of(self, upstream):
        """Addresses of the backends that a Service has, on the first node."""
        found = json.loads(self.lab.nodes[0].ctl("backends", "-o", "json").stdout)["backends"]
        addresses = [backend["address"] for backend in found
                     if backend["upstream"].startswith(upstream) and backend["state"] != "down"]
        self.assertTrue(addresses, found)
        return addresses

    def seen(self, mode):
        """The pod, and whom it has to see as its client."""
        own = self.lab.nodes[0].ip6 if "IPv6" in mode else self.lab.nodes[0].ip
        client = CLIENT_IP6 if "IPv6" in mode else CLIENT_IP
        return ("pod-a" if mode.startswith("local") else "pod-b",
                own if mode.startswith("snat") else client)

    def xdp_of(self, node):
        status = json.loads(node.ctl("status", "-o", "json").stdout)
        return {item["name"]: item["xdp"] for item in status["interfaces"]}["eth0"]

    def xdp_id(self, node):
        """The number of the XDP program on a node's interface; None: there is none."""
        link = json.loads(node.host.run("ip", "-j", "link", "show", "eth0").stdout)[0]
        return link.get("xdp", {}).get("prog", {}).get("id")

    def restart(self, node, *flags):
        node.sluiced.stop(signal.SIGTERM)
        node.start(*flags)
        node.wait_ready()


class EveryMode(TcTest):
    """With --xdp-mode tc."""

    def test_it_is_reported(self):
        for node in self.lab.nodes:
            self.assertEqual(self.xdp_of(node), "tc")
            self.assertRegex(node.ctl("status").stdout, r"eth0 +tc +(tcx|clsact) +no")
            self.assertIsNone(self.xdp_id(node))
            self.assertIn("--xdp-mode", node.sluiced.log())
            self.assertTrue(any('xdp="tc"' in name and 'interface="eth0"' in name
                                for name in node.metrics()), node.metrics().keys())

    def test_tcp_and_udp_and_whom_the_pod_sees(self):
        for mode, address in ALL:
            pod, client = self.seen(mode)
            with self.subTest(mode), self.lab.connect(address) as sock:
                self.assertRegex(self.lab.who(sock), rf"^{pod} sees {client} port \d+$")
                self.assertRegex(self.lab.udp(address), rf"^{pod} sees {client} port \d+ size 5$")

    def test_transfers_are_whole_both_ways(self):
        before = [node.drops() for node in self.lab.nodes]
        for seed, (mode, address) in enumerate(ALL):
            with self.subTest(mode), self.lab.connect(address, timeout=30) as sock:
                self.assertTrue(exchange(sock, TRANSFER_BYTES, seed * 10))
        for node, then in zip(self.lab.nodes, before, strict=True):
            grown = {name for name, value in node.drops().items() if value > then.get(name, 0)}
            self.assertFalse(grown - {"too_big"}, grown)

    def test_fragments_follow_their_first(self):
        for mode, address in ALL:
            with self.subTest(mode):
                self.assertRegex(self.lab.udp(address, 6000), r" size 6000$")

    def test_ping_is_answered(self):
        for address in (VIPS["local"], VIPS6["snat"]):
            before = self.lab.nodes[0].metrics()["sluice_icmp_echoes_total"]
            self.lab.client.run("ping", "-c", "1", "-W", "2", address)
            self.assertGreater(self.lab.nodes[0].metrics()["sluice_icmp_echoes_total"], before)

    def test_what_is_not_ours_passes(self):
        for address in (self.lab.nodes[0].ip, self.lab.nodes[0].ip6):
            self.lab.client.run("ping", "-c", "1", "-W", "2", address)

    def test_hops_that_run_out_are_answered(self):
        """By this node, to TCP whose checksum nobody has completed, and with what the client sent."""
        for address in (VIPS["snat"], VIPS6["ipip"]):
            with self.subTest(address), self.lab.client.socket(
                    socket.AF_INET6 if ":" in address else socket.AF_INET) as sock:
                level, option = (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS) \
                    if ":" in address else (socket.IPPROTO_IP, socket.IP_TTL)
                before = self.lab.nodes[0].metrics()["sluice_icmp_sent_total"]
                sock.setsockopt(level, option, 2)
                sock.settimeout(5)
                with self.assertRaises(OSError) as caught:
                    sock.connect((address, TCP_PORT))
                self.assertEqual(caught.exception.errno, errno.EHOSTUNREACH)
                self.assertGreater(self.lab.nodes[0].metrics()["sluice_icmp_sent_total"], before)

    def test_a_flow_whose_pod_is_gone_is_reset(self):
        for v6, address in ((False, MORE_VIP), (True, MORE_VIP6)):
            with self.subTest(address):
                pods = self.lab.pods
                ready = [pod_endpoint(pods[0], v6)]
                self.lab.save("more.json", balancer("more", address, [], "snat", endpoints=ready))
                self.addCleanup(self.lab.save, "more.json", [])

                def answer(address=address):
                    with contextlib.suppress(OSError, EOFError):
                        with self.lab.connect(address, timeout=0.5) as sock:
                            return self.lab.who(sock)
                    return None

                wait_until(answer, "it answers")
                with self.lab.connect(address) as sock:
                    self.lab.who(sock)
                    self.lab.save("more.json", balancer(
                        "more", address, [], "snat", endpoints=[pod_endpoint(pods[1], v6)]))
                    wait_until(lambda: "pod-b" in (answer() or ""), "the other pod has it")
                    # New flows go elsewhere first; a moment later the old pod is gone.
                    gone = pods[0].ip6 if v6 else pods[0].ip
                    wait_until(lambda gone=gone: gone not in self.backends_of("default/more"),
                               "the first one is none of its backends")
                    with self.assertRaises(ConnectionResetError):
                        self.lab.who(sock)

    def test_transfers_go_on_while_it_goes_from_tc_to_xdp_and_back(self):
        node, results = self.lab.nodes[0], []
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(self.lab.connect(VIPS[mode], timeout=60))
                     for mode in ("local", "snat", "ipip")]
            workers = [threading.Thread(
                target=lambda sock=sock: results.append(exchange(sock, 2 * TRANSFER_BYTES, 7)),
                daemon=True) for sock in socks]
            for worker in workers:
                worker.start()
            self.restart(node)
            self.assertIn(self.xdp_of(node), ("native", "generic"))
            self.assertIsNotNone(self.xdp_id(node))
            self.restart(node, *self.flags)
            self.assertEqual(self.xdp_of(node), "tc")
            self.assertIsNone(self.xdp_id(node))
            for worker in workers:
                worker.join(60)
        self.assertEqual(results, [True] * 3)


class BesideAnother(TcTest):
    """By itself, where a foreign XDP program is."""

    scene, flags = Occupied, ()

    def test_tc_is_chosen_and_reported_and_serves(self):
        for node in self.lab.nodes:
            self.assertEqual(self.xdp_of(node), "tc")
            self.assertRegex(node.sluiced.log(),
                             r"(?s)eth0: another XDP program \(pass\).*served in TC")
        for seed, (mode, address) in enumerate(ALL):
            pod, client = self.seen(mode)
            with self.subTest(mode), self.lab.connect(address, timeout=30) as sock:
                self.assertRegex(self.lab.who(sock), rf"^{pod} sees {client} port \d+$")
                self.assertTrue(exchange(sock, TRANSFER_BYTES, seed * 10))
                self.assertRegex(self.lab.udp(address), rf"^{pod} sees {client} port \d+ size 5$")
        for address in VIPS.values():
            self.lab.client.run("ping", "-c", "1", "-W", "2", address)

    def test_a_restart_keeps_flows_and_goes_back_to_xdp_when_there_is_room(self):
        node = self.lab.nodes[0]
        foreign = self.xdp_id(node)
        self.assertIsNotNone(foreign)
        with self.lab.connect(VIPS["local"]) as local, self.lab.connect(VIPS["snat"]) as remote:
            names = [self.lab.who(sock) for sock in (local, remote)]
            self.restart(node)
            self.assertEqual([self.lab.who(sock) for sock in (local, remote)], names)
            self.assertEqual((self.xdp_of(node), self.xdp_id(node)), ("tc", foreign))
            node.host.run("ip", "link", "set", "dev", "eth0", "xdp", "off")
            self.restart(node)
            self.assertIn(self.xdp_of(node), ("native", "generic"))
            self.assertEqual([self.lab.who(sock) for sock in (local, remote)], names)
        # As it was, for the other tests: ours goes, the other one comes back.
        node.sluiced.stop(signal.SIGINT)
        self.assertIsNone(self.xdp_id(node))
        self.lab.attach_xdp_pass(node.host, "eth0")
        node.start()
        node.wait_ready()
        self.assertEqual(self.xdp_of(node), "tc")

    def test_cleaning_up_leaves_the_other_program_alone(self):
        node = self.lab.nodes[1]
        foreign = self.xdp_id(node)
        before = node.tc_programs()
        self.assertEqual(set(before.values()), {"tc_l4", "tc_egress"})
        node.sluiced.stop(signal.SIGTERM)
        node.host.run(BUILD / "sluiced", "--cleanup", "--bpffs", node.bpffs)
        self.assertFalse((node.bpffs / "sluice").exists())
        wait_until(lambda: not set(before) & set(program_names()), "our programs are gone")
        self.assertEqual(self.xdp_id(node), foreign)
        node.start()
        node.wait_ready()
