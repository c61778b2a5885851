# SPDX-License-Identifier: Apache-2.0
"""A worker that takes HTTP/2 without TLS, a recording backend, and frames by hand."""

import unittest

import http2
from http2 import END_HEADERS, request
from rules import Stage


class H2Test(unittest.TestCase):
    flags = ("--h2c",)

    @classmethod
    def setUpClass(cls):
        cls.stage = Stage(*cls.flags)

    @classmethod
    def tearDownClass(cls):
        cls.stage.close()

    def setUp(self):
        self.stage.recorder.take()

    def open(self, **how):
        client = http2.connect(self.stage.worker.port, **how)
        self.addCleanup(client.close)
        return client

    def serves(self, client, stream):
        """The connection is as good as before: a plain request is answered on it."""
        client.send(client.head(stream, request()))
        client.wait(stream)
        self.assertEqual(client.status(stream), 200, (client.goaways, client.rst))

    def goaway(self, client, *codes):
        """The connection ends with one of these codes."""
        client.read_until(lambda: client.goaways)
        self.assertTrue(client.goaways, "no GOAWAY")
        self.assertIn(client.goaways[-1][1], codes)
        client.read_until(lambda: client.eof)

    def resets(self, client, stream, *codes):
        """The stream alone ends, with one of these codes."""
        client.wait(stream)
        self.assertEqual(client.goaways, [])
        self.assertIn(client.rst.get(stream), codes, client.heads[stream])


def block(*fields):
    return http2.encode(fields)


ALL = END_HEADERS
