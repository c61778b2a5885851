# SPDX-License-Identifier: Apache-2.0
"""The scene of tests with containers: a node with two pods, HTTP and L4, and one container of Sluice
that is ready; a slow download; a hundred probes a second."""

import os
import socket
import unittest

from cluster import NODE_IP, VIP, Cluster, app, endpoint_slice, ingress, path, rule, service
from container import Container
from load import Requests

HOST = "web.test"
PROBE_INTERVAL_S = 0.01  # 100 Hz
DOWNLOAD_BYTES = 20 << 20


class Download:
    """A client that reads a long answer slowly, and all of it only when it is let go."""

    def __init__(self, cluster):
        self.sock = cluster.client.connect(NODE_IP, 80, timeout=20)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        self.sock.sendall(f"GET /files/long HTTP/1.1\r\nHost: {HOST}\r\n"
                          "Connection: close\r\n\r\n".encode())
        self.got = len(self.sock.recv(1024))

    def trickle(self, octets=1 << 18):
        """Reads so much that the worker sees progress: without any for a minute it would give up."""
        end = self.got + octets
        while self.got < end:
            self.got += len(self.sock.recv(1 << 14))

    def finish(self):
        """Reads the rest. Returns octets in all, head included."""
        while True:
            data = self.sock.recv(1 << 16)
            if not data:
                return self.got
            self.got += len(data)


class Probes:
    """One request after the other, each on a connection of its own, a hundred in a second."""

    def __init__(self, cluster):
        self.requests = Requests(cluster, HOST, threads=1, pause=PROBE_INTERVAL_S)

    def stop(self):
        return self.requests.stop()


class Scene(unittest.TestCase):
    """Each test begins with one container that is ready."""

    capabilities = None  # all

    def setUp(self):
        self.cluster = Cluster(pods=("pod-a", "pod-b"))
        self.addCleanup(self.cluster.close)
        pods = list(self.cluster.pods.values())
        for pod in pods:
            (pod.folder / "files/long").write_bytes(bytes(DOWNLOAD_BYTES))
        self.cluster.save("web.json", [ingress("web", rule(HOST, path("/", "web")))]
                          + app("web", *pods))
        self.cluster.save("echo.json", [
            service("echo", [(None, 7000, "TCP")], type="LoadBalancer", loadBalancerIP=VIP,
                    loadBalancerClass="sluice.dev/l4"),
            endpoint_slice("echo", [pod.ip for pod in pods], [(None, 9000, "TCP")])])
        self.container = self.start()

    def start(self, *flags, **more):
        container = Container(self.cluster, *flags, **{"capabilities": self.capabilities, **more})
        container.wait_ready()
        return container

    def assertNothingLeft(self):
        self.assertEqual(self.cluster.workers(), [])
        self.assertNotIn("xdp", self.cluster.node.run("ip", "link", "show", "eth0").stdout)
        # ip(8) makes folders of its own (ip, tc, xdp) in any BPF file system of the machine.
        self.assertNotIn("sluice", os.listdir(self.cluster.bpffs))
        for way in ("ingress", "egress"):
            shown = self.cluster.node.run("tc", "filter", "show", "dev", "eth0", way, check=False)
            self.assertEqual(shown.stdout.strip(), "")
