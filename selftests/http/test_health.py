# SPDX-License-Identifier: Apache-2.0
"""Active health checks: what is asked, what counts, who gets requests meanwhile."""

import json
import time
import unittest

from harness import Backend, Worker, exchange, field, get, ingress, read_head, service

HOST = "a.test"
NOTES = {"sluice.dev/health-check-path": "/healthz?deep=1",
         "sluice.dev/health-check-interval": "40ms",
         "sluice.dev/health-check-timeout": "10s"}


class Pod:
    """A backend whose health is set by the test; counts its checks."""

    def __init__(self, test, name):
        self.name = name
        self.health = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        self.checks = []
        self.backend = Backend(self.serve)
        test.addCleanup(self.backend.close)

    def serve(self, conn, _backend):
        rest = b""
        while True:
            head, rest = read_head(conn, rest)
            if head is None:
                return
            if field(head, "user-agent") == "sluice-health":
                self.checks.append(head)
                if self.health:
                    conn.sendall(self.health)
                return
            text = json.dumps({"name": self.name}).encode()
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))


class Health(unittest.TestCase):
    def start(self, pods, notes=None, **more):
        self.objects = service("s", [pod.backend for pod in pods]) + [
            ingress("i", {"/": "s"}, host=HOST, annotations={**NOTES, **(notes or {})})]
        worker = Worker(self.objects)
        self.addCleanup(worker.close)
        return worker

    def names(self, worker, requests=12):
        seen = set()
        for _ in range(requests):
            with worker.connect() as client:
                status, _, body, _ = exchange(client, get("/", HOST))
            self.assertEqual(status, 200)
            seen.add(json.loads(body)["name"])
        return seen

    def becomes(self, worker, wanted):
        """Waits until exactly these answer."""
        end = time.monotonic() + 20
        while self.names(worker) != wanted:
            self.assertLess(time.monotonic(), end, f"never {wanted}: {worker.text()}")

    def test_unhealthy_ones_get_nothing_until_they_are_well_again(self):
        pods = [Pod(self, name) for name in "ab"]
        worker = self.start(pods)
        self.becomes(worker, {"a", "b"})
        for health in (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 404 No\r\n\r\n",
                       b"SSH-2.0-OpenSSH_9.2\r\n", b""):
            with self.subTest(health):
                well, pods[0].health = pods[0].health, health
                self.becomes(worker, {"b"})
                pods[0].health = well
                self.becomes(worker, {"a", "b"})
        self.assertIn("is unhealthy: GET /healthz?deep=1: status 500", worker.text())

    def test_what_is_asked(self):
        pod = Pod(self, "a")
        self.start([pod])
        end = time.monotonic() + 20
        while not pod.checks:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.005)
        head = pod.checks[0]
        self.assertTrue(head.startswith(b"GET /healthz?deep=1 HTTP/1.1\r\n"), head)
        self.assertEqual(field(head, "host"), f"127.0.0.1:{pod.backend.port}")
        self.assertEqual(field(head, "connection"), "close")

    def test_redirects_are_healthy(self):
        pods = [Pod(self, name) for name in "ab"]
        pods[0].health = b"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n"
        worker = self.start(pods, {"sluice.dev/health-check-unhealthy": "1"})
        end = time.monotonic() + 20
        while len(pods[0].checks) < 5:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.005)
        self.assertEqual(self.names(worker), {"a", "b"})

    def test_when_all_are_unhealthy_all_are_used(self):
        pods = [Pod(self, name) for name in "ab"]
        worker = self.start(pods)
        for pod in pods:
            pod.health = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
        end = time.monotonic() + 20
        while worker.text().count("is unhealthy") < 2:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.005)
        self.assertEqual(self.names(worker), {"a", "b"})

    def test_what_was_found_ends_with_the_checks(self):
        pods = [Pod(self, name) for name in "ab"]
        worker = self.start(pods)
        pods[0].health = b"HTTP/1.1 500 No\r\n\r\n"
        self.becomes(worker, {"b"})
        worker.reload(self.objects[:-1] + [ingress("i", {"/": "s"}, host=HOST)])
        self.assertEqual(self.names(worker), {"a", "b"})
        checks = [len(pod.checks) for pod in pods]
        self.names(worker, 40)
        self.assertLessEqual(sum(len(pod.checks) for pod in pods) - sum(checks), 1)

    def test_off_by_default(self):
        pod = Pod(self, "a")
        worker = Worker(service("s", [pod.backend]) + [ingress("i", {"/": "s"}, host=HOST)])
        self.addCleanup(worker.close)
        self.names(worker, 40)
        self.assertEqual(pod.checks, [])


if __name__ == "__main__":
    unittest.main()
