#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""10,000 Ingresses and 50,000 endpoints at an API server (the double): from the last byte of the lists
to ready, memory, and from an event on the wire to the maps (endpoints) and to all workers (routes)."""

import os
import random
import statistics
import struct
import sys
import threading
import time
import pathlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import kube_double  # noqa: E402
from kube_scene import KubeCluster  # noqa: E402
from scale_bench import (ENDPOINTS_EACH, INGRESSES, UPSTREAM_BYTES, UPSTREAMS_MAX,  # noqa: E402
                         WORKER_STATS_BYTES, WORKERS_MAX, map_pinned, memory_mb, objects,
                         percentile)

EVENTS = int(os.environ.get("EVENTS", "300"))


class Wire:
    """When the double last wrote an event of a kind to sluiced."""

    def __init__(self):
        self.sent = {}
        self.changed = threading.Condition()
        original = kube_double.Handler.send_event

        def send_event(handler, kind, item):
            original(handler, kind, item)
            with self.changed:
                self.sent[item.get("kind")] = time.perf_counter()
                self.changed.notify_all()
        kube_double.Handler.send_event = send_event

    def after(self, kind, begun, timeout_s=10):
        """The moment at which an event of that kind was written after `begun`."""
        with self.changed:
            if not self.changed.wait_for(lambda: self.sent.get(kind, 0) > begun, timeout_s):
                raise TimeoutError(f"no {kind} was sent")
            return self.sent[kind]


class ScaleCluster(KubeCluster):
    """All namespaces are watched; nothing of the tests' own."""

    def flags(self):
        words = super().flags()
        at = words.index("--watch-namespace")
        return words[:at] + words[at + 2:]


def tell(what, values_ms, target_ms):
    print(f"  {what}: median {statistics.median(values_ms):.2f} ms, "
          f"p99 {percentile(values_ms, 0.99):.2f} ms (target p99 {target_ms} ms), "
          f"max {max(values_ms):.2f} ms, {len(values_ms)} events", flush=True)


def timed(wire, double, item, changed):
    """Milliseconds from the event on the wire until changed() is true."""
    begun = time.perf_counter()
    double.put(item)
    sent = wire.after(item["kind"], begun)
    while not changed():
        if time.perf_counter() - sent > 10:
            raise TimeoutError(item["metadata"]["name"])
    return 1000 * (time.perf_counter() - sent)


def endpoint_events(cluster, wire, upstreams, ids):
    values_ms = []
    for turn in range(EVENTS):
        number = random.randrange(INGRESSES)
        offset = ids[f"default/app-{number}:80"] * UPSTREAM_BYTES
        before = upstreams[offset:offset + 8]
        item = objects(number, ENDPOINTS_EACH - 1 - turn % 2)[2]
        # No content twice in a row: an equal slice would be no event.
        item["metadata"]["annotations"] = {"turn": str(turn)}
        values_ms.append(timed(wire, cluster.api.double, item,
                               lambda: upstreams[offset:offset + 8] != before))
        cluster.api.double.put(objects(number)[2])
        time.sleep(0.03)
    return values_ms


def route_events(cluster, wire, stats):
    def generations():
        values = [struct.unpack_from("=QQ", stats, n * WORKER_STATS_BYTES)
                  for n in range(WORKERS_MAX)]
        return [generation for pid, generation in values if pid]

    values_ms = []
    for turn in range(EVENTS // 3):
        before = min(generations())
        item = objects(random.randrange(INGRESSES), ENDPOINTS_EACH, f"/{turn}")[0]
        values_ms.append(timed(wire, cluster.api.double, item,
                               lambda before=before: min(generations()) > before))
        time.sleep(0.08)
    return values_ms


def main():
    wire = Wire()
    cluster = ScaleCluster(pods=())
    try:
        double = cluster.api.double
        double.namespace("default")
        for number in range(INGRESSES):
            for item in objects(number):
                double.put(item)
        print(f"{INGRESSES} Ingresses, {INGRESSES * ENDPOINTS_EACH} endpoints in the double",
              flush=True)
        begun = time.perf_counter()
        cluster.start(timeout=300)
        ready = time.perf_counter()
        last = max(wire.sent.values())
        pid = cluster.sluiced.pid
        print(f"  initial sync: {max(ready - last, 0):.2f} s from the last byte of the lists to "
              f"ready (target 5 s); {ready - begun:.1f} s in all, at the double's pace")
        print(f"  resident: {memory_mb(pid):.0f} MB, at most {memory_mb(pid, 'VmHWM'):.0f} MB "
              "(target 200 MB)")
        ids = {item["name"]: item["id"] for item in cluster.ctl_json("upstreams")["upstreams"]}
        pins = cluster.bpffs / "sluice/v2"
        upstreams = map_pinned(pins / "upstreams", UPSTREAMS_MAX * UPSTREAM_BYTES)
        stats = map_pinned(pins / "worker_stats", WORKERS_MAX * WORKER_STATS_BYTES)
        end = time.monotonic() + 60  # until the statuses are written, the double is busy with them
        while time.monotonic() < end and len(double.log(resource="ingresses",
                                                        verb="patch")) < INGRESSES:
            time.sleep(1)
        tell("endpoints: event on the wire -> maps",
             endpoint_events(cluster, wire, upstreams, ids), 10)
        tell("routes: event on the wire -> all workers", route_events(cluster, wire, stats), 50)
        print(f"  resident after {EVENTS + EVENTS // 3} events: {memory_mb(pid):.0f} MB")
    finally:
        cluster.close()


if __name__ == "__main__":
    main()
