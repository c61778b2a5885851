#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs test_*.py files (unittest), each in a process of its own, some at a time; shows what failed
with the logs of the hosts, and ends with the line 'N passed, N failed'.

    run_tests.py [-j JOBS] [-k TEXT] [-v] FOLDER_OR_FILE...

A test that skips itself counts as failed: whatever a test needs, `make deps` has to install."""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import unittest

LIB = pathlib.Path(__file__).resolve().parent
FILE_TIMEOUT_S = int(os.environ.get("TEST_FILE_TIMEOUT_S", "420"))


class Recorder(unittest.TestResult):
    """Counts tests (and table rows run as subTest that failed) and keeps their failures."""

    def __init__(self, verbose):
        super().__init__()
        self.verbose = verbose
        self.passed = 0
        self.failed = []
        self.started = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()
        self.subtest_failed = False

    def addSuccess(self, test):
        if not self.subtest_failed:
            self.passed += 1
        if self.verbose:
            print(f"ok    {test}  {time.monotonic() - self.started:.1f} s", flush=True)

    def _fail(self, test, text):
        logs = ""
        netns = sys.modules.get("netns")
        if netns:
            logs = "\n".join(lab.logs() for lab in netns.LABS)
        self.failed.append(str(test))
        print(f"FAIL  {test}\n{text}\n{logs}\n", flush=True)

    def addFailure(self, test, err):
        self._fail(test, "".join(traceback.format_exception(*err)))

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err:
            self.subtest_failed = True
            self._fail(subtest, "".join(traceback.format_exception(*err)))

    def addSkip(self, test, reason):
        self._fail(test, f"skipped: {reason}")

    def addExpectedFailure(self, test, err):
        self._fail(test, "marked as expected to fail; mend it or remove it")

    def addUnexpectedSuccess(self, test):
        self._fail(test, "marked as expected to fail, but passed")


def run_file(path, text, result_path, verbose):
    """In the child: runs one file and writes the counts as JSON."""
    sys.path[:0] = [str(LIB), str(path.parent)]
    recorder = Recorder(verbose)
    loader = unittest.TestLoader()
    if text:
        loader.testNamePatterns = [f"*{text}*"]
    try:
        suite = loader.loadTestsFromName(path.stem)
        suite.run(recorder)
        for error in loader.errors:
            recorder._fail(path.stem, error)
    except (Exception, SystemExit):
        recorder._fail(path.stem, traceback.format_exc())
    result_path.write_text(json.dumps({"passed": recorder.passed,
                                       "failed": recorder.failed}))


class Job:
    """One file in a child process."""

    def __init__(self, path, options):
        self.path = path
        self.started = time.monotonic()
        self.result = tempfile.NamedTemporaryFile(suffix=".json")
        self.output = tempfile.TemporaryFile("w+", errors="replace")
        argv = [sys.executable, __file__, "--child", self.result.name, str(path)]
        if options.k:
            argv += ["-k", options.k]
        if options.v:
            argv += ["-v"]
        out = None if options.v else self.output
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.timed_out = False

    def poll(self):
        if self.process.poll() is not None:
            return True
        if time.monotonic() - self.started > FILE_TIMEOUT_S:
            self.timed_out = True
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            return True
        return False

    def finish(self):
        """Prints the outcome. Returns (passed, failed)."""
        seconds = time.monotonic() - self.started
        text = self.result.read().decode()
        counts = json.loads(text) if text else {"passed": 0, "failed": []}
        passed, failed = counts["passed"], len(counts["failed"])
        if self.timed_out:
            failed += 1
            print(f"  FAIL  {self.path.stem}: not done after {FILE_TIMEOUT_S} s")
        elif not text:
            failed += 1
            print(f"  FAIL  {self.path.stem}: died, exit {self.process.returncode}")
        word = "FAIL" if failed else "ok"
        print(f"  {word:<5} {self.path.stem:<28} {passed:4d} passed {failed:3d} failed "
              f"{seconds:6.1f} s", flush=True)
        if failed:
            self.output.seek(0)
            print(self.output.read(), flush=True)
        return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-j", type=int, default=2, help="files at a time")
    parser.add_argument("-k", default="", help="only tests whose name contains this")
    parser.add_argument("-v", action="store_true", help="show each test and all output")
    parser.add_argument("--child", metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("what", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    if options.child:
        run_file(options.what[0].resolve(), options.k, pathlib.Path(options.child), options.v)
        return 0
    waiting = []
    for what in options.what:
        waiting += sorted(what.glob("test_*.py")) if what.is_dir() else [what]
    running, passed, failed = [], 0, 0

    def end_children(number, _frame):
        for job in running:
            job.process.terminate()
        for job in running:
            job.process.wait(20)
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, end_children)
    signal.signal(signal.SIGINT, end_children)
    while waiting or running:
        while waiting and len(running) < options.j:
            running.append(Job(waiting.pop(0), options))
        for job in [job for job in running if job.poll()]:
            running.remove(job)
            more_passed, more_failed = job.finish()
            passed += more_passed
            failed += more_failed
        time.sleep(0.05)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
