# SPDX-License-Identifier: Apache-2.0
"""WebSocket and gRPC as others wrote them, both ends: what a backend and its clients say to each
other passes unchanged, in the clear and over TLS."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from harness import Worker, ingress, service
from tls_stage import Authority

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"  # for which Debian has the packages, whatever runs these tests
HOST = "a.test"


class Server:
    """A program that prints the port on which it serves."""

    host = "127.0.0.1"

    def __init__(self, program):
        self.process = subprocess.Popen([PYTHON, HERE / program, "serve"], stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{program} ended before it served")
        self.port = int(line)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Peers(unittest.TestCase):
    def start(self, program, annotations):
        authority = Authority()
        folder = tempfile.TemporaryDirectory(prefix="sluice-peers-")
        self.addCleanup(folder.cleanup)
        self.roots = os.path.join(folder.name, "roots.pem")
        with open(self.roots, "wb") as file:
            file.write(authority.leaf)
        server = Server(program)
        self.addCleanup(server.close)
        self.worker = Worker(
            service("s", [server])
            + [ingress("i", {"/": "s"}, host=HOST,
                       annotations={"sluice.dev/ssl-redirect": "false", **annotations},
                       tls=[{"hosts": [HOST], "secretName": "a"}]),
               authority.issue(HOST).secret("a")], "--h2c", https=True)
        self.addCleanup(self.worker.close)

    def talk(self, program, *args):
        done = subprocess.run([PYTHON, HERE / program, "talk", *map(str, args)], capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        return json.loads(done.stdout)

    def test_websocket_messages_of_all_sizes(self):
        self.start("websocket_peer.py", {})
        for scheme, port in (("ws", self.worker.port), ("wss", self.worker.https)):
            with self.subTest(scheme):
                self.assertEqual(
                    self.talk("websocket_peer.py", f"{scheme}://{HOST}:{port}/chat?room=1", self.roots),
                    {"path": "/chat?room=1", "subprotocol": "echo",
                     "extensions": ["permessage-deflate"], "text": True,
                     "close": [4321, "that was all"]})

    def test_grpc_calls_of_each_kind(self):
        self.start("grpc_peer.py", {"sluice.dev/backend-protocol": "grpc"})
        for way, port, roots in (("h2c", self.worker.port, ""), ("TLS", self.worker.https, self.roots)):
            with self.subTest(way):
                self.assertEqual(
                    self.talk("grpc_peer.py", f"127.0.0.1:{port}", HOST, roots),
                    {"unary": "cba", "initial": "metadata", "trailing": "trailer", "big": True,
                     "many": 1000, "collected": 1000000, "lockstep": True,
                     "failed": ["FAILED_PRECONDITION", "not now: 100 % sure"],
                     "unknown": "UNIMPLEMENTED"})


if __name__ == "__main__":
    unittest.main()
