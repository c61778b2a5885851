# SPDX-License-Identifier: Apache-2.0
"""Lists and watches, and everything an API server can do to them."""

import time
import unittest

from watching import KubeWatch, ingress, node, service, slice_of

from kube_double import ADMIN_TOKEN, Double


class Watching(unittest.TestCase):
    """One double and, where a test does not start its own, one kube-watch."""

    def setUp(self):
        self.double = Double()
        self.addCleanup(self.double.close)

    def watch(self, *options, **user):
        watch = KubeWatch(self.double.kubeconfig(**user), *options)
        self.addCleanup(watch.close)
        return watch

    def test_objects_appear_change_and_vanish(self):
        self.double.put(ingress("early"))
        watch = self.watch()
        watch.expect("synced")
        watch.expect("put Ingress shop/early")
        self.double.put(service("web"))
        watch.expect("put Service shop/web")
        self.double.put(slice_of("web", ["10.0.0.1"]))
        watch.expect("put EndpointSlice shop/web-a")
        self.double.put(slice_of("web", ["10.0.0.1", "10.0.0.2"]))
        watch.expect("put EndpointSlice shop/web-a")
        self.double.remove("ingresses", "shop", "early")
        watch.expect("gone Ingress shop/early")
        counts = watch.counts()
        self.assertEqual((counts["watches"], counts["open"], counts["relists"]), (7, 7, 0))

    def test_synced_comes_after_the_last_list(self):
        self.double.fault(verb="watch", resource="secrets", delay_s=1.0)
        self.double.put(ingress("a"))
        watch = self.watch()
        watch.quiet(0.6)
        watch.expect("synced")
        watch.expect("put Ingress shop/a")

    def test_only_tls_secrets_are_read(self):
        for name, kind in (("web", "kubernetes.io/tls"), ("password", "Opaque")):
            self.double.put({"apiVersion": "v1", "kind": "Secret", "type": kind, "data": {},
                             "metadata": {"name": name, "namespace": "shop"}})
        watch = self.watch()
        watch.expect("synced")
        self.assertEqual([line for line in watch.have() if line.startswith("Secret")],
                         ["Secret shop/web"])

    def test_nodes_and_the_deny_list_are_read(self):
        self.double.put(node("n1", InternalIP="10.0.0.1"))
        for namespace, name in (("sluice-system", "sluice-denylist"), ("sluice-system", "other"),
                                ("shop", "sluice-denylist")):
            self.double.put({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"},
                             "metadata": {"name": name, "namespace": namespace}})
        watch = self.watch()
        watch.expect("synced")
        self.assertEqual(watch.have(), {"Node /n1", "ConfigMap sluice-system/sluice-denylist"})
        self.double.put(node("n1", InternalIP="10.0.0.2"))
        watch.expect("put Node /n1")
        self.double.remove("nodes", "", "n1")
        watch.expect("gone Node /n1")

    def test_what_is_optional_may_be_forbidden(self):
        self.double.user("poor", "poor-token", rules=[
            {"apiGroups": ["networking.k8s.io", "discovery.k8s.io"], "resources": ["*"],
             "verbs": ["list", "watch"]},
            {"apiGroups": [""], "resources": ["services", "secrets"], "verbs": ["list", "watch"]}])
        self.double.put(ingress("a"))
        self.double.put(node("n1", InternalIP="10.0.0.1"))
        watch = self.watch(token="poor-token")
        watch.expect("synced")
        watch.expect("put Ingress shop/a")
        watch.expect_log('missing RBAC rule: apiGroups: [""], resources: ["nodes"]')
        self.double.allow("poor", None)
        watch.expect("put Node /n1", 20)

    def test_pages_where_no_streaming_list_is_offered(self):
        for mode in ("refused", "internal-error"):
            with self.subTest(mode):
                self.double.settings(streaming=mode)
                for number in range(1203):
                    if mode == "refused":
                        self.double.put(ingress(f"i{number}"))
                watch = self.watch()
                watch.expect("synced", 20)
                self.assertEqual(len(watch.have()), 1203)
                pages = self.double.log(verb="list", resource="ingresses")
                self.assertEqual([entry["query"].get("limit") for entry in pages], ["500"] * 3)
                self.double.put(ingress("late"))
                watch.expect("put Ingress shop/late")
                watch.close()
                self.double.remove("ingresses", "shop", "late")
                self.double.clear_log()

    def test_pages_where_the_streaming_list_is_taken_for_a_watch(self):
        for bookmark_s in (60, 0.2):  # nothing comes after the objects, or what ends no list
            with self.subTest(bookmark_s):
                self.double.settings(streaming="ignored", bookmark_s=bookmark_s)
                self.double.put(ingress("a"))
                watch = self.watch()
                watch.expect("synced", 15)
                self.assertIn("shop/a", "".join(watch.have()))
                self.assertTrue(self.double.log(verb="list", resource="ingresses"))
                self.double.put(ingress("late"))
                watch.expect("put Ingress shop/late")
                watch.close()
                self.double.remove("ingresses", "shop", "late")
                self.double.clear_log()

    def test_page_token_that_expires_is_answered_with_one_whole_list(self):
        self.double.settings(streaming="refused")
        for number in range(900):
            self.double.put(ingress(f"i{number}"))
        original = self.double.store.page

        def page(resource, namespace, matches, limit, token):
            if token:
                self.double.store.pages.clear()
            return original(resource, namespace, matches, limit, token)

        self.double.store.page = page
        watch = self.watch()
        watch.expect("synced", 20)
        self.assertEqual(len(watch.have()), 900)

    def test_expired_version_lists_again_and_finds_what_was_deleted(self):
        for name in ("stays", "goes"):
            self.double.put(ingress(name))
        self.double.put(service("web"))
        watch = self.watch()
        # Lists come side by side: each object's line may be the last.
        self.assertEqual(sorted(watch.expect("").split()[0] for _ in range(4)),
                         ["put", "put", "put", "synced"])
        self.double.stop()
        self.double.remove("ingresses", "shop", "goes")
        self.double.put(ingress("comes"))
        self.double.expire()
        self.double.start()
        seen = {tuple(watch.expect("").split()[:3]) for _ in range(2)}
        self.assertEqual(seen, {("gone", "Ingress", "shop/goes"), ("put", "Ingress", "shop/comes")})
        watch.wait_have({"Ingress shop/stays", "Ingress shop/comes", "Service shop/web"})
        self.assertGreaterEqual(watch.counts()["relists"], 1)
        watch.expect_log("too old")

    def test_every_form_of_410(self):
        event = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410,
                 "message": "The resourceVersion for the provided watch is too old.",
                 "reason": "Expired"}
        rows = {
            "event": {"event": ("ERROR", event)},
            "event without a code": {"event": ("ERROR", {**event, "code": 0, "reason": "Gone"})},
            "answer": {"code": 410, "body": event},
            "plain answer": {"code": 410, "body": "gone"},
        }
        watch = self.watch()
        watch.expect("synced")
        for number, (name, fault) in enumerate(rows.items()):
            with self.subTest(name):
                time.sleep(0.2)
                relists = watch.counts()["relists"]
                self.double.fault(verb="watch", resource="ingresses", **fault)
                self.double.drop()
                self.double.put(ingress(f"n{number}"))
                watch.expect(f"put Ingress shop/n{number}")
                self.assertEqual(watch.counts()["relists"], relists + 1)

    def test_resumes_where_a_connection_was_cut(self):
        watch = self.watch()
        watch.expect("synced")
        for number in range(5):
            self.double.put(ingress(f"a{number}"))
            watch.expect(f"put Ingress shop/a{number}")
            self.double.drop()
            self.double.put(ingress(f"b{number}"))
            watch.expect(f"put Ingress shop/b{number}")
        self.assertEqual(watch.counts()["relists"], 0)
        self.assertEqual(len(watch.have()), 10)

    def test_cut_at_any_byte_loses_nothing(self):
        for number in range(3):
            self.double.put(ingress(f"i{number}"))
        watch = self.watch()
        watch.expect("synced")
        wanted = {f"Ingress shop/i{number}" for number in range(3)}
        for round_number in range(24):
            self.double.fault(verb="watch", resource="ingresses",
                              cut_after=1 + round_number * 37, times=1)
            self.double.drop()
            self.double.put(ingress(f"r{round_number}"))
            wanted.add(f"Ingress shop/r{round_number}")
            watch.expect(f"put Ingress shop/r{round_number}")
        watch.wait_have(wanted)

    def test_streams_in_pieces_of_one_byte(self):
        self.double.fault(resource="ingresses", pieces=1, times=9)
        self.double.put(ingress("a"))
        watch = self.watch()
        watch.expect("synced", 20)
        self.double.put(ingress("b"))
        watch.expect("put Ingress shop/b", 20)

    def test_end_without_the_last_chunk(self):
        self.double.settings(watch_limit_s=0.5)
        self.double.fault(verb="watch", no_end=True, times=30)
        watch = self.watch()
        watch.expect("synced")
        time.sleep(1.2)
        self.double.put(ingress("a"))
        watch.expect("put Ingress shop/a")
        self.assertEqual(watch.counts()["relists"], 0)

    def test_watches_that_end_in_peace_are_resumed(self):
        self.double.settings(watch_limit_s=0.3)
        watch = self.watch()
        watch.expect("synced")
        for number in range(6):
            self.double.put(ingress(f"i{number}"))
            watch.expect(f"put Ingress shop/i{number}")
            time.sleep(0.2)
        counts = watch.counts()
        self.assertEqual((counts["relists"], counts["watch_errors"]), (0, 0))

    def test_silence_is_noticed(self):
        watch = self.watch("--idle-limit-ms=700")
        watch.expect("synced")
        self.double.fault(verb="watch", resource="ingresses", silence=True, times=2)
        self.double.drop()
        time.sleep(0.3)
        self.double.put(ingress("a"))
        watch.expect("put Ingress shop/a", 20)
        self.assertGreaterEqual(watch.counts()["relists"], 1)

    def test_api_server_away(self):
        self.double.put(ingress("a"))
        watch = self.watch()
        watch.expect("synced")
        watch.expect("put Ingress shop/a")
        self.double.stop()
        self.double.put(ingress("b"))
        watch.quiet(3)
        self.assertIn("Ingress shop/a", watch.have())
        self.double.start()
        watch.expect("put Ingress shop/b", 30)
        self.assertEqual(watch.counts()["relists"], 0)

    def test_a_server_that_was_away_for_long_is_followed_at_once(self):
        """What waits for its next try by then is woken when any other request is answered, and a
        version that has expired meanwhile is no failure to wait for."""
        self.double.namespace("sluice-system")
        watch = self.watch("--write", "--identity=a")
        watch.expect("synced")
        watch.expect_log("now the leader")
        self.double.stop()
        time.sleep(20)  # the next tries are more than ten seconds apart
        self.double.put(ingress("late"))
        self.double.expire()
        self.double.start()
        watch.expect("put Ingress shop/late", 5)

    def test_start_before_the_api_server(self):
        self.double.stop()
        watch = self.watch()
        watch.quiet(1)
        self.double.start()
        watch.expect("synced", 20)

    def test_retry_after_is_kept_to(self):
        self.double.fault(resource="ingresses", code=429, headers={"Retry-After": "2"},
                          body="Too many requests, please try again later.")
        watch = self.watch()
        watch.quiet(1.8)
        watch.expect("synced", 5)
        self.assertEqual(self.double.log(verb="list"), [], "429 is no reason to give up streaming")

    def test_errors_of_the_server_are_waited_out(self):
        watch = self.watch()
        watch.expect("synced")
        for code in (500, 503, 504):
            self.double.fault(verb="watch", resource="ingresses", code=code, body="oops")
            self.double.drop()
            self.double.put(ingress(f"after-{code}"))
            watch.expect(f"put Ingress shop/after-{code}")

    def test_version_that_the_server_refuses_ends_in_a_list(self):
        watch = self.watch()
        watch.expect("synced")
        for _ in range(5):
            self.double.fault(verb="watch", resource="ingresses", code=500,
                              body={"kind": "Status", "message": "resourceVersion: Invalid value",
                                    "code": 500})
        self.double.drop()
        self.double.put(ingress("a"))
        watch.expect("put Ingress shop/a", 20)
        self.assertGreaterEqual(watch.counts()["relists"], 1)

    def test_large_events(self):
        watch = self.watch()
        watch.expect("synced")
        large = slice_of("web", [f"10.{n >> 8}.{n & 255}.1" for n in range(1000)])
        large["metadata"]["annotations"] = {"example.com/filler": "x" * 900_000}
        self.double.put(large)
        watch.expect("put EndpointSlice shop/web-a", 20)

    def test_broken_stream_is_begun_anew(self):
        watch = self.watch()
        watch.expect("synced")
        self.double.fault(verb="watch", resource="ingresses", code=200, body='{"type":"ADDED"\n')
        self.double.drop()
        self.double.put(ingress("a"))
        watch.expect("put Ingress shop/a")

    def test_bad_object_is_left_out_alone(self):
        broken = ingress("broken")
        broken["spec"] = "nonsense"
        self.double.put(broken)
        self.double.put(ingress("fine"))
        watch = self.watch()
        watch.expect("refused Ingress shop/broken spec")
        watch.expect("synced")
        watch.expect("put Ingress shop/fine")
        self.assertEqual(watch.counts()["refused"], 1)
        self.double.put(ingress("broken"))
        watch.expect("accepted Ingress shop/broken")
        watch.expect("put Ingress shop/broken")
        self.assertEqual(watch.counts()["refused"], 0)

    def test_unknown_types_fields_and_null_lists(self):
        item = slice_of("web", [])
        item.update(endpoints=None, ports=None, brandNew={"a": [1, None]})
        self.double.put(item)
        watch = self.watch()
        watch.expect("synced")
        watch.expect("put EndpointSlice shop/web-a")
        self.double.fault(verb="watch", resource="ingresses",
                          event=("FUTURE", {"kind": "Ingress", "metadata": {"name": "x"}}))
        self.double.drop()
        self.double.put(ingress("a"))
        watch.expect("put Ingress shop/a")

    def test_narrowed_to_namespaces_and_labels(self):
        for namespace in ("one", "two", "three"):
            self.double.put(ingress("plain", namespace))
            self.double.put(ingress("labelled", namespace, labels={"edge": "yes"}))
            self.double.put(service("web", namespace))
        watch = self.watch("--watch-namespace=one,two", "--label-selector=edge=yes",
                           "--secret-namespace=certs")
        watch.expect("synced")
        wanted = {f"{what} {namespace}/{name}" for namespace in ("one", "two")
                  for what, name in (("Ingress", "labelled"), ("Service", "web"))}
        watch.wait_have(wanted)
        secrets = self.double.log(resource="secrets")
        self.assertEqual({entry["namespace"] for entry in secrets}, {"certs"})
        relabelled = ingress("labelled", "one")
        self.double.put(relabelled)
        watch.expect("gone Ingress one/labelled")


class Credentials(unittest.TestCase):
    """Who we are, and what is said when that does not suffice."""

    def setUp(self):
        self.double = Double()
        self.addCleanup(self.double.close)

    def watch(self, *options, **user):
        watch = KubeWatch(self.double.kubeconfig(**user), *options)
        self.addCleanup(watch.close)
        return watch

    def test_token_never_reaches_the_log(self):
        watch = self.watch()
        watch.expect("synced")
        self.double.drop()
        self.double.put(ingress("a"))
        watch.expect("put Ingress")
        watch.close()
        self.assertNotIn(ADMIN_TOKEN, watch.log)

    def test_client_certificate_by_file_and_as_data(self):
        import base64
        folder = self.double.folder
        self.watch(**{"client-certificate": "client.crt", "client-key": "client.key"}
                   ).expect("synced")
        data = {f"client-{what}-data": base64.b64encode(
            (folder / f"client.{suffix}").read_bytes()).decode()
            for what, suffix in (("certificate", "crt"), ("key", "key"))}
        self.watch(**data).expect("synced")
        self.assertEqual({entry["user"] for entry in self.double.log()}, {"admin-cert"})

    def test_server_of_another_ca_is_refused(self):
        with Double() as other:
            path = other.kubeconfig()
            text = path.read_text().replace('"ca.crt"', f'"{self.double.folder}/ca.crt"')
            path.write_text(text)
            with KubeWatch(path) as watch:
                watch.expect_log("certificate")
                self.assertEqual(other.log(), [])

    def test_token_file_is_read_again_as_it_rotates(self):
        token_file = self.double.folder / "token"
        token_file.write_text("first\n")
        self.double.user("rotating", "first")
        watch = self.watch(tokenFile="token")
        watch.expect("synced")
        self.double.user("rotating", "second")
        token_file.write_text("second\n")
        self.double.revoke("first")
        self.double.drop()
        self.double.put(ingress("a"))
        watch.expect("put Ingress shop/a")
        self.assertEqual(watch.counts()["relists"], 0)

    def test_missing_rule_is_named(self):
        self.double.user("nobody", "poor-token", rules=[
            {"apiGroups": ["*"], "resources": ["ingressclasses", "services", "endpointslices",
                                               "secrets"], "verbs": ["list", "watch"]},
            {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses"], "verbs": ["list"]}])
        watch = self.watch(token="poor-token")
        watch.expect_log('missing RBAC rule: apiGroups: ["networking.k8s.io"], '
                         'resources: ["ingresses"], verbs: ["watch"]')
        watch.expect_log("cannot watch resource")
        self.double.allow("nobody", None)
        watch.expect("synced", 20)

    def test_plain_http(self):
        with Double(tls=False) as double, KubeWatch(double.kubeconfig()) as watch:
            watch.expect("synced")

    def test_bad_kubeconfig_names_the_field(self):
        rows = {
            "no context": ({"current-context": "nosuch"}, "contexts has no 'nosuch'"),
            "no server": ({"clusters": [{"name": "double", "cluster": {}}]}, "cluster.server ''"),
            "exec": ({"users": [{"name": "tester", "user": {"exec": {"command": "x"}}}]},
                     "user.exec is not supported"),
        }
        import json
        good = json.loads(self.double.kubeconfig().read_text())
        for name, (change, message) in rows.items():
            with self.subTest(name):
                path = self.double.folder / "bad"
                path.write_text(json.dumps({**good, **change}))
                watch = KubeWatch(path)
                self.assertEqual(watch.process.wait(10), 1)
                watch.expect_log(message)
                watch.killed = True  # it was to end so
                watch.close()


if __name__ == "__main__":
    unittest.main()
