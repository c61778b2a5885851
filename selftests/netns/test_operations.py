# SPDX-License-Identifier: Apache-2.0
"""What an operator sees and does: sluicectl, bpftool, metrics, stopping, killing, cleaning up."""

import json
import os
import signal
import time
import unittest

from cluster import (ADMIN_PORT, NODE_IP, NODE_IP6, TCP_PORT, VIP, Cluster, app, endpoint_slice,
                     ingress, path, request, rule, service)
from load import Requests, Wrk
from netns import BUILD, run, wait_until

HOST = "web.test"
MAPS = ("frontends4 frontends6 address_filter upstreams upstream_names backends members rings "
        "flows4 flows6 nat4 nat6 listeners steering stats drops frontend_stats backend_stats "
        "worker_stats daemon_state").split()
HTTP_VIP, HTTP_VIP6 = "198.51.100.80", "2001:db8:2::80"


def objects(cluster):
    return [ingress("web", rule(HOST, path("/", "web"), path("/x", "web", "Exact")))] \
        + app("web", *cluster.pods.values()) + [
            service("echo", [(None, 7000, "TCP")], type="LoadBalancer",
                    loadBalancerClass="sluice.dev/l4", loadBalancerIP=VIP),
            endpoint_slice("echo", [pod.ip for pod in cluster.pods.values()],
                           [(None, TCP_PORT, "TCP")])]


class Running(unittest.TestCase):
    """A running sluiced that is only looked at."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.cluster.save("web.json", objects(cls.cluster))
        cls.cluster.start()
        for _ in range(5):
            cls.cluster.get("/", HOST)
            cls.cluster.tcp()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    def test_status_as_json(self):
        status = self.cluster.ctl_json("status")
        text = json.dumps(status)
        self.assertEqual(status["schema"], 2)
        self.assertGreaterEqual(status["generation"], 1)
        self.assertRegex(text, '"native"|"xdp_native"|"generic"')
        for count in ("frontends", "routes", "upstreams", "backends"):
            self.assertGreater(status[count], 0, count)

    def test_every_verb_as_table_and_as_json(self):
        self.cluster.tcp()  # those of setUpClass may be over, and taken out
        for verb, word in (("status", "eth0"), ("frontends", VIP), ("routes", HOST),
                           ("upstreams", "default/web:80"), ("backends", "10.244.1.12"),
                           ("flows", VIP), ("drops", "no_backend")):
            with self.subTest(verb):
                self.assertIn(word, self.cluster.ctl(verb).stdout)
                self.assertIn(word, json.dumps(self.cluster.ctl_json(verb)))

    def test_unknown_verbs_and_flags_are_usage_errors(self):
        for words in (("nonsense",), ("status", "--nonsense"), ("status", "-o", "xml"), ()):
            with self.subTest(words):
                done = self.cluster.node.run(BUILD / "sluicectl", *words, check=False)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertTrue(done.stderr)

    def test_every_map_is_readable_with_names(self):
        wanted = {"frontends4": '"frontend_id"', "upstreams": '"backends_active"',
                  "backends": '"generation"', "flows4": '"backend_id"', "nat4": '"frontend_port"',
                  "worker_stats": '"requests"', "daemon_state": '"node_name"',
                  "upstream_names": "default/web:80", "steering": '"workers"'}
        pins = sorted(path.name for path in (self.cluster.bpffs / "sluice/v2").iterdir())
        for name in MAPS:
            with self.subTest(name):
                self.assertIn(name, pins)
                if name == "listeners":  # sockets have no bytes to show
                    continue
                done = run(["bpftool", "map", "dump", "pinned",
                            self.cluster.bpffs / "sluice/v2" / name], check=name != "rings")
                self.assertIn(wanted.get(name, ""), done.stdout.replace("\\u0000", ""))

    def test_health_and_metrics(self):
        self.assertEqual(self.cluster.admin("/healthz").status, 200)
        self.assertEqual(self.cluster.admin("/readyz").status, 200)
        self.assertEqual(self.cluster.admin("/nothing").status, 404)
        response = self.cluster.admin("/metrics")
        self.assertIn("text/plain", response.header("content-type"))
        names = {line.split("{")[0].split(" ")[0] for line in response.text.splitlines()
                 if not line.startswith("#")}
        self.assertTrue(all(name.startswith("sluice_") for name in names if name), names)
        lines = len(response.text.splitlines())
        self.cluster.save("more.json", [ingress(f"more-{n}", rule(f"m{n}.test", path("/", "web")))
                                        for n in range(50)])
        self.cluster.get_until(lambda answer: answer.status == 200, "m49", path="/",
                               host="m49.test")
        self.cluster.remove("more.json")
        after = len(self.cluster.admin("/metrics").text.splitlines())
        self.assertLessEqual(after, lines + 5, "the number of series is fixed")

    def test_metrics_lint(self):
        """Each series has HELP and TYPE, no name twice with other labels order, values parse."""
        text = self.cluster.admin("/metrics").text
        seen, typed = set(), {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split()
                self.assertNotIn(name, typed)
                typed[name] = kind
            elif line and not line.startswith("#"):
                series, value = line.rsplit(" ", 1)
                float(value)
                self.assertNotIn(series, seen)
                seen.add(series)
                name = series.split("{")[0]
                base = [name.removesuffix(end) for end in ("_bucket", "_sum", "_count")]
                self.assertTrue(name in typed or any(item in typed for item in base), name)
                if typed.get(name) == "counter":
                    self.assertTrue(name.endswith("_total"), name)

    def test_metrics_count_requests(self):
        before = self.cluster.metrics()
        for _ in range(7):
            self.cluster.get("/", HOST)
        after = self.cluster.metrics()
        grown = {name for name in after if after[name] - before.get(name, 0) == 7}
        self.assertTrue([name for name in grown if "request" in name], grown)

    def test_the_helper_has_no_privilege(self):
        workers = self.cluster.workers()
        self.assertEqual(len(workers), 2)
        for pid in workers:
            status = dict(line.split(":\t", 1) for line in
                          open(f"/proc/{pid}/status").read().splitlines() if ":\t" in line)
            self.assertNotIn("0", status["Uid"].split())
            self.assertNotIn("0", status["Gid"].split())
            self.assertEqual(int(status["CapEff"], 16) | int(status["CapPrm"], 16)
                             | int(status["CapBnd"], 16) | int(status["CapAmb"], 16), 0)
            self.assertEqual(status["NoNewPrivs"], "1")
            self.assertEqual(status["Seccomp"], "2")

    def test_a_scrape_costs_what_is_in_use(self):
        def cpu_ms():
            with open(f"/proc/{self.cluster.sluiced.pid}/schedstat", encoding="ascii") as stat:
                return int(stat.read().split()[0]) / 1e6

        before = cpu_ms()
        for _ in range(10):
            self.assertIn("sluice_backends", self.cluster.metrics())
        # About 1 ms. Where every slot of the maps was read it took 180 ms.
        self.assertLess((cpu_ms() - before) / 10, 20)

    def test_idle_processes_are_small(self):
        # The target is 10 MB; a limit twice that catches what is plainly wrong.
        for pid in [self.cluster.sluiced.pid, *self.cluster.workers()]:
            line = next(line for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS"))
            self.assertLess(int(line.split()[1]), 20 << 10, line)

    def test_nothing_binds_port_80(self):
        listening = self.cluster.node.run("ss", "-Hltn").stdout
        self.assertNotIn(":80 ", listening)

    def test_descriptors_do_not_grow(self):
        pids = [self.cluster.sluiced.pid, *self.cluster.workers()]

        def total():
            return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)

        for _ in range(20):
            self.cluster.get("/", HOST)
        before = total()
        for _ in range(100):
            self.cluster.get("/", HOST)
            self.cluster.admin("/metrics")
        wait_until(lambda: total() <= before + 4, f"descriptors back at {before}, now {total()}")


class Lifecycle(unittest.TestCase):
    """Starting, stopping, killing. Each test begins with a running sluiced."""

    def setUp(self):
        self.cluster = Cluster()
        self.addCleanup(self.cluster.close)
        self.cluster.save("web.json", objects(self.cluster))
        self.cluster.start()

    def answer(self, **more):
        return self.cluster.get("/", HOST, **more).status

    def pins(self):
        return sorted(str(path) for path in (self.cluster.bpffs / "sluice").rglob("*"))

    def assert_nothing_left(self):
        node = self.cluster.node
        self.assertEqual(self.pins(), [])
        self.assertNotIn("xdp", node.run("ip", "link", "show", "eth0").stdout)
        self.assertEqual(self.cluster.workers(), [])
        self.assertNotIn("198.51.100", node.run("ip", "route", "show", "table", "local").stdout)
        self.assertNotIn("bpf", node.run("tc", "filter", "show", "dev", "eth0", "egress").stdout)
        with self.assertRaises(OSError):
            self.answer(timeout=0.5)

    def test_ctrl_c_removes_everything(self):
        self.assertEqual(self.answer(), 200)
        self.assertEqual(self.cluster.sluiced.stop(signal.SIGINT), 0)
        self.assert_nothing_left()

    def test_sigterm_leaves_traffic_and_the_next_adopts(self):
        before = {item["id"]: item for item in self.cluster.ctl_json("upstreams")["upstreams"]}
        workers = self.cluster.workers()
        self.assertEqual(self.cluster.sluiced.stop(signal.SIGTERM), 0)
        self.assertEqual(self.answer(), 200)
        self.assertRegex(self.cluster.tcp(), "^pod-")
        self.cluster.start()
        self.assertEqual(self.answer(), 200)
        self.assertEqual(self.cluster.workers(), workers)
        after = {item["id"]: item for item in self.cluster.ctl_json("upstreams")["upstreams"]}
        self.assertEqual({number: item["name"] for number, item in before.items()},
                         {number: item["name"] for number, item in after.items()})

    def test_kill_and_restart_under_load_lose_no_request(self):
        load, single = Wrk(self.cluster, HOST, 8), Requests(self.cluster, HOST)
        for turn in range(3):
            time.sleep(0.5)
            self.cluster.sluiced.stop(signal.SIGKILL)
            time.sleep(0.3)
            self.assertRegex(self.cluster.tcp(), "^pod-")
            self.cluster.start()
        done, failures = single.stop()
        self.assertEqual(failures, [], f"of {done}")
        requests, errors = load.result()
        self.assertEqual(errors, 0, f"of {requests}")

    def test_what_changed_while_nobody_watched(self):
        self.cluster.sluiced.stop(signal.SIGKILL)
        self.cluster.save("web.json", [
            ingress("web", rule("other.test", path("/", "web")))]
            + app("web", self.cluster.pods["pod-b"]))
        self.cluster.start()
        self.assertEqual(self.cluster.get("/", "other.test").pod, "pod-b")
        self.assertEqual(self.answer(), 404)
        with self.assertRaises(OSError):
            self.cluster.tcp(timeout=0.5)
        self.assertNotIn(VIP, self.cluster.ctl("frontends").stdout)

    def test_a_killed_worker_comes_back_and_the_others_go_on(self):
        workers = self.cluster.workers()
        load = Requests(self.cluster, HOST)
        time.sleep(0.3)
        os.kill(workers[0], signal.SIGKILL)
        wait_until(lambda: len(self.cluster.workers()) == 2
                   and workers[0] not in self.cluster.workers(), "a new worker", 3)
        time.sleep(0.5)
        done, failures = load.stop()
        # Only what that worker had in its hands may be lost.
        self.assertLessEqual(len(failures), 2, f"of {done}: {failures}")
        self.assertEqual(self.answer(), 200)

    def test_a_crash_leaves_its_stack_in_the_log(self):
        os.kill(self.cluster.workers()[0], signal.SIGSEGV)
        wait_until(lambda: "was killed by signal 11" in self.cluster.sluiced.log(), "its end")
        self.cluster.sluiced.stop(signal.SIGABRT)
        log = self.cluster.sluiced.log()
        for line in (r"sluice-proxy \(build \S+\) dies of SIGSEGV; its stack:\n\S+\(",
                     r"sluiced \(build \S+\) dies of SIGABRT; its stack:\n\S+\("):
            self.assertRegex(log, line)
        self.cluster.start()
        self.assertEqual(self.answer(), 200)

    def test_cleanup_removes_everything_after_a_kill(self):
        self.cluster.sluiced.stop(signal.SIGKILL)
        self.cluster.cleanup()
        self.assert_nothing_left()
        self.cluster.cleanup()
        self.cluster.start()
        self.assertEqual(self.answer(), 200)

    def test_sluicectl_without_the_daemon(self):
        self.cluster.sluiced.stop(signal.SIGKILL)
        done = self.cluster.ctl("frontends", check=False)
        self.assertIn(VIP, done.stdout, "maps are readable without the daemon")
        done = self.cluster.ctl("routes", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, "(?i)sluiced.*not running|not answer|start")
        self.cluster.cleanup()
        for verb in ("status", "frontends", "routes", "upstreams", "backends", "flows", "drops"):
            done = self.cluster.ctl(verb, check=False)
            self.assertNotEqual(done.returncode, 0, verb)
            self.assertRegex(done.stderr, "sluiced", verb)

    def test_http_on_an_address_that_no_interface_has(self):
        self.cluster.sluiced.stop(signal.SIGINT)
        self.cluster.start("--address", HTTP_VIP, "--address", HTTP_VIP6)
        self.assertEqual(self.answer(address=HTTP_VIP), 200)
        self.assertEqual(self.answer(address=HTTP_VIP6), 200)
        for address in (NODE_IP, NODE_IP6):
            with self.assertRaises(OSError):
                self.answer(address=address, timeout=0.5)
        self.cluster.end()
        for version, address in (("-4", HTTP_VIP), ("-6", HTTP_VIP6)):
            self.assertNotIn(address, self.cluster.node.run(
                "ip", version, "route", "show", "table", "local").stdout)

    def test_another_http_port(self):
        self.cluster.sluiced.stop(signal.SIGINT)
        self.cluster.start("--http-port", "8088", "--admin", f"[::1]:{ADMIN_PORT}", ready=False)
        wait_until(lambda: self.admin_v6_ready(), "ready")
        self.assertEqual(self.answer(port=8088), 200)
        with self.assertRaises(OSError):
            self.answer(timeout=0.5)

    def admin_v6_ready(self):
        try:
            return request(self.cluster.node, "::1", ADMIN_PORT, "/readyz").status == 200
        except OSError:
            return False

    def test_it_is_not_ready_before_it_is(self):
        """/readyz and traffic agree from the first moment: no 404 from an empty table."""
        self.cluster.sluiced.stop(signal.SIGINT)
        statuses = set()
        self.cluster.start(ready=False)
        end = time.monotonic() + 5
        while time.monotonic() < end and 200 not in statuses:
            try:
                statuses.add(self.answer(timeout=1))
            except OSError:
                pass
        self.assertLessEqual(statuses, {200, 503})
        self.assertIn(200, statuses)
