#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows Sluice's main job on this machine: manifests in, real HTTP and TCP traffic balanced.

Hosts are network namespaces: a client, a node with Sluice, three pods with nginx. Nothing outside
of them is touched. HOLD=1 leaves the scene running and says what to try.
"""

import contextlib
import http.client
import os
import pathlib
import shutil
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from demo_tls import show_tls, show_websocket  # noqa: E402
from cluster import CLIENT_IP, CLIENT_IP6, NODE_IP, NODE_IP6, VIP, VIP6, Cluster  # noqa: E402
from netns import BUILD, ROOT, wait_until  # noqa: E402
from two_nodes import VIPS, TwoNodes  # noqa: E402

ANSWER = r"{name}: $request_method $http_host$request_uri, client $http_x_forwarded_for\n"
EXAMPLES = ROOT / "manifests/examples"
BPFTOOL = next((path for path in ("/usr/sbin/bpftool", "/usr/local/sbin/bpftool")
                if os.path.exists(path)), "bpftool")

ADDED_ROUTE = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: added}
spec:
  ingressClassName: sluice
  rules:
    - host: new.example.com
      http:
        paths:
          - path: /
            pathType: Prefix
            backend: {service: {name: papers, port: {number: 80}}}
"""


class Demo:
    """Prints what it does, keeps the score."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.passed = 0
        self.failed = []
        self.figures = []

    def title(self, text):
        print(f"\n=== {text}", flush=True)

    def verdict(self, good, text):
        if good:
            self.passed += 1
        else:
            self.failed.append(text)
        print(f"    {'ok   ' if good else 'WRONG'} {text}", flush=True)

    def shell(self, host, *words):
        """Runs a command on a host, shown as one would type it. Returns what it printed."""
        shown = " ".join(quote(str(word)) for word in words)
        print(f"  {host.name}$ {shown.replace(str(BUILD) + '/', '')}", flush=True)
        done = host.run(*words, check=False, timeout=20)
        for line in (done.stdout + done.stderr).rstrip("\n").splitlines():
            print(f"    {line}", flush=True)
        return done.stdout

    def curl(self, host, path="/", address=NODE_IP):
        where = f"[{address}]" if ":" in address else address
        return self.shell(self.cluster.client, "curl", "-s", "-g", "--max-time", "5", "-H",
                          f"Host: {host}", f"http://{where}{path}")

    def ctl(self, *words):
        return self.shell(self.cluster.node, BUILD / "sluicectl", *words, "--bpffs",
                          self.cluster.bpffs)


def quote(word):
    return f"'{word}'" if " " in word or "*" in word else word


def show_http(demo):
    demo.title("HTTP: hosts and paths (hosts-and-paths.yaml)")
    text = demo.curl("shop.example.com", "/cart/7")
    demo.verdict(text.startswith("pod-b: GET shop.example.com/cart/7"),
                 "path /cart goes to the pod of Service cart")
    text = demo.curl("shop.example.com", "/cart/terms")
    demo.verdict(text.startswith("pod-c:"), "the exact path /cart/terms wins over the prefix /cart")
    text = demo.curl("papers.example.com")
    demo.verdict(text.startswith("pod-c:"), "another host, another Service")
    demo.verdict(f"client {CLIENT_IP}" in text, "the pod learns the client's address")

    demo.title("HTTP: wildcard host and default backend")
    text = demo.curl("blue.tenants.example.com")
    demo.verdict(text.startswith("pod-a:"), "*.tenants.example.com covers blue.tenants.example.com")
    text = demo.curl("a.b.tenants.example.com")
    demo.verdict(text.startswith("pod-b:"), "two labels are not covered: the default backend answers")
    text = demo.curl("who.knows.example", address=NODE_IP6)
    demo.verdict(text.startswith("pod-b:") and f"client {CLIENT_IP6}" in text,
                 "the same over IPv6")


def show_balancing(demo):
    demo.title("HTTP: one Service, three pods")
    print(f"  client$ for i in $(seq 30); do curl -s -H 'Host: shop.example.com' http://{NODE_IP}/;"
          " done | cut -d: -f1 | sort | uniq -c")
    counts = count(demo.cluster, 30)
    for pod, number in sorted(counts.items()):
        print(f"    {number:4d} {pod}")
    demo.verdict(sorted(counts) == ["pod-a", "pod-b", "pod-c"] and min(counts.values()) >= 5,
                 "all three take their part")


def count(cluster, requests):
    counts = {}
    text = cluster.curl("-H", "Host: shop.example.com",
                        f"http://{NODE_IP}/[1-{requests}]", "--no-keepalive")
    for line in text.splitlines():
        pod = line.split(":")[0]
        counts[pod] = counts.get(pod, 0) + 1
    return counts


def show_l4(demo):
    demo.title("L4: TCP and UDP packets balanced in the kernel, the client's address kept")
    client = demo.cluster.client
    text = demo.shell(client, "socat", "-T2", "-", f"TCP:{VIP}:7000")
    demo.verdict(f"sees {CLIENT_IP} " in text, f"TCP {VIP}:7000, an address that no interface has")
    text = demo.shell(client, "sh", "-c", f"echo hello | socat -t1 - UDP:{VIP}:5353")
    demo.verdict(f"sees {CLIENT_IP} " in text, f"UDP {VIP}:5353")
    text = demo.shell(client, "socat", "-T2", "-", f"TCP6:[{VIP6}]:7000")
    demo.verdict(f"sees {CLIENT_IP6} " in text, f"TCP [{VIP6}]:7000")
    text = demo.shell(client, "sh", "-c", f"echo hello | socat -t1 - UDP6:[{VIP6}]:5353")
    demo.verdict(f"sees {CLIENT_IP6} " in text, f"UDP [{VIP6}]:5353")
    pods = {demo.cluster.tcp().split()[0] for _ in range(40)}
    demo.verdict(len(pods) == 3, f"40 connections reach {', '.join(sorted(pods))}")


def show_other_node(demo):
    """The pod runs on the node that the packets do not come to first."""
    demo.title("L4: a pod of another node, in each mode; conntrack's INVALID dropped on both nodes")
    with TwoNodes() as lab:
        first, second = lab.nodes
        for mode, seen, note in (
                ("snat", first.ip, "source NAT: replies come back through node1"),
                ("ipip", CLIENT_IP, "DSR, IP in IP: node2 replies to the client itself"),
                ("gue", CLIENT_IP, "DSR in UDP")):
            address = VIPS[mode]
            text = demo.shell(lab.client, "sh", "-c",
                              f"echo who | socat -t1 - TCP:{address}:7000")
            demo.verdict(f"pod-b sees {seen} " in text, f"TCP {address}:7000, {note}")
            text = demo.shell(lab.client, "sh", "-c",
                              f"echo hello | socat -t1 - UDP:{address}:5353")
            demo.verdict(f"pod-b sees {seen} " in text, f"UDP {address}:5353")
        demo.shell(first.host, BUILD / "sluicectl", "backends", "--bpffs", first.bpffs)
        lab.route_to(second)
        text = demo.shell(lab.client, "sh", "-c",
                          f"echo who | socat -t1 - TCP:{VIPS['ipip']}:7000")
        demo.verdict(f"pod-b sees {CLIENT_IP} " in text,
                     "the router turns to node2: the same pod answers")


def answering_pod(cluster, host):
    """One request on a connection of its own. Returns (status, pod)."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        response = cluster.get(host=host, timeout=2)
        return response.status, response.text.split(":")[0]
    return 0, ""


def show_changes(demo):
    cluster = demo.cluster
    demo.title("A route added by saving a file, while traffic runs")
    before = answering_pod(cluster, "new.example.com")
    saved = time.monotonic()
    cluster.save("added.yaml", ADDED_ROUTE)
    wait_until(lambda: answering_pod(cluster, "new.example.com") != before, "the new route", 5,
               0.001)
    elapsed_ms = (time.monotonic() - saved) * 1000
    demo.figures.append(f"a route added by saving a file took {elapsed_ms:.1f} ms to reach traffic")
    print(f"  node$ cp added.yaml {cluster.manifests}/     # new.example.com -> Service papers, "
          f"{elapsed_ms:.1f} ms ago")
    text = demo.curl("new.example.com")
    demo.verdict(text.startswith("pod-c: GET new.example.com/"),
                 f"new.example.com answers {elapsed_ms:.1f} ms after the save")

    demo.title("A pod taken away by saving a file, while traffic runs")
    file = "hosts-and-paths.yaml"
    text = (cluster.manifests / file).read_text()
    without = text.replace("  - addresses: [10.244.1.11]\n    nodeName: node1\n", "", 1)
    cluster.save(file, without)
    saved = time.monotonic()
    last_seen, failures, requests = saved, 0, 0
    while time.monotonic() - saved < 1:
        status, pod = answering_pod(cluster, "shop.example.com")
        requests += 1
        failures += status != 200
        if pod == "pod-a":
            last_seen = time.monotonic()
    elapsed_ms = (last_seen - saved) * 1000
    demo.figures.append(f"a pod taken away had its last request {elapsed_ms:.1f} ms after the save")
    print(f"  node$ sed -i '/10.244.1.11/,+1d' {cluster.manifests}/{file}     # pod-a leaves Service shop")
    counts = count(cluster, 30)
    for pod, number in sorted(counts.items()):
        print(f"    {number:4d} {pod}")
    demo.verdict(sorted(counts) == ["pod-b", "pod-c"], "pod-a gets nothing any more, "
                 f"its last request {elapsed_ms:.1f} ms after the save")
    demo.verdict(not failures, f"{requests} requests during the change, {failures} failed")


def show_inside(demo):
    demo.title("What the node says")
    for verb in ("status", "frontends", "routes", "upstreams", "backends"):
        demo.verdict(demo.ctl(verb).count("\n") > 1, f"sluicectl {verb}")
    demo.verdict(VIP in demo.ctl("flows"), "sluicectl flows")
    demo.verdict(bool(demo.ctl("drops")), "sluicectl drops")
    text = demo.shell(demo.cluster.node, BPFTOOL, "map", "dump", "pinned",
                      demo.cluster.bpffs / "sluice/v2/frontends4")
    demo.verdict('"frontend_id"' in text, "bpftool shows the frontends by field name")


def hold(cluster):
    client, node = (f"sudo ip netns exec {host.netns}" for host in (cluster.client, cluster.node))
    ctl = f"{node} {BUILD}/sluicectl"
    print(f"""
The scene stays up (HOLD=1) until Ctrl-C. Things to try in another terminal:

  a request          {client} curl -H 'Host: shop.example.com' http://{NODE_IP}/cart/7
  L4, TCP            {client} socat - TCP:{VIP}:7000
  change something   sudo -e {cluster.manifests}/hosts-and-paths.yaml   (then ask again)
  what is going on   {ctl} status --bpffs {cluster.bpffs}
                     {ctl} routes --bpffs {cluster.bpffs}
  metrics            {node} curl http://127.0.0.1:9901/metrics
  the maps           sudo bpftool map dump pinned {cluster.bpffs}/sluice/v2/frontends4
  kill the daemon    sudo kill -9 {cluster.sluiced.pid}   (traffic goes on)
  its log            tail -f {cluster.sluiced.log_path}
""", flush=True)
    ends = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    signal.sigwait(ends)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ends)


def main():
    started = time.monotonic()
    if os.geteuid() != 0:
        print("The demo makes network namespaces and loads BPF programs: sudo make demo",
              file=sys.stderr)
        return 1
    print("=== The scene: network namespaces for a client, the node and three pods with nginx")
    with Cluster(answer=ANSWER) as cluster:
        print(f"    client {CLIENT_IP} {CLIENT_IP6} | node {NODE_IP} {NODE_IP6} | "
              + ", ".join(f"{pod.name} {pod.ip}" for pod in cluster.pods.values()))
        for file in sorted(EXAMPLES.glob("*.yaml")):
            shutil.copy(file, cluster.manifests)
        demo = Demo(cluster)
        try:
            demo.title("sluiced on the node")
            words = " ".join(str(word) for word in cluster.flags())
            print(f"  node$ sluiced {words} &", flush=True)
            begun = time.monotonic()
            cluster.start()
            demo.figures.append(f"sluiced was ready {(time.monotonic() - begun) * 1000:.0f} ms "
                                "after its start")
            demo.verdict(True, f"ready: {demo.figures[-1]}")
            for step in (show_http, show_balancing, show_tls, show_websocket, show_l4, show_changes,
                         show_inside, show_other_node):
                step(demo)
        except (RuntimeError, TimeoutError, OSError) as error:
            demo.verdict(False, f"{type(error).__name__}: {error}")
        if demo.failed:
            print("\nLogs:\n" + cluster.logs(60), file=sys.stderr)
        print("\n=== Summary")
        for figure in demo.figures:
            print(f"    {figure}")
        print(f"    {demo.passed} of {demo.passed + len(demo.failed)} checks as expected, "
              f"{time.monotonic() - started:.0f} s")
        for text in demo.failed:
            print(f"    WRONG: {text.splitlines()[0]}")
        sys.stdout.flush()
        if os.environ.get("HOLD", "0") not in ("", "0"):
            hold(cluster)
        if cluster.sluiced and cluster.sluiced.running():
            cluster.end()
        return 1 if demo.failed else 0


if __name__ == "__main__":
    sys.exit(main())
