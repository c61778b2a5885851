# SPDX-License-Identifier: Apache-2.0
"""Load that counts what fails: wrk over kept connections, and requests on connections of their
own."""

import http.client
import re
import threading
import time

from cluster import NODE_IP, request


class Wrk:
    """wrk on the client: many requests over some kept connections."""

    def __init__(self, cluster, host, seconds, conns=16, path="/", address=NODE_IP):
        self.process = cluster.client.start(
            "wrk", ["wrk", "-t1", f"-c{conns}", f"-d{seconds}s", "--timeout", "5s",
                    "-H", f"Host: {host}", f"http://{address}{path}"])
        self.seconds = seconds

    def result(self):
        """Waits for the end. Returns (requests, failures): answers that are not 2xx or 3xx, and
        socket errors of any kind."""
        self.process.popen.wait(self.seconds + 20)
        text = self.process.log()
        self.process.log_path.unlink()
        done = int(re.search(r"(\d+) requests in", text)[1])
        errors = sum(int(number) for line in re.findall(r"Socket errors: (.*)", text)
                     for number in re.findall(r"\d+", line))
        errors += sum(int(number) for number in re.findall(r"Non-2xx.*: (\d+)", text))
        return done, errors


class Requests:
    """Threads that send one request after the other, each on a connection of its own, until
    stop(). Failures are kept with their time."""

    def __init__(self, cluster, host, threads=2, path="/", address=NODE_IP, wanted=(200,),
                 pause=0):
        self.cluster, self.host, self.path, self.address = cluster, host, path, address
        self.wanted = wanted
        self.pause = pause  # between two requests of a thread, in seconds
        self.done = 0
        self.failures = []
        self.pods = {}
        self.ending = threading.Event()
        self.lock = threading.Lock()
        self.started = time.monotonic()
        self.threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def _work(self):
        while not self.ending.is_set():
            failure, pod = None, None
            begun = time.monotonic()
            try:
                response = request(self.cluster.client, self.address, 80, self.path, self.host,
                                   timeout=10)
                pod = response.pod
                if response.status not in self.wanted:
                    failure = str(response)
            except (OSError, http.client.HTTPException) as error:
                failure = repr(error)
            with self.lock:
                self.done += 1
                self.pods[pod] = self.pods.get(pod, 0) + 1
                if failure:
                    now = time.monotonic()
                    self.failures.append(f"at {now - self.started:.3f} s, after "
                                         f"{now - begun:.3f} s: {failure}")
            if self.pause:
                self.ending.wait(self.pause)

    def stop(self):
        """Returns (requests, failures)."""
        self.ending.set()
        for thread in self.threads:
            thread.join(15)
        return self.done, self.failures
