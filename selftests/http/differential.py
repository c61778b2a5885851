#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The odd requests to Sluice, nginx and HAProxy: what each answers, and what its backend reads.

    make differential                         the tables of docs/http.md, by group of requests
    make differential ARGS=--all              one line a request that is not treated alike
    make differential ARGS='--all K=text'     the same, of groups or names with that text
"""

import collections
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from harness import field
from odd_requests import cases
from rules import Recorder, Stage, status_of

PATIENCE_S = 1.0  # for a proxy that waits for more than there is

NGINX = """
daemon off; worker_processes 1; pid {dir}/pid; error_log /dev/null;
events {{ worker_connections 256; }}
http {{
    access_log off; client_body_temp_path {dir}/a; proxy_temp_path {dir}/b;
    fastcgi_temp_path {dir}/c; uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;
    upstream s {{ server 127.0.0.1:{backend}; keepalive 4; }}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 0;
        large_client_header_buffers 4 16k;
        location / {{
            proxy_pass http://s;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_set_header Host $http_host;
            proxy_set_header Connection "";
        }}
    }}
}}
"""

HAPROXY = """
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
frontend f
    bind 127.0.0.1:{port}
    default_backend b
backend b
    server s 127.0.0.1:{backend}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Peer:
    """nginx or HAProxy in front of a recorder of its own."""

    def __init__(self, name, config, command):
        self.name, self.recorder, self.port = name, Recorder(), free_port()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sluice-differential-"))
        path = self.dir / "conf"
        path.write_text(config.format(dir=self.dir, port=self.port,
                                      backend=self.recorder.backend.port))
        self.process = subprocess.Popen([shutil.which(command[0], path="/usr/sbin:/usr/bin")] +
                                        [arg.format(conf=path) for arg in command[1:]],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.05)
        raise TimeoutError(f"{name} does not listen")

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.recorder.backend.close()
        shutil.rmtree(self.dir)


class Sluice:
    def __init__(self):
        self.name, self.stage = "Sluice", Stage()
        self.recorder, self.port = self.stage.recorder, self.stage.worker.port

    def close(self):
        self.stage.close()


def answer_of(port, request):
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as conn:
        got = b""
        try:
            conn.sendall(request)
            while more := conn.recv(65536):
                got += more
        except OSError:
            pass
        return got


def outcome(proxy, request):
    """("refused", status) or ("passed", what the backend read)."""
    answer = answer_of(proxy.port, request)
    seen = proxy.recorder.take()
    if not seen:
        return "refused", status_of(answer)
    forms = []
    for head, body in seen:
        start = head.split(b"\r\n", 1)[0].rsplit(b" ", 1)[0]
        forms.append((start, field(head, "host"), body))
    return "passed", tuple(forms)


def kind_of(ours, theirs):
    if ours[0] != theirs[0]:
        return "Sluice refuses" if ours[0] == "refused" else "Sluice passes"
    if ours == theirs:
        return "alike"
    return "other status" if ours[0] == "refused" else "other form"


def text_of(result):
    if result[0] == "refused":
        return str(result[1] or "closed")
    return " + ".join(f"{start.decode('latin-1')!r:.60} host {host!r:.40} body {body[:20]!r}"
                      for start, host, body in result[1])


def main(arguments):
    wanted = [argument[2:] for argument in arguments if argument.startswith("K=")]
    proxies = [Sluice(), Peer("nginx", NGINX, ["nginx", "-c", "{conf}"]),
               Peer("HAProxy", HAPROXY, ["haproxy", "-f", "{conf}"])]
    table = collections.defaultdict(collections.Counter)
    kinds = ["alike", "Sluice refuses", "Sluice passes", "other status", "other form"]
    try:
        for case in cases():
            if wanted and not any(text in f"{case.group} {case.name}" for text in wanted):
                continue
            results = [outcome(proxy, case.request) for proxy in proxies]
            for proxy, theirs in zip(proxies[1:], results[1:]):
                table[case.group][proxy.name, kind_of(results[0], theirs)] += 1
            if "--all" in arguments and len(set(results)) > 1:
                print(f"{case.group}: {case.name}")
                for proxy, result in zip(proxies, results):
                    print(f"    {proxy.name:8} {text_of(result)}")
    finally:
        for proxy in proxies:
            proxy.close()
    for peer in ("nginx", "HAProxy"):
        print(f"{peer}:\n\n| requests about | how many | " + " | ".join(kinds) + " |")
        print("|---|" + "---|" * (1 + len(kinds)))
        total = collections.Counter()
        for group, counts in table.items():
            total += counts
            table_line(group, [counts[peer, kind] for kind in kinds])
        table_line("**all**", [total[peer, kind] for kind in kinds])
        print()


def table_line(group, numbers):
    print(f"| {group} | {sum(numbers)} | " + " | ".join(str(n or "") for n in numbers) + " |")


if __name__ == "__main__":
    main(re.split(r"\s+", " ".join(sys.argv[1:])))
