# SPDX-License-Identifier: Apache-2.0
"""A life in containers, as the DaemonSet of manifests/ makes them: upgrades, crashes, the end."""

import contextlib
import os
import re
import signal
import socket
import time
import unittest

from cluster import NODE_IP, VIP, Cluster, app, endpoint_slice, ingress, path, rule, service
from container import Container, overlay_capabilities
from load import Requests, Wrk
from netns import BUILD, wait_until

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

    def trickle(self):
        self.got += len(self.sock.recv(1024))

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
        self.assertEqual([name for name in os.listdir(self.cluster.bpffs)
                          if not name.endswith(".debug")], [])
        for way in ("ingress", "egress"):
            shown = self.cluster.node.run("tc", "filter", "show", "dev", "eth0", way, check=False)
            self.assertEqual(shown.stdout.strip(), "")


class Containers(Scene):
    """All capabilities, as manifests/base has it."""

    def test_ten_upgrades_in_a_row_lose_nothing(self):
        download = Download(self.cluster)
        kept, probes = Wrk(self.cluster, HOST, 3600), Probes(self.cluster)
        time.sleep(0.5)
        old = []
        for number in range(10):
            successor = self.start("--drain-timeout", "120s")
            self.container.signal(signal.SIGINT)
            old.append(self.container)
            self.container = successor
            download.trickle()
            if number:  # all but the one with the download end by themselves
                self.assertEqual(old[number].wait(), 0, old[number].log())
        self.assertTrue(old[0].running(), "its download is not over")
        time.sleep(0.5)
        kept.process.popen.send_signal(signal.SIGINT)
        requests, errors = kept.result()
        done, failures = probes.stop()
        self.assertEqual(failures, [], f"of {done} probes")
        self.assertEqual(errors, 0, f"of {requests} requests over kept connections")
        self.assertGreater(done, 300)
        self.assertGreater(download.finish(), DOWNLOAD_BYTES)
        self.assertEqual(old[0].wait(), 0, old[0].log())
        self.assertEqual(self.container.stop(), 0, self.container.log())
        self.assertNothingLeft()

    def test_a_kept_flow_of_l4_outlives_upgrades(self):
        pods = list(self.cluster.pods.values())
        for pod in pods:
            pod.host.start("cat", ["socat", "TCP-LISTEN:9100,fork,reuseaddr", "EXEC:cat"])
        self.cluster.save("cat.json", [
            service("cat", [(None, 7100, "TCP")], type="LoadBalancer", loadBalancerIP=VIP,
                    loadBalancerClass="sluice.dev/l4"),
            endpoint_slice("cat", [pod.ip for pod in pods], [(None, 9100, "TCP")])])
        wait_until(self._dial_cat, "the flow is there").close()
        with self._dial_cat() as sock:
            for _ in range(2):
                successor = self.start()
                self.assertEqual(self.container.stop(), 0)
                self.container = successor
                sock.sendall(b"still there\n")
                self.assertEqual(sock.recv(100), b"still there\n")

    def _dial_cat(self):
        with contextlib.suppress(OSError):
            sock = self.cluster.client.connect(VIP, 7100, timeout=5)
            sock.sendall(b"x")
            if sock.recv(1) == b"x":
                return sock
        return None

    def test_kill_of_sluiced_costs_nothing(self):
        kept, probes = Wrk(self.cluster, HOST, 6), Probes(self.cluster)
        workers = set(self.container.workers())
        for _ in range(3):
            time.sleep(0.3)
            victim = self.container.sluiced()
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda gone=victim: self.container.sluiced() not in (None, gone),
                       "sluiced runs again", 2, 0.01)
            self.container.wait_ready()
        requests, errors = kept.result()
        done, failures = probes.stop()
        self.assertEqual(failures, [], f"of {done} probes")
        self.assertEqual(errors, 0, f"of {requests} requests over kept connections")
        self.assertEqual(set(self.container.workers()), workers)
        self.assertTrue(self.container.running())

    def test_kill_of_each_worker_fails_no_new_connection(self):
        probes = Probes(self.cluster)
        for victim in self.container.workers():
            time.sleep(0.3)
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda gone=victim: gone not in self.container.workers()
                       and len(self.container.workers()) == 2, "two workers again")
        time.sleep(0.3)
        done, failures = probes.stop()
        # A connection that the worker had taken ends with it; one that waits does not.
        self.assertLessEqual(len(failures), 2, failures)
        self.assertGreater(done, 20)

    def test_a_killed_container_leaves_what_the_next_one_adopts(self):
        os.kill(self.container.first, signal.SIGKILL)
        self.container.wait()
        self.assertEqual(self.cluster.workers(), [])
        self.assertIn("sees", self.cluster.tcp())
        self.container = self.start()
        self.assertIn("adopted maps", self.container.log())
        self.assertEqual(self.cluster.get("/", HOST).status, 200)
        self.assertEqual(self.container.stop(), 0)
        self.assertNothingLeft()

    def test_cleanup_takes_away_what_a_killed_container_left(self):
        os.kill(self.container.first, signal.SIGKILL)
        self.container.wait()
        self.cluster.cleanup()
        self.assertNothingLeft()

    def test_a_crash_loop_is_seen(self):
        crashing = Container(self.cluster, "--bpffs", "/tmp")
        begun = time.monotonic()
        self.assertEqual(crashing.wait(90), 1, crashing.log())
        self.assertGreater(time.monotonic() - begun, 1)
        self.assertIn("giving up", crashing.log())

    def test_wrong_flags_end_the_container_at_once(self):
        wrong = self.cluster.node.run("unshare", "--pid", "--fork", BUILD / "sluice-init",
                                      BUILD / "sluiced", "--no-such-flag", check=False)
        self.assertEqual(wrong.returncode, 2)

    def test_an_upgrade_that_fails_gives_the_node_back(self):
        probes = Probes(self.cluster)
        workers = set(self.container.workers())
        failing = Container(self.cluster)
        wait_until(lambda: "has handed over" in self.container.log(), "the hand-over")
        self.assertEqual(self.container.probe("ready"), 1)
        os.kill(failing.first, signal.SIGKILL)
        failing.wait()
        self.container.wait_ready()
        self.assertEqual(set(self.container.workers()), workers)
        done, failures = probes.stop()
        self.assertEqual(failures, [], f"of {done} probes")

    def test_probes_are_answered_by_the_own_container(self):
        self.assertEqual(self.container.probe("live"), 0)
        successor = self.start()
        self.assertEqual(self.container.probe("ready"), 1)
        self.assertEqual(self.container.probe("live"), 0)
        self.assertEqual(successor.probe("live"), 0)
        self.assertEqual(self.container.stop(), 0)
        self.assertEqual(successor.probe("ready"), 0)

    def test_the_end_is_announced_before_anything_ends(self):
        successor = self.start("--shutdown-delay", "2s", "--drain-timeout", "5s")
        self.assertEqual(self.container.stop(), 0)
        probes = Probes(self.cluster)
        successor.signal(signal.SIGINT)
        wait_until(lambda: not self.cluster.ready(), "not ready", 2)
        begun = time.monotonic()
        while time.monotonic() - begun < 1.2:
            self.assertFalse(self.cluster.ready())
            self.assertIn("sees", self.cluster.tcp())
            time.sleep(0.1)
        done, failures = probes.stop()
        self.assertEqual(failures, [], f"of {done} probes in the time of the announcement")
        self.assertEqual(successor.wait(), 0, successor.log())
        self.assertNothingLeft()

    def test_a_second_signal_ends_it_at_once(self):
        successor = self.start("--shutdown-delay", "60s", "--drain-timeout", "60s")
        self.assertEqual(self.container.stop(), 0)
        download = Download(self.cluster)
        successor.signal(signal.SIGINT)
        time.sleep(0.5)
        successor.signal(signal.SIGINT)
        begun = time.monotonic()
        self.assertEqual(successor.wait(), 0, successor.log())
        self.assertLess(time.monotonic() - begun, 5)
        self.assertNothingLeft()
        download.sock.close()

    def test_a_successor_may_come_in_the_middle_of_the_end(self):
        first = self.start("--shutdown-delay", "60s")
        self.assertEqual(self.container.stop(), 0)
        probes = Probes(self.cluster)
        first.signal(signal.SIGINT)
        wait_until(lambda: not self.cluster.ready(), "not ready", 2)
        successor = self.start()
        self.assertEqual(first.wait(), 0, first.log())
        time.sleep(0.3)
        done, failures = probes.stop()
        self.assertEqual(failures, [], f"of {done} probes")
        self.assertEqual(successor.stop(), 0)
        self.assertNothingLeft()

    def test_a_stranger_cannot_ask_sluiced_to_leave(self):
        """Root of another container has the network namespace, but not the BPF file system."""
        self.cluster.node.run("python3", "-c", STRANGER, self._socket_name("daemon"))
        wait_until(lambda: "does not have our BPF file system" in self.container.log(), "refusal")
        self.assertEqual(self.container.probe("ready"), 0)
        self.assertNotIn("handed over", self.container.log())

    def test_a_stranger_cannot_direct_a_worker(self):
        workers = set(self.container.workers())
        self.cluster.node.run("python3", "-c", WORKER_STRANGER, self._socket_name("worker-0"))
        wait_until(lambda: "a stranger was closed" in self.container.log(), "refusal")
        self.assertEqual(self.cluster.get("/", HOST).status, 200)
        self.assertEqual(set(self.container.workers()), workers)
        self.cluster.save("more.json", ingress("more", rule("more.test", path("/", "web"))))
        self.cluster.get_until(lambda answer: answer.status == 200, "the workers follow sluiced",
                               host="more.test")

    def _socket_name(self, leaf):
        names = self.cluster.node.run("cat", "/proc/net/unix").stdout.split()
        name, = {name for name in names if name.startswith("@sluice/")
                 and name.endswith(f"/{leaf}")}
        return name[1:]


class LeastPrivilege(Scene):
    """The capabilities of manifests/overlays/capabilities alone, without CAP_SYS_ADMIN."""

    capabilities = overlay_capabilities()

    def assertServed(self):
        self.assertEqual(self.cluster.get("/", HOST).status, 200)
        self.assertIn("sees", self.cluster.tcp())
        interface, = self.cluster.ctl_json("status")["interfaces"]
        self.assertIn(interface["xdp"], ("native", "generic"))

    def test_it_starts_serves_and_leaves_nothing(self):
        self.assertServed()
        self.assertNotIn("error", self.container.log())
        self.assertEqual(self.container.stop(), 0, self.container.log())
        self.assertNothingLeft()

    def test_upgrades_lose_nothing(self):
        kept, probes = Wrk(self.cluster, HOST, 3600), Probes(self.cluster)
        time.sleep(0.3)
        for capabilities in (self.capabilities, None, self.capabilities):
            successor = self.start(capabilities=capabilities)
            self.assertEqual(self.container.stop(), 0, self.container.log())
            self.container = successor
            self.assertServed()
        kept.process.popen.send_signal(signal.SIGINT)
        requests, errors = kept.result()
        done, failures = probes.stop()
        self.assertEqual(failures, [], f"of {done} probes")
        self.assertEqual(errors, 0, f"of {requests} requests over kept connections")
        self.assertEqual(self.container.stop(), 0, self.container.log())
        self.assertNothingLeft()

    def test_what_a_killed_container_left_is_adopted_and_removed(self):
        os.kill(self.container.first, signal.SIGKILL)
        self.container.wait()
        self.assertIn("sees", self.cluster.tcp())
        self.container = self.start()
        self.assertServed()
        self.assertEqual(self.container.stop(), 0, self.container.log())
        self.assertNothingLeft()

    def test_a_program_of_somebody_else_stays(self):
        self.assertEqual(self.container.stop(), 0)
        self.cluster.attach_xdp_pass(self.cluster.node, "eth0")
        self.container = self.start()
        self.assertIn("without CAP_SYS_ADMIN", self.container.log())
        self.assertEqual(self.cluster.get("/", HOST).status, 200)
        self.assertIn("sees", self.cluster.tcp())  # by TC
        self.assertEqual(self.container.stop(), 0)
        self.assertIn("xdp", self.cluster.node.run("ip", "link", "show", "eth0").stdout)

    def test_every_capability_is_needed(self):
        """One that is not would have to go."""
        self.assertEqual(self.container.stop(), 0)
        for name in self.capabilities:
            with self.subTest(name):
                less = [other for other in self.capabilities if other != name]
                container = Container(self.cluster, "--drain-timeout", "0s", capabilities=less)
                if name == "kill":
                    container.wait_ready()
                    os.kill(container.workers()[0], signal.SIGSTOP)
                    container.signal(signal.SIGINT)
                wait_until(lambda one=container: PERMISSION.search(one.log()),
                           f"a complaint without {name}", 20)
                os.kill(container.first, signal.SIGKILL)
                container.wait()
                self.cluster.cleanup()


# That a host refuses the extensions of which libxdp's dispatcher is made is no complaint.
PERMISSION = re.compile("(?<!dispatcher: Operation )not permitted|no permission"
                        "|Permission denied", re.I)

STRANGER = """
import os, socket, sys
sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
sock.connect("\\0" + sys.argv[1])
socket.send_fds(sock, [b"t"], [os.open("/tmp", os.O_PATH)])
assert sock.recv(1) == b""
"""


# Claims with another folder and wants the worker to drain at once; it must not even be greeted.
WORKER_STRANGER = """
import os, socket, struct, sys
CLAIM, DRAIN = 6, 5
for claims in (True, False):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.connect("\\0" + sys.argv[1])
    if claims:
        socket.send_fds(sock, [struct.pack("=II", CLAIM, 0)], [1, 2, os.open("/tmp", os.O_PATH)])
    try:
        sock.send(struct.pack("=IIII", DRAIN, 8, 0, 0))
        assert sock.recv(100) == b""
    except (BrokenPipeError, ConnectionResetError):
        pass
"""


if __name__ == "__main__":
    unittest.main()
