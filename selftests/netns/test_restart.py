# SPDX-License-Identifier: Apache-2.0
"""sluiced and its workers end, come back and replace each other, while traffic runs."""

import json
import os
import re
import signal
import time
import unittest

from cluster import CLIENT_IP, NODE_IP, Cluster, app, ingress, path, read_response, rule
from load import Requests, Wrk
from netns import BUILD, run, wait_until

HOST = "web.test"
REQUEST = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


class Restart(unittest.TestCase):
    """Each test begins with a running sluiced and two workers."""

    def setUp(self):
        self.cluster = Cluster()
        self.addCleanup(self.cluster.close)
        self.cluster.save("web.json", [ingress("web", rule(HOST, path("/", "web")))]
                          + app("web", *self.cluster.pods.values()))
        self.cluster.start()

    def under_load(self, seconds, change):
        """Runs change() in the middle of requests over kept and over single connections, and
        expects every one of them to be answered."""
        kept, single = Wrk(self.cluster, HOST, seconds), Requests(self.cluster, HOST)
        time.sleep(0.5)
        change()
        requests, errors = kept.result()
        done, failures = single.stop()
        self.assertEqual(failures, [], f"of {done} requests, each on its own connection")
        self.assertEqual(errors, 0, f"of {requests} requests over kept connections")
        self.assertGreater(requests, 100)

    def wait_for_workers(self, condition, what, timeout=10):
        wait_until(lambda: condition(set(self.cluster.workers())), what, timeout)
        return set(self.cluster.workers())

    def test_sigterm_and_restart_lose_no_request(self):
        before = set(self.cluster.workers())

        def change():
            for _ in range(3):
                self.assertEqual(self.cluster.sluiced.stop(signal.SIGTERM), 0)
                time.sleep(0.3)
                self.cluster.start()

        self.under_load(6, change)
        self.assertEqual(set(self.cluster.workers()), before)

    def test_takeover_loses_no_request(self):
        before = set(self.cluster.workers())

        def change():
            for _ in range(3):
                old = self.cluster.sluiced
                self.cluster.start("--takeover", ready=False)
                wait_until(lambda: not old.running(), "the old one has left")
                self.assertEqual(old.popen.returncode, 0, old.log())
                self.cluster.wait_ready()

        self.under_load(5, change)
        self.assertEqual(set(self.cluster.workers()), before)

    def test_takeover_of_nobody_is_a_plain_start(self):
        self.cluster.sluiced.stop(signal.SIGTERM)
        self.cluster.start("--takeover")
        self.assertEqual(self.cluster.get("/", HOST).status, 200)

    def test_other_settings_replace_the_workers_without_a_lost_request(self):
        before = set(self.cluster.workers())

        def change():
            self.cluster.sluiced.stop(signal.SIGTERM)
            self.cluster.start("--max-fields", "99")
            self.wait_for_workers(lambda now: len(now) == 2 and not now & before,
                                  "the old workers have gone")

        self.under_load(6, change)

    def test_the_number_of_workers_follows_the_flag_without_a_lost_request(self):
        before = set(self.cluster.workers())

        def change():
            self.cluster.sluiced.stop(signal.SIGTERM)
            self.cluster.start("--proxy-workers", "3")
            more = self.wait_for_workers(lambda now: len(now) == 3, "three workers")
            self.assertLess(before, more)
            self.cluster.sluiced.stop(signal.SIGTERM)
            self.cluster.start("--proxy-workers", "1")
            self.wait_for_workers(lambda now: len(now) == 1 and now < more, "one worker")

        self.under_load(8, change)

    def test_a_request_that_began_before_an_upgrade_is_answered_after_it(self):
        before = set(self.cluster.workers())
        with self.cluster.client.connect(NODE_IP, 80) as sock:
            sock.sendall(REQUEST[:20])
            time.sleep(0.2)
            self.cluster.sluiced.stop(signal.SIGTERM)
            self.cluster.start("--max-fields", "99")
            wait_until(lambda: set(self.cluster.workers()) - before, "new workers")
            time.sleep(0.5)
            sock.sendall(REQUEST[20:])
            response = read_response(sock.makefile("rb"))
        self.assertEqual(response.status, 200)
        self.assertEqual(response.header("connection"), "close")
        self.wait_for_workers(lambda now: len(now) == 2 and not now & before,
                              "the old workers have gone")

    def test_a_kept_connection_outlives_sluiced(self):
        with self.cluster.client.connect(NODE_IP, 80) as sock:
            stream = sock.makefile("rb")
            for number in (signal.SIGTERM, signal.SIGKILL):
                sock.sendall(REQUEST)
                self.assertEqual(read_response(stream).status, 200)
                self.cluster.sluiced.stop(number)
                sock.sendall(REQUEST)
                self.assertEqual(read_response(stream).status, 200)
                self.cluster.start()
            sock.sendall(REQUEST)
            self.assertEqual(read_response(stream).status, 200)

    def programs(self):
        """Ids of the programs that are pinned, by name."""
        folder = self.cluster.bpffs / "sluice/v2/programs"
        return {path.name.split("_", 1)[1]: json.loads(run(
            ["bpftool", "-j", "prog", "show", "pinned", path]).stdout)["id"]
            for path in folder.iterdir()}

    def attached(self):
        link, = json.loads(self.cluster.node.run("ip", "-j", "-d", "link", "show",
                                                 "eth0").stdout)
        return link["xdp"]["prog"]["id"]

    def test_a_restart_of_the_same_build_loads_nothing_again(self):
        before, attached = self.programs(), self.attached()
        self.assertIn("xdp_ingress", before)
        self.cluster.sluiced.stop(signal.SIGTERM)
        self.cluster.start()
        self.assertIn("programs of this build are loaded already", self.cluster.sluiced.log())
        self.assertEqual(self.programs(), before)
        self.assertEqual(self.attached(), attached)
        self.assertEqual(self.cluster.get("/", HOST).status, 200)

    def test_programs_of_another_build_are_replaced_while_they_serve(self):
        before, attached = self.programs(), self.attached()
        folder = self.cluster.bpffs / "sluice/v2/programs"

        def change():
            self.cluster.sluiced.stop(signal.SIGTERM)
            for path in list(folder.iterdir()):  # as another build names them
                path.rename(folder / f"{'0' * 16}_{path.name.split('_', 1)[1]}")
            self.cluster.start()

        self.under_load(6, change)
        after = self.programs()
        self.assertEqual(set(after), set(before), "those of the other build are gone")
        self.assertFalse(set(after.values()) & set(before.values()))
        self.assertNotEqual(self.attached(), attached)

    def test_what_reads_the_log_of_sluiced_sees_its_end(self):
        cluster = self.cluster
        self.assertEqual(cluster.end(), 0)
        folder = cluster.folder
        argv = " ".join(map(str, [BUILD / "sluiced", *cluster.flags()]))
        pipe = cluster.node.start("pipe", ["sh", "-c", f"{{ {argv} & echo $! >{folder}/pid; wait; }}"
                                           f" 2>&1 | cat >{folder}/piped"])
        wait_until(cluster.ready, "sluiced ready", 20)
        workers = set(cluster.workers())
        os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
        wait_until(lambda: not pipe.running(), "cat has seen the end", 12)
        self.assertEqual(set(cluster.workers()), workers)
        self.assertEqual(cluster.get("/", HOST).status, 200)
        cluster.start("--access-log", "off")

    def test_workers_write_to_the_log_of_the_sluiced_that_runs(self):
        cluster = self.cluster
        self.assertEqual(cluster.end(), 0)
        cluster.start("--access-log", "text")
        workers = set(cluster.workers())
        cluster.sluiced.stop(signal.SIGKILL)
        self.assertEqual(cluster.get("/while-it-was-away", HOST).status, 200)
        cluster.start("--access-log", "text")
        self.assertEqual(set(cluster.workers()), workers)
        self.assertEqual(cluster.get("/of-the-new-one", HOST).status, 200)
        wait_until(lambda: "/of-the-new-one" in cluster.sluiced.log(), "a line in the new log")

    def test_the_log_level_is_that_of_the_helper_too(self):
        cluster = self.cluster
        self.assertIn("sluice-proxy: proxy: worker 0 serves", cluster.sluiced.log())
        cluster.sluiced.stop(signal.SIGINT)
        cluster.start("--log-level", "warn")
        self.assertNotIn("serves", cluster.sluiced.log())
        cluster.sluiced.stop(signal.SIGINT)
        cluster.start("--log-level", "debug")
        self.assertIn("sluice-proxy: proxy: worker 0 serves", cluster.sluiced.log())

    def test_all_workers_killed_come_back_within_a_second(self):
        for pid in self.cluster.workers():
            os.kill(pid, signal.SIGKILL)
        begun = time.monotonic()
        self.assertEqual(self.cluster.get("/", HOST, timeout=3).status, 200)
        self.assertLess(time.monotonic() - begun, 1)

    def test_a_worker_that_died_while_nobody_watched_is_replaced(self):
        self.cluster.sluiced.stop(signal.SIGKILL)
        victim = self.cluster.workers()[0]
        os.kill(victim, signal.SIGKILL)
        self.wait_for_workers(lambda now: victim not in now, "it is gone")
        for _ in range(20):
            self.assertEqual(self.cluster.get("/", HOST).status, 200)
        self.cluster.start()
        self.wait_for_workers(lambda now: len(now) == 2 and victim not in now, "two workers")
        for _ in range(20):
            self.assertEqual(self.cluster.get("/", HOST).status, 200)

    def test_a_hanging_worker_is_reported_and_gets_no_connection(self):
        victim = self.cluster.workers()[0]
        os.kill(victim, signal.SIGSTOP)
        try:
            self.cluster.save("more.json", [ingress("more", rule("more.test", path("/", "web")))])
            wait_until(lambda: re.search(rf"pid {victim}.*hang", self.cluster.sluiced.log()),
                       "a line about it", 10)
            for _ in range(20):
                self.assertEqual(self.cluster.get("/", "more.test").status, 200)
        finally:
            os.kill(victim, signal.SIGCONT)
        wait_until(lambda: re.search(rf"pid {victim}.*again", self.cluster.sluiced.log()),
                   "a line that it is back")
        for _ in range(20):
            self.assertEqual(self.cluster.get("/", "more.test").status, 200)

    def test_an_interface_that_goes_and_comes_back_is_served_again(self):
        cluster = self.cluster
        cluster.node.ip("link del eth0")
        wait_until(lambda: "eth0 is gone" in cluster.sluiced.log(), "a line about it")
        cluster.link(cluster.client, "eth0", cluster.node, "eth0")
        cluster.client.ip(f"addr add {CLIENT_IP}/24 dev eth0",
                          f"route add default via {NODE_IP}")
        cluster.node.ip(f"addr add {NODE_IP}/24 dev eth0")
        wait_until(lambda: "eth0 is back" in cluster.sluiced.log(), "a line about it")
        self.assertIn("xdp", cluster.node.run("ip", "link", "show", "eth0").stdout)
        self.assertEqual(cluster.get("/", HOST).status, 200)
        self.assertEqual(cluster.sluiced.stop(signal.SIGINT), 0)
        self.assertNotIn("xdp", cluster.node.run("ip", "link", "show", "eth0").stdout)

    def test_sighup_reads_anew_and_disturbs_nothing(self):
        self.cluster.sluiced.popen.send_signal(signal.SIGHUP)
        wait_until(lambda: "SIGHUP" in self.cluster.sluiced.log(), "a line about it")
        self.assertEqual(self.cluster.get("/", HOST).status, 200)
        self.assertTrue(self.cluster.sluiced.running())

    def test_ctrl_c_lets_a_request_finish(self):
        with self.cluster.client.connect(NODE_IP, 80) as sock:
            sock.sendall(REQUEST[:20])
            time.sleep(0.2)
            self.cluster.sluiced.popen.send_signal(signal.SIGINT)
            time.sleep(0.5)
            sock.sendall(REQUEST[20:])
            self.assertEqual(read_response(sock.makefile("rb")).status, 200)
        self.assertEqual(self.cluster.sluiced.popen.wait(10), 0)
        self.assertEqual(self.cluster.workers(), [])

    def test_a_second_ctrl_c_does_not_wait(self):
        with self.cluster.client.connect(NODE_IP, 80) as sock:
            sock.sendall(REQUEST[:20])
            time.sleep(0.2)
            self.cluster.sluiced.popen.send_signal(signal.SIGINT)
            time.sleep(0.3)
            begun = time.monotonic()
            self.assertEqual(self.cluster.sluiced.stop(signal.SIGINT), 0)
        self.assertLess(time.monotonic() - begun, 3)
        self.assertEqual(self.cluster.workers(), [])

    def test_cleanup_is_refused_while_it_runs(self):
        for flags in ((), ("--takeover",)):  # a container has it among its flags
            done = self.cluster.node.run(BUILD / "sluiced", "--cleanup", *flags, "--bpffs",
                                         self.cluster.bpffs, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, str(self.cluster.sluiced.pid))
        self.assertEqual(self.cluster.get("/", HOST).status, 200)
