# SPDX-License-Identifier: Apache-2.0
"""L4 frontends whose pods run on two nodes: every mode, and what goes wrong in networks."""

import contextlib
import errno
import json
import signal
import socket
import struct
import threading
import time
import unittest

from cluster import CLIENT_IP, CLIENT_IP6, request
from netns import BUILD, wait_until
from two_nodes import (POD_TCP_PORT, TCP_PORT, UDP_PORT, VIPS, VIPS6, TwoNodes, balancer, exchange,
                       pod_endpoint)

MORE_VIP = "198.51.100.50"  # of what single tests need
TRANSFER_BYTES = 8 << 20
IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_MTU, IP_RECVERR = 10, 2, 14, 11  # linux/in.h
ALL = [(mode, address, CLIENT_IP) for mode, address in VIPS.items()] \
    + [(f"{mode} IPv6", address, CLIENT_IP6) for mode, address in VIPS6.items()]


class NodesTest(unittest.TestCase):
    flags = ()
    lab = None

    @classmethod
    def setUpClass(cls):
        cls.lab = TwoNodes(cls.flags)

    @classmethod
    def tearDownClass(cls):
        cls.lab.close()

    def tearDown(self):
        if any(error for _, error in getattr(self._outcome, "errors", []) if error):
            for node in self.lab.nodes:
                print(node.name, node.drops())

    def reached_by(self, mode):
        """Who a pod has to see as its client."""
        if mode.startswith("snat"):
            return self.lab.nodes[0].ip6 if "IPv6" in mode else self.lab.nodes[0].ip
        return CLIENT_IP6 if "IPv6" in mode else CLIENT_IP

    def pod_of(self, mode):
        return "pod-a" if mode.startswith("local") else "pod-b"

    def serve(self, *args, **more):
        """One more Service, for one test."""
        self.lab.save("more.json", balancer("more", MORE_VIP, *args, **more))
        self.addCleanup(self.lab.save, "more.json", [])

    def answers(self, address=MORE_VIP, port=TCP_PORT, timeout=0.5):
        with contextlib.suppress(OSError, EOFError):
            with self.lab.connect(address, port, timeout) as sock:
                return self.lab.who(sock)
        return None


class EveryMode(NodesTest):
    def test_tcp_and_whom_the_pod_sees(self):
        for mode, address, _ in ALL:
            with self.subTest(mode), self.lab.connect(address) as sock:
                self.assertRegex(self.lab.who(sock), rf"^{self.pod_of(mode)} sees "
                                 rf"{self.reached_by(mode)} port \d+$")

    def test_udp_and_whom_the_pod_sees(self):
        for mode, address, _ in ALL:
            with self.subTest(mode):
                self.assertRegex(self.lab.udp(address), rf"^{self.pod_of(mode)} sees "
                                 rf"{self.reached_by(mode)} port \d+ size 5$")

    def test_transfers_are_whole_both_ways(self):
        for seed, (mode, address, _) in enumerate(ALL):
            with self.subTest(mode), self.lab.connect(address, timeout=30) as sock:
                self.assertTrue(exchange(sock, TRANSFER_BYTES, seed * 10))

    def test_by_the_node_whose_stack_has_to_send(self):
        """pod-a is remote for node2, and XDP cannot send there."""
        first, second = self.lab.nodes
        self.lab.route_to(second)
        self.addCleanup(self.lab.route_to, first)

        def tunnelled():
            """Packets that went into the tunnel; those that came out; those that a device between
            the two dropped, as a busy machine's do when their queues are full."""
            return (second.metrics()["sluice_packets_dsr_total"],
                    first.metrics()["sluice_packets_decapsulated_total"],
                    sum(host.dropped(device) for host, device in (
                        (second.host, "eth0"), (self.lab.router, second.port),
                        (self.lab.router, first.port), (first.host, "eth0"))))

        def all_arrived(before, mode):
            """None is lost that no device owns up to."""
            into, out, dropped = (at_the_end - then for at_the_end, then
                                  in zip(tunnelled(), before, strict=True))
            return out <= into <= out + dropped and (into > 0) == (mode != "snat")

        for seed, mode in enumerate(("snat", "ipip", "gue")):
            with self.subTest(mode):
                self.serve([self.lab.pods[0]], mode)
                wait_until(self.answers, f"{mode} answers by node2")
                wait_until(lambda: "pod-a" in (self.lab.udp(MORE_VIP) or ""), "udp")
                before = tunnelled()
                with self.lab.connect(MORE_VIP, timeout=30) as sock:
                    self.assertTrue(exchange(sock, TRANSFER_BYTES, seed * 10))
                wait_until(lambda: all_arrived(before, mode), "no packet is lost", 5)
        self.assertGreater(second.metrics()["sluice_packets_by_stack_total"], 0)

    def test_fragments_follow_their_first(self):
        for mode, address, _ in ALL:
            with self.subTest(mode):
                self.assertRegex(self.lab.udp(address, 6000), r" size 6000$")

    def test_fragments_of_two_clients_with_one_number_do_not_mix(self):
        lab, other = self.lab, "192.0.2.11"
        lab.client.ip(f"addr add {other}/24 dev eth0")
        self.addCleanup(lab.client.ip, f"addr del {other}/24 dev eth0")
        raw = lab.client.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.addCleanup(raw.close)
        vip, wanted, sockets, halves = VIPS["snat"], [], [], []
        for number, source in enumerate((CLIENT_IP, other)):
            sock = lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.addCleanup(sock.close)
            sock.settimeout(3)
            sock.bind((source, 0))
            size = 1400 + 8 * number
            halves.append(udp_halves(source, sock.getsockname()[1], vip, UDP_PORT,
                                     bytes([65 + number]) * size, 0x4242))
            sockets.append(sock)
            wanted.append(f"size {size}")
        for half in range(2):  # the first ones of both, then the later ones of both
            for parts in halves:
                raw.sendto(parts[half], (vip, 0))
        for sock, size in zip(sockets, wanted):
            self.assertIn(size, sock.recv(100).decode())

    def test_ping_is_answered(self):
        for mode, address, _ in ALL:
            with self.subTest(mode):
                self.lab.client.run("ping", "-c", "1", "-W", "2", address)

    def test_two_frontends_and_one_client_port(self):
        """One pod by two addresses: both conversations go on."""
        self.serve([self.lab.pods[0]], "local")
        wait_until(self.answers, "the second frontend answers")
        with self.lab.client.socket() as one, self.lab.client.socket() as two:
            for sock, address in ((one, VIPS["local"]), (two, MORE_VIP)):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.settimeout(5)
                sock.bind((CLIENT_IP, 45678))
                sock.connect((address, TCP_PORT))
            for _ in range(3):
                self.assertIn("pod-a", self.lab.who(one))
                self.assertIn("pod-a", self.lab.who(two))

    def test_a_transfer_goes_on_while_its_pod_terminates(self):
        lab = self.lab
        for mode in ("snat", "ipip"):
            with self.subTest(mode):
                self.serve([lab.pods[1]], mode)
                wait_until(self.answers, "answers")
                with lab.connect(MORE_VIP, timeout=30) as sock:
                    self.assertIn("pod-b", lab.who(sock))
                    self.serve([], mode, [
                        pod_endpoint(lab.pods[0]),
                        pod_endpoint(lab.pods[1], ready=False, serving=True, terminating=True)])
                    wait_until(lambda: all("pod-a" in (self.answers() or "") for _ in range(8)),
                               "new flows at pod-a")
                    self.assertTrue(exchange(sock, TRANSFER_BYTES // 4, 3))


class Paths(NodesTest):
    def path_mtu(self, address):
        """What the client learns by datagrams that are too big, until one arrives."""
        with self.lab.udp_socket(address, timeout=0.2) as sock:
            sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)

            def learnt():
                mtu = sock.getsockopt(socket.IPPROTO_IP, IP_MTU)
                with contextlib.suppress(OSError):
                    sock.send(b"x" * (mtu - 28))
                    return mtu if f"size {mtu - 28}" in sock.recv(100).decode() else None
                return None

            return wait_until(learnt, f"a datagram as big as the way to {address} lets through",
                              5, 0.05)

    def test_tunnels_tell_their_mtu(self):
        self.assertEqual(self.path_mtu(VIPS["ipip"]), 1480)
        self.assertEqual(self.path_mtu(VIPS["gue"]), 1472)

    def wait_for_way(self, pod, seen):
        """Until that pod answers, and sees that address: not by what was served before."""
        def reached():
            with contextlib.suppress(OSError):
                return self.lab.udp(MORE_VIP, tries=1).startswith(f"{pod.name} sees {seen} ")
            return False

        wait_until(reached, f"{pod.name} answers, and sees {seen}")

    def test_a_narrow_way_behind_is_told_to_the_client(self):
        lab = self.lab
        for mode, pod, wanted in (("local", lab.pods[0], 1400), ("snat", lab.pods[1], 1400),
                                  ("ipip", lab.pods[1], 1400)):
            with self.subTest(mode):
                pod.node.host.ip(f"link set {pod.device} mtu 1400")
                try:
                    self.serve([pod], mode)
                    self.wait_for_way(pod, self.reached_by(mode))
                    self.assertEqual(self.path_mtu(MORE_VIP), wanted)
                finally:
                    pod.node.host.ip(f"link set {pod.device} mtu 1500")
                    lab.client.run("ip", "route", "flush", "cache")

    @contextlib.contextmanager
    def narrow_between_nodes(self, mtu):
        """The way from node1 to node2 leads through the router, where it becomes narrow."""
        first, second = self.lab.nodes
        router = self.lab.router
        for name in ("all", "fabric"):
            router.sysctl(f"net.ipv4.conf.{name}.send_redirects", 0)
        routes = ((first.host, f"{second.ip} via 203.0.113.1"),
                  (first.host, f"{second.ip6} via 2001:db8:f::1"),
                  (router, f"{second.ip} dev fabric mtu lock {mtu}"),
                  (router, f"{second.ip6} dev fabric mtu lock {mtu}"))
        with contextlib.ExitStack() as stack:
            for host, route in routes:
                host.ip(f"route add {route}")
                stack.callback(host.ip, f"route del {route.split(' ', maxsplit=1)[0]}")
            time.sleep(0.2)  # next hops of before are kept for 100 ms
            yield
        self.lab.client.run("ip", "route", "flush", "cache")
        self.lab.client.run("ip", "-6", "route", "flush", "cache")

    def test_a_narrow_way_between_the_nodes_is_told_to_the_client(self):
        lab = self.lab
        with self.narrow_between_nodes(1400):
            for mode, wanted in (("ipip", 1380), ("gue", 1372)):
                before = lab.nodes[0].metrics()["sluice_icmp_translated_total"]
                self.assertEqual(self.path_mtu(VIPS[mode]), wanted, mode)
                self.assertGreater(lab.nodes[0].metrics()["sluice_icmp_translated_total"], before)
            for address in (VIPS["ipip"], VIPS["gue"], VIPS6["ipip"], VIPS6["gue"]):
                with self.subTest(address), lab.connect(address, timeout=30) as sock:
                    self.assertTrue(exchange(sock, TRANSFER_BYTES // 2, 5))
            unread = lab.nodes[0].metrics()["sluice_tunnel_errors_unread_total"]
            self.assertEqual(unread, 0)

    def hop(self, address, ttl):
        """Who says that the packet's hops ran out: its address; "pod" if one answers."""
        with self.lab.udp_socket(address, timeout=2) as sock:
            sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
            sock.send(b"hop")
            try:
                return "pod" if b"sees" in sock.recv(100) else "?"
            except OSError as error:
                if error.errno != errno.EHOSTUNREACH:
                    raise
            _, ancillary, _, _ = sock.recvmsg(100, 512, socket.MSG_ERRQUEUE)
            for _, kind, data in ancillary:
                if kind == IP_RECVERR:  # sock_extended_err, then the sender's name
                    return socket.inet_ntoa(struct.unpack_from("=HH4s", data, 16)[2])
            return "nobody"

    def test_a_trace_names_each_hop_and_arrives(self):
        lab = self.lab
        for mode in VIPS:
            with self.subTest(mode):
                self.assertEqual(self.hop(VIPS[mode], 1), "192.0.2.1")
                self.assertIn(self.hop(VIPS[mode], 2), (lab.nodes[0].ip, VIPS[mode]))
                wait_until(lambda mode=mode: self.hop(VIPS[mode], 5) == "pod", "the pod", 5)


class Changes(NodesTest):
    flags = ("--drain-timeout", "2s")

    def test_the_time_of_a_drain_ends(self):
        lab = self.lab
        self.serve([lab.pods[1]], "snat")
        wait_until(self.answers, "answers")
        with lab.connect(MORE_VIP, timeout=0.5) as sock:
            self.assertIn("pod-b", lab.who(sock))
            self.serve([], "snat", [
                pod_endpoint(lab.pods[0]),
                pod_endpoint(lab.pods[1], ready=False, serving=True, terminating=True)])

            def ended():
                try:
                    lab.who(sock)
                except (ConnectionError, EOFError):
                    return True
                except OSError:
                    return False
                return False

            wait_until(ended, "the connection is reset", 15, 0.1)

    def test_those_that_serve_while_they_terminate_are_used_when_none_is_ready(self):
        lab = self.lab
        self.serve([], "snat", [
            pod_endpoint(lab.pods[1], ready=False, serving=True, terminating=True)])
        wait_until(self.answers, "answers")
        time.sleep(2.5)  # longer than a drain
        self.assertIn("pod-b", self.answers(timeout=3) or "")

    def test_flows_go_on_when_the_router_turns_to_the_other_node(self):
        """As when a node fails: the flow is unknown there and goes by hash."""
        lab = self.lab
        self.serve(lab.pods, "ipip")
        wait_until(self.answers, "answers")
        self.addCleanup(lab.route_to, lab.nodes[0])
        socks = [lab.connect(MORE_VIP, timeout=10) for _ in range(12)]
        try:
            pods = [lab.who(sock).split()[0] for sock in socks]
            self.assertEqual(set(pods), {"pod-a", "pod-b"})
            for node in (lab.nodes[1], lab.nodes[0]):
                lab.route_to(node)
                self.assertEqual([lab.who(sock).split()[0] for sock in socks], pods)
            lab.route_to(lab.nodes[1])
            self.assertTrue(exchange(socks[0], TRANSFER_BYTES // 4, 5))
        finally:
            for sock in socks:
                sock.close()

    def test_programs_are_replaced_while_bytes_flow(self):
        lab = self.lab
        for mode in ("local", "snat", "ipip"):
            with self.subTest(mode), lab.connect(VIPS[mode], timeout=40) as sock:
                results = []
                worker = threading.Thread(
                    target=lambda sock=sock: results.append(exchange(sock, 2 * TRANSFER_BYTES, 9)))
                worker.start()
                for node in lab.nodes:
                    node.sluiced.stop(signal.SIGKILL)
                    node.start(*self.flags)
                    node.wait_ready()
                worker.join(40)
                self.assertEqual(results, [True])

    def test_an_interface_that_is_made_anew_is_served_again(self):
        lab = self.lab
        node = lab.nodes[0]
        node.host.ip("link del eth0")
        lab.link(node.host, "eth0", lab.router, node.port)
        lab.router.ip(f"link set {node.port} master fabric")
        lab.attach_xdp_pass(lab.router, node.port)
        node.host.ip(f"addr add {node.ip}/24 dev eth0", f"addr add {node.ip6}/64 dev eth0",
                     "route add default via 203.0.113.1", "route add default via 2001:db8:f::1",
                     f"route add 10.244.2.0/24 via {lab.nodes[1].ip}",
                     f"route add fd00:244:2::/64 via {lab.nodes[1].ip6}")
        node.host.sysctl("net.ipv4.conf.eth0.rp_filter", 0)
        for host, device in ((lab.router, "fabric"), (lab.nodes[1].host, "eth0")):
            host.ip(f"neigh flush dev {device}")  # the node has another MAC address now
        for mode, address, _ in ALL:
            with self.subTest(mode):
                wait_until(lambda address=address: self.answers(address), f"{mode} answers", 15)


class Protection(NodesTest):
    flags = ("--new-flows-max", "2000")

    def drops(self, reason):
        return self.lab.nodes[0].drops().get(reason, 0)

    def test_source_ranges(self):
        lab = self.lab
        self.serve([lab.pods[0]], "local", loadBalancerSourceRanges=["192.0.2.0/25"])
        wait_until(self.answers, "answers")
        before = self.drops("source_range")
        self.serve([lab.pods[0]], "local", loadBalancerSourceRanges=["192.0.2.128/25",
                                                                     "10.0.0.0/8"])
        wait_until(lambda: not self.answers(), "no answer any more")
        self.assertGreater(self.drops("source_range"), before)
        self.serve([lab.pods[0]], "local")
        wait_until(self.answers, "answers again")

    def test_denylist_of_the_config_map_and_by_command(self):
        lab, node = self.lab, self.lab.nodes[0]
        address = VIPS["local"]
        # A flood of before may still keep new flows out of the table for a moment.
        wait_until(lambda: "pod-a" in (self.answers(address) or ""), "answers of pod-a")
        lab.save("deny.json", {"apiVersion": "v1", "kind": "ConfigMap",
                               "metadata": {"name": "sluice-denylist"},
                               "data": {"some": f"# who\n203.0.113.128/25, {CLIENT_IP}"}})
        wait_until(lambda: not self.answers(address), "denied by the ConfigMap")
        self.assertGreater(self.drops("denied"), 0)
        listed = json.loads(node.ctl("deny", "list", "-o", "json").stdout)["denied"]
        self.assertEqual({(item["network"], *item["by"]) for item in listed},
                         {(f"{CLIENT_IP}/32", "manifest"), ("203.0.113.128/25", "manifest")})
        refused = node.ctl("deny", "del", CLIENT_IP, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("ConfigMap", refused.stderr)
        lab.remove("deny.json")
        wait_until(lambda: self.answers(address), "not denied any more")
        node.ctl("deny", "add", "192.0.2.0/24")
        self.assertIsNone(self.answers(address))
        node.sluiced.stop(signal.SIGKILL)
        node.start(*self.flags)
        node.wait_ready()
        self.assertIsNone(self.answers(address), "outlives a restart")
        self.assertEqual(node.ctl("deny", "add", "192.0.2.0/24", check=False).returncode, 1)
        self.assertEqual(node.ctl("deny", "add", "0.0.0.0/0", check=False).returncode, 1)
        node.ctl("deny", "del", "192.0.2.0/24")
        self.assertIn("pod-a", self.answers(address, timeout=3) or "")

    def test_affinity_keeps_a_client_at_its_pod(self):
        self.serve(self.lab.pods, "ipip", sessionAffinity="ClientIP",
                   sessionAffinityConfig={"clientIP": {"timeoutSeconds": 600}})
        wait_until(self.answers, "answers")
        self.assertEqual(len({self.answers(timeout=3).split()[0] for _ in range(15)}), 1)

    def test_new_flows_of_one_source_are_limited(self):
        self.serve([self.lab.pods[0]], "local", annotations={"sluice.dev/l4-rate-limit": "5"})
        wait_until(self.answers, "answers")
        before = self.drops("rate_limit")
        for _ in range(40):
            with self.lab.udp_socket(MORE_VIP) as sock:
                sock.send(b"x")
        wait_until(lambda: self.drops("rate_limit") >= before + 20, "dropped by their rate")

    def test_a_flood_of_syns_leaves_established_flows_alone(self):
        lab, node = self.lab, self.lab.nodes[0]
        self.serve(lab.pods, "ipip")
        wait_until(self.answers, "answers")
        with lab.connect(MORE_VIP) as sock:
            pod = lab.who(sock).split()[0]
            before = node.metrics()["sluice_flows_not_inserted_total"]
            with lab.client.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
                for number in range(20000):
                    raw.sendto(syn(number, MORE_VIP, TCP_PORT), (MORE_VIP, 0))
            self.assertGreater(node.metrics()["sluice_flows_not_inserted_total"], before)
            self.assertEqual(lab.who(sock).split()[0], pod)

    def test_drops_are_recorded_and_followed(self):
        lab, node = self.lab, self.lab.nodes[0]
        follower = node.host.start("drops", [*follow_command(node)])
        try:
            def seen():
                self.answers(VIPS["local"], 7999, 0.2)
                return "unknown_port" in follower.log()

            wait_until(seen, "a record of the dropped packet", 10)
            self.assertRegex(follower.log(), rf"tcp {CLIENT_IP} port \d+ > {VIPS['local']} "
                                             r"port 7999")
        finally:
            follower.stop(signal.SIGKILL)

    def test_flows_are_found_by_filters(self):
        lab, node = self.lab, self.lab.nodes[0]
        with lab.connect(VIPS["local"]) as sock:
            lab.who(sock)
            mine = sock.getsockname()[1]

            def flows(*words):
                text = node.ctl("flows", *words, "-o", "json").stdout
                return [flow["client_port"] for flow in json.loads(text)["flows"]]

            # Another flow of before, to another frontend, may have had the same port.
            self.assertEqual(set(flows("--client", f"{CLIENT_IP}:{mine}")), {mine})
            self.assertEqual(flows("--client", f"{CLIENT_IP}:{mine}",
                                   "--frontend", f"{VIPS['local']}:{TCP_PORT}"), [mine])
            self.assertIn(mine, flows("--frontend", f"{VIPS['local']}:{TCP_PORT}",
                                      "--protocol", "tcp", "--state", "established",
                                      "--backend", f"{lab.pods[0].ip}:{POD_TCP_PORT}"))
            self.assertEqual(flows("--client", f":{mine}", "--protocol", "udp"), [])
            self.assertEqual(flows("--client", f":{mine}", "--frontend", "198.51.100.9"), [])

    def test_top_shows_rates(self):
        lab, node = self.lab, self.lab.nodes[0]
        lab.udp(VIPS["local"])
        text = node.ctl("top", "--count", "1", "--interval", "50ms", "-o", "json").stdout
        self.assertIn(f"{VIPS['local']}:{UDP_PORT} udp",
                      {rate["name"] for rate in json.loads(text)["rates"]})

    def test_health_checks_follow_the_endpoints(self):
        lab = self.lab

        def health(node):
            with contextlib.suppress(OSError):
                response = request(lab.router, node.ip, 31999)
                return response.status, json.loads(response.text)
            return None

        wanted = {"service": {"namespace": "default", "name": "more"}, "localEndpoints": 1,
                  "serviceProxyHealthy": True}
        self.serve([lab.pods[0]], "local", externalTrafficPolicy="Local",
                   healthCheckNodePort=31999)
        wait_until(lambda: health(lab.nodes[0]) == (200, wanted), "node1 has a pod")
        wait_until(lambda: health(lab.nodes[1]) == (503, {**wanted, "localEndpoints": 0}),
                   "node2 has none")
        self.serve([lab.pods[1]], "local", externalTrafficPolicy="Local",
                   healthCheckNodePort=31999)
        wait_until(lambda: health(lab.nodes[0])[0] == 503, "node1 has none any more")
        wait_until(lambda: health(lab.nodes[1])[0] == 200, "node2 has one")
        lab.save("more.json", [])
        wait_until(lambda: health(lab.nodes[0]) is None, "the port is closed")


def follow_command(node):
    return [BUILD / "sluicectl", "drops", "--follow", "--interval", "100ms", "--bpffs", node.bpffs]


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def udp_halves(source, sport, dest, dport, payload, identification):
    """The IPv4 packets of a datagram in two fragments, its checksum over the whole."""
    ends = socket.inet_aton(source) + socket.inet_aton(dest)
    udp = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    total = checksum(ends + struct.pack("!HH", socket.IPPROTO_UDP, len(udp)) + udp)
    udp = udp[:6] + struct.pack("!H", total or 0xffff) + udp[8:]
    cut = len(udp) // 16 * 8
    return [struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(part), identification,
                        0x2000 if at == 0 else at // 8, 64, socket.IPPROTO_UDP, 0) + ends + part
            for at, part in ((0, udp[:cut]), (cut, udp[cut:]))]


def syn(number, address, port):
    """A SYN of a source that nobody has: 198.18.0.0/15, RFC 2544."""
    source = struct.pack("!I", 0xc6120000 + number % 131072)
    target = socket.inet_aton(address)
    tcp = struct.pack("!HHIIHHHH", 1024 + number % 60000, port, number, 0, 0x5002, 1024, 0, 0)
    pseudo = source + target + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, socket.IPPROTO_TCP, 0,
                       source, target)
    return head + tcp
