# SPDX-License-Identifier: Apache-2.0
"""TCP and UDP frontends through real traffic, over IPv4 and IPv6 alike."""

import collections
import contextlib
import hashlib
import os
import socket

from cluster import (CLIENT_IP, CLIENT_IP6, HTTP_PORT, NODE_IP, TCP_PORT, UDP_PORT, VIP, VIP6,
                     endpoint, endpoint_slice, service)
from netns import wait_until
from scene import SceneTest

EXTERNAL_IP = "203.0.113.7"
HELD_PORT = 9100
PORTS = [("tcp", 7000, "TCP"), ("udp", 5353, "UDP"), ("web", 7080, "TCP"), ("held", 7100, "TCP")]
SLICE_PORTS = [("tcp", TCP_PORT, "TCP"), ("udp", UDP_PORT, "UDP"), ("web", HTTP_PORT, "TCP"),
               ("held", HELD_PORT, "TCP")]


def balancer(name, address, ports=None, **spec):
    return service(name, ports or PORTS, type="LoadBalancer", loadBalancerClass="sluice.dev/l4",
                   loadBalancerIP=address, **spec)


def pods_slice(cluster, names, name="echo", v6=False):
    return endpoint_slice(name, [cluster.pods[pod].ip6 if v6 else cluster.pods[pod].ip
                                 for pod in names], SLICE_PORTS, family="IPv6" if v6 else "IPv4")


ALL = ("pod-a", "pod-b", "pod-c")


class L4(SceneTest):
    @classmethod
    def manifests(cls, cluster):
        return {
            "echo.json": [balancer("echo", VIP, externalIPs=[EXTERNAL_IP]),
                          pods_slice(cluster, ALL)],
            "echo6.json": [balancer("echo6", VIP6, ipFamilies=["IPv6"]),
                           pods_slice(cluster, ALL, "echo6", True)],
            "not-ours.json": [
                service("plain", PORTS, type="LoadBalancer", loadBalancerIP="198.51.100.77"),
                pods_slice(cluster, ALL, "plain")],
            "empty.json": [balancer("empty", "198.51.100.20"), pods_slice(cluster, (), "empty")],
        }

    def drops(self, reason):
        return self.cluster.metrics()[f'sluice_drops_total{{reason="{reason}"}}']

    def test_tcp_keeps_the_address_of_the_client(self):
        for address, client in ((VIP, CLIENT_IP), (EXTERNAL_IP, CLIENT_IP), (VIP6, CLIENT_IP6)):
            with self.subTest(address):
                self.assertRegex(self.cluster.tcp(address), rf"^pod-[abc] sees {client} port \d+$")

    def test_metrics_count_flows_of_frontends_and_backends(self):
        def flows():
            metrics = self.cluster.metrics()
            pods = {f'sluice_backend_flows_total{{upstream="default/echo:7000",address="{pod.ip}",port="{TCP_PORT}"}}'
                    for pod in self.cluster.pods.values()}
            return (metrics[f'sluice_frontend_flows_total{{address="{VIP}",port="7000",protocol="tcp"}}'],
                    sum(metrics.get(name, 0) for name in pods))

        self.cluster.tcp(VIP)  # before it has packets, a backend has no line
        before = flows()
        for _ in range(20):
            self.cluster.tcp(VIP)
        self.assertEqual([after - was for was, after in zip(before, flows())], [20, 20])

    def test_udp_keeps_the_address_of_the_client(self):
        for address, client in ((VIP, CLIENT_IP), (VIP6, CLIENT_IP6)):
            with self.subTest(address):
                self.assertRegex(self.cluster.udp(address), rf"^pod-[abc] sees {client} port \d+$")

    def test_new_flows_are_spread(self):
        for address in (VIP, VIP6):
            for ask in (self.cluster.tcp, self.cluster.udp):
                with self.subTest(f"{ask.__name__} {address}"):
                    counts = collections.Counter(ask(address).split()[0] for _ in range(120))
                    self.assertEqual(set(counts), set(ALL))
                    self.assertGreaterEqual(min(counts.values()), 15, counts)

    def test_a_flow_stays_with_its_pod(self):
        for address, family in ((VIP, socket.AF_INET), (VIP6, socket.AF_INET6)):
            sock = self.cluster.client.socket(family, socket.SOCK_DGRAM)
            with sock:
                seen = {self.cluster.udp(address, sock=sock) for _ in range(20)}
            self.assertEqual(len(seen), 1, seen)

    def test_large_transfers_are_whole(self):
        data = os.urandom(8 << 20)
        for pod in self.cluster.pods.values():
            (pod.folder / "files/big").write_bytes(data)
        wanted = hashlib.sha256(data).hexdigest()
        for offload in ("off", "on"):
            for pod in self.cluster.pods.values():
                pod.host.run("ethtool", "-K", "eth0", "tx", offload)
            for address in (VIP, f"[{VIP6}]"):
                with self.subTest(f"{address}, checksum offload of pods {offload}"):
                    target = self.cluster.folder / "fetched"
                    self.cluster.curl("-g", "-o", target, f"http://{address}:7080/files/big")
                    self.assertEqual(hashlib.sha256(target.read_bytes()).hexdigest(), wanted)
        for pod in self.cluster.pods.values():
            pod.host.run("ethtool", "-K", "eth0", "tx", "off")

    def test_uploads_arrive(self):
        body = self.cluster.folder / "body"
        body.write_bytes(os.urandom(4 << 20))
        for address in (VIP, f"[{VIP6}]"):
            text = self.cluster.curl("-g", "--data-binary", f"@{body}", "-H", "Expect:",
                                     f"http://{address}:7080/")
            self.assertIn("method=POST", text)

    def test_other_ports_of_the_address_are_dropped_and_counted(self):
        for address in (VIP, VIP6):
            before = self.drops("unknown_port")
            with self.assertRaises(OSError):
                self.cluster.client.connect(address, 7999, timeout=0.5).close()
            self.assertGreater(self.drops("unknown_port"), before)

    def test_without_backends_packets_are_dropped_and_counted(self):
        before = self.drops("no_backend")
        with self.assertRaises(OSError):
            self.cluster.tcp("198.51.100.20", timeout=0.5)
        self.assertGreater(self.drops("no_backend"), before)

    def test_services_of_another_class_are_not_served(self):
        with self.assertRaises(OSError):
            self.cluster.tcp("198.51.100.77", timeout=0.5)

    def test_what_is_not_ours_passes(self):
        node = self.cluster.node.socket()
        with node:
            node.bind((NODE_IP, 2222))
            node.listen()
            with self.cluster.client.connect(NODE_IP, 2222) as sock:
                peer, name = node.accept()
                peer.close()
                self.assertEqual(name[0], CLIENT_IP)
                self.assertEqual(sock.recv(1), b"")
        self.cluster.client.run("ping", "-c", "1", "-W", "2", NODE_IP)
        self.assertIn("pod-a", self.cluster.tcp(self.cluster.pods["pod-a"].ip, TCP_PORT))


@contextlib.contextmanager
def listeners(cluster, port):
    """A listening socket in each pod: name -> socket."""
    socks = {}
    try:
        for name, pod in cluster.pods.items():
            socks[name] = pod.host.socket(socket.AF_INET6)
            socks[name].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            socks[name].bind(("::", port))
            socks[name].listen()
            socks[name].setblocking(False)
        yield socks
    finally:
        for sock in socks.values():
            sock.close()


def accepted(socks):
    """The pod that has a connection waiting, and the connection."""
    for name, sock in socks.items():
        with contextlib.suppress(BlockingIOError):
            conn, _ = sock.accept()
            conn.settimeout(3)
            return name, conn
    return None


class L4Changes(SceneTest):
    @classmethod
    def manifests(cls, cluster):
        return {"service.json": [balancer("echo", VIP),
                                 balancer("echo6", VIP6, ipFamilies=["IPv6"])],
                "slice.json": [pods_slice(cluster, ALL), pods_slice(cluster, ALL, "echo6", True)]}

    def save_pods(self, names):
        self.cluster.save("slice.json", [pods_slice(self.cluster, names),
                                         pods_slice(self.cluster, names, "echo6", True)])

    def tearDown(self):
        self.cluster.save("service.json", self.manifests(self.cluster)["service.json"])
        self.save_pods(ALL)

    def wait_pods(self, names, address):
        """Waits until new flows reach exactly these pods."""
        def reached():
            return {self.cluster.tcp(address).split()[0] for _ in range(25)} == set(names)

        wait_until(reached, f"flows of {address} at {names}")

    def check_exchange(self, ours, theirs):
        ours.sendall(b"ping")
        self.assertEqual(theirs.recv(4), b"ping")
        theirs.sendall(b"pong")
        self.assertEqual(ours.recv(4), b"pong")

    def test_open_connections_survive_changes_of_other_pods(self):
        for address in (VIP, VIP6):
            with self.subTest(address), listeners(self.cluster, HELD_PORT) as socks:
                self.wait_pods(ALL, address)
                ours = self.cluster.client.connect(address, 7100)
                name, theirs = wait_until(lambda: accepted(socks), "a pod accepts")
                with ours, theirs:
                    self.check_exchange(ours, theirs)
                    for names in ((name,), ALL, [n for n in ALL if n == name or n == "pod-a"]):
                        self.save_pods(names)
                        self.wait_pods(names, address)
                        self.check_exchange(ours, theirs)
                self.save_pods(ALL)

    def test_a_draining_pod_keeps_its_connections_and_gets_no_new_ones(self):
        with listeners(self.cluster, HELD_PORT) as socks:
            self.wait_pods(ALL, VIP)
            ours = self.cluster.client.connect(VIP, 7100)
            name, theirs = wait_until(lambda: accepted(socks), "a pod accepts")
            with ours, theirs:
                self.check_exchange(ours, theirs)
                self.cluster.save("slice.json", [endpoint_slice("echo", [
                    endpoint(pod.ip, ready=pod.name != name, serving=True,
                             terminating=pod.name == name)
                    for pod in self.cluster.pods.values()], SLICE_PORTS)])
                self.wait_pods([other for other in ALL if other != name], VIP)
                self.check_exchange(ours, theirs)

    def test_the_address_comes_and_goes_with_its_service(self):
        for address, service_name in ((VIP, "echo"), (VIP6, "echo6")):
            self.cluster.save("service.json", [
                item for item in self.manifests(self.cluster)["service.json"]
                if item["metadata"]["name"] != service_name])
            wait_until(lambda: not self.answers(address), f"{address} is no frontend any more")
            self.cluster.save("service.json", self.manifests(self.cluster)["service.json"])
            wait_until(lambda: self.answers(address), f"{address} is a frontend again")

    def answers(self, address, port=7000):
        with contextlib.suppress(OSError):
            return self.cluster.tcp(address, port, timeout=0.3)
        return None

    def test_an_open_flow_ends_with_its_frontend(self):
        """Address and pods are still those of other frontends."""
        other = balancer("other", EXTERNAL_IP, [("more", 7001, "TCP")])
        self.cluster.save("service.json",
                          [balancer("echo", VIP, externalIPs=[EXTERNAL_IP]), other])
        with self.cluster.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:

            def answers():
                with contextlib.suppress(OSError):
                    return self.cluster.udp(EXTERNAL_IP, timeout=0.3, sock=sock)
                return None

            for _ in range(3):
                wait_until(answers, "the second address answers")
            self.cluster.save("service.json", [balancer("echo", VIP), other])
            wait_until(lambda: not answers(), "the flow ends")
            self.assertRegex(self.cluster.udp(VIP), "^pod-[abc]")

    def test_a_port_is_added_and_removed(self):
        self.cluster.save("service.json", balancer("echo", VIP, PORTS + [("more", 7001, "TCP")]))
        self.cluster.save("slice.json", endpoint_slice(
            "echo", [pod.ip for pod in self.cluster.pods.values()],
            SLICE_PORTS + [("more", TCP_PORT, "TCP")]))

        wait_until(lambda: self.answers(VIP, 7001), "the new port answers")
        self.cluster.save("service.json", balancer("echo", VIP))
        wait_until(lambda: not self.answers(VIP, 7001), "the port is gone")
        self.assertRegex(self.cluster.tcp(VIP), "^pod-[abc]")
