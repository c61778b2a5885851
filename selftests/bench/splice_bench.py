#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bytes moved by the kernel and bytes relayed, beside Debian's nginx and HAProxy.

Candidates: the two peers; Sluice as it is by default (auto), with --splice on, and with --splice
off; and the pods asked directly, without a proxy. Rounds alternate them; figures are medians.

The kernel moves bytes in its own threads and in whoever runs when a packet comes, so a proxy's own
processor time says little here. What counts is the time of all that took part (client, pods, proxy,
kernel threads) less that of a direct exchange: `CPU` below. All share both processors.

ROUNDS=5 SECONDS=2 and CASES=text (the cases whose name has it) change the usual run; JSON=FILE keeps
all figures (build/bench/splice_bench.json by default).
"""

import contextlib
import json
import os
import pathlib
import re
import resource
import statistics
import sys

from peers import HOST, NOISY_SPREAD, PORTS, TUNNEL_PORT, Candidates, number, rounds, spread

ROOT = pathlib.Path(__file__).resolve().parents[2]
TUNNEL_LOAD = ROOT / "build/bench/tunnel_load"
JSON_FILE = os.environ.get("JSON", ROOT / "build/bench/splice_bench.json")
ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = float(os.environ.get("SECONDS", "2"))
PEERS = ("nginx", "haproxy")
SLUICES = {"auto": (), "on": ("--splice", "on"), "off": ("--splice", "off")}
BULK_BYTES = 1 << 28
KERNEL_THREADS = ("kworker", "ksoftirqd")


def threads_s(pids):
    """Processor time of these processes so far, in seconds."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):  # a kernel thread that ended
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def kernel_threads():
    pids = []
    for folder in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and \
                    (folder / "comm").read_text().startswith(KERNEL_THREADS):
                pids.append(folder.name)
    return pids


def children_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Stage:
    """All candidates, each Sluice in a scene of its own that is like the others."""

    def __init__(self):
        self.names = (*PEERS, *SLUICES, "direct")
        self.scenes = {}
        try:
            for name, flags in SLUICES.items():
                names = (*PEERS, "sluice") if name == "auto" else ("sluice",)
                self.scenes[name] = Candidates(names, flags)
                scene = self.scenes[name]
                scene.tunnel_pod().host.start("tunnel", [TUNNEL_LOAD, "serve", TUNNEL_PORT])
        except BaseException:
            self.close()
            raise

    def scene(self, name):
        return self.scenes.get(name, self.scenes["auto"])

    def address(self, name, tunnel=False):
        if name == "direct":
            pod = self.scene(name).tunnel_pod()
            return pod.ip, TUNNEL_PORT if tunnel else 8080
        return "192.0.2.1", PORTS["sluice" if name in SLUICES else name][0]

    def url(self, name, path):
        return "http://{}:{}{}".format(*self.address(name), path)

    def _processes(self, name):
        """Of the scene of a candidate, but for load generators."""
        scene = self.scene(name)
        own = [pid for pid in scene.cluster.node.pids()]
        return own + [pid for pod in scene.cluster.pods.values() for pid in pod.host.pids()]

    def load(self, name, *argv, timeout=120):
        """Runs a load generator. Returns its output and the processor time of all that took part."""
        pids = self._processes(name) + kernel_threads()
        before = threads_s(pids) + children_s()
        text = self.scene(name).load(*argv, timeout=timeout)
        return text, threads_s(pids) + children_s() - before

    def close(self):
        for scene in self.scenes.values():
            scene.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# ---- what is measured ----------------------------------------------------------------------------


def wrk(stage, name, conns, path="/"):
    text, cpu_s = stage.load(name, "wrk", "-t1", f"-c{conns}", f"-d{SECONDS:.0f}s", "--timeout",
                             "10s", "-H", f"Host: {HOST}", stage.url(name, path))
    errors = re.search(r"Non-2xx.*|Socket errors.*", text)
    if errors:
        raise RuntimeError(f"{name}: {errors[0]}")
    return {"per_s": number(text, r"Requests/sec:\s+([\d.]+)"),
            "cpu_us": cpu_s * 1e6 / number(text, r"(\d+) requests in")}


def ping(stage, name, conns):
    address, port = stage.address(name, tunnel=True)
    text, cpu_s = stage.load(name, TUNNEL_LOAD, "ping", address, port, conns, 128,
                             int(SECONDS * 1000))
    done = number(text, r"(\d+) done")
    return {"p50_us": number(text, r"p50 ([\d.]+)"), "p99_us": number(text, r"p99 ([\d.]+)"),
            "per_s": done / number(text, r"([\d.]+) s,"), "cpu_us": cpu_s * 1e6 / done}


def pour(stage, name, streams):
    """Bulk through tunnels: MB/s of all together."""
    address, port = stage.address(name, tunnel=True)
    each = BULK_BYTES // streams
    text, cpu_s = stage.load(name, TUNNEL_LOAD, "pour", address, port, streams, each)
    megabytes = each * streams / 1e6
    return {"per_s": megabytes / number(text, r"([\d.]+) s,"), "cpu_us": cpu_s * 1e6 / megabytes}


def download(stage, name, streams):
    curl = (f"curl -s -f -o /dev/null -H 'Host: {HOST}' -w '%{{size_download}} %{{time_total}}\\n' "
            f"{stage.url(name, '/files/bulk')}")
    text, cpu_s = stage.load(name, "sh", "-c",
                             f"for i in $(seq {streams}); do {curl} & done; wait", timeout=300)
    lines = [line.split() for line in text.splitlines()]
    if len(lines) != streams or any(int(size) != BULK_BYTES for size, _ in lines):
        raise RuntimeError(f"{name}: a download was cut short: {text}")
    megabytes = streams * BULK_BYTES / 1e6
    return {"per_s": megabytes / max(float(seconds) for _, seconds in lines),
            "cpu_us": cpu_s * 1e6 / megabytes}


def post(stage, name, streams, body_bytes, count):
    """Uploads: each stream posts so many bodies. MB/s of all together."""
    address, port = stage.address(name, tunnel=True)
    text, cpu_s = stage.load(name, TUNNEL_LOAD, "post", address, port, streams, body_bytes, count)
    megabytes = streams * body_bytes * count / 1e6
    return {"per_s": megabytes / number(text, r"([\d.]+) s,"), "cpu_us": cpu_s * 1e6 / megabytes}


def paced(stage, name, per_s, conns):
    """The delay at one rate for all, from every request of h2load's log."""
    log = stage.scene(name).cluster.folder / f"h2load-{name}.log"
    log.unlink(missing_ok=True)
    _, cpu_s = stage.load(name, "h2load", "--h1", f"-c{conns}", "-n", int(per_s * SECONDS),
                          f"--rps={per_s / conns:.1f}", f"--log-file={log}", "-H",
                          f"Host: {HOST}", stage.url(name, "/"), timeout=SECONDS * 10 + 30)
    delays = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
    return {"p50_us": delays[len(delays) // 2], "p99_us": delays[int(len(delays) * 0.99)],
            "cpu_us": cpu_s * 1e6 / len(delays)}


# name, figure, its unit, more is better, goal of the figure and of CPU (ratios; None), rounds, measure
CASES = [
    ("small answer, 8 conns", "per_s", "req/s", True, 1.3, 0.7, None, lambda s, n: wrk(s, n, 8)),
    ("small answer, 64 conns", "per_s", "req/s", True, 1.3, 0.7, None, lambda s, n: wrk(s, n, 64)),
    ("10 KB answer, 64 conns", "per_s", "req/s", True, 1.2, None, None,
     lambda s, n: wrk(s, n, 64, "/files/10240")),
    ("64 KB answer, 64 conns", "per_s", "req/s", True, 1.2, None, None,
     lambda s, n: wrk(s, n, 64, "/files/65536")),
    ("WebSocket, 128 bytes to and fro, 1 tunnel", "p50_us", "us p50", False, 0.5, 0.4, None,
     lambda s, n: ping(s, n, 1)),
    ("WebSocket, 128 bytes to and fro, 64 tunnels", "p50_us", "us p50", False, 0.5, 0.4, None,
     lambda s, n: ping(s, n, 64)),
    ("bulk by tunnel, 1 stream", "per_s", "MB/s", True, 1.0, None, 3, lambda s, n: pour(s, n, 1)),
    ("bulk by tunnel, 16 streams", "per_s", "MB/s", True, 1.3, None, 3,
     lambda s, n: pour(s, n, 16)),
    ("bulk by HTTP, 1 stream", "per_s", "MB/s", True, 1.0, None, 3,
     lambda s, n: download(s, n, 1)),
    ("bulk by HTTP, 16 streams", "per_s", "MB/s", True, 1.3, None, 3,
     lambda s, n: download(s, n, 16)),
    ("upload of 1 MB bodies, 1 stream", "per_s", "MB/s", True, None, None, None,
     lambda s, n: post(s, n, 1, 1 << 20, 512)),
    ("upload of 1 MB bodies, 16 streams", "per_s", "MB/s", True, None, None, None,
     lambda s, n: post(s, n, 16, 1 << 20, 64)),
    ("upload of 256 MB bodies, 1 stream", "per_s", "MB/s", True, None, None, 3,
     lambda s, n: post(s, n, 1, BULK_BYTES, 3)),
    ("upload of 256 MB bodies, 16 streams", "per_s", "MB/s", True, None, None, 3,
     lambda s, n: post(s, n, 16, BULK_BYTES, 1)),
]


def paced_case(stage):
    """p99 at 70 % of what the slowest can do."""
    most = min(statistics.median([wrk(stage, name, 32)["per_s"] for _ in range(3)])
               for name in stage.names)
    return (f"p99 at {0.7 * most:.0f} req/s, 32 conns", "p99_us", "us p99", False, 1.0, None, None,
            lambda s, n: paced(s, n, 0.7 * most, 32))


# ---- what is told --------------------------------------------------------------------------------


def told_ratio(ratio, more, goal):
    met = goal is None or (ratio >= goal if more else ratio <= goal)
    return f"{ratio:.2f}x" + ("" if goal is None else f" (goal {goal}x{'' if met else ', MISSED'})")


def tell(case, results):
    """Prints one case; ratios are against the better peer. Returns what is kept."""
    name, figure, unit, more, goal, cpu_goal, *_ = case
    medians = {candidate: {key: statistics.median(values) for key, values in figures.items()}
               for candidate, figures in results.items()}
    direct_us = medians["direct"]["cpu_us"]
    cost = {key: value["cpu_us"] - direct_us for key, value in medians.items() if key != "direct"}
    best = (max if more else min)(medians[peer][figure] for peer in PEERS)
    least = min(cost[peer] for peer in PEERS)
    noise = max(spread(figures[key]) for figures in results.values() for key in (figure, "cpu_us"))
    print(f"  {name}: " + "  ".join(f"{key} {value[figure]:.0f}" for key, value in medians.items())
          + f" {unit}; CPU us " + "  ".join(f"{key} {value:.1f}" for key, value in cost.items())
          + f" (direct {direct_us:.1f})", flush=True)
    for key in SLUICES:
        print(f"    {key:<5} {told_ratio(medians[key][figure] / best, more, goal)}, CPU "
              f"{told_ratio(cost[key] / least, False, cpu_goal)}", flush=True)
    if noise > NOISY_SPREAD:
        print(f"    TOO NOISY TO TELL: rounds of one candidate differ by {noise:.0%}", flush=True)
    return {"medians": medians, "cost_us": cost, "noise": noise, "rounds": results}


def main():
    wanted = os.environ.get("CASES", "")
    kept = {}
    with Stage() as stage:
        cases = [case for case in CASES if wanted in case[0]]
        if wanted in "p99 at equal load":
            cases.append(paced_case(stage))
        for case in cases:
            measure = case[-1]
            results = rounds(stage, case[-2] or ROUNDS, lambda name, do=measure: do(stage, name))
            kept[case[0]] = tell(case, results)
    pathlib.Path(JSON_FILE).write_text(json.dumps(kept, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
