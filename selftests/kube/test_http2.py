# SPDX-License-Identifier: Apache-2.0
"""The same over HTTP/2: nghttpx in front of the double, one connection for all watches."""

import json
import socket
import subprocess
import time
import unittest

from watching import KubeWatch, ingress, service

from kube_double import ADMIN_TOKEN, Double, make_certificates


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Http2(unittest.TestCase):
    """nghttpx speaks HTTP/2 to us and HTTP/1.1 to the double."""

    def setUp(self):
        self.double = Double(tls=False)
        self.addCleanup(self.double.close)
        folder = self.double.folder
        make_certificates(folder, "127.0.0.1")
        self.port = free_port()
        self.start_proxy()
        (folder / "h2").write_text(json.dumps({
            "current-context": "h2",
            "clusters": [{"name": "h2", "cluster": {"server": f"https://127.0.0.1:{self.port}",
                                                    "certificate-authority": "ca.crt"}}],
            "users": [{"name": "h2", "user": {"token": ADMIN_TOKEN}}],
            "contexts": [{"name": "h2", "context": {"cluster": "h2", "user": "h2"}}]}))

    def start_proxy(self):
        folder = self.double.folder
        self.proxy = subprocess.Popen(
            ["nghttpx", f"--frontend=127.0.0.1,{self.port}",
             f"--backend=127.0.0.1,{self.double.listen[1]}", "--workers=1",
             "--backend-read-timeout=1h", "--stream-read-timeout=1h", "--accesslog-syslog",
             f"--errorlog-file={folder}/nghttpx.log", "--no-ocsp", folder / "server.key",
             folder / "server.crt"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.stop_proxy, self.proxy)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        self.fail("nghttpx does not listen")

    @staticmethod
    def stop_proxy(proxy):
        proxy.kill()
        proxy.wait(10)

    def connections(self, watch):
        """Established connections of kube-watch to the proxy."""
        listed = subprocess.run(["ss", "-tnpH", "dst", f"127.0.0.1:{self.port}"], text=True,
                                capture_output=True, check=True, timeout=10).stdout
        return sum(f"pid={watch.process.pid}," in line for line in listed.splitlines())

    def test_watches_and_writes_share_one_connection(self):
        self.double.put(ingress("early"))
        self.double.namespace("sluice-system")
        with KubeWatch(self.double.folder / "h2", "--write", "--publish-address=192.0.2.1") as watch:
            watch.expect("synced")
            watch.expect("put Ingress shop/early")
            self.double.put(service("web"))
            watch.expect("put Service shop/web")
            end = time.monotonic() + 10
            while not self.double.read("ingresses", "shop", "early")["status"]["loadBalancer"]:
                self.assertLess(time.monotonic(), end, "the status is written")
                time.sleep(0.05)
            self.assertEqual(watch.counts()["open"], 7)
            self.assertEqual(self.connections(watch), 1)

    def test_connection_that_dies_takes_nothing_with_it(self):
        with KubeWatch(self.double.folder / "h2") as watch:
            watch.expect("synced")
            self.stop_proxy(self.proxy)
            self.double.put(ingress("meanwhile"))
            time.sleep(0.5)
            self.start_proxy()
            watch.expect("put Ingress shop/meanwhile", 20)
            self.assertEqual(watch.counts()["relists"], 0)

    def test_silent_connection_is_not_used_again(self):
        with KubeWatch(self.double.folder / "h2", "--idle-limit-ms=800") as watch:
            watch.expect("synced")
            self.proxy.send_signal(19)  # SIGSTOP: the connection stands, nobody answers
            self.double.put(ingress("meanwhile"))
            watch.expect_log("trying again", 10)
            self.stop_proxy(self.proxy)
            self.start_proxy()
            watch.expect("put Ingress shop/meanwhile", 20)


if __name__ == "__main__":
    unittest.main()
