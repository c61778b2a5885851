#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a running Sluice costs and how fast it follows: memory of idle processes, time to ready, and
the time from a saved file to traffic (a route added; a pod removed)."""

import pathlib
import signal
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from cluster import (NODE_IP, Cluster, app, endpoint_slice, ingress, path, read_response,  # noqa: E402
                     request_bytes, rule, service)

TURNS = 100


def resident_mb(pid):
    line = next(line for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


class KeptConnection:
    """Requests one after the other over one connection: the least delay a client can see."""

    def __init__(self, cluster):
        self.sock = cluster.client.connect(NODE_IP, 80)
        self.stream = self.sock.makefile("rb")

    def ask(self, request_path, host):
        self.sock.sendall(request_bytes(request_path, host))
        return read_response(self.stream)


def time_until(ask, condition, timeout_s=5):
    """Milliseconds until an answer is as wanted; asks without a pause."""
    begun = time.perf_counter()
    while not condition(ask()):
        if time.perf_counter() - begun > timeout_s:
            raise TimeoutError("the change did not reach traffic")
    return (time.perf_counter() - begun) * 1000


def show(name, values, unit, target):
    values = sorted(values)
    p99 = values[min(len(values) - 1, int(len(values) * 0.99))]
    print(f"  {name:<44} median {statistics.median(values):7.2f} {unit}  p99 {p99:7.2f} {unit}  "
          f"({len(values)} times; target {target})", flush=True)


def main():
    ready_ms, route_ms, pod_ms = [], [], []
    with Cluster() as cluster:
        cluster.save("base.json", [ingress("web", rule("web.test", path("/", "web")))]
                     + app("web", *cluster.pods.values()))
        for _ in range(5):
            begun = time.perf_counter()
            cluster.start()
            ready_ms.append((time.perf_counter() - begun) * 1000)
            cluster.sluiced.stop(signal.SIGINT)
        cluster.start()
        time.sleep(1)
        memory = {"sluiced": [resident_mb(cluster.sluiced.pid)],
                  "sluice-proxy worker": [resident_mb(pid) for pid in cluster.workers()]}
        conn = KeptConnection(cluster)
        for turn in range(TURNS):
            cluster.save("extra.json", ingress("extra", rule("web.test", path(f"/t{turn}", "one"))))
            cluster.save("one.json", app("one", cluster.pods["pod-a"]))
            begun = time.perf_counter()
            cluster.save("extra.json", ingress("extra", rule(f"h{turn}.test", path("/", "one"))))
            time_until(lambda: conn.ask("/", f"h{turn}.test"), lambda answer: answer.status == 200)
            route_ms.append((time.perf_counter() - begun) * 1000)
        for turn in range(TURNS):
            pod = cluster.pods[("pod-a", "pod-b")[turn % 2]]
            begun = time.perf_counter()
            cluster.save("one.json", [service("one"), endpoint_slice("one", [pod.ip])])
            time_until(lambda: conn.ask("/", f"h{TURNS - 1}.test"),
                       lambda answer: answer.pod == pod.name)
            pod_ms.append((time.perf_counter() - begun) * 1000)
        print("live_cost: a small table, 2 workers, idle machine or not: see the load below")
        for name, values in memory.items():
            print(f"  resident, idle, {name:<28} "
                  + ", ".join(f"{value:.1f} MB" for value in values) + "  (target <= 10 MB)")
        show("start to ready", ready_ms, "ms", "none")
        show("saved route to traffic", route_ms, "ms", "<= 50 ms")
        show("saved backend change to traffic", pod_ms, "ms", "<= 50 ms")
        print(f"  load average of the machine: {open('/proc/loadavg').read().split()[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
