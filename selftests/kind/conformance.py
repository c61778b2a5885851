#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The features that the Ingress conformance suite of Kubernetes asks for, in words of our own, on a
cluster with real pods and controllers where Sluice is installed. KUBECONFIG names it; the addresses
of the nodes have to be reachable from here.

host rules, path rules, the default backend, classes, load balancing while it scales, TLS, the status;
and a rolling update of Sluice while requests run."""

import base64
import contextlib
import http.client
import json
import pathlib
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

NAMESPACE = "sluice-conformance"
IMAGE = "nginx:stable"  # any that answers HTTP; the configuration below says its name


def kubectl(*words, content=None, check=True):
    done = subprocess.run(["kubectl", *map(str, words)], text=True, input=content,
                          capture_output=True, timeout=240)
    if check and done.returncode:
        raise RuntimeError(f"kubectl {' '.join(map(str, words))}: {done.stdout}{done.stderr}")
    return done.stdout


def apply(*items):
    kubectl("apply", "-f", "-", content=json.dumps({"apiVersion": "v1", "kind": "List",
                                                    "items": list(items)}))


def read(kind, name):
    return json.loads(kubectl("-n", NAMESPACE, "get", kind, name, "-o", "json"))


def meta(name):
    return {"name": name, "namespace": NAMESPACE}


def app(name, replicas=1):
    """A Deployment whose pods answer with their Service's name and their own, and its Service."""
    conf = ("server { listen 8080; location / { default_type text/plain; return 200 "
            f"'service={name}\\npod=$hostname\\nhost=$host\\npath=$request_uri\\n'; }} }}")
    labels = {"app": name}
    pod = {"containers": [{"name": "web", "image": IMAGE, "volumeMounts": [
        {"name": "conf", "mountPath": "/etc/nginx/conf.d"}],
        "readinessProbe": {"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 1},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", "3"]}}}}],
        "volumes": [{"name": "conf", "configMap": {"name": name}}]}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(name),
         "data": {"default.conf": conf}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(name), "spec": {
            "replicas": replicas, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod}}},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta(name), "spec": {
            "selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}}]


def backend(name):
    return {"service": {"name": name, "port": {"number": 80}}}


def ingress(name, rules=(), class_name="sluice", **spec):
    """rules: [(host or None, [(path, type, service)])]."""
    listed = []
    for host, paths in rules:
        listed.append({**({"host": host} if host else {}), "http": {"paths": [
            {"path": path, "pathType": kind, "backend": backend(service)}
            for path, kind, service in paths]}})
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta(name),
            "spec": {"ingressClassName": class_name, **({"rules": listed} if listed else {}),
                     **spec}}


def node_addresses():
    nodes = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
    return [entry["address"] for node in nodes for entry in node["status"]["addresses"]
            if entry["type"] == "InternalIP"]


class Answer:
    """Status and the lines name=value that the pods answer with."""

    def __init__(self, response):
        self.status = response.status
        text = response.read().decode(errors="replace")
        self.fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def get(address, host, path="/", timeout=3):
    connection = http.client.HTTPConnection(address, 80, timeout=timeout)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Host": host, "Connection": "close"})
        return Answer(connection.getresponse())


class Conformance(unittest.TestCase):
    """One namespace for all; every question is asked of every node."""

    @classmethod
    def setUpClass(cls):
        kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=true")
        kubectl("create", "namespace", NAMESPACE)
        cls.nodes = node_addresses()
        names = ("one", "two", "three")
        apply(*(item for name in names for item in app(name)))
        for name in names:
            kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{name}", "--timeout=180s")

    @classmethod
    def tearDownClass(cls):
        kubectl("delete", "namespace", NAMESPACE, "--wait=true")

    def until(self, condition, what, timeout=30):
        end = time.monotonic() + timeout
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if condition():
                    return
            if time.monotonic() > end:
                self.fail(f"not within {timeout} s: {what}")
            time.sleep(0.1)

    def expect(self, host, path, service):
        """service: a name, or a status that Sluice itself answers with."""
        for address in self.nodes:
            def as_wanted(address=address):
                answer = get(address, host, path)
                return service in (answer.status, answer.fields.get("service"))
            self.until(as_wanted, f"{host}{path} on {address}: {service}")

    def test_host_rules(self):
        apply(ingress("hosts", [("exact.test", [("/", "Prefix", "one")]),
                                ("*.wild.test", [("/", "Prefix", "two")])]))
        for host, service in (("exact.test", "one"), ("EXACT.test:80", "one"),
                              ("a.wild.test", "two"), ("wild.test", 404),
                              ("a.b.wild.test", 404), ("other.test", 404)):
            with self.subTest(host):
                self.expect(host, "/", service)

    def test_path_rules(self):
        apply(ingress("paths", [("paths.test", [
            ("/exact", "Exact", "one"), ("/aaa/bbb", "Prefix", "two"), ("/aaa", "Prefix", "three"),
            ("/slash/", "Prefix", "one")])]))
        for path, service in (("/exact", "one"), ("/exact/", 404), ("/EXACT", 404),
                              ("/aaa/bbb", "two"), ("/aaa/bbb/ccc", "two"), ("/aaa/bbbc", "three"),
                              ("/aaa", "three"), ("/aaa/", "three"), ("/aaab", 404),
                              ("/slash", "one"), ("/slash/x", "one"), ("/", 404)):
            with self.subTest(path):
                self.expect("paths.test", path, service)

    def test_default_backend(self):
        apply(ingress("default", [("named.test", [("/app", "Prefix", "one")])],
                      defaultBackend=backend("three")))
        self.expect("named.test", "/app", "one")
        self.expect("nobody.test", "/", "three")
        kubectl("-n", NAMESPACE, "delete", "ingress", "default")
        self.expect("nobody.test", "/", 404)

    def test_classes(self):
        apply(ingress("theirs", [("class.test", [("/", "Prefix", "one")])], class_name="other"))
        self.expect("class.test", "/", 404)
        apply(ingress("theirs", [("class.test", [("/", "Prefix", "one")])]))
        self.expect("class.test", "/", "one")

    def test_load_balancing_follows_the_scale(self):
        apply(*app("many"), ingress("many", [("many.test", [("/", "Prefix", "many")])]))
        for replicas in (1, 5, 2):
            kubectl("-n", NAMESPACE, "scale", "deployment/many", f"--replicas={replicas}")
            kubectl("-n", NAMESPACE, "rollout", "status", "deployment/many", "--timeout=180s")

            def pods():
                answers = [get(self.nodes[0], "many.test") for _ in range(40)]
                return {answer.fields.get("pod") for answer in answers}
            self.until(lambda: len(pods()) == replicas, f"{replicas} pods answer", 60)

    def test_tls(self):
        with tempfile.TemporaryDirectory() as text:
            folder = pathlib.Path(text)
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
                            folder / "key", "-out", folder / "crt", "-days", "2", "-subj",
                            "/CN=tls.test", "-addext", "subjectAltName=DNS:tls.test"], check=True,
                           capture_output=True, timeout=60)
            data = {f"tls.{part}": base64.b64encode((folder / part).read_bytes()).decode()
                    for part in ("key", "crt")}
            apply({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
                   "metadata": meta("tls"), "data": data},
                  ingress("tls", [("tls.test", [("/", "Prefix", "one")])],
                          tls=[{"hosts": ["tls.test"], "secretName": "tls"}]))
            context = ssl.create_default_context(cafile=folder / "crt")
            for address in self.nodes:
                def verified(address=address):
                    with socket.create_connection((address, 443), 3) as plain, \
                            context.wrap_socket(plain, server_hostname="tls.test"):
                        return True
                self.until(verified, f"the certificate on {address}")

    def test_status_says_where(self):
        apply(ingress("status", [("status.test", [("/", "Prefix", "one")])]))

        def published():
            entries = read("ingress", "status")["status"]["loadBalancer"].get("ingress") or []
            return {entry.get("ip") for entry in entries} & set(self.nodes)
        self.until(published, "addresses of nodes in the status")
        apply(ingress("status", [("status.test", [("/", "Prefix", "one")])], class_name="other"))
        self.until(lambda: not published(), "the status cleared")

    def test_rolling_update_of_pods_fails_no_request(self):
        apply(*app("rolled", 3), ingress("rolled", [("rolled.test", [("/", "Prefix", "rolled")])]))
        kubectl("-n", NAMESPACE, "rollout", "status", "deployment/rolled", "--timeout=180s")
        self.expect("rolled.test", "/", "rolled")
        stopping, failures = threading.Event(), []

        def ask():
            while not stopping.is_set():
                try:
                    answer = get(self.nodes[0], "rolled.test")
                    if answer.status != 200:
                        failures.append(answer.status)
                except (OSError, http.client.HTTPException) as error:
                    failures.append(repr(error))
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            kubectl("-n", NAMESPACE, "rollout", "restart", "deployment/rolled")
            kubectl("-n", NAMESPACE, "rollout", "status", "deployment/rolled", "--timeout=240s")
        finally:
            stopping.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])

    def test_update_of_sluice_itself(self):
        kubectl("-n", "sluice-system", "rollout", "restart", "daemonset/sluice")
        kubectl("-n", "sluice-system", "rollout", "status", "daemonset/sluice", "--timeout=300s")
        apply(ingress("after", [("after.test", [("/", "Prefix", "two")])]))
        self.expect("after.test", "/", "two")


if __name__ == "__main__":
    unittest.main(verbosity=2)
