#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints what a worker grows by for idle HTTP/2 connections and for open streams (docs/http2.md)."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import http2  # noqa: E402
from harness import Backend, Worker, ingress, read_head, service  # noqa: E402
from http2 import request  # noqa: E402

CONNS, STREAMS = 500, 100


def holds(conn, _backend):
    """Answers nothing."""
    while read_head(conn)[0] is not None:
        pass
    conn.recv(1)


def main():
    backend = Backend(holds)
    worker = Worker(service("s", [backend]) + [ingress("i", {"/": "s"})], "--h2c")
    try:
        clients = [http2.connect(worker.port) for _ in range(20)]  # memory that is kept anyway
        for client in clients:
            client.read_until(lambda c=client: c.acked)
        before = worker.rss_kb()
        for _ in range(CONNS):
            clients.append(http2.connect(worker.port))
            clients[-1].read_until(lambda c=clients[-1]: c.acked)
        idle = worker.rss_kb()
        print(f"idle connection: {(idle - before) / CONNS:.1f} KB")
        for client in clients[-10:]:
            client.send(*[client.head(2 * i + 1, request()) for i in range(STREAMS)])
        while worker.stats()["requests"] < 10 * STREAMS:
            pass
        print(f"open stream, its connection to the backend included: "
              f"{(worker.rss_kb() - idle) / (10 * STREAMS):.1f} KB")
    finally:
        worker.close()
        backend.close()


if __name__ == "__main__":
    main()
