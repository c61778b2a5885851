# SPDX-License-Identifier: Apache-2.0
"""Too few descriptors: clients wait, idle connections to backends make room, the log stays short."""

import re
import threading
import unittest

from harness import (Backend, Worker, exchange, fixed, get, ingress, read_head, service)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FILES = 128


class Descriptors(unittest.TestCase):
    def start(self, objects):
        """A worker that may have FILES descriptors; it has a good part of them from the start."""
        self.worker = Worker(objects, nofile=FILES)
        self.addCleanup(self.worker.close)

    def answer(self, handler, count):
        """Statuses that so many clients get who ask at once."""
        backend = Backend(handler)
        self.addCleanup(backend.close)
        self.start(service("s", [backend]) + [ingress("i", {"/": "s"})])
        return self.ask(count)

    def ask(self, count):
        conns = [self.worker.connect(timeout_s=30) for _ in range(count)]
        for conn in conns:
            conn.sendall(get(extra="Connection: close\r\n"))
        statuses = []
        for conn in conns:
            head, _ = read_head(conn)
            statuses.append(head and int(head.split()[1]))
            conn.close()
        return statuses

    def test_clients_wait_for_one_in_place_of_a_502(self):
        def slow(conn, _backend):
            while conn.recv(65536):
                self.gate.wait(0.5)
                conn.sendall(OK)
        self.gate = threading.Event()
        self.assertEqual(self.answer(slow, 120), [200] * 120)
        lines = re.findall(r".*accept:.*", self.worker.text())
        self.assertEqual(len(lines), 1, lines)
        self.assertEqual(self.worker.stats()["upstream_connect_errors"], 0)

    def test_idle_connections_to_backends_make_room(self):
        backends = [Backend(fixed(OK)) for _ in range(90)]
        for backend in backends:
            self.addCleanup(backend.close)
        objects = []
        for i, backend in enumerate(backends):
            objects += service(f"s{i}", [backend])
        objects.append(ingress("i", {f"/{i}/": f"s{i}" for i in range(90)}))
        self.start(objects)
        with self.worker.connect() as conn:
            for i in range(90):
                self.assertEqual(exchange(conn, get(f"/{i}/"))[0], 200)
        held = [self.worker.connect() for _ in range(40)]
        for i, conn in enumerate(held):
            self.addCleanup(conn.close)
            self.assertEqual(exchange(conn, get(f"/{i}/"))[0], 200)


if __name__ == "__main__":
    unittest.main()
