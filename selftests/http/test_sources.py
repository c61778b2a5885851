# SPDX-License-Identifier: Apache-2.0
"""sluice.dev/allow-source-ranges: who is let in, and what trusted peers may say of it."""

import unittest

from harness import Backend, Worker, echo, exchange, get, ingress, service

HOST, NOTE = "a.test", "sluice.dev/allow-source-ranges"
# (X-Forwarded-For fields of a trusted peer, answer where 10.0.0.0/8 is let in)
FORWARDED = [
    (["10.1.2.3"], 200),
    (["192.0.2.9"], 403),
    (["10.1.2.3, 192.0.2.9"], 403),
    (["192.0.2.9, 10.1.2.3"], 200),
    (["10.1.2.3, 127.0.0.1"], 200),
    (["10.1.2.3", "192.0.2.9"], 403),
    (["10.1.2.3, unknown"], 403),
    (["unknown, 10.1.2.3"], 200),
    ([""], 403),
    ([], 403),
]


class Sources(unittest.TestCase):
    def start(self, ranges, *flags, of_service=False):
        backend = Backend(echo())
        self.addCleanup(backend.close)
        objects = service("s", [backend])
        notes = {NOTE: ranges}
        if of_service:
            objects[0]["metadata"]["annotations"] = notes
        objects.append(ingress("i", {"/": "s"}, host=HOST,
                               annotations=None if of_service else notes))
        worker = Worker(objects, *flags)
        self.addCleanup(worker.close)
        return worker

    def status(self, worker, extra="", method="GET", body=b""):
        with worker.connect() as client:
            return exchange(client, get("/", HOST, extra, method=method) + body)[0]

    def test_addresses_of_connections(self):
        for ranges, wanted in (("127.0.0.0/8", 200), ("10.0.0.0/8, 127.0.0.1", 200),
                               ("10.0.0.0/8", 403), ("::/0", 403), ("nonsense", 403)):
            for of_service in (False, True):
                with self.subTest(ranges, of_service=of_service):
                    worker = self.start(ranges, of_service=of_service)
                    self.assertEqual(self.status(worker), wanted)

    def test_fields_of_strangers_say_nothing(self):
        worker = self.start("10.0.0.0/8")
        self.assertEqual(self.status(worker, "X-Forwarded-For: 10.1.2.3\r\n"), 403)

    def test_fields_of_trusted_peers(self):
        worker = self.start("10.0.0.0/8", "--trust", "127.0.0.0/8")
        for fields, wanted in FORWARDED:
            with self.subTest(fields):
                extra = "".join(f"X-Forwarded-For: {value}\r\n" for value in fields)
                self.assertEqual(self.status(worker, extra), wanted)

    def test_no_spelling_of_a_path_is_another_path(self):
        backend = Backend(echo())
        self.addCleanup(backend.close)
        rules = ("/geschäft/admin", "/@x", "/b%c3%A9")
        objects = service("s", [backend]) + [ingress("open", {"/": "s"}, host=HOST)]
        for name, path in enumerate(rules):
            objects.append(ingress(f"shut{name}", {path: "s"}, host=HOST,
                                   annotations={NOTE: "10.0.0.0/8"}))
        worker = Worker(objects)
        self.addCleanup(worker.close)
        for path, wanted in (("/", 200), ("/gesch%C3%A4ft/admin", 403), ("/gesch%c3%a4ft/admin", 403),
                             ("//gesch%c3%A4ft//%61dmin/", 403), ("/x/../gesch%C3%a4ft/./admin", 403),
                             ("/@x", 403), ("/%40x", 403), ("/b%C3%a9/y", 403), ("/b%c3%a9", 403),
                             ("/geschaft/admin", 200)):
            with self.subTest(path), worker.connect() as client:
                self.assertEqual(exchange(client, get(path, HOST))[0], wanted)

    def test_the_connection_stands_after_a_403(self):
        worker = self.start("10.0.0.0/8")
        with worker.connect() as client:
            for _ in range(2):
                self.assertEqual(exchange(client, get("/", HOST))[0], 403)


if __name__ == "__main__":
    unittest.main()
