# SPDX-License-Identifier: Apache-2.0
"""A worker that was taken over, in the sandbox and with the descriptors that sluiced gives it."""

import os
import re
import signal
import subprocess
import unittest

from cluster import Cluster, app, ingress, path, rule
from netns import BUILD, wait_until

CAPTIVE = BUILD / "tests/captive-worker"
HOST = "web.test"
# All that a worker can do of what captive_worker.c tries; everything else has to fail.
ALLOWED = {"read upstreams", "read backends", "read members", "socket TCP", "socket TCP 6"}
DEADLY = ("ptrace", "execve", "execveat", "process_vm_readv", "process_vm_writev", "unshare", "setns", "mount",
          "io_uring_setup", "userfaultfd", "keyctl")


class Captive(unittest.TestCase):
    def start(self, *flags):
        self.cluster = Cluster(pods=("pod-a",))
        self.addCleanup(self.cluster.close)
        self.cluster.save("web.json", [ingress("web", rule(HOST, path("/", "web")))]
                          + app("web", *self.cluster.pods.values()))
        self.cluster.start("--proxy-workers", "1", *flags)

    def attempts(self):
        wait_until(lambda: "captive: done" in self.cluster.sluiced.log(), "the attempts of the worker")
        return dict(re.findall(r"captive: ([^:\n]+): (\w+)$", self.cluster.sluiced.log(), re.M))

    def test_it_can_harm_nobody(self):
        for splice in ("on", "off"):
            with self.subTest(splice=splice):
                self.start("--proxy-binary", CAPTIVE, "--splice", splice)
                attempts = self.attempts()
                self.assertGreater(len(attempts), 60)
                self.assertEqual({name for name, end in attempts.items() if end == "ok"}, ALLOWED)
                self.assertEqual(self.cluster.get("/", HOST).pod, "pod-a")
                self.cluster.close()

    def test_what_only_an_intruder_calls_kills(self):
        for name in DEADLY:
            with self.subTest(name):
                ended = subprocess.run([CAPTIVE, "--deadly", name], timeout=10, check=False, capture_output=True)
                self.assertEqual(-ended.returncode, signal.SIGSYS, ended)

    def test_its_user_number_directs_no_worker(self):
        self.start()
        with self.cluster.node.entered():
            with open("/proc/self/net/unix", encoding="ascii") as table:
                name = re.search(r"@(sluice/[0-9a-f]{16}/worker-0)\b", table.read()).group(1)
        for user in (65532, os.stat(f"/proc/{self.cluster.workers()[0]}").st_uid, 65534):
            with self.subTest(user=user):
                program = ("import os, socket, sys; os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1])); "
                           "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.settimeout(5); "
                           "s.connect('\\0' + sys.argv[2]); print(len(s.recv(4096)))")
                got = self.cluster.node.run("/usr/bin/python3", "-c", program, str(user), name, check=False)
                self.assertEqual(got.stdout.strip(), "0", got)
        self.assertEqual(self.cluster.get("/", HOST).pod, "pod-a")


if __name__ == "__main__":
    unittest.main()
