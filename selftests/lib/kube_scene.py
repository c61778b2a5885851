# SPDX-License-Identifier: Apache-2.0
"""A node whose Sluice watches an API server: the double, or with TEST_KUBECONFIG any real one.

Sluice reaches it through a forwarder in the node's namespace, which can be taken away and brought
back: so "the API server is away" means the same for both. Everything is made in namespaces of the
tests, which are removed at the end; no kubelet and no controller is needed, for slices are made here."""

import json
import os
import pathlib
import select
import socket
import subprocess
import threading
import time
import urllib.parse

from cluster import NODE_IP, NODE_NAME, Cluster
from kube_double import Double
from kube_store import ApiError
from netns import BUILD, ROOT

NAMESPACE, OTHER_NAMESPACE = "sluice-test", "sluice-test-other"
API_PORT = 6443
POOL = "198.51.100.10-198.51.100.30"


def kubectl(kubeconfig, *words, content=None, check=True):
    done = subprocess.run(["kubectl", f"--kubeconfig={kubeconfig}", *map(str, words)], text=True,
                          input=content, capture_output=True, timeout=120)
    if check and done.returncode:
        raise RuntimeError(f"kubectl {' '.join(map(str, words))}: {done.stdout}{done.stderr}")
    return done.stdout


class Forwarder:
    """127.0.0.1:6443 of a host -> an address outside of it."""

    def __init__(self, host, target):
        self.host, self.target = host, target
        self.listener = None
        self.pairs = set()
        self.lock = threading.Lock()
        self.resume()

    def resume(self):
        self.listener = self.host.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", API_PORT))
        self.listener.listen(64)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def cut(self):
        """Nobody answers any more, and all that was open is closed."""
        with self.lock:
            listener, self.listener = self.listener, None
            pairs = list(self.pairs)
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for pair in pairs:
            for sock in pair:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # closed by its thread a moment ago

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(self.target, 5)
            except OSError:
                if self.listener is not listener:
                    return
                continue
            with self.lock:
                self.pairs.add((near, far))
            threading.Thread(target=self._pump, args=(near, far), daemon=True).start()

    def _pump(self, near, far):
        other = {near: far, far: near}
        try:
            while True:
                for sock in select.select([near, far], [], [])[0]:
                    data = sock.recv(65536)
                    if not data:
                        return
                    other[sock].sendall(data)
        except OSError:
            pass  # either side has gone
        finally:
            with self.lock:
                self.pairs.discard((near, far))
            near.close()
            far.close()


class DoubleApi:
    """The double, with the rights of manifests/ for Sluice."""

    def __init__(self, folder):
        self.double = Double(folder / "double")
        self.admin = self.double.kubeconfig("admin")
        self.target = self.double.listen
        kubectl(self.admin, "apply", "--validate=false", "-k", ROOT / "manifests")
        rules = list(self.double.read("clusterroles", "", "sluice")["rules"])
        rules += self.double.read("roles", "sluice-system", "sluice")["rules"]
        self.double.user("sluice", "sluice-token", rules)
        self.kubeconfig = self.double.kubeconfig("sluiced", token="sluice-token")
        config = json.loads(self.kubeconfig.read_text())
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{API_PORT}"
        self.kubeconfig.write_text(json.dumps(config))
        for name in (NAMESPACE, OTHER_NAMESPACE):
            self.double.namespace(name)

    def put(self, *items):
        for item in items:
            self.double.put(item)

    def remove(self, plural, name, namespace=NAMESPACE):
        try:
            self.double.remove(plural, namespace, name)
        except ApiError as error:
            if error.code != 404:
                raise

    def read(self, plural, name, namespace=NAMESPACE):
        return self.double.read(plural, namespace, name)

    def events(self):
        return self.double.all("events", "events.k8s.io")

    def close(self):
        self.double.close()


class RealApi:
    """Any API server, through kubectl and an administrator's kubeconfig."""

    def __init__(self, folder, kubeconfig):
        self.admin = kubeconfig
        config = json.loads(kubectl(kubeconfig, "config", "view", "--raw", "--flatten", "--minify",
                                    "-o", "json"))
        cluster = config["clusters"][0]["cluster"]
        url = urllib.parse.urlsplit(cluster["server"])
        self.target = (url.hostname, url.port or 443)
        cluster["server"] = f"https://127.0.0.1:{API_PORT}"
        cluster.setdefault("tls-server-name", url.hostname)
        self.kubeconfig = folder / "sluiced"
        self.kubeconfig.write_text(json.dumps(config))
        self.close()
        for name in (NAMESPACE, OTHER_NAMESPACE):
            kubectl(self.admin, "create", "namespace", name)

    def put(self, *items):
        kubectl(self.admin, "apply", "-f", "-",
                content=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))

    def remove(self, plural, name, namespace=NAMESPACE):
        kubectl(self.admin, "delete", plural, name, "-n", namespace, "--ignore-not-found")

    def read(self, plural, name, namespace=NAMESPACE):
        return json.loads(kubectl(self.admin, "get", plural, name, "-n", namespace, "-o", "json"))

    def events(self):
        return json.loads(kubectl(self.admin, "get", "events.events.k8s.io", "-n", NAMESPACE, "-o",
                                  "json"))["items"]

    def close(self):
        kubectl(self.admin, "delete", "namespace", NAMESPACE, OTHER_NAMESPACE, "--ignore-not-found",
                "--wait=true")


class KubeCluster(Cluster):
    """As Cluster; objects come by an API server instead of a directory."""

    def __init__(self, **more):
        super().__init__(**more)
        real = os.environ.get("TEST_KUBECONFIG")
        self.api = (RealApi(self.folder, pathlib.Path(real).resolve()) if real
                    else DoubleApi(self.folder))
        self.forwarder = Forwarder(self.node, self.api.target)

    def flags(self):
        words = super().flags()
        at = words.index("--manifests")
        words[at:at + 2] = ["--kubeconfig", self.api.kubeconfig]
        return words + ["--watch-namespace", f"{NAMESPACE},{OTHER_NAMESPACE}",
                        "--lease-namespace", "sluice-system" if isinstance(self.api, DoubleApi)
                        else NAMESPACE, "--publish-address", NODE_IP, "--lb-pool", POOL]

    def close(self):
        if self.api:
            self.forwarder.cut()
            self.api.close()
            self.api = None
        super().close()

    def wait(self, condition, what, timeout=15.0):
        end = time.monotonic() + timeout
        while not (result := condition()):
            if time.monotonic() > end:
                raise TimeoutError(f"not within {timeout} s: {what}")
            time.sleep(0.02)
        return result


def addresses(item):
    """status.loadBalancer of an Ingress or Service as a list of texts."""
    entries = (item.get("status", {}).get("loadBalancer") or {}).get("ingress") or []
    return [entry.get("ip") or entry.get("hostname") for entry in entries]


__all__ = ["BUILD", "NAMESPACE", "NODE_NAME", "OTHER_NAMESPACE", "KubeCluster", "addresses"]
