# SPDX-License-Identifier: Apache-2.0
"""kube-watch as a child process, and objects to feed it with."""

import pathlib
import queue
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "selftests" / "lib"))

KUBE_WATCH = ROOT / "build" / "tests" / "kube-watch"


def ingress(name, namespace="shop", host=None, cls="sluice", service="web", labels=None, **more):
    metadata = {"name": name, "namespace": namespace}
    if labels:
        metadata["labels"] = labels
    rule = {"host": host or f"{name}.example.com", "http": {"paths": [{
        "path": "/", "pathType": "Prefix",
        "backend": {"service": {"name": service, "port": {"number": 80}}}}]}}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata,
            "spec": {"ingressClassName": cls, "rules": [rule], **more}}


def service(name, namespace="shop", **spec):
    return {"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"type": "ClusterIP", "ports": [{"name": "http", "port": 80,
                                                     "protocol": "TCP"}], **spec}}


def slice_of(name, addresses, namespace="shop", suffix="a", **endpoint):
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": f"{name}-{suffix}", "namespace": namespace,
                         "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4", "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}, **endpoint}
                          for address in addresses]}


def node(name, **addresses):
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
            "status": {"addresses": [{"type": kind, "address": address}
                                     for kind, address in addresses.items()]}}


class KubeWatch:
    """The program; what it prints is read line by line, each line once."""

    def __init__(self, kubeconfig, *options, env=None):
        self.process = subprocess.Popen(
            [KUBE_WATCH, f"--kubeconfig={kubeconfig}", *options], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1, env=env)
        self.lines = queue.Queue()
        self.log_lines = []
        self.killed = False
        self.readers = [threading.Thread(target=self._read_out, daemon=True),
                        threading.Thread(target=self._read_log, daemon=True)]
        for reader in self.readers:
            reader.start()

    def _read_out(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def _read_log(self):
        for line in self.process.stderr:
            self.log_lines.append(line.rstrip("\n"))

    @property
    def log(self):
        return "\n".join(self.log_lines)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close()
        if kind:
            print(self.log)

    def close(self):
        """Ends it; an exit code other than 0 (of the sanitizers too) is a failure."""
        if self.process.returncode is None:
            try:
                self.say("quit")
            except BrokenPipeError:
                pass
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        for reader in self.readers:
            reader.join(5)
        if self.process.returncode and not self.killed:
            raise AssertionError(f"kube-watch: exit {self.process.returncode}\n{self.log}")

    def kill(self):
        self.killed = True
        self.process.kill()
        self.process.wait(10)

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def expect(self, start, timeout=10.0):
        """The next line that starts so; others before it are passed over."""
        end = time.monotonic() + timeout
        passed = []
        while True:
            try:
                line = self.lines.get(timeout=max(end - time.monotonic(), 0.001))
            except queue.Empty:
                raise AssertionError(f"no line '{start}' in {timeout} s, but {passed}\n{self.log}"
                                     ) from None
            if line.startswith(start):
                return line
            passed.append(line)

    def expect_log(self, text, timeout=10.0):
        end = time.monotonic() + timeout
        while text not in self.log:
            if time.monotonic() > end:
                raise AssertionError(f"not logged in {timeout} s: {text}\n{self.log}")
            time.sleep(0.02)

    def quiet(self, for_s=0.3):
        """Nothing is printed for a while."""
        try:
            line = self.lines.get(timeout=for_s)
        except queue.Empty:
            return
        raise AssertionError(f"unexpected line: {line}")

    def counts(self):
        self.say("counts")
        line = self.expect("counts ")
        return {key: int(value) for key, value in
                (word.split("=") for word in line.split()[1:])}

    def have(self):
        """All objects of the model: {"Ingress shop/a", ...}."""
        self.say("dump")
        found = set()
        while True:
            line = self.lines.get(timeout=10)
            if line == "end":
                return found
            if line.startswith("have "):
                found.add(line[len("have "):])

    def wait_have(self, wanted, timeout=10.0):
        end = time.monotonic() + timeout
        while (found := self.have()) != wanted:
            if time.monotonic() > end:
                raise AssertionError(f"missing {sorted(wanted - found)[:5]}, "
                                     f"too many {sorted(found - wanted)[:5]}\n{self.log}")
            time.sleep(0.05)
