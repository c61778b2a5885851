#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP beside Debian's nginx and HAProxy: requests a second and processor time of the proxy.

Alternating rounds, medians; ratios are Sluice against the better of the two. ROUNDS=5 SECONDS=3
and CASES=text (the cases whose name has it) change the usual run; JSON=FILE keeps all figures.
"""

import json
import multiprocessing
import os
import pathlib
import re
import resource
import ssl
import statistics
import sys

from peers import HOST, NODE_IP, NOISY_SPREAD, PORTS, Candidates, milliseconds, number, rounds, spread

ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = int(os.environ.get("SECONDS", "3"))
BULK_BYTES = 1 << 28
WARM_CONNS = 100
MANY_IDLE = 50000


def wrk(candidates, name, conns, request_path="/", tls=False, close=False):
    before = candidates.cpu_s(name)
    more = ["-H", "Connection: close"] if close else []
    text = candidates.load("wrk", "-t1", f"-c{conns}", f"-d{SECONDS}s", "--latency", "--timeout",
                           "10s", "-H", f"Host: {HOST}", *more,
                           candidates.url(name, request_path, tls), timeout=SECONDS + 30)
    errors = re.search(r"Non-2xx.*|Socket errors.*", text)
    if errors:
        raise RuntimeError(f"{name}: {errors[0]}")
    done = number(text, r"(\d+) requests in")
    return {"per_s": number(text, r"Requests/sec:\s+([\d.]+)"),
            "p99_ms": milliseconds(re.search(r"^\s+99%\s+(\S+)", text, re.M)[1]),
            "cpu_us": (candidates.cpu_s(name) - before) * 1e6 / done}


def h2load(candidates, name, conns, streams, tls=True):
    before = candidates.cpu_s(name)
    text = candidates.load("h2load", f"-c{conns}", f"-m{streams}", "-D", SECONDS, "-H",
                           f":authority: {HOST}", candidates.url(name, "/", tls),
                           timeout=SECONDS + 30)
    done = number(text, r"(\d+) succeeded")
    failed = number(text, r"(\d+) failed")
    if failed or not done:
        raise RuntimeError(f"{name}: {failed:.0f} failed of {done:.0f}:\n{text}")
    return {"per_s": number(text, r", ([\d.]+) req/s"),
            "cpu_us": (candidates.cpu_s(name) - before) * 1e6 / done}


def paced(candidates, name, per_s, conns):
    """The delay at one rate for all: p99 of every request of h2load's log."""
    log = candidates.cluster.folder / f"h2load-{name}.log"
    log.unlink(missing_ok=True)
    candidates.load("h2load", "--h1", f"-c{conns}", "-n", int(per_s * SECONDS),
                    f"--rps={per_s / conns:.1f}", f"--log-file={log}", "-H", f"Host: {HOST}",
                    candidates.url(name), timeout=SECONDS * 10 + 30)
    delays = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
    return {"p50_ms": delays[len(delays) // 2] / 1000,
            "p99_ms": delays[int(len(delays) * 0.99)] / 1000}


def bulk(candidates, name, streams, tls=False):
    """Downloads of 256 MB side by side: the rate of all together."""
    before = candidates.cpu_s(name)
    curl = (f"curl -s -k -f -o /dev/null --http1.1 -H 'Host: {HOST}' -w '%{{size_download}} %{{time_total}}\\n' "
            f"{candidates.url(name, '/files/bulk', tls)}")
    text = candidates.load("sh", "-c", f"for i in $(seq {streams}); do {curl} & done; wait",
                           timeout=300)
    lines = [line.split() for line in text.splitlines()]
    if len(lines) != streams or any(int(size) != BULK_BYTES for size, _ in lines):
        raise RuntimeError(f"{name}: a download was cut short: {text}")
    total = streams * BULK_BYTES
    return {"per_s": total / max(float(seconds) for _, seconds in lines) / 1e6,
            "cpu_us": (candidates.cpu_s(name) - before) * 1e6 / (total / 1e6)}


def handshakes(candidates, name, reuse):
    """Full or resumed TLS 1.3 handshakes one after the other, each with a small answer."""
    before = candidates.cpu_s(name)
    address = f"{NODE_IP}:{PORTS[name][1]}"
    text = candidates.load("openssl", "s_time", "-connect", address, "-time", SECONDS,
                           "-reuse" if reuse else "-new", "-tls1_3", "-www", "/",
                           timeout=SECONDS + 60)
    done = [int(found) for found in re.findall(r"(\d+) connections in \d+ real seconds", text)]
    return {"per_s": done[-1] / SECONDS, "cpu_us": (candidates.cpu_s(name) - before) * 1e6 / done[-1]}


# name, unit, goal (ratio of per_s against the better peer), rounds or None, measure(candidates, name)
CASES = [
    ("keep-alive, small answer, 8 conns", "req/s", 1.1, None, lambda c, n: wrk(c, n, 8)),
    ("keep-alive, small answer, 64 conns", "req/s", 1.1, None, lambda c, n: wrk(c, n, 64)),
    ("keep-alive, 10 KB, 64 conns", "req/s", 1.1, None,
     lambda c, n: wrk(c, n, 64, "/files/10240")),
    ("keep-alive, 64 KB, 64 conns", "req/s", 1.1, None,
     lambda c, n: wrk(c, n, 64, "/files/65536")),
    ("TLS keep-alive, small answer, 64 conns", "req/s", 1.1, None,
     lambda c, n: wrk(c, n, 64, tls=True)),
    ("TLS handshake each request, 16 conns", "req/s", 1.0, None,
     lambda c, n: wrk(c, n, 16, tls=True, close=True)),
    ("HTTP/2 over TLS, 8 conns x 32 streams", "req/s", 1.2, None,
     lambda c, n: h2load(c, n, 8, 32)),
    ("1 download of 256 MB", "MB/s", 1.0, 3, lambda c, n: bulk(c, n, 1)),
    ("16 downloads of 256 MB", "MB/s", 1.0, 3, lambda c, n: bulk(c, n, 16)),
    ("1 download of 256 MB over TLS", "MB/s", 1.0, 3, lambda c, n: bulk(c, n, 1, True)),
    ("full TLS 1.3 handshakes, one by one", "/s", 1.0, None, lambda c, n: handshakes(c, n, False)),
    ("resumed TLS 1.3 handshakes, one by one", "/s", 1.0, None, lambda c, n: handshakes(c, n, True)),
]


def tell(name, unit, goal, results):
    medians = {candidate: {figure: statistics.median(values) for figure, values in figures.items()}
               for candidate, figures in results.items()}
    peers = [candidate for candidate in medians if candidate != "sluice"]
    best = max(medians[peer]["per_s"] for peer in peers)
    least = min(medians[peer]["cpu_us"] for peer in peers)
    noise = max(spread(figures["per_s"]) for figures in results.values())
    rates = "  ".join(f"{candidate} {figures['per_s']:.0f}" for candidate, figures in medians.items())
    costs = "  ".join(f"{figures['cpu_us']:.1f}" for figures in medians.values())
    print(f"  {name:<42} {rates} {unit} | {medians['sluice']['per_s'] / best:.2f}x (goal {goal}x) | "
          f"proxy CPU us each {costs}: {medians['sluice']['cpu_us'] / least:.2f}x"
          + (f" | NOISY: rounds differ by {noise:.0%}" if noise > NOISY_SPREAD else ""), flush=True)
    return {"medians": medians, "noise": noise, "rounds": results}


def tell_paced(candidates):
    """p99 at 70 % of what the slowest can do, for each."""
    most = min(statistics.median([wrk(candidates, name, 32)["per_s"] for _ in range(3)])
               for name in candidates.names)
    results = rounds(candidates, ROUNDS, lambda name: paced(candidates, name, 0.7 * most, 32))
    p99 = {name: statistics.median(figures["p99_ms"]) for name, figures in results.items()}
    best = min(value for name, value in p99.items() if name != "sluice")
    print(f"  p99 at {0.7 * most:.0f} req/s, 32 conns: "
          + "  ".join(f"{name} {value:.2f}" for name, value in p99.items())
          + f" ms | {p99['sluice'] / best:.2f}x (goal 1.0x)", flush=True)
    return {"p99_ms": p99, "rounds": results}


def resident_kb(candidates, name):
    total = 0
    for pid in candidates.pids[name]:
        status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        total += int(re.search(r"VmRSS:\s+(\d+)", status)[1])
    return total


def idle(candidates, name, count, tls, warm=WARM_CONNS):
    """KB of user space that each of so many connections costs, between two requests, when the first
    have brought in what all share, or what is there from before is taken."""
    request = f"GET /files/1024 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    port = PORTS[name][1 if tls else 0]
    before, held = 0, []
    try:
        for number_made in range(warm + count):
            if number_made == warm:
                before = resident_kb(candidates, name)
            conn = candidates.cluster.client.connect(NODE_IP, port, timeout=30)
            if tls:
                conn = context.wrap_socket(conn, server_hostname=HOST)
            held.append(conn)
            conn.sendall(request)
            if not conn.recv(65536).startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"{name}: connection {len(held)} was not served")
        return (resident_kb(candidates, name) - before) / count
    finally:
        for conn in held:
            conn.close()


def tell_idle(candidates):
    """Memory beside the peers, whose connections are limited."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    kept = {}
    for count, tls, goal in ((4000, False, 2), (500, True, 16)):
        sizes = {name: idle(candidates, name, count, tls) for name in candidates.names}
        kept[f"{count}{' TLS' if tls else ''}"] = sizes
        print(f"  {count} idle connections{' over TLS' if tls else ''}: "
              + "  ".join(f"{name} {size:.2f}" for name, size in sizes.items())
              + f" KB each (goal {goal} KB)", flush=True)
    return kept


def exchange(conn):
    """One small answer, read to its end."""
    conn.sendall(f"GET /files/1024 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    text = b""
    while len(text.partition(b"\r\n\r\n")[2]) < 1024:
        more = conn.recv(65536)
        if not more:
            raise EOFError(f"closed after {len(text)} bytes of an answer")
        text += more
    if not text.startswith(b"HTTP/1.1 200"):
        raise OSError(f"answered {text[:40]}")


def hold(candidates, source, count, orders, answers):
    """Opens so many connections from an address with an exchange on each; at the order, one more on
    each. Says how many were served, or what went wrong."""
    conns = []
    try:
        for _ in range(count):
            conns.append(candidates.cluster.client.connect(NODE_IP, PORTS["sluice"][0], timeout=60,
                                                           source=source))
            exchange(conns[-1])
        answers.put(count)
        while orders.get():
            for conn in conns:
                exchange(conn)
            answers.put(count)
    except (OSError, EOFError) as error:
        answers.put(f"connection {len(conns)} of {count}: {error}")


def expect(answers, count, what):
    answer = answers.get(timeout=300)
    if answer != count:
        raise RuntimeError(f"idle connections: not all were {what}: {answer}")


def tell_many_idle():
    """So many at once: by as many workers and clients as the limit of descriptors makes necessary."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    shares = -(-MANY_IDLE // min(most - 5000, MANY_IDLE))
    with Candidates(("sluice",), ("--client-idle-timeout", "1h"), workers=shares) as candidates:
        fork = multiprocessing.get_context("fork")
        holders, sizes = [], []
        try:
            for count in [WARM_CONNS * shares] + [MANY_IDLE // shares] * shares:
                # An address each: when half of one's ports are taken, the kernel looks long for more.
                source = f"192.0.2.{100 + len(holders)}"
                candidates.cluster.client.ip(f"addr add {source}/24 dev eth0")
                orders, answers = fork.Queue(), fork.Queue()
                process = fork.Process(target=hold,
                                       args=(candidates, source, count, orders, answers))
                process.start()
                holders.append((process, orders, answers, count))
                expect(answers, count, "served")
                sizes.append(resident_kb(candidates, "sluice"))
            for _, orders, answers, count in holders:
                orders.put(True)
                expect(answers, count, "kept")
        finally:
            for process, orders, _, _ in holders:
                orders.put(False)
                process.join(60)
                process.kill()
        held = sum(count for *_, count in holders[1:])
        size = (sizes[-1] - sizes[0]) / held
    print(f"  {held} idle connections, {shares} workers: sluice {size:.2f} KB each (goal 2 KB)",
          flush=True)
    return {"held": held, "workers": shares, "kb": size}


def main():
    wanted = os.environ.get("CASES", "")
    kept = {}
    with Candidates() as candidates:
        for name, unit, goal, turns, measure in CASES:
            if wanted in name:
                results = rounds(candidates, turns or ROUNDS,
                                 lambda candidate, do=measure: do(candidates, candidate))
                kept[name] = tell(name, unit, goal, results)
        if wanted in "p99 at equal load":
            kept["p99"] = tell_paced(candidates)
        if wanted in "idle connections":
            kept["idle"] = tell_idle(candidates)
    if wanted in "idle connections":
        kept["many idle"] = tell_many_idle()
    if os.environ.get("JSON"):
        with open(os.environ["JSON"], "w", encoding="utf-8") as file:
            json.dump(kept, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
