# SPDX-License-Identifier: Apache-2.0
"""A request that meets a backend that cannot be reached goes to the next one, whole."""

import json
import unittest

from harness import Backend, Worker, echo, exchange, ingress, service

HEAD = b"POST / HTTP/1.1\r\nHost: a.test\r\n"
BODIES = [
    ("length", HEAD + b"Content-Length: 5\r\n\r\nhello"),
    ("chunked", HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
]
ROUNDS = 12  # round robin: half of them begin at the backend that is not there


class Retry(unittest.TestCase):
    def test_a_body_reaches_the_next_backend_whole(self):
        backend = Backend(echo("one"))
        self.addCleanup(backend.close)
        worker = Worker(service("s", [backend], down=[("127.0.0.1", 1)]) +
                        [ingress("i", {"/": "s"}, host="a.test",
                                 annotations={"sluice.dev/eject-after": "0"})])
        self.addCleanup(worker.close)
        for name, request in BODIES:
            for number in range(ROUNDS):
                with self.subTest(body=name, number=number), worker.connect() as client:
                    status, _, body = exchange(client, request)[:3]
                    self.assertEqual(status, 200)
                    self.assertEqual(json.loads(body)["body_bytes"], 5)
        self.assertGreater(worker.stats()["upstream_retries"], 0, "no request had to be retried")


if __name__ == "__main__":
    unittest.main()
