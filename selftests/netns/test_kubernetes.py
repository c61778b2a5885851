# SPDX-License-Identifier: Apache-2.0
"""The whole of Sluice on an API server: objects made there are traffic here.

Against the double, or with TEST_KUBECONFIG=FILE (make test-kube KUBECONFIG=FILE) any real cluster."""

import os
import signal
import subprocess
import time
import unittest

from cluster import endpoint, endpoint_slice, ingress, path, request, rule, service
from kube_scene import NAMESPACE, OTHER_NAMESPACE, KubeCluster, addresses, kubectl
from load import Requests, Wrk
from netns import ROOT


def route(name, host, to="web", **more):
    return ingress(name, rule(host, path("/", to)), namespace=NAMESPACE, **more)


def slices(name, *endpoints, **more):
    return endpoint_slice(name, list(endpoints), namespace=NAMESPACE, **more)


class Kubernetes(unittest.TestCase):
    """One cluster with a running Sluice for all tests; each makes objects of its own."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = KubeCluster()
        try:
            cls.api = cls.cluster.api
            cls.ips = {name[-1]: pod.ip for name, pod in cls.cluster.pods.items()}
            cls.api.put(service("web", namespace=NAMESPACE),
                        slices("web", cls.ips["a"], cls.ips["b"]), route("stable", "stable.test"))
            cls.cluster.start()
        except BaseException:
            print(cls.cluster.logs(), flush=True)
            cls.cluster.close()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    def status_of(self, host, url_path="/"):
        return self.cluster.get(url_path, host).status

    def until_status(self, host, status, timeout=10):
        self.cluster.get_until(lambda response: response.status == status,
                               f"{host}: {status}", timeout, host=host)

    def test_ready_means_served(self):
        self.assertIn(self.cluster.get("/", "stable.test").pod, ("pod-a", "pod-b"))

    def test_routes_appear_change_and_vanish(self):
        self.assertEqual(self.status_of("new.test"), 404)
        self.api.put(route("new", "new.test"))
        self.until_status("new.test", 200)
        self.api.put(route("new", "newer.test"))
        self.until_status("newer.test", 200)
        self.until_status("new.test", 404)
        self.api.remove("ingresses", "new")
        self.until_status("newer.test", 404)

    def test_slices_churn_without_a_failed_request(self):
        self.api.put(service("churn", namespace=NAMESPACE), slices("churn", self.ips["a"]),
                     route("churn", "churn.test", "churn"))
        self.until_status("churn.test", 200)
        kept, single = Wrk(self.cluster, "churn.test", 8), Requests(self.cluster, "churn.test")
        for turn in range(40):
            first, second = (("a", "b"), ("b", "c"), ("c", "a"))[turn % 3]
            self.api.put(slices("churn", endpoint(self.ips[first], ready=False, serving=True,
                                                  terminating=True), self.ips[second]))
            time.sleep(0.15)
        done, failures = single.stop()
        self.assertEqual(failures, [], f"of {done} requests")
        requests, errors = kept.result()
        self.assertEqual(errors, 0, f"of {requests} requests")
        self.assertGreater(requests, 100)

    def test_rolling_update_of_a_thousand_pods_fails_no_request(self):
        """A thousand addresses of one pod's host stand for the old pods, a thousand for the new."""
        pod = self.cluster.pods["pod-c"]
        pod.host.ip("route add local 10.245.0.0/16 dev lo")
        self.cluster.node.ip(f"route add 10.245.0.0/16 via {pod.ip}")
        parts, each, step = 10, 100, 10

        def part(number, done, ending):
            """One slice of the update: of its pods `done` are new, `ending` of the old ones end."""
            def address(index, new):
                return f"10.245.{number + (100 if new else 0)}.{index + 1}"
            endpoints = [address(index, True) for index in range(done)]
            endpoints += [endpoint(address(index, False), ready=False, serving=True,
                                   terminating=True) for index in range(done - ending, done)]
            endpoints += [address(index, False) for index in range(done, each)]
            return slices("rolled", *endpoints, suffix=f"s{number}")

        self.api.put(service("rolled", namespace=NAMESPACE),
                     *(part(number, 0, 0) for number in range(parts)),
                     route("rolled", "rolled.test", "rolled"))
        self.until_status("rolled.test", 200)
        kept, single = Wrk(self.cluster, "rolled.test", 10), Requests(self.cluster, "rolled.test")
        for done in range(step, each + 1, step):
            self.api.put(*(part(number, done, step) for number in range(parts)))
            time.sleep(0.3)
        self.api.put(*(part(number, each, 0) for number in range(parts)))
        done, failures = single.stop()
        requests, errors = kept.result()
        self.assertEqual(failures, [], f"of {done} requests")
        self.assertEqual(errors, 0, f"of {requests} requests")
        self.assertGreater(requests, 100)
        for number in range(parts):
            self.api.remove("endpointslices", f"rolled-s{number}")
        self.api.remove("ingresses", "rolled")

    def test_class_moves_and_status_follows(self):
        self.api.put(route("moves", "moves.test"))
        self.until_status("moves.test", 200)
        self.cluster.wait(lambda: addresses(self.api.read("ingresses", "moves")) == ["192.0.2.1"],
                          "the node's address in the status")
        self.api.put(route("moves", "moves.test", class_name="other"))
        self.until_status("moves.test", 404)
        self.cluster.wait(lambda: addresses(self.api.read("ingresses", "moves")) == [],
                          "the status cleared")
        self.api.remove("ingresses", "moves")

    def test_conflict_is_told_by_an_event(self):
        self.api.put(route("first", "same.test"))
        self.until_status("same.test", 200)
        time.sleep(1.1)  # creationTimestamp counts in seconds
        self.api.put(route("second", "same.test", to="nosuch"))
        event = self.cluster.wait(lambda: [item for item in self.api.events()
                                           if item["regarding"]["name"] == "second"], "an Event")
        self.assertTrue(event[0]["note"])
        self.assertEqual(self.status_of("same.test"), 200)
        for name in ("first", "second"):
            self.api.remove("ingresses", name)

    def test_other_namespace_is_another_service(self):
        self.api.put(ingress("far", rule("far.test", path("/", "web")), namespace=OTHER_NAMESPACE))
        self.until_status("far.test", 503)
        self.api.remove("ingresses", "far", OTHER_NAMESPACE)

    def test_certificate_of_a_secret_is_served_and_replaced(self):
        for turn in ("first", "second"):
            self.api.put(self.secret("shop-tls", turn))
            self.api.put(route("shop", "shop.test", tls=[{"hosts": ["shop.test"],
                                                          "secretName": "shop-tls"}]))
            self.cluster.wait(lambda turn=turn: turn in self.served_subject("shop.test"),
                              f"the {turn} certificate")

    def secret(self, name, organisation):
        folder = self.cluster.folder
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "tls.key", "-out",
                        "tls.crt", "-days", "2", "-subj", f"/CN=shop.test/O={organisation}",
                        "-addext", "subjectAltName=DNS:shop.test"], cwd=folder, check=True,
                       capture_output=True, timeout=30)
        import base64
        data = {key: base64.b64encode((folder / key).read_bytes()).decode()
                for key in ("tls.crt", "tls.key")}
        return {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "data": data,
                "metadata": {"name": name, "namespace": NAMESPACE}}

    def served_subject(self, host):
        done = self.cluster.client.run(
            "openssl", "s_client", "-connect", "192.0.2.1:443", "-servername", host, check=False)
        return next((line for line in done.stdout.splitlines() if line.startswith("subject")), "")

    def test_service_gets_an_address_of_the_pool_and_is_reached_there(self):
        self.api.put(service("l4", [("tcp", 7000, "TCP")], namespace=NAMESPACE,
                             type="LoadBalancer", loadBalancerClass="sluice.dev/l4"),
                     slices("l4", self.ips["a"], self.ips["b"], ports=[("tcp", 9000, "TCP")]))
        address, = self.cluster.wait(lambda: addresses(self.api.read("services", "l4")),
                                     "an address")
        self.assertTrue(address.startswith("198.51.100."))

        def answered():
            try:
                return "sees" in self.cluster.tcp(address, 7000, 1)
            except OSError:
                return False
        self.cluster.wait(answered, "an answer at the address")
        self.api.remove("services", "l4")
        self.cluster.wait(lambda: not answered(), "the address is gone")

    def test_api_server_away_under_load(self):
        away_s = float(os.environ.get("API_AWAY_S", "6"))
        kept, single = (Wrk(self.cluster, "stable.test", int(away_s) + 2),
                        Requests(self.cluster, "stable.test"))
        self.cluster.forwarder.cut()
        self.api.put(route("meanwhile", "meanwhile.test"))
        time.sleep(away_s)
        self.assertEqual(self.status_of("meanwhile.test"), 404)
        self.cluster.forwarder.resume()
        self.until_status("meanwhile.test", 200, 40)
        done, failures = single.stop()
        self.assertEqual(failures, [], f"of {done} requests")
        self.assertEqual(kept.result()[1], 0)
        self.api.remove("ingresses", "meanwhile")

    def test_restart_of_sluiced_takes_in_what_changed(self):
        load = Requests(self.cluster, "stable.test")
        self.cluster.sluiced.stop(signal.SIGTERM)
        self.api.put(route("later", "later.test"))
        self.cluster.start()
        self.until_status("later.test", 200)
        done, failures = load.stop()
        self.assertEqual(failures, [], f"of {done} requests")
        self.api.remove("ingresses", "later")

    def test_changes_reach_traffic_in_time(self):
        """From the write at the API server to the first answer, over the forwarder and its threads."""
        times = []
        for turn in range(10):
            begun = time.monotonic()
            self.api.put(route("quick", f"quick-{turn}.test"))
            self.until_status(f"quick-{turn}.test", 200)
            times.append(time.monotonic() - begun)
        self.api.remove("ingresses", "quick")
        limit_s = 5.0 if os.environ.get("TEST_KUBECONFIG") else 0.25
        self.assertLess(sorted(times)[5], limit_s, times)

    def test_not_ready_before_every_list_has_been_read(self):
        if os.environ.get("TEST_KUBECONFIG"):
            return  # a real API server does not fail on demand
        with KubeCluster(pods=("pod-a",)) as cluster:
            cluster.api.double.fault(resource="secrets", code=500, body="oops", times=6)
            cluster.api.put(service("web", namespace=NAMESPACE),
                            slices("web", cluster.pods["pod-a"].ip), route("a", "a.test"))
            cluster.start(ready=False)
            time.sleep(0.5)
            while not cluster.ready():
                try:
                    answer = request(cluster.client, "192.0.2.1", 80, "/", "a.test", timeout=1)
                    self.assertNotEqual(answer.status, 404)
                except OSError:
                    pass  # nobody there yet: the client may go to another node
                time.sleep(0.05)
            self.assertEqual(cluster.get("/", "a.test").status, 200)


class EveryNamespace(KubeCluster):
    """Watches all namespaces, as manifests/ installs it; its pods are those of the examples."""

    def flags(self):
        words = super().flags()
        at = words.index("--watch-namespace")
        return words[:at] + words[at + 2:]


class Installed(unittest.TestCase):
    """kubectl apply -k manifests/, then an example, with the rights that were installed."""

    def test_example_is_served(self):
        if os.environ.get("TEST_KUBECONFIG"):
            return  # no changes in namespaces that are not ours
        with EveryNamespace() as cluster:
            cluster.start()
            example = ROOT / "manifests" / "examples" / "hosts-and-paths.yaml"
            kubectl(cluster.api.admin, "apply", "--validate=false", "-n", "default", "-f", example)
            for host, path_text in (("shop.example.com", "/"), ("shop.example.com", "/cart/7"),
                                    ("papers.example.com", "/")):
                cluster.get_until(lambda response: response.status == 200, host, 10, path=path_text,
                                  host=host)
            shown = cluster.wait(lambda: addresses(cluster.api.read("ingresses", "shop",
                                                                    "default")), "ADDRESS")
            self.assertEqual(shown, ["192.0.2.1"])
            kubectl(cluster.api.admin, "delete", "--wait=false", "-n", "default", "-f", example)
            cluster.get_until(lambda response: response.status == 404, "removed", 10, path="/",
                              host="shop.example.com")


class Leaders(unittest.TestCase):
    """What the leader wrote outlives it: the next one goes on where it ended."""

    def test_deletes_while_away_are_found_and_another_leader_goes_on(self):
        with KubeCluster(pods=("pod-a",)) as cluster:
            api = cluster.api
            api.put(service("web", namespace=NAMESPACE),
                    slices("web", cluster.pods["pod-a"].ip), route("a", "a.test"),
                    route("goes", "goes.test"))
            cluster.start()
            cluster.wait(lambda: addresses(api.read("ingresses", "a")) == ["192.0.2.1"], "status")
            cluster.forwarder.cut()
            api.remove("ingresses", "goes")
            if not os.environ.get("TEST_KUBECONFIG"):
                api.double.expire()
            cluster.forwarder.resume()
            cluster.get_until(lambda response: response.status == 404, "deleted while away", 60,
                              host="goes.test")
            self.assertEqual(cluster.get("/", "a.test").status, 200)
            cluster.sluiced.stop(signal.SIGTERM)  # the Lease is given back
            api.put(route("b", "b.test"))
            cluster.start()
            cluster.wait(lambda: addresses(api.read("ingresses", "b")) == ["192.0.2.1"],
                         "the next leader's status", 40)


if __name__ == "__main__":
    unittest.main()
