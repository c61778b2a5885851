# SPDX-License-Identifier: Apache-2.0
"""A life in containers, as the DaemonSet of manifests/ makes them: upgrades, crashes, the end."""

import contextlib
import os
import signal
import time
import unittest

from cluster import VIP, endpoint_slice, ingress, path, rule, service
from container import Container
from container_scene import DOWNLOAD_BYTES, HOST, Download, Probes, Scene
from load import Wrk
from netns import BUILD, wait_until


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

    def test_a_successor_that_ends_in_order_gives_the_node_back(self):
        """As when the new pod is deleted by hand before the old one is."""
        successor = self.start()
        self.assertEqual(successor.stop(), 0, successor.log())
        self.container.wait_ready()
        self.assertEqual(self.cluster.get("/", HOST).status, 200)
        self.assertEqual(self.container.stop(), 0, self.container.log())
        self.assertNothingLeft()

    def test_the_last_of_two_leaves_nothing_though_the_other_was_killed(self):
        download = Download(self.cluster)  # so that the old container has a worker left
        successor = self.start("--drain-timeout", "300s")
        self.container.signal(signal.SIGINT)
        os.kill(successor.first, signal.SIGKILL)
        successor.wait()
        self.assertEqual(self.container.wait(), 0, self.container.log())
        self.assertIn("ending in its place", self.container.log())
        self.assertNothingLeft()
        download.sock.close()

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
