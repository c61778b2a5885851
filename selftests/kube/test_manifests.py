# SPDX-License-Identifier: Apache-2.0
"""What is installed: manifests/ through the real kubectl, and the rights that it grants."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import time
import unittest

from watching import ROOT, KubeWatch, ingress, service, slice_of

from kube_double import Double

MANIFESTS = ROOT / "manifests"
CHART = MANIFESTS / "helm" / "sluice"


def kubectl(*words, kubeconfig=os.devnull, check=True):
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(["kubectl", *map(str, words)], text=True, capture_output=True,
                              timeout=60, env={**os.environ, "KUBECONFIG": str(kubeconfig),
                                               "HOME": home})
    if check and done.returncode:
        raise AssertionError(f"kubectl {' '.join(map(str, words))}: {done.stdout}{done.stderr}")
    return done.stdout


def kubectl_is_old():
    """Older than 1.21: kustomize 2, which knows neither folders as resources nor patches by path."""
    version = json.loads(kubectl("version", "--client", "-o", "json"))["clientVersion"]
    return int(version["minor"].rstrip("+")) < 21


class Installed(unittest.TestCase):
    """kubectl apply -k into the double."""

    @classmethod
    def setUpClass(cls):
        cls.double = Double()
        cls.kubeconfig = cls.double.kubeconfig()
        kubectl("apply", "--validate=false", "-k", MANIFESTS, kubeconfig=cls.kubeconfig)

    @classmethod
    def tearDownClass(cls):
        cls.double.close()

    def read(self, plural, name="sluice", namespace=""):
        return self.double.read(plural, namespace, name)

    def test_applied_again_changes_nothing(self):
        before = self.double.store.version
        kubectl("apply", "--validate=false", "-k", MANIFESTS, kubeconfig=self.kubeconfig)
        self.assertEqual(self.double.store.version, before)

    def test_server_side_dry_run_takes_the_overlays_and_stores_nothing(self):
        before = self.double.store.version
        for name in ("capabilities", "l2"):
            with self.subTest(name):
                folder = MANIFESTS / "overlays" / name
                if kubectl_is_old():
                    folder = self.rewritten_for_old_kubectl(folder)
                said = kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server",
                               "-k", folder, kubeconfig=self.kubeconfig)
                self.assertIn("daemonset.apps/sluice serverside-applied (server dry run)", said)
        self.assertEqual(self.double.store.version, before)

    def test_pods_are_what_the_documentation_says(self):
        spec = self.read("daemonsets", namespace="sluice-system")["spec"]
        pod = spec["template"]["spec"]
        container, = pod["containers"]
        self.assertTrue(pod["hostNetwork"])
        self.assertEqual([volume["hostPath"]["path"] for volume in pod["volumes"]],
                         ["/sys/fs/bpf"], "the one path of the host")
        self.assertEqual(pod["tolerations"], [{"operator": "Exists"}])
        self.assertEqual(pod["priorityClassName"], "sluice")
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            words = container[probe]["exec"]["command"]
            self.assertEqual(words[0], "/usr/local/sbin/sluiced")
            self.check_flags(words[1:])
        self.assertNotIn("ports", container, "a declared port would keep the next pod away")
        self.assertEqual(spec["updateStrategy"]["rollingUpdate"],
                         {"maxSurge": 1, "maxUnavailable": 0})
        self.assertIn("--takeover", container["args"])
        stop_s = sum(int(word.split("=")[1].rstrip("s")) for word in container["args"]
                     if word.startswith(("--drain-timeout=", "--shutdown-delay=")))
        self.assertGreater(pod["terminationGracePeriodSeconds"], stop_s + 10)
        self.assertEqual(spec["selector"]["matchLabels"],
                         self.read("services", namespace="sluice-system")["spec"]["selector"])

    def test_flags_exist(self):
        container, = self.read("daemonsets", namespace="sluice-system")["spec"]["template"]["spec"][
            "containers"]
        self.check_flags(container["args"])

    def check_flags(self, args):
        table = (ROOT / "user" / "daemon" / "options" / "option_table.c").read_text()
        for word in args:
            name = re.match(r"--([a-z-]+)", word)[1]
            self.assertIn(f'"{name}"', table, word)

    def test_class_is_ours(self):
        self.assertEqual(self.read("ingressclasses")["spec"]["controller"], "sluice.dev/ingress")

    def test_base_of_the_overlays_is_the_same(self):
        self.assertEqual(kubectl("kustomize", MANIFESTS), kubectl("kustomize", MANIFESTS / "base"))

    def test_overlay_names_the_capabilities(self):
        folder = MANIFESTS / "overlays" / "capabilities"
        if kubectl_is_old():
            folder = self.rewritten_for_old_kubectl(folder)
        text = kubectl("kustomize", folder)
        security = text[text.index("securityContext:"):text.index("startupProbe:")]
        added = re.search(r"add:\n((?:\s+- \w+\n)+)", security)[1].split()
        self.assertEqual(set(added) - {"-"}, {"BPF", "PERFMON", "NET_ADMIN", "SETUID", "SETGID",
                                              "KILL"})
        self.assertIn("privileged: false", security)
        self.assertRegex(security, r"drop:\n\s+- ALL")

    def test_overlay_of_l2_turns_it_on_and_grants_it(self):
        folder = MANIFESTS / "overlays" / "l2"
        if kubectl_is_old():
            folder = self.rewritten_for_old_kubectl(folder)
        text = kubectl("kustomize", folder)
        self.assertRegex(text, r"- name: SLUICED_ANNOUNCE\n\s+value: l2")
        self.assertIn("name: NODE_NAME", text)
        self.assertIn("name: sluice-announce", text)
        self.assertNotIn("SLUICED_ANNOUNCE", kubectl("kustomize", MANIFESTS), "off by default")

    def rewritten_for_old_kubectl(self, folder):
        """The overlay in the words of kustomize 2, beside a copy of the manifests."""
        copy = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "manifests"
        subprocess.run(["cp", "-r", MANIFESTS, copy], check=True, timeout=30)
        target = copy / folder.relative_to(MANIFESTS)
        path = target / "kustomization.yaml"
        text = path.read_text().replace("resources:\n", "bases:\n")
        path.write_text(text.replace("patches:\n- path: ", "patchesStrategicMerge:\n- "))
        return target


class Rights(unittest.TestCase):
    """Every feature with exactly the rules of the manifests."""

    def setUp(self):
        self.double = Double()
        self.addCleanup(self.double.close)
        kubectl("apply", "--validate=false", "-k", MANIFESTS,
                kubeconfig=self.double.kubeconfig("admin"))
        rules = list(self.double.read("clusterroles", "", "sluice")["rules"])
        for rule in self.double.read("roles", "sluice-system", "sluice")["rules"]:
            rules.append({**rule, "namespace": "sluice-system"})
        self.rules = rules
        self.double.user("sluice", "sluice-token", rules)

    def until(self, condition, what, timeout=20):
        end = time.monotonic() + timeout
        while not condition():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.05)

    def use_everything(self):
        """Streaming lists and pages, watches, the Lease, each write."""
        self.double.put(ingress("ours"))
        self.double.put({**ingress("shared"), "status": {"loadBalancer": {"ingress": [
            {"ip": "203.0.113.9"}]}}})
        self.double.put(service("l4", type="LoadBalancer", loadBalancerClass="sluice.dev/l4"))
        self.double.put(slice_of("sluice", ["192.0.2.1"], "sluice-system"))
        config = self.double.kubeconfig(token="sluice-token")
        options = ("--write", "--identity=node-1", "--lease-duration-s=3",
                   "--lb-pool=198.51.100.0/28")
        event = "Ingress shop ours Conflict taken"
        for streaming in ("on", "refused"):
            self.double.settings(streaming=streaming)
            with KubeWatch(config, *options) as watch:
                watch.expect("synced")
                watch.expect_log("now the leader")
                watch.say(f"event {event}")
                self.until(lambda: self.double.log(user="sluice", verb="create",
                                                   resource="events"), "an Event")
                renewals = len(self.double.log(user="sluice", verb="update", resource="leases"))
                self.until(lambda: len(self.double.log(
                    user="sluice", verb="update", resource="leases")) > renewals, "a renewal")
                if streaming == "refused":
                    self.until(lambda: self.double.log(user="sluice", verb="patch",
                                                       resource="events"), "a series")
                for name in ("ours", "shared"):
                    self.until(lambda name=name: "192.0.2.1" in json.dumps(
                        self.double.read("ingresses", "shop", name)["status"]), name)
                self.until(lambda: "198.51.100." in json.dumps(
                    self.double.read("services", "shop", "l4")["status"]), "an address")
                self.assertNotIn("RBAC", watch.log)

    def test_none_is_missing_and_none_is_left_over(self):
        self.use_everything()
        used, refused = set(), []
        for entry in self.double.log(user="sluice"):
            resource = entry["resource"] + (f"/{entry['subresource']}" if entry["subresource"]
                                            else "")
            used.add((entry["group"], resource, entry["verb"]))
            if entry["code"] == 403:
                refused.append((entry["verb"], resource))
        granted = {(group, resource, verb) for rule in self.rules for group in rule["apiGroups"]
                   for resource in rule["resources"] for verb in rule["verbs"]}
        self.assertEqual(refused, [])
        self.assertEqual(granted - used, set(), "granted without need")
        self.assertEqual(used - granted, set(), "missing")
        self.assertNotIn("*", json.dumps(self.rules))


class RightsToAnnounce(Rights):
    """What the overlay l2 adds."""

    def test_none_is_missing_and_none_is_left_over(self):
        kubectl("apply", "--validate=false", "-f", MANIFESTS / "overlays" / "l2" / "rbac.yaml",
                kubeconfig=self.double.kubeconfig("admin"))
        added, = self.double.read("roles", "sluice-system", "sluice-announce")["rules"]
        self.double.allow("sluice", self.rules + [{**added, "namespace": "sluice-system"}])
        config = self.double.kubeconfig(token="sluice-token")
        for streaming in ("on", "refused"):
            self.double.settings(streaming=streaming)
            with KubeWatch(config, "--announce", "--node-name=node-1",
                           "--lease-duration-s=3") as watch:
                watch.expect_log("now announcing addresses")
                renewals = len(self.double.log(verb="update", resource="leases"))
                self.until(lambda renewals=renewals: len(self.double.log(
                    verb="update", resource="leases")) > renewals, "a renewal")
                self.assertNotIn("RBAC", watch.log)
        leases = self.double.log(user="sluice", resource="leases")
        self.assertEqual({entry["verb"] for entry in leases}, set(added["verbs"]))
        self.assertEqual({entry["name"] for entry in leases} - {""}, {"sluice-node-node-1"})


class Chart(unittest.TestCase):
    """The Helm chart, as far as it can be read without Helm."""

    def test_options_of_the_schema_are_flags(self):
        schema = json.loads((CHART / "values.schema.json").read_text())
        table = (ROOT / "user" / "daemon" / "options" / "option_table.c").read_text()
        names = re.findall(r"--([a-z-]+)", (CHART / "templates" / "daemonset.yaml").read_text())
        self.assertGreater(len(names), 10)
        for name in names:
            self.assertIn(f'"{name}"', table, name)
        self.assertFalse(schema["additionalProperties"])

    def test_values_fit_the_schema(self):
        schema = json.loads((CHART / "values.schema.json").read_text())
        values = (CHART / "values.yaml").read_text()
        top = re.findall(r"^([a-zA-Z]+):", values, re.M)
        self.assertEqual(set(top), set(schema["properties"]))
        for name, sub in schema["properties"].items():
            if sub.get("type") != "object" or "properties" not in sub:
                continue
            block = re.search(rf"^{name}:\n((?:[ #].*\n|\n)*)", values, re.M)[1]
            self.assertEqual(set(re.findall(r"^  ([a-zA-Z]+):", block, re.M)),
                             set(sub["properties"]), name)

    def test_templates_use_known_values(self):
        schema = json.loads((CHART / "values.schema.json").read_text())
        for path in sorted((CHART / "templates").iterdir()):
            text = path.read_text()
            self.assertEqual(text.count("{{"), text.count("}}"), path)
            opened = len(re.findall(r"{{-? *(?:if|range|with|define)\b", text))
            self.assertEqual(opened, len(re.findall(r"{{-? *end\b", text)), path)
            for reference in re.findall(r"\.Values\.([a-zA-Z.]+)", text):
                node = schema
                for part in reference.rstrip(".").split("."):
                    if "properties" not in node:
                        break
                    self.assertIn(part, node["properties"], f"{path.name}: {reference}")
                    node = node["properties"][part]

    def test_rights_are_those_of_the_manifests(self):
        def rules(text):
            return re.findall(r'- apiGroups: (.*)\n\s+resources: (.*)\n(?:\s+resourceNames: .*\n)?'
                              r'\s+verbs: (.*)', text)
        self.assertEqual(rules((CHART / "templates" / "rbac.yaml").read_text()),
                         rules((MANIFESTS / "base" / "rbac.yaml").read_text()))


class Kubectl(unittest.TestCase):
    """The double is good enough for the real kubectl."""

    def test_apply_get_watch_wait_and_delete(self):
        with Double() as double:
            config = double.kubeconfig()
            example = MANIFESTS / "examples" / "hosts-and-paths.yaml"
            for namespace in set(re.findall(r"namespace: (\S+)", example.read_text())):
                double.namespace(namespace)
            made = kubectl("apply", "--validate=false", "-f", example, kubeconfig=config)
            self.assertIn("created", made)
            again = kubectl("apply", "--validate=false", "-f", example, kubeconfig=config)
            self.assertNotIn("created", again)
            item = double.all("ingresses")[0]["metadata"]
            self.assertIn(item["name"], kubectl("get", "ingress", "-A", kubeconfig=config))
            text = kubectl("get", "ingress", item["name"], "-n", item["namespace"], "-o", "json",
                           kubeconfig=config)
            self.assertEqual(json.loads(text)["metadata"]["uid"], item["uid"])
            kubectl("delete", "--wait=false", "-f", example, kubeconfig=config)
            self.assertEqual(double.all("ingresses"), [])

    def test_forbidden_is_said(self):
        with Double() as double:
            double.user("poor", "poor-token", rules=[])
            config = double.kubeconfig(token="poor-token")
            self.assertEqual(kubectl("get", "ingress", "-A", kubeconfig=config, check=False), "")


if __name__ == "__main__":
    unittest.main()
