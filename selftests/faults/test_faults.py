# SPDX-License-Identifier: Apache-2.0
"""Each call of the helper that can fail does so once (fault_calls.c): at the start of a worker, and
while one script of traffic runs. The client gets its own bytes or an honest error, nothing waits for
ever, the worker serves as before, and neither descriptors nor memory are left.

$FAULTS_SECONDS bounds the time of all tests; where there are more calls than time, only every n-th
one fails. $FAULTS_ONLY=KIND:N fails that one only, N as a failure of these tests names it."""

import math
import mmap
import os
import pathlib
import random
import re
import struct
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "http")]

import traffic  # noqa: E402
from harness import Worker  # noqa: E402

SOURCE = (HERE / "fault_calls.c").read_text()
KINDS = re.findall(r"\tCALL\(\w+ ?\*?, (\w+),", SOURCE) + ["epoll_add", "crypto"]
FIELDS = struct.Struct("=3I")  # kind, countdown, fired; then a counter for each kind

SECONDS = float(os.environ.get("FAULTS_SECONDS", "20"))
ONLY = os.environ.get("FAULTS_ONLY", "").partition(":")
START_SHARE = 0.3  # of the time, for what fails when a worker starts
SETTLE_S = 10

REPORT = re.compile(r"(?m)^(=+\d+=+ERROR.*|.*: runtime error:.*|SUMMARY: .*)")


class Faults:
    """The file that the helper shares with us."""

    def __init__(self):
        handle, self.path = tempfile.mkstemp(prefix="sluice-faults-")
        os.ftruncate(handle, FIELDS.size + 4 * len(KINDS))
        self.map = mmap.mmap(handle, 0)
        os.close(handle)
        os.environ["SLUICE_FAULTS"] = self.path

    def arm(self, kind, countdown):
        self.map[:] = bytes(len(self.map))
        self.map[:FIELDS.size] = FIELDS.pack(KINDS.index(kind), countdown, 0)

    def disarm(self):
        """Return: whether the call failed meanwhile."""
        fired = FIELDS.unpack_from(self.map)[2]
        self.map[:] = bytes(len(self.map))
        return bool(fired)

    def calls(self, kind):
        return struct.unpack_from("=I", self.map, FIELDS.size + 4 * KINDS.index(kind))[0]

    def close(self):
        del os.environ["SLUICE_FAULTS"]
        self.map.close()
        os.unlink(self.path)


def chosen(kind, calls, cost_s, budget_s):
    """Which of the calls fail: all of them, or as many as there is time for."""
    if ONLY[0]:
        return [int(ONLY[2])] if kind == ONLY[0] else []
    step = max(1, math.ceil(calls * cost_s / budget_s))
    return range(1 + random.randrange(min(step, max(1, calls))), calls + 1, step)


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.faults = Faults()
        cls.site = traffic.Site()

    @classmethod
    def tearDownClass(cls):
        cls.site.close()
        cls.faults.close()

    def start(self):
        return Worker(self.site.objects(), *traffic.FLAGS, https=True)


class Serving(Case):
    """A call fails while a worker serves."""

    def descriptors(self, worker):
        """Descriptors of the worker, but for those of connections; -1 while clients' are open."""
        stats = worker.stats()
        count = len(os.listdir(f"/proc/{worker.pid}/fd"))
        return -1 if stats["conns_open"] else count - stats["upstream_conns_open"]

    def steady(self, worker):
        """Return: the descriptors of a worker at rest, but for those of connections."""
        end = time.monotonic() + SETTLE_S
        while (count := self.descriptors(worker)) < 0:
            self.assertLess(time.monotonic(), end, worker.stats())
            time.sleep(0.01)
        return count

    def settle(self, worker, expected, what):
        end = time.monotonic() + SETTLE_S
        while (count := self.descriptors(worker)) != expected:
            self.assertLess(time.monotonic(), end, f"{what}: {count} descriptors, not {expected}: "
                            f"{worker.stats()}")
            time.sleep(0.01)

    def fail_once(self, worker, kind, number, expected):
        what = f"{kind}:{number}"
        self.faults.arm(kind, number)
        try:
            self.site.run(worker, tolerant=True)
        except Exception as error:
            error.add_note(f"after {what} failed\n{worker.text()}")
            raise
        fired = self.faults.disarm()
        self.settle(worker, expected, what)
        return fired

    def each(self, kind):
        worker = self.start()
        try:
            self.site.run(worker)
            base = self.steady(worker)
            self.faults.arm(kind, 0)
            begun = time.monotonic()
            self.site.run(worker)
            cost_s = time.monotonic() - begun
            calls = self.faults.calls(kind)
            self.settle(worker, base, "nothing")
            for number in chosen(kind, calls, cost_s, SECONDS * (1 - START_SHARE) / len(KINDS)):
                self.fail_once(worker, kind, number, base)
            self.site.run(worker)
        finally:
            self.faults.disarm()
            worker.close()


class Starting(Case):
    """A call fails while a worker starts: it ends with an error that says why, or it serves."""

    def ended(self, text, what):
        self.assertIsNone(REPORT.search(text), f"{what}\n{text}")
        self.assertRegex(text, r"(?m)error.*proxy: ", what)

    def once(self, kind, number):
        """Return: whether there was such a call."""
        what = f"{kind}:{number}"
        self.faults.arm(kind, number)
        try:
            worker = self.start()
        except EOFError as error:
            self.ended(str(error), what)
            return self.faults.disarm()
        try:
            try:
                fired = self.faults.disarm()
                traffic.retried(lambda: self.site.run(worker))
            finally:
                worker.close()
        except Exception as error:
            error.add_note(f"after {what} failed\n{worker.text()}")
            raise
        return fired

    def each(self, kind):
        self.faults.arm(kind, 0)
        begun = time.monotonic()
        worker = self.start()
        calls = self.faults.calls(kind)
        worker.close()
        for number in chosen(kind, calls, time.monotonic() - begun,
                             SECONDS * START_SHARE / len(KINDS)):
            self.once(kind, number)


def add_tests():
    for kind in KINDS:
        for case in (Serving, Starting):
            setattr(case, f"test_{kind}", lambda self, k=kind: self.each(k))


add_tests()

if __name__ == "__main__":
    unittest.main()
