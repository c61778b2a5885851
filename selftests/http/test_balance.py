# SPDX-License-Identifier: Apache-2.0
"""Which backend takes a request: the ways to balance, affinity by cookie, failures remembered."""

import collections
import json
import re
import threading
import unittest

from harness import Backend, Worker, echo, exchange, field, fixed, get, ingress, read_head, service

HOST = "a.test"
PREFIX = "sluice.dev/"


def annotations(**values):
    return {PREFIX + name.replace("_", "-"): value for name, value in values.items()}


class BalanceTest(unittest.TestCase):
    def start(self, backends, notes=None, down=(), service_notes=None):
        self.objects = service("s", backends, down)
        if service_notes:
            self.objects[0]["metadata"]["annotations"] = service_notes
        self.objects.append(ingress("i", {"/": "s"}, host=HOST, annotations=notes))
        worker = Worker(self.objects)
        self.addCleanup(worker.close)
        return worker

    def backends(self, count, handler=echo):
        made = [Backend(handler(f"b{i}")) for i in range(count)]
        for backend in made:
            self.addCleanup(backend.close)
        return made

    def ask(self, worker, extra="", path="/"):
        """Name of the backend that answered, and the head of its answer."""
        with worker.connect() as client:
            status, head, body, _ = exchange(client, get(path, HOST, extra))
        self.assertEqual(status, 200, head)
        return json.loads(body)["name"], head

    def names(self, worker, requests):
        return collections.Counter(self.ask(worker, extra)[0] for extra in requests)


class Ways(BalanceTest):
    def test_round_robin_is_even(self):
        worker = self.start(self.backends(3))
        self.assertEqual(set(self.names(worker, [""] * 30).values()), {10})

    def test_hash_of_a_header_is_stable_when_a_backend_goes(self):
        backends = self.backends(4)
        worker = self.start(backends, annotations(load_balance="hash-header",
                                                  load_balance_key="X-User"))
        users = [f"X-User: u{i}\r\n" for i in range(40)]
        before = {user: self.ask(worker, user)[0] for user in users}
        self.assertEqual({user: self.ask(worker, user)[0] for user in users}, before)
        self.assertEqual(len(set(before.values())), 4)
        worker.reload(service("s", backends[:3]) + self.objects[-1:])
        after = {user: self.ask(worker, user)[0] for user in users}
        self.assertEqual([user for user in users
                          if before[user] != "b3" and after[user] != before[user]], [])
        self.assertNotIn("b3", after.values())

    def test_hash_of_a_cookie_by_annotation_of_the_service(self):
        worker = self.start(self.backends(3), service_notes=annotations(
            load_balance="hash-cookie", load_balance_key="user"))
        for name in ("ann", "bob", "eve"):
            with self.subTest(name):
                one = self.names(worker, [f"Cookie: x=1; user={name}\r\n"] * 4 +
                                 [f'Cookie: y=2\r\nCookie: user="{name}"\r\n'] * 4)
                self.assertEqual(len(one), 1, one)
        self.assertEqual(len(self.names(worker, ["Cookie: xuser=ann\r\n"] * 6)), 3)

    def test_hash_of_the_source_keeps_to_one(self):
        worker = self.start(self.backends(3), annotations(load_balance="hash-source"))
        self.assertEqual(len(self.names(worker, [""] * 9)), 1)

    def test_least_requests_leaves_the_busy_alone(self):
        gate = threading.Event()
        self.addCleanup(gate.set)

        def held(conn, backend):
            read_head(conn)
            gate.wait(30)

        busy, idle = Backend(held), Backend(echo("idle"))
        for backend in (busy, idle):
            self.addCleanup(backend.close)
        worker = self.start([busy, idle], annotations(load_balance="least-requests"))
        waiting = []
        while not busy.accepted:  # one exchange has to be in progress there
            client = worker.connect()
            self.addCleanup(client.close)
            client.sendall(get("/", HOST))
            waiting.append(client)
            self.assertLess(len(waiting), 200)
            if not busy.accepted:
                client.settimeout(0.2)
                try:
                    client.recv(1)
                except TimeoutError:
                    break
        self.assertEqual(self.names(worker, [""] * 20), {"idle": 20})


class Affinity(BalanceTest):
    NOTES = annotations(affinity="cookie", affinity_cookie_name="stick",
                        affinity_cookie_max_age="1h", affinity_cookie_same_site="Lax",
                        affinity_cookie_secure="true")

    def first(self, worker):
        name, head = self.ask(worker)
        set_cookie = field(head, "set-cookie")
        self.assertRegex(set_cookie, r"^stick=[0-9a-f]{16}; Path=/; HttpOnly; Max-Age=3600; "
                                     r"SameSite=Lax; Secure$")
        return name, f"Cookie: a=b; {set_cookie.split(';')[0]}\r\n"

    def test_a_cookie_is_given_once_and_kept_to(self):
        worker = self.start(self.backends(4), self.NOTES)
        for _ in range(4):
            name, cookie = self.first(worker)
            for _ in range(6):
                again, head = self.ask(worker, cookie)
                self.assertEqual(again, name)
                self.assertIsNone(field(head, "set-cookie"))

    def test_it_survives_other_backends_and_a_new_worker(self):
        backends = self.backends(4)
        worker = self.start(backends[:2], self.NOTES)
        sessions = dict(self.first(worker)[::-1] for _ in range(2))
        self.assertEqual(len(sessions), 2)
        worker.reload(service("s", backends) + self.objects[-1:])
        for cookie, name in sessions.items():
            self.assertEqual(self.names(worker, [cookie] * 4), {name: 4})
        worker.say("restart")
        worker.event("snapshot")
        for cookie, name in sessions.items():
            self.assertEqual(self.names(worker, [cookie] * 4), {name: 4})

    def test_one_whose_backend_is_gone_gets_another(self):
        backends = self.backends(2)
        worker = self.start(backends, self.NOTES)
        sessions = dict(self.first(worker) for _ in range(2))
        worker.reload(service("s", backends[1:]) + self.objects[-1:])
        name, head = self.ask(worker, sessions["b0"])
        self.assertEqual(name, "b1")
        self.assertIn(re.search(r"stick=[0-9a-f]{16}", sessions["b1"]).group(),
                      field(head, "set-cookie"))

    def test_nonsense_is_replaced(self):
        worker = self.start(self.backends(2), self.NOTES)
        for value in ("", "x", "0" * 16, "f" * 16, "F" * 16, "g" * 16, "1" * 17, '"'):
            with self.subTest(value):
                _, head = self.ask(worker, f"Cookie: stick={value}\r\n")
                self.assertIsNotNone(field(head, "set-cookie"))

    def test_the_backends_own_cookies_stay(self):
        answer = (b"HTTP/1.1 200 OK\r\nSet-Cookie: own=1\r\nSet-Cookie: two=2\r\n"
                  b"Content-Length: 0\r\n\r\n")
        backend = Backend(fixed(answer))
        self.addCleanup(backend.close)
        worker = self.start([backend], self.NOTES)
        with worker.connect() as client:
            _, head, _, _ = exchange(client, get("/", HOST))
        self.assertEqual(len(re.findall(rb"(?i)\r\nset-cookie:", head)), 3, head)


class Failures(BalanceTest):
    DEAD = ("127.0.0.1", 1)  # nothing listens there

    def test_a_backend_that_refuses_is_remembered(self):
        worker = self.start(self.backends(1), down=[self.DEAD])
        self.assertEqual(self.names(worker, [""] * 20), {"b0": 20})
        self.assertLessEqual(worker.stats()["upstream_connect_errors"], 3)

    def test_unless_that_is_not_wanted(self):
        worker = self.start(self.backends(1), annotations(eject_after="0"), down=[self.DEAD])
        self.assertEqual(self.names(worker, [""] * 20), {"b0": 20})
        self.assertGreaterEqual(worker.stats()["upstream_connect_errors"], 9)

    def test_the_only_backend_is_always_tried(self):
        worker = self.start([], down=[self.DEAD])
        for _ in range(3):
            with worker.connect() as client:
                self.assertEqual(exchange(client, get("/", HOST))[0], 502)
        self.assertEqual(worker.stats()["upstream_connect_errors"], 3)

    def bad_and_good(self):
        requests = []
        # It says that it closes: else the next request may go by a connection that is closed just
        # then, and is sent again to the other backend.
        bad = Backend(fixed(b"HTTP/1.1 503 Away\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                            close=True, requests=requests))
        good = self.backends(1)[0]
        self.addCleanup(bad.close)
        return bad, good, requests

    def statuses(self, worker, count):
        seen = collections.Counter()
        for _ in range(count):
            with worker.connect() as client:
                seen[exchange(client, get("/", HOST))[0]] += 1
        return seen

    def test_bad_answers_in_a_row_eject(self):
        bad, good, requests = self.bad_and_good()
        worker = self.start([bad, good], annotations(eject_after="3", eject_time="1h"))
        self.assertEqual(self.statuses(worker, 40), {503: 3, 200: 37})
        self.assertEqual(len(requests), 3)
        self.assertEqual(worker.stats()["backend_ejections"], 1)

    def test_by_default_answers_do_not_eject(self):
        bad, good, requests = self.bad_and_good()
        worker = self.start([bad, good])
        self.assertEqual(self.statuses(worker, 20), {503: 10, 200: 10})

    def test_it_returns_when_it_does_well_again(self):
        bad, good, requests = self.bad_and_good()
        worker = self.start([bad, good], annotations(eject_after="1", eject_time="200ms"))
        self.assertEqual(self.statuses(worker, 4)[503], 1)
        bad.handler = echo("mended")  # for connections from now on

        for _ in range(2000):
            with worker.connect() as client:
                status, _, body, _ = exchange(client, get("/", HOST))
            if status == 200 and json.loads(body)["name"] == "mended":
                return
        self.fail("it never came back")


if __name__ == "__main__":
    unittest.main()
