# SPDX-License-Identifier: Apache-2.0
"""Clients that others wrote: curl, nghttp, h2load, openssl s_client, over every version and way."""

import json
import os
import re
import subprocess
import tempfile
import unittest

from harness import Backend, Worker, echo, fixed, ingress, service
from tls_stage import Authority, s_client

BIG = 1 << 20


def run(*argv, text=None):
    done = subprocess.run([str(arg) for arg in argv], input=text, capture_output=True, timeout=60,
                          check=False)
    if done.returncode:
        raise AssertionError(f"{argv}: exit {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout.decode(errors="replace")


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        authority = Authority()
        cls.folder = tempfile.TemporaryDirectory(prefix="sluice-clients-")
        cls.roots = os.path.join(cls.folder.name, "roots.pem")
        with open(cls.roots, "wb") as file:
            file.write(authority.leaf)
        cls.backends = [Backend(echo()), Backend(fixed(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG + bytes(BIG)))]
        cls.worker = Worker(
            service("s", cls.backends[:1]) + service("big", cls.backends[1:])
            + [ingress("i", {"/": "s", "/big": "big"}, host="a.test",
                       annotations={"sluice.dev/ssl-redirect": "false"},
                       tls=[{"hosts": ["a.test"], "secretName": "a"}]),
               authority.issue("a.test").secret("a")], "--h2c", https=True)

    @classmethod
    def tearDownClass(cls):
        cls.worker.close()
        for backend in cls.backends:
            backend.close()
        cls.folder.cleanup()

    def curl(self, *args, tls=False, path="/"):
        """(what -w says, body)."""
        port = self.worker.https if tls else self.worker.port
        out = run("curl", "-sS", "--max-time", "30", "--cacert", self.roots, "--resolve",
                  f"a.test:{port}:127.0.0.1", "-w", "\n%{http_version} %{http_code} %{size_download}",
                  *args, f"{'https' if tls else 'http'}://a.test:{port}{path}")
        body, _, said = out.rpartition("\n")
        return said.split(), body

    def test_curl_speaks_every_version(self):
        for args, tls, version in (
                (["--http1.0"], False, ("1", "1.1")), (["--http1.1"], False, ("1.1",)),
                (["--http2"], False, ("1.1",)),  # Upgrade: h2c is not taken
                (["--http2-prior-knowledge"], False, ("2",)), (["--http1.1"], True, ("1.1",)),
                (["--http2"], True, ("2",)), (["--http2", "--tls-max", "1.2"], True, ("2",)),
                (["--http1.1", "--tlsv1.3"], True, ("1.1",))):
            with self.subTest(" ".join(args), tls=tls):
                said, body = self.curl(*args, tls=tls)
                self.assertIn(said[0], version)
                self.assertEqual(said[1], "200")
                head = json.loads(body)["head"]
                self.assertIn(f"X-Forwarded-Proto: {'https' if tls else 'http'}\r\n", head)
                self.assertNotIn("h2c", head.lower())

    def test_curl_sends_and_reads_bodies(self):
        for args, tls in ((["--http1.1"], False), (["--http1.1"], True), (["--http2"], True),
                          (["--http2-prior-knowledge"], False), (["--http1.0"], False)):
            with self.subTest(" ".join(args), tls=tls):
                with tempfile.NamedTemporaryFile() as file:
                    file.write(bytes(BIG))
                    file.flush()
                    said, body = self.curl(*args, "--data-binary", f"@{file.name}", tls=tls)
                    self.assertEqual((said[1], json.loads(body)["body_bytes"]), ("200", BIG))
                    if args == ["--http1.1"]:
                        said, body = self.curl(*args, "-H", "Transfer-Encoding: chunked",
                                               "--data-binary", f"@{file.name}", tls=tls)
                        self.assertEqual((said[1], json.loads(body)["body_bytes"]), ("200", BIG))
                said, _ = self.curl(*args, "-o", "/dev/null", tls=tls, path="/big")
                self.assertEqual(said[1:], ["200", str(BIG)])

    def test_nghttp_has_many_streams_at_once(self):
        url = f"http://127.0.0.1:{self.worker.port}/big"
        out = run("nghttp", "-n", "-s", "-m", "10", "-H", ":authority: a.test", url)
        self.assertEqual(len(re.findall(r" 200 +1M /big", out)), 10, out)

    def test_h2load_is_served_to_the_last_request(self):
        for url in (f"https://127.0.0.1:{self.worker.https}/", f"http://127.0.0.1:{self.worker.port}/"):
            with self.subTest(url):
                out = run("h2load", "-n", "600", "-c", "4", "-m", "32", "-H", ":authority: a.test", url)
                self.assertIn("600 succeeded, 0 failed, 0 errored, 0 timeout", out)
                self.assertIn("status codes: 600 2xx", out)

    def test_s_client_agrees_on_each_version_and_protocol(self):
        for version in ("-tls1_2", "-tls1_3"):
            for protocol in ("h2", "http/1.1"):
                with self.subTest(version, protocol=protocol):
                    out = s_client(self.worker.https, version, "-servername", "a.test", "-alpn", protocol,
                                   "-CAfile", self.roots, "-verify_return_error")
                    self.assertIn(f"ALPN protocol: {protocol}", out)
                    self.assertIn("Verify return code: 0 (ok)", out)
        out = s_client(self.worker.https, "-tls1_1", "-servername", "a.test", "-cipher", "ALL:@SECLEVEL=0")
        self.assertIn("(NONE)", out)


if __name__ == "__main__":
    unittest.main()
