# SPDX-License-Identifier: Apache-2.0
"""Files that change while traffic runs: what changes at once, and what must not be disturbed."""

import os
import statistics
import time

from cluster import app, endpoint_slice, ingress, path, rule, service, to_json
from load import Requests, Wrk
from netns import wait_until
from scene import SceneTest

HOST = "stable.test"


class Changes(SceneTest):
    @classmethod
    def manifests(cls, cluster):
        return {"stable.json": [ingress("stable", rule(HOST, path("/", "stable")))]
                + app("stable", *cluster.pods.values())}

    def tearDown(self):
        for file in self.cluster.manifests.iterdir():
            if file.name != "stable.json":
                file.unlink()
        self.cluster.save("stable.json", self.manifests(self.cluster)["stable.json"])
        wait_until(lambda: self.answer("/", "changing.test") == 404, "the scene is as at first")

    def slice_of(self, *names):
        pods = [self.cluster.pods[name].ip for name in names]
        return [ingress("stable", rule(HOST, path("/", "stable"))), service("stable"),
                endpoint_slice("stable", pods)]

    def test_routes_and_backends_change_100_times_under_load_without_a_failed_request(self):
        kept = Wrk(self.cluster, HOST, 12)
        single = Requests(self.cluster, HOST)
        begun = time.monotonic()
        for turn in range(100):
            extra = [ingress(f"extra-{turn}", rule("changing.test", path(f"/{turn}", "stable")))]
            self.cluster.save("extra.json", extra)
            self.cluster.save("stable.json", self.slice_of(
                *(("pod-a", "pod-b"), ("pod-b", "pod-c"), ("pod-a", "pod-c"))[turn % 3]))
            if turn % 10 == 9:
                wait_until(lambda: self.cluster.get(f"/{turn}", "changing.test").status == 200,
                           f"route of turn {turn}")
            if turn % 2:
                self.cluster.remove("extra.json")
            time.sleep(max(0.0, begun + turn * 0.1 - time.monotonic()))
        done, failures = single.stop()
        self.assertEqual(failures, [], f"of {done} requests")
        requests, errors = kept.result()
        self.assertEqual(errors, 0, f"of {requests} requests over kept connections")
        self.assertGreater(requests, 1000)

    def test_a_pod_that_leaves_the_slice_and_dies_costs_no_request(self):
        load = Requests(self.cluster, HOST)
        wait_until(lambda: len(load.pods) == 3, "all pods answer")
        self.cluster.save("stable.json", self.slice_of("pod-a", "pod-b"))
        time.sleep(0.2)
        pod = self.cluster.pods["pod-c"]
        pod.nginx.stop()
        time.sleep(0.5)
        done, failures = load.stop()
        pod.start_nginx()
        self.assertEqual(failures, [], f"of {done} requests")

    def test_a_pod_that_dies_while_it_is_listed_costs_no_request(self):
        load = Requests(self.cluster, HOST)
        wait_until(lambda: len(load.pods) == 3, "all pods answer")
        pod = self.cluster.pods["pod-c"]
        pod.nginx.stop()
        time.sleep(1)
        done, failures = load.stop()
        pod.start_nginx()
        self.assertEqual(failures, [], f"of {done} requests")

    def test_a_save_reaches_traffic_at_once(self):
        times_ms = []
        for turn in range(15):
            self.cluster.save("timed.json", [
                ingress("timed", rule("changing.test", path(f"/{turn}", "stable")))])
            begun = time.monotonic()
            self.answers_soon_ok(f"/{turn}")
            times_ms.append((time.monotonic() - begun) * 1000)
        # The target is 50 ms on a quiet machine; tests run side by side with others here.
        self.assertLess(statistics.median(times_ms), 500, times_ms)

    def answers_soon_ok(self, request_path):
        self.cluster.get_until(lambda response: response.status == 200, request_path,
                               path=request_path, host="changing.test")

    def test_every_way_to_save_is_seen(self):
        folder = self.cluster.manifests
        objects = [ingress("saved", rule("changing.test", path("/", "stable")))]
        empty = to_json([])

        def by_rename():
            self.cluster.save("saved.json", objects)

        def in_place():
            (folder / "saved.json").write_text(to_json(objects))

        def moved_in():
            outside = self.cluster.folder / "outside.json"
            outside.write_text(to_json(objects))
            outside.rename(folder / "saved.json")

        def hard_link():
            (folder / "saved.json").unlink()
            outside = self.cluster.folder / "outside.json"
            outside.write_text(to_json(objects))
            os.link(outside, folder / "saved.json")

        def in_small_pieces():
            with open(folder / "saved.json", "w", buffering=1) as file:
                for character in to_json(objects):
                    file.write(character)
                    file.flush()

        for way in (by_rename, in_place, moved_in, hard_link, in_small_pieces):
            with self.subTest(way.__name__):
                (folder / "saved.json").write_text(empty)
                self.answers_soon(404, "/", "changing.test")
                way()
                self.answers_soon_ok("/")
        self.cluster.remove("saved.json")
        self.answers_soon(404, "/", "changing.test")

    def test_all_file_names_that_count_and_those_that_do_not(self):
        folder = self.cluster.manifests
        text = to_json([ingress("named", rule("changing.test", path("/", "stable")))])
        for name in ("x.yaml", "x.yml", "x.json"):
            (folder / name).write_text(text)
            self.answers_soon_ok("/")
            (folder / name).unlink()
            self.answers_soon(404, "/", "changing.test")
        for name in (".x.yaml", "x.yaml~", "x.txt", "x.yaml.swp", ".#x.yaml"):
            (folder / name).write_text(text)
        time.sleep(0.5)
        self.assertEqual(self.answer("/", "changing.test"), 404)

    def test_a_directory_of_symlinks_as_configmaps_are_mounted(self):
        folder = self.cluster.manifests
        first, second = folder / "..1", folder / "..2"
        for version, request_path in ((first, "/one"), (second, "/two")):
            version.mkdir()
            (version / "map.json").write_text(to_json(
                [ingress("mapped", rule("changing.test", path(request_path, "stable")))]))
        try:
            (folder / "..data").symlink_to("..1")
            (folder / "map.json").symlink_to("..data/map.json")
            self.answers_soon_ok("/one")
            (folder / "..data_tmp").symlink_to("..2")
            (folder / "..data_tmp").rename(folder / "..data")
            self.answers_soon_ok("/two")
            self.assertEqual(self.answer("/one", "changing.test"), 404)
        finally:
            for version in (first, second):
                (version / "map.json").unlink()
                version.rmdir()

    def test_a_thousand_objects_in_one_file_are_one_change(self):
        names = [f"h{number}.many.test" for number in range(1000)]
        self.cluster.save("many.json", [ingress(f"many-{number}", rule(name, path("/", "stable")))
                                        for number, name in enumerate(names)])
        self.cluster.get_until(lambda response: response.status == 200, "first host",
                               path="/", host=names[0])
        for name in names[::97] + names[-1:]:
            self.assertEqual(self.cluster.get("/", name).status, 200, name)
        self.cluster.remove("many.json")
        self.answers_soon(404, "/", names[-1])
