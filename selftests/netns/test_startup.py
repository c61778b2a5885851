# SPDX-License-Identifier: Apache-2.0
"""What sluiced says when it cannot start: which thing, why, and the remedy; and that a failed start
leaves nothing behind."""

import signal
import socket
import unittest

from cluster import NODE_IP, Cluster, app, ingress, path, rule
from netns import BUILD, run, wait_until

HOST = "web.test"


class Startup(unittest.TestCase):
    """One scene; each test starts sluiced in its own wrong way."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(pods=("pod-a",))
        cls.cluster.save("web.json", [ingress("web", rule(HOST, path("/", "web")))]
                         + app("web", cls.cluster.pods["pod-a"]))

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    def tearDown(self):
        self.cluster.node.run(BUILD / "sluiced", "--cleanup", "--bpffs", self.cluster.bpffs,
                              check=False)

    def fail_to_start(self, *argv, words, prefix=()):
        """Runs sluiced, which has to end by itself with an error that has all the words."""
        done = self.cluster.node.run(*prefix, BUILD / "sluiced", *argv, check=False, timeout=20)
        self.assertGreater(done.returncode, 0, done.stderr)
        for word in words:
            self.assertRegex(done.stderr, word)
        self.assertNothingLeft()

    def flags(self, **changes):
        flags = {"manifests": self.cluster.manifests, "interface": "eth0",
                 "bpffs": self.cluster.bpffs, "admin": "127.0.0.1:9901", **changes}
        return [f"--{name}={value}" for name, value in flags.items()]

    def assertNothingLeft(self):
        self.assertNotIn("xdp", self.cluster.node.run("ip", "link", "show", "eth0").stdout)
        self.assertEqual(self.cluster.workers(), [])

    def test_unknown_flag(self):
        self.fail_to_start("--no-such-flag", words=["--no-such-flag", "--help"])

    def test_bad_values_of_flags(self):
        for flag, value in (("http-port", "http"), ("http-port", "70000"), ("address", "1.2.3"),
                            ("default-backend", "web"), ("proxy-workers", "0"),
                            ("admin", "here"), ("log-format", "xml"), ("drain-timeout", "soon")):
            with self.subTest(f"--{flag} {value}"):
                self.fail_to_start(*self.flags(**{flag: value}), words=[f"--{flag}", value])

    def test_an_interface_without_ethernet_headers_is_named(self):
        node = self.cluster.node
        for name in ("l3tun", "l3back"):
            node.run("ip", "tuntap", "add", "dev", name, "mode", "tun")
            self.addCleanup(node.run, "ip", "link", "del", name)
        self.cluster.start("--interface", "l3tun", "--return-interface", "l3back")
        self.addCleanup(lambda: self.cluster.sluiced.stop(signal.SIGINT))
        log = self.cluster.sluiced.log()
        self.assertRegex(log, "interface l3tun has no Ethernet headers")
        self.assertNotRegex(log, "interface (eth0|l3back) has no Ethernet headers")

    def test_manifests_and_kubeconfig(self):
        self.fail_to_start(*self.flags(kubeconfig="/x"), words=["--manifests", "--kubeconfig"])

    def test_manifests_directory_is_missing(self):
        self.fail_to_start(*self.flags(manifests="/no/such/dir"),
                           words=["/no/such/dir", "No such file"])

    def test_manifests_is_a_file(self):
        self.fail_to_start(*self.flags(manifests="/etc/passwd"),
                           words=["/etc/passwd", "(?i)director"])

    def test_interface_is_missing(self):
        self.fail_to_start(*self.flags(interface="nope0"), words=["nope0", "(?i)no such|not exist"])

    def test_bpffs_is_not_mounted(self):
        self.fail_to_start(*self.flags(bpffs=self.cluster.folder),
                           words=[str(self.cluster.folder), "mount -t bpf"])

    def test_bpffs_does_not_exist(self):
        self.fail_to_start(*self.flags(bpffs="/no/such/bpffs"), words=["/no/such/bpffs"])

    def test_no_privilege(self):
        self.fail_to_start(*self.flags(), words=["(?i)privilege|permission|CAP_|root"],
                           prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                   "--inh-caps=-all", "--bounding-set=-all"))

    def test_admin_address_in_use(self):
        sock = self.cluster.node.socket()
        with sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a test before used it
            sock.bind(("127.0.0.1", 9901))
            sock.listen()
            self.fail_to_start(*self.flags(), words=["127.0.0.1:9901", "(?i)in use"])

    def test_a_server_on_a_taken_port_is_named(self):
        """Sluice takes its connections: that is said, with the process, the address, the remedy."""
        cluster = self.cluster
        server = cluster.node.start("server", ["python3", "-m", "http.server", "80"])
        self.addCleanup(server.stop)
        other = cluster.node.start("other", ["python3", "-m", "http.server", "443", "--bind",
                                             "127.0.0.1"])
        self.addCleanup(other.stop)
        wait_until(lambda: "Serving" in server.log() or server.popen.poll(), "a server")
        cluster.start()
        self.addCleanup(lambda: cluster.sluiced.stop(signal.SIGINT))
        wait_until(lambda: "listener" in cluster.sluiced.log(), "a line about it")
        problem, = cluster.ctl_json("problems")["problems"]
        self.assertEqual((problem["kind"], problem["name"], problem["reason"]),
                         ("Listener", "0.0.0.0:80", "PortTaken"))
        for word in (f"pid {server.pid}", "python3", NODE_IP, "--address"):
            self.assertIn(word, problem["message"])
        server.stop()
        wait_until(lambda: not cluster.ctl_json("problems")["problems"], "it has gone", 15)
        self.assertIn("listener 0.0.0.0:80: has gone", cluster.sluiced.log())

    def test_a_server_on_another_address_is_no_problem(self):
        cluster = self.cluster
        for address in ("127.0.0.1", "10.244.1.1"):
            server = cluster.node.start("server", ["python3", "-m", "http.server", "80", "--bind",
                                                   address])
            self.addCleanup(server.stop)
        cluster.start("--address", NODE_IP)
        self.addCleanup(lambda: cluster.sluiced.stop(signal.SIGINT))
        self.assertEqual(cluster.ctl_json("problems")["problems"], [])
        self.assertNotIn("listener ", cluster.sluiced.log())

    def test_helper_is_missing(self):
        self.fail_to_start(*self.flags(**{"proxy-binary": "/no/such/helper"}),
                           words=["/no/such/helper"])

    def test_maps_of_another_schema(self):
        folder = self.cluster.bpffs / "sluice/v2"
        folder.mkdir(parents=True, exist_ok=True)
        run(["bpftool", "map", "create", folder / "frontends4", "type", "hash", "key", "4",
             "value", "4", "entries", "8", "name", "frontends4"])
        try:
            self.fail_to_start(*self.flags(), words=["frontends4", "--cleanup"])
            self.assertTrue((folder / "frontends4").exists(), "foreign pins are not deleted")
        finally:
            (folder / "frontends4").unlink()

    def test_two_daemons_on_one_bpffs(self):
        self.cluster.start()
        try:
            done = self.cluster.node.run(BUILD / "sluiced", *self.flags(admin="127.0.0.1:9902"),
                                         check=False, timeout=20)
            self.assertGreater(done.returncode, 0)
            self.assertRegex(done.stderr, str(self.cluster.sluiced.pid))
            self.assertRegex(done.stderr, "--takeover")
            self.assertEqual(self.cluster.get("/", HOST).status, 200)
        finally:
            self.cluster.sluiced.stop(signal.SIGINT)
        self.assertNothingLeft()

    def test_help_and_version(self):
        for program in ("sluiced", "sluicectl", "sluice-proxy"):
            done = self.cluster.node.run(BUILD / program, "--help")
            self.assertIn("--", done.stdout)
            self.assertRegex(self.cluster.node.run(BUILD / program, "--version").stdout,
                             r"\d+\.\d+\.\d+")
