# SPDX-License-Identifier: Apache-2.0
"""Sluice, nginx and HAProxy side by side on one node, set up alike, and what a run of load costs.

All three have one worker, a pool of kept connections to the same three pods, and add
X-Forwarded-For; none writes an access log. Proxies, client and pods share the processors: what the
kernel does for a spliced exchange is done where its packets come from, so that with processors of
their own (PROXY_CPU, LOAD_CPU) a part of Sluice's work would be counted as the client's. Rounds
alternate the three, so that a machine which changes its speed changes it for all.
"""

import os
import pathlib
import re
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from cluster import (HTTP_PORT, NODE_IP, Cluster, app, endpoint_slice, ingress,  # noqa: E402
                     path, rule, service)
from netns import run, wait_until  # noqa: E402

HOST = "bench.test"
TUNNEL_PORT = 9300  # where a bench may start a backend of tunnels, in one pod
ALL_CPUS = ",".join(map(str, sorted(os.sched_getaffinity(0))))
PROXY_CPU, LOAD_CPU = os.environ.get("PROXY_CPU", ALL_CPUS), os.environ.get("LOAD_CPU", ALL_CPUS)
PORTS = {"sluice": (80, 443), "nginx": (8001, 8441), "haproxy": (8002, 8442)}
NOISY_SPREAD = 0.25  # of the rounds of one candidate: above, a difference of 10 % says nothing

NGINX = """\
worker_processes 1;
daemon off;
user root;
error_log stderr crit;
pid {folder}/peer-nginx.pid;
events {{ worker_connections 8000; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    client_body_temp_path {folder}/peer-body;
    proxy_temp_path {folder}/peer-proxy;
    fastcgi_temp_path {folder}/peer-fastcgi;
    uwsgi_temp_path {folder}/peer-uwsgi;
    scgi_temp_path {folder}/peer-scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    upstream pods {{
{servers}
        keepalive 256;
        keepalive_requests 100000000;
    }}
    server {{
        listen {plain} backlog=4096;
        listen {tls} ssl http2 backlog=4096;
        ssl_certificate {folder}/bench.pem;
        ssl_certificate_key {folder}/bench.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache shared:s:10m;
        http2_max_requests 100000000;
        proxy_http_version 1.1;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Request-ID $request_id;
        location / {{ proxy_pass http://pods; }}
        location /tunnel/ {{
            client_max_body_size 0;
            proxy_request_buffering off;
            proxy_pass http://{tunnel};
        }}
    }}
}}
"""

HAPROXY = """\
global
    nbthread 1
    maxconn 8000
    tune.ssl.default-dh-param 2048
defaults
    mode http
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    timeout tunnel 600s
    option forwardfor
    http-reuse always
frontend in
    bind :{plain} backlog 4096
    bind :{tls} ssl crt {folder}/bench.both.pem alpn h2,http/1.1 backlog 4096
    http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
    http-request set-header X-Real-IP %[src]
    http-request set-header X-Request-ID %[uuid]
    use_backend tunnel if {{ path_beg /tunnel/ }}
    default_backend pods
backend pods
    balance roundrobin
{servers}
backend tunnel
    server t {tunnel}
"""


class Candidates:
    """The scene with all candidates running. urls: by candidate, plain and TLS."""

    def __init__(self, names=tuple(PORTS), sluice_flags=(), workers=1):
        self.names = names
        self.cluster = Cluster(answer="hello from {name}, this is a small answer of some bytes\n")
        self.pids = {}
        try:
            self._start(workers, sluice_flags)
        except BaseException:
            self.cluster.close()
            raise

    def _start(self, workers, sluice_flags):
        cluster = self.cluster
        self._offload()
        self._certificate()
        servers = [f"{pod.ip}:{HTTP_PORT}" for pod in cluster.pods.values()]
        for pod in cluster.pods.values():
            for size in (1024, 10 * 1024, 64 * 1024, 1024 * 1024):
                (pod.folder / "files" / str(size)).write_bytes(bytes(size))
            with open(pod.folder / "files" / "bulk", "wb") as bulk:
                bulk.truncate(1 << 28)
        if "nginx" in self.names:
            self._peer("nginx", NGINX, ["nginx", "-e", "stderr", "-c"],
                       "\n".join(f"        server {server};" for server in servers))
        if "haproxy" in self.names:
            self._peer("haproxy", HAPROXY, ["haproxy", "-db", "-f"],
                       "\n".join(f"    server p{number} {server}"
                                 for number, server in enumerate(servers)))
        if "sluice" in self.names:
            cluster.save("bench.json", [
                self._secret(),
                ingress("bench", rule(HOST, path("/", "web"), path("/tunnel", "tunnel")),
                        tls=[{"hosts": [HOST], "secretName": "bench"}],
                        annotations={"sluice.dev/ssl-redirect": "false"}),
                *app("web", *cluster.pods.values()),
                service("tunnel"), endpoint_slice("tunnel", [self.tunnel_pod().ip],
                                                  [(None, TUNNEL_PORT, "TCP")])])
            cluster.start("--proxy-workers", str(workers), *sluice_flags)
            self.pids["sluice"] = cluster.workers()
        for name in self.names:
            for pid in self.pids[name]:
                run(["taskset", "-a", "-p", "-c", PROXY_CPU, pid])
        for pod in cluster.pods.values():
            for pid in pod.host.pids():
                run(["taskset", "-a", "-p", "-c", LOAD_CPU, pid])

    def _offload(self):
        """Pods' links as they are on a node: segments are made late. (Tests switch that off.)"""
        for name, pod in self.cluster.pods.items():
            for host, device in ((pod.host, "eth0"), (self.cluster.node, f"veth-{name}")):
                host.run("ethtool", "-K", device, "tx", "on", "tso", "on")

    def tunnel_pod(self):
        return self.cluster.pods["pod-a"]

    def _certificate(self):
        folder = self.cluster.folder
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", folder / "bench.key", "-out", folder / "bench.pem", "-days", "30",
             "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"])
        (folder / "bench.both.pem").write_text((folder / "bench.pem").read_text()
                                               + (folder / "bench.key").read_text())

    def _secret(self):
        folder = self.cluster.folder
        return {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
                "metadata": {"name": "bench", "namespace": "default"},
                "stringData": {"tls.crt": (folder / "bench.pem").read_text(),
                               "tls.key": (folder / "bench.key").read_text()}}

    def _peer(self, name, text, argv, servers):
        cluster = self.cluster
        plain, tls = PORTS[name]
        conf = cluster.folder / f"peer-{name}.conf"
        conf.write_text(text.format(folder=cluster.folder, plain=plain, tls=tls, servers=servers,
                                    tunnel=f"{self.tunnel_pod().ip}:{TUNNEL_PORT}"))
        before = set(cluster.node.pids())
        process = cluster.node.start(name, [*argv, conf])

        def listens():
            if not process.running():
                raise RuntimeError(f"{name} ended:\n{process.log()}")
            try:
                cluster.client.connect(NODE_IP, plain).close()
                return True
            except OSError:
                return False

        wait_until(listens, f"{name} listens")
        self.pids[name] = sorted(set(cluster.node.pids()) - before)

    def close(self):
        self.cluster.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def url(self, name, request_path="/", tls=False):
        """By address: the name is given with --header, or by the certificate's owner in TLS."""
        port = PORTS[name][tls]
        return f"{'https' if tls else 'http'}://{NODE_IP}:{port}{request_path}"

    def cpu_s(self, name):
        """Processor time of a candidate's processes so far, in seconds."""
        total = 0
        for pid in self.pids[name]:
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def load(self, *argv, timeout=120):
        """Runs a load generator on the client's processor and returns what it printed."""
        return self.cluster.client.run("taskset", "-c", LOAD_CPU, *argv, timeout=timeout).stdout


def rounds(candidates, turns, measure):
    """measure(name) -> dict of figures, for each candidate in turn. Returns name -> figure ->
    list."""
    results = {name: {} for name in candidates.names}
    for turn in range(turns):
        names = candidates.names[turn % len(candidates.names):] \
            + candidates.names[:turn % len(candidates.names)]
        for name in names:
            for figure, value in measure(name).items():
                results[name].setdefault(figure, []).append(value)
    return results


def spread(values):
    return (max(values) - min(values)) / statistics.median(values)


def number(text, pattern):
    found = re.search(pattern, text)
    if not found:
        raise RuntimeError(f"no {pattern!r} in:\n{text}")
    return float(found[1])


def milliseconds(text):
    """'1.23ms', '450us', '1.2s' as wrk and h2load print them."""
    value, unit = re.fullmatch(r"(-?nan|[\d.]+)(us|ms|s|m|h)", text).groups()
    return float(value) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000, "h": 3600000}[unit]
