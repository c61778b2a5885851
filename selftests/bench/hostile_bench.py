#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a good client of a worker notices of hostile ones: p50 and p99 of one connection that asks once
a millisecond, while each attack runs (docs/security.md).

    hostile_bench.py [--seconds 3] [--clients 4] [-k TEXT]

The load of an attack is that of --clients processes, each as fast as it is let. The row `ordinary
requests` is as many clients that only ask for pages: what they cost is the price of load, not of an
attack, and the one to compare with. Hostile clients have machines of their own elsewhere: here the
worker, the good client and the backend go before them (root)."""

import argparse
import multiprocessing
import os
import pathlib
import socket
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "selftests/lib"), str(ROOT / "selftests/http")]

import http2  # noqa: E402
from harness import Backend, Worker, exchange, get, ingress, read_head, service  # noqa: E402
from http2 import (CONTINUATION, DATA, END_HEADERS, HEADERS, INITIAL_WINDOW_SIZE, PING,  # noqa: E402
                   PREFACE, RST_STREAM, frame, request, settings)

PAUSE_S = 0.001
OPEN = PREFACE + settings()
OTHER = "other.test"  # what hostile clients ask for: a backend that the good one does not use
HEAD = http2.encode(request(authority=OTHER))
LOST = http2.encode(request(authority="nobody.test"))
# One entry of 3 KB in the dynamic table, and references to it: 16 KB that become 48 MB.
BOMB = HEAD + b"\x40\x01a" + http2.integer(3000, 7) + b"x" * 3000 + b"\xbe" * 12000


def dial(port):
    conn = socket.create_connection(("127.0.0.1", port), timeout=5)
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return conn


def until_closed(port, first, more):
    """One connection: more(n) again and again, answers read and thrown away."""
    with dial(port) as conn:
        conn.sendall(first)
        conn.setblocking(False)
        for number in range(10**9):
            conn.settimeout(1)
            conn.sendall(more(number))
            conn.setblocking(False)
            try:
                while data := conn.recv(1 << 20):
                    pass
                if data == b"":
                    return
            except BlockingIOError:
                pass


def streams(number, make, count=50):
    return b"".join(make(2 * (count * number + i) + 1) for i in range(count))


def ordinary(port):
    with dial(port) as conn:
        rest = b""
        while True:
            _, _, _, rest = exchange(conn, get(host=OTHER), rest)


def bombs(port):
    until_closed(port, OPEN, lambda n: frame(HEADERS, END_HEADERS | 1, 2 * n + 1, BOMB))


def pings(port):
    until_closed(port, OPEN, lambda n: frame(PING, 0, 0, b"12345678") * 1000)


def setting_frames(port):
    until_closed(port, OPEN, lambda n: settings() * 1000)


def empty_data(port):
    until_closed(port, OPEN + frame(HEADERS, END_HEADERS, 1, http2.encode(request(method="POST", authority=OTHER))),
                 lambda n: frame(DATA, 0, 1) * 1000)


def resets(port):
    until_closed(port, OPEN, lambda n: streams(n, lambda s: frame(HEADERS, END_HEADERS | 1, s, HEAD)
                                               + frame(RST_STREAM, 0, s, b"\0\0\0\x08")))


def continuations(port):
    until_closed(port, OPEN + frame(HEADERS, 0, 1, HEAD),
                 lambda n: frame(CONTINUATION, 0, 1) * 1000)


def no_window(port):
    until_closed(port, PREFACE + settings((INITIAL_WINDOW_SIZE, 0)), lambda n: streams(
        n, lambda s: frame(HEADERS, END_HEADERS | 1, s, LOST)))


def unread(port):
    with dial(port) as conn:
        conn.settimeout(0.2)
        while True:
            conn.sendall(get(host="nobody.test") * 500)


def reconnects(port):
    with dial(port) as conn:
        conn.sendall(get(host="nobody.test"))


def half_heads(port):
    conns = []
    for _ in range(200):
        conns.append(dial(port))
        conns[-1].sendall(get(host=OTHER)[:-2])
    for _ in range(1000):
        for conn in conns:
            conn.sendall(b"a: b\r\n"[:1])
        time.sleep(0.01)


def chunk_dust(port):
    until_closed(port, get(host=OTHER, method="POST", extra="Transfer-Encoding: chunked\r\n"),
                 lambda n: b"1;x=y\r\na\r\n" * 2000)


def interim_heads(port):
    with dial(port) as conn:
        exchange(conn, get("/interim", OTHER))


ATTACKS = {"nothing": None, "ordinary requests": ordinary, "HPACK bombs": bombs,
           "PING frames": pings, "SETTINGS frames": setting_frames, "empty DATA frames": empty_data,
           "requests reset at once": resets, "CONTINUATION frames": continuations,
           "404s with window 0": no_window, "404s that are not read": unread,
           "a connection a request": reconnects, "200 heads, an octet at a time": half_heads,
           "chunks of one octet": chunk_dust, "a backend with interim heads": interim_heads}


def hostile(attack, port, end):
    os.setpriority(os.PRIO_PROCESS, 0, 0)
    while time.monotonic() < end:
        try:
            attack(port)
        except (OSError, ConnectionError):
            pass


def serve(conn, _backend):
    rest = b""
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while True:
        asked, rest = read_head(conn, rest)
        if asked is None:
            return
        while b" /interim " in asked:
            conn.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 500)
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def backend_process(pipe, _ours):
    pipe.send(Backend(serve).port)
    pipe.recv()  # until it is terminated


class Address:
    def __init__(self, port):
        self.host, self.port = "127.0.0.1", port


def start_backend():
    here, there = multiprocessing.Pipe()
    process = multiprocessing.Process(target=backend_process, args=(there, here), daemon=True)
    process.start()
    return process, Address(here.recv())


def good(port, seconds):
    """Milliseconds of each request."""
    took, rest = [], b""
    with dial(port) as conn:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begun = time.perf_counter()
            status, _, _, rest = exchange(conn, get(), rest)
            took.append((time.perf_counter() - begun) * 1e3)
            if status != 200:
                raise AssertionError(f"the good client got {status}")
            time.sleep(PAUSE_S)
    return took


def cpu_s(pid):
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def row(name, attack, port, pid, args):
    end = time.monotonic() + args.seconds + 1.5
    enemies = [multiprocessing.Process(target=hostile, args=(attack, port, end), daemon=True)
               for _ in range(args.clients if attack else 0)]
    for enemy in enemies:
        enemy.start()
    time.sleep(0.5)
    before = cpu_s(pid)
    took = good(port, args.seconds)
    cpu = (cpu_s(pid) - before) / args.seconds
    for enemy in enemies:
        enemy.terminate()
        enemy.join()
    print(f"| {name} | {statistics.median(took):.2f} | {sorted(took)[len(took) * 99 // 100]:.2f} |"
          f" {100 * cpu:.0f} % |",
          flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("-k", default="")
    args = parser.parse_args()
    served, address = start_backend()
    other, other_address = start_backend()
    worker = Worker(service("s", [address]) + service("o", [other_address])
                    + [ingress("i", {"/": "s"}, host="a.test"),
                       ingress("o", {"/": "o"}, host=OTHER)], "--h2c")
    for pid in (worker.pid, served.pid, os.getpid()):
        os.setpriority(os.PRIO_PROCESS, pid, -20)
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} CPUs\n\n"
          "| attack | p50, ms | p99, ms | CPU of the worker |\n|---|---|---|---|")
    try:
        for name, attack in ATTACKS.items():
            if args.k in name:
                row(name, attack, worker.port, worker.pid, args)
    finally:
        worker.close()
        served.terminate()
        other.terminate()


if __name__ == "__main__":
    main()
