# SPDX-License-Identifier: Apache-2.0
"""Two nodes, each with its own sluiced, behind a router that chooses one of them for the frontends.

    client 192.0.2.10 -- 192.0.2.1 router 203.0.113.1 --+-- 203.0.113.11 node1 -- 10.244.1.11 pod-a
    2001:db8:1::10       2001:db8:1::1  2001:db8:f::1   |   2001:db8:f::11        fd00:244:1::11
                                                        '-- 203.0.113.12 node2 -- 10.244.2.12 pod-b
                                                            2001:db8:f::12        fd00:244:2::12

Both nodes have kube-proxy's rule against packets that conntrack does not know. XDP can send by the
device of node1 and not by that of node2, whose stack has to.
"""

import contextlib
import errno
import hashlib
import json
import random
import socket
import threading

from cluster import ADMIN_PORT, CLIENT_IP, CLIENT_IP6, endpoint_slice, request, service, to_json
from netns import BUILD, Lab, run, wait_until

VIPS = {"local": "198.51.100.1", "snat": "198.51.100.2", "ipip": "198.51.100.3",
        "gue": "198.51.100.4"}
VIPS6 = {"local": "2001:db8:2::1", "snat": "2001:db8:2::2", "ipip": "2001:db8:2::3",
         "gue": "2001:db8:2::4"}
TCP_PORT, UDP_PORT = 7000, 5353
POD_TCP_PORT, POD_UDP_PORT = 9000, 9053
ROUTER_IP, ROUTER_IP6 = "192.0.2.1", "2001:db8:1::1"
CHUNK = 1 << 16


def noise(seed, size):
    """size octets that follow from seed."""
    return random.Random(seed).randbytes(size)


def read_exactly(sock, size):
    digest, left = hashlib.sha256(), size
    while left:
        part = sock.recv(min(left, CHUNK))
        if not part:
            raise EOFError(f"{left} of {size} octets are missing")
        digest.update(part)
        left -= len(part)
    return digest.hexdigest()


def exchange(sock, size, seed):
    """size octets each way at the same time; returns whether both came whole."""
    mine, theirs = noise(seed, size), noise(seed + 1, size)
    sock.sendall(f"exchange {size} {seed}\n".encode())
    sender = threading.Thread(target=sock.sendall, args=(mine,), daemon=True)
    sender.start()
    digest = read_exactly(sock, size)
    sender.join(10)
    sock.settimeout(10)
    answer = sock.makefile("rb").readline().decode().strip()
    return digest == hashlib.sha256(theirs).hexdigest() \
        and answer == hashlib.sha256(mine).hexdigest()


class Pod:
    """A host behind a node, with a server of TCP and UDP in threads of the test."""

    def __init__(self, lab, node, name, number):
        self.name, self.node = name, node
        self.ip = f"10.244.{node.number}.{10 + number}"
        self.ip6 = f"fd00:244:{node.number}::{10 + number}"
        self.device = f"veth-{name}"
        self.host = lab.host(name)
        lab.link(node.host, self.device, self.host, "eth0")
        self.host.ip(f"addr add {self.ip}/32 dev eth0", f"addr add {self.ip6}/128 dev eth0",
                     f"route add {node.ip} dev eth0", f"route add default via {node.ip}",
                     "route add default via fe80::1 dev eth0")
        node.host.ip(f"route add {self.ip} dev {self.device}",
                     f"route add {self.ip6} dev {self.device}",
                     f"addr add fe80::1/64 dev {self.device}")
        self.errors = []
        self.sockets = []
        self._serve_tcp()
        self._serve_udp()

    def _serve_tcp(self):
        listener = self.host.socket(socket.AF_INET6)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("::", POD_TCP_PORT))
        listener.listen(256)
        self.sockets.append(listener)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    conn, peer = listener.accept()
                    threading.Thread(target=self._talk, args=(conn, peer), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()

    def _talk(self, conn, peer):
        with conn, contextlib.suppress(OSError, EOFError, ValueError):
            self.sockets.append(conn)
            conn.settimeout(60)
            while True:
                words = self._read_line(conn).split()
                if words[0] == "who":
                    address = peer[0].removeprefix("::ffff:")
                    conn.sendall(f"{self.name} sees {address} port {peer[1]}\n".encode())
                elif words[0] == "exchange":
                    size, seed = int(words[1]), int(words[2])
                    data = noise(seed + 1, size)
                    sender = threading.Thread(target=conn.sendall, args=(data,), daemon=True)
                    sender.start()
                    digest = read_exactly(conn, size)
                    sender.join()
                    conn.sendall(digest.encode() + b"\n")

    @staticmethod
    def _read_line(conn):
        line = b""
        while not line.endswith(b"\n"):
            octet = conn.recv(1)
            if not octet:
                raise EOFError
            line += octet
        return line.decode()

    def _serve_udp(self):
        sock = self.host.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.bind(("::", POD_UDP_PORT))
        self.sockets.append(sock)

        def answer():
            with contextlib.suppress(OSError):
                while True:
                    data, peer = sock.recvfrom(65535)
                    if not peer:  # it has been shut down
                        return
                    address = peer[0].removeprefix("::ffff:")
                    text = f"{self.name} sees {address} port {peer[1]} size {len(data)}\n"
                    sock.sendto(text.encode(), peer)

        threading.Thread(target=answer, daemon=True).start()

    def close(self):
        for sock in self.sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


class Node:
    """A host with Sluice on it."""

    def __init__(self, lab, number, xdp_sends):
        self.lab, self.number = lab, number
        self.name = f"node{number}"
        self.ip, self.ip6 = f"203.0.113.{10 + number}", f"2001:db8:f::{10 + number}"
        self.host = lab.host(self.name)
        self.port = f"port{number}"
        lab.link(self.host, "eth0", lab.router, self.port)
        lab.router.ip(f"link set {self.port} master fabric")
        if xdp_sends:
            lab.attach_xdp_pass(lab.router, self.port)
        self.host.ip(f"addr add {self.ip}/24 dev eth0", f"addr add {self.ip6}/64 dev eth0",
                     "route add default via 203.0.113.1", "route add default via 2001:db8:f::1")
        for name, value in (("net.ipv4.ip_forward", 1), ("net.ipv6.conf.all.forwarding", 1),
                            ("net.ipv4.conf.all.rp_filter", 0),
                            ("net.ipv4.conf.eth0.rp_filter", 0)):
            self.host.sysctl(name, value)
        for tool in ("iptables", "ip6tables"):
            self.host.run(tool, "-A", "FORWARD", "-m", "conntrack", "--ctstate", "INVALID",
                          "-j", "DROP")
        self.bpffs = lab.folder / f"bpf-{self.name}"
        self.bpffs.mkdir()
        run(["mount", "-t", "bpf", "bpf", self.bpffs])
        self.sluiced = None
        self.starts = 0

    def start(self, *flags):
        self.starts += 1
        self.sluiced = self.host.start(f"sluiced-{self.starts}", [
            BUILD / "sluiced", "--manifests", self.lab.manifests, "--interface", "eth0",
            "--node-name", self.name, "--bpffs", self.bpffs,
            "--admin", f"127.0.0.1:{ADMIN_PORT}", "--proxy-workers", "1", *flags])

    def wait_ready(self):
        def ready_or_ended():
            with contextlib.suppress(OSError):
                if request(self.host, "127.0.0.1", ADMIN_PORT, "/readyz").status == 200:
                    return True
            return not self.sluiced.running()

        wait_until(ready_or_ended, f"sluiced of {self.name} ready", 30)
        if not self.sluiced.running():
            raise RuntimeError(f"sluiced of {self.name} ended:\n{self.sluiced.log()}")

    def ctl(self, *words, check=True):
        return self.host.run(BUILD / "sluicectl", *words, "--bpffs", self.bpffs, check=check)

    def tc_programs(self):
        """Names by number, of the programs of TC that are pinned for this node."""
        names = program_names()
        links = [json.loads(run(["bpftool", "-j", "link", "show", "pinned", path]).stdout)
                 for path in (self.bpffs / "sluice/v2/links").iterdir()
                 if path.name.startswith("tc_")]
        return {link["prog_id"]: names[link["prog_id"]] for link in links}

    def metrics(self):
        lines = request(self.host, "127.0.0.1", ADMIN_PORT, "/metrics").text.splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in lines if line and not line.startswith("#")}

    def drops(self):
        return {name.split('"')[1]: value for name, value in self.metrics().items()
                if name.startswith("sluice_drops_total") and value}


class TwoNodes(Lab):
    """The whole scene, with both daemons ready."""

    def __init__(self, flags=(), keep=False):
        super().__init__(keep)
        self.client, self.router = self.host("client"), self.host("router")
        self.link(self.client, "eth0", self.router, "eth0")
        self.client.ip(f"addr add {CLIENT_IP}/24 dev eth0", f"addr add {CLIENT_IP6}/64 dev eth0",
                       f"route add default via {ROUTER_IP}", f"route add default via {ROUTER_IP6}")
        self.router.ip(f"addr add {ROUTER_IP}/24 dev eth0", f"addr add {ROUTER_IP6}/64 dev eth0",
                       "link add fabric type bridge", "link set fabric up",
                       "addr add 203.0.113.1/24 dev fabric", "addr add 2001:db8:f::1/64 dev fabric")
        for name, value in (("net.ipv4.ip_forward", 1), ("net.ipv6.conf.all.forwarding", 1),
                            ("net.ipv4.conf.all.rp_filter", 0),
                            ("net.ipv4.conf.fabric.rp_filter", 0),
                            ("net.ipv4.conf.eth0.rp_filter", 0)):
            self.router.sysctl(name, value)
        self.nodes = [Node(self, 1, True), Node(self, 2, False)]
        first, second = self.nodes
        self.pods = [Pod(self, first, "pod-a", 1), Pod(self, second, "pod-b", 2)]
        first.host.ip(f"route add 10.244.2.0/24 via {second.ip}",
                      f"route add fd00:244:2::/64 via {second.ip6}")
        second.host.ip(f"route add 10.244.1.0/24 via {first.ip}",
                       f"route add fd00:244:1::/64 via {first.ip6}")
        self.manifests = self.folder / "manifests"
        self.manifests.mkdir()
        self.save("nodes.json", [node_object(node) for node in self.nodes])
        self.save("services.json", self.services())
        self.route_to(first)
        self.prepare()
        for node in self.nodes:
            node.start(*flags, *self.flags_of(node))
        for node in self.nodes:
            node.wait_ready()

    def prepare(self):
        """Called before the daemons start."""

    def flags_of(self, node):
        """Flags that one node alone has."""
        return ()

    def close(self):
        for pod in self.pods:
            pod.close()
        super().close()

    def save(self, name, content):
        beside = self.manifests / f".{name}.tmp"
        beside.write_text(content if isinstance(content, str) else to_json(content))
        beside.rename(self.manifests / name)

    def remove(self, name):
        (self.manifests / name).unlink()

    def services(self):
        """One Service a mode and family: "local" has pod-a, the others pod-b."""
        objects = []
        for v6 in (False, True):
            for mode, address in (VIPS6 if v6 else VIPS).items():
                pod = self.pods[0] if mode == "local" else self.pods[1]
                objects += balancer(mode + ("6" if v6 else ""), address, [pod], mode)
        return objects

    def route_to(self, node):
        """The router sends what is for frontends to this node."""
        self.router.ip(f"route replace 198.51.100.0/24 via {node.ip}",
                       f"route replace 2001:db8:2::/64 via {node.ip6}")

    # ---- traffic of the client ----------------------------------------------------------------

    def connect(self, address, port=TCP_PORT, timeout=10):
        return self.client.connect(address, port, timeout)

    def who(self, sock):
        sock.sendall(b"who\n")
        return Pod._read_line(sock).strip()

    def udp_socket(self, address, port=UDP_PORT, timeout=3):
        sock = self.client.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                                  socket.SOCK_DGRAM)
        sock.settimeout(timeout)
        sock.connect((address, port))
        return sock

    def udp(self, address, size=5, port=UDP_PORT, tries=3):
        """What a pod answers to a datagram. A lost one is sent again, as is one that was too big
        for the way: the next one goes in smaller parts."""
        with self.udp_socket(address, port, 1) as sock:
            for left in range(tries, 0, -1):
                try:
                    sock.send(b"x" * size)
                    return sock.recv(2000).decode().strip()
                except OSError as error:
                    if left == 1 or not isinstance(error, TimeoutError) \
                            and error.errno != errno.EMSGSIZE:
                        raise
        return None


def program_names():
    """Of all BPF programs, by number."""
    return {item["id"]: item.get("name")
            for item in json.loads(run(["bpftool", "-j", "prog", "show"]).stdout)}


def node_object(node):
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node.name},
            "status": {"addresses": [{"type": "InternalIP", "address": node.ip},
                                     {"type": "InternalIP", "address": node.ip6}]}}


def pod_endpoint(pod, v6=False, **conditions):
    return {"addresses": [pod.ip6 if v6 else pod.ip], "nodeName": pod.node.name,
            **({"conditions": conditions} if conditions else {})}


def balancer(name, address, pods, mode="snat", endpoints=None, annotations=None, **spec):
    """A Service of our class and its slice. mode: local, snat, ipip, gue."""
    v6 = ":" in address
    value = service(name, [("tcp", TCP_PORT, "TCP"), ("udp", UDP_PORT, "UDP")],
                    type="LoadBalancer", loadBalancerClass="sluice.dev/l4",
                    loadBalancerIP=address, **({"ipFamilies": ["IPv6"]} if v6 else {}), **spec)
    notes = dict(annotations or {})
    if mode in ("ipip", "gue"):
        notes |= {"sluice.dev/l4-mode": "dsr", "sluice.dev/l4-encapsulation": mode}
    value["metadata"]["annotations"] = notes
    return [value, endpoint_slice(
        name, endpoints or [pod_endpoint(pod, v6) for pod in pods],
        [("tcp", POD_TCP_PORT, "TCP"), ("udp", POD_UDP_PORT, "UDP")],
        family="IPv6" if v6 else "IPv4")]
