# SPDX-License-Identifier: Apache-2.0
"""The runner itself: what goes wrong in a guest is reported as a failure, never as a success."""

import pathlib
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION = "6.1"


def run(*words, limit=150):
    return subprocess.run([ROOT / "selftests/vm/run", "--memory", "1024", "--time-limit", str(limit),
                           VERSION, *words], text=True, capture_output=True, timeout=limit + 600,
                          check=False)


class Runner(unittest.TestCase):
    """Each test boots a guest."""

    def test_the_status_of_the_command_is_the_status_of_the_run(self):
        done = run("--", "sh", "-c", "uname -r; exit 7")
        self.assertEqual(done.returncode, 7, done.stdout + done.stderr)
        self.assertIn(f"  {VERSION}.", done.stdout)

    def test_a_verifier_failure_is_a_failure(self):
        done = run("--", "build/tests/vm/verifier_report", "build/tests/vm/xdp_bad.bpf.o")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"xdp_bad +refused: Permission denied")
        self.assertIn("invalid access to packet", done.stdout)

    def test_a_hung_guest_is_ended_and_is_a_failure(self):
        done = run("--", "sleep", "100000", limit=30)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("still running after 30 s", done.stdout)

    def test_a_panic_is_a_failure(self):
        done = run("--", "sh", "-c", "echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("without an exit status", done.stdout)

    def test_an_unknown_kernel_is_named(self):
        done = subprocess.run([ROOT / "selftests/vm/run", "99.1", "--", "true"], text=True,
                              capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("linux-image-99.1", done.stderr)
