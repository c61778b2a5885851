# SPDX-License-Identifier: Apache-2.0
"""Does this kernel move bytes as splice needs it? sluiced does not start with --splice on if its own
test on loopback fails; then responses, a tunnel and uploads, with sums. Runs in a guest."""

import contextlib
import hashlib
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "selftests/lib"), str(ROOT / "selftests/netns")]

import test_splice  # noqa: E402
import test_splice_uploads  # noqa: E402
from cluster import NODE_IP, NODE_IP6, request_bytes, read_response  # noqa: E402
from scene import SceneTest  # noqa: E402

BODY_BYTES = 400000


class GuestSplice(SceneTest):
    flags = ("--splice", "on")
    spliced = True
    cases = test_splice.SpliceCases
    manifests = classmethod(cases.manifests.__func__)
    serve, connect = cases.serve, cases.connect
    assert_spliced, get_bodies, slots_used = (cases.assert_spliced, cases.get_bodies,
                                              cases.slots_used)
    tunnel, serve_tunnels, echo = cases.tunnel, cases.serve_tunnels, staticmethod(cases.echo)
    in_threads, both_ways = cases.in_threads, cases.both_ways

    def setUp(self):
        self.before = self.metrics()

    def metrics(self):
        """On a processor that is emulated, on a busy machine, a page may take longer than one request
        has time."""
        for _ in range(10):
            with contextlib.suppress(TimeoutError):
                return self.cluster.metrics()
        raise TimeoutError("/metrics")

    def counted(self, name):
        return self.metrics()[name] - self.before[name]

    def test_its_own_test_passed(self):
        self.assertEqual(self.cluster.ctl_json("status")["splice"]["reason"], "")

    def test_responses(self):
        self.serve(test_splice.serve_bodies)
        for address in (NODE_IP, NODE_IP6):
            self.get_bodies("guest", [0, 1, 1448, 16384, 65536, 262144, 300000] * 3, address)
        self.assert_spliced(10)

    def test_tunnels(self):
        self.serve_tunnels(self.echo)
        for number in range(4):
            self.both_ways(number, 300000, (0, 0.002)[number % 2], (0, 4096)[number // 2])
        self.assert_spliced(4, "sluice_spliced_tunnels_total")

    def test_uploads(self):
        """Also with the next request glued to the end of the body."""
        self.serve(test_splice_uploads.serve_sums)
        data = test_splice.body_of("guest", BODY_BYTES)
        digest = hashlib.sha256(data).hexdigest().encode()
        for address in (NODE_IP, NODE_IP6):
            sock = self.connect(address, timeout=60)
            reader = sock.makefile("rb")
            for _ in range(4):
                test_splice_uploads.UploadCases.begin(sock, len(data))
                sock.sendall(data[:-1000])
                time.sleep(0.1)
                sock.sendall(data[-1000:] + request_bytes("/next/100", test_splice.OWN))
                self.assertEqual(read_response(reader).body, digest)
                self.assertEqual(read_response(reader).body, test_splice.body_of("next", 100))
        self.assert_spliced(4, "sluice_spliced_uploads_total")
