#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""10,000 Ingresses and 50,000 endpoints in a directory: time and memory of a full load, then the
time from a saved file to the maps (endpoints) and to all workers (routes), restart included."""

import ctypes
import json
import mmap
import os
import pathlib
import random
import signal
import statistics
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from cluster import Cluster, endpoint_slice, ingress, path, rule, service, to_json  # noqa: E402

INGRESSES = int(os.environ.get("INGRESSES", "10000"))
ENDPOINTS_EACH = 5
SAVES = int(os.environ.get("SAVES", "300"))

SYS_BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
BPF_OBJ_GET = 7
UPSTREAM_BYTES, WORKER_STATS_BYTES = 24, 512  # struct upstream, struct worker_stats
WORKERS_MAX, UPSTREAMS_MAX = 256, 65536

_libc = ctypes.CDLL(None, use_errno=True)


def map_pinned(pin, size):
    """A pinned mmapable map as memory."""
    name = ctypes.create_string_buffer(str(pin).encode())
    attr = ctypes.create_string_buffer(struct.pack("=QII", ctypes.addressof(name), 0, 0), 128)
    fd = _libc.syscall(SYS_BPF, BPF_OBJ_GET, attr, 16)
    if fd < 0:
        raise OSError(ctypes.get_errno(), f"open {pin}")
    try:
        return mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ)
    finally:
        os.close(fd)


def memory_mb(pid, field="VmRSS"):
    line = next(line for line in open(f"/proc/{pid}/status") if line.startswith(field))
    return int(line.split()[1]) / 1024


def addresses(number, count):
    first = number * ENDPOINTS_EACH + 1
    return [f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in range(first, first + count)]


def objects(number, count=ENDPOINTS_EACH, extra_path=None):
    name = f"app-{number}"
    paths = [path("/", name)] + ([path(extra_path, name)] if extra_path else [])
    return [ingress(name, rule(f"{name}.example.com", *paths)), service(name),
            endpoint_slice(name, addresses(number, count))]


def save(cluster, number, *args):
    """Returns the moment at which the new version was put in its place."""
    beside = cluster.manifests / f".{number}.tmp"
    beside.write_text(to_json(objects(number, *args)))
    begun = time.perf_counter()
    beside.rename(cluster.manifests / f"app-{number}.json")
    return begun


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def tell(what, values_ms, target_ms):
    print(f"  {what}: median {statistics.median(values_ms):.2f} ms, "
          f"p99 {percentile(values_ms, 0.99):.2f} ms (target p99 {target_ms} ms), "
          f"max {max(values_ms):.2f} ms, {len(values_ms)} saves", flush=True)


def wait_change(read, before, what, timeout_s=10):
    begun = time.perf_counter()
    while read() == before:
        if time.perf_counter() - begun > timeout_s:
            raise TimeoutError(f"not within {timeout_s} s: {what}")
    return time.perf_counter()


def endpoint_changes(cluster, upstreams, ids):
    values_ms = []
    for turn in range(SAVES):
        number = random.randrange(INGRESSES)
        offset = ids[f"default/app-{number}:80"] * UPSTREAM_BYTES
        for count in (ENDPOINTS_EACH - 1, ENDPOINTS_EACH):
            before = upstreams[offset:offset + 8]
            begun = save(cluster, number, count)
            values_ms.append(1000 * (wait_change(lambda: upstreams[offset:offset + 8], before,
                                                 f"endpoints of save {turn}") - begun))
            time.sleep(0.002)
    return values_ms


def route_changes(cluster, stats):
    """Until every worker has the routing table of the save."""
    def generations():
        values = [struct.unpack_from("=QQ", stats, n * WORKER_STATS_BYTES)
                  for n in range(WORKERS_MAX)]
        return [generation for pid, generation in values if pid]

    values_ms = []
    for turn in range(SAVES // 3):
        before = min(generations())
        begun = save(cluster, random.randrange(INGRESSES), ENDPOINTS_EACH, f"/{turn}")
        while min(generations()) <= before:
            if time.perf_counter() - begun > 10:
                raise TimeoutError(f"route of save {turn}")
        values_ms.append(1000 * (time.perf_counter() - begun))
        time.sleep(0.05)
    return values_ms


def main():
    cluster = Cluster(pods=())
    try:
        for number in range(INGRESSES):
            save(cluster, number)
        print(f"{INGRESSES} Ingresses, {INGRESSES * ENDPOINTS_EACH} endpoints, a file each",
              flush=True)
        begun = time.perf_counter()
        cluster.start(timeout=120)
        loaded_s = time.perf_counter() - begun
        pid = cluster.sluiced.pid
        print(f"  full load: {loaded_s:.2f} s from start to ready (target 5 s)")
        print(f"  resident: {memory_mb(pid):.0f} MB, at most {memory_mb(pid, 'VmHWM'):.0f} MB "
              "(target 200 MB); workers "
              + ", ".join(f"{memory_mb(worker):.1f} MB" for worker in cluster.workers()))
        listed = cluster.ctl_json("upstreams")
        ids = {item["name"]: item["id"] for item in listed["upstreams"]}
        pins = cluster.bpffs / "sluice/v2"
        upstreams = map_pinned(pins / "upstreams", UPSTREAMS_MAX * UPSTREAM_BYTES)
        stats = map_pinned(pins / "worker_stats", WORKERS_MAX * WORKER_STATS_BYTES)
        tell("saved endpoints -> maps", endpoint_changes(cluster, upstreams, ids), 10)
        tell("saved route -> all workers", route_changes(cluster, stats), 50)
        print(f"  resident after {SAVES * 2 + SAVES // 3} saves: {memory_mb(pid):.0f} MB")
        cluster.sluiced.stop(signal.SIGTERM)
        begun = time.perf_counter()
        cluster.start(timeout=120)
        print(f"  restart: {time.perf_counter() - begun:.2f} s to ready, "
              f"{memory_mb(cluster.sluiced.pid):.0f} MB")
        json.loads(cluster.ctl("status", "-o", "json").stdout)
    finally:
        cluster.close()


if __name__ == "__main__":
    main()
