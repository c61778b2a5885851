# SPDX-License-Identifier: Apache-2.0
"""Bodies in chunks of one octet: they cost by their chunks, not by their octets."""

import unittest

from harness import Worker, exchange, get, read_head


class Refused(unittest.TestCase):
    def test_a_body_of_dust_that_nobody_wants_ends_the_connection(self):
        worker = Worker([])
        self.addCleanup(worker.close)
        for count, kept in ((100, True), (60000, False)):
            with self.subTest(count), worker.connect() as conn:
                conn.sendall(get(method="POST", extra="Transfer-Encoding: chunked\r\n"))
                self.assertEqual(exchange(conn, b"")[0], 404)
                conn.sendall(b"1\r\nx\r\n" * count + b"0\r\n\r\n")
                if kept:
                    self.assertEqual(exchange(conn, get())[0], 404)
                else:
                    self.assertEqual(read_head(conn), (None, b""))


if __name__ == "__main__":
    unittest.main()
