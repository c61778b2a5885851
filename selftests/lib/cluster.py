# SPDX-License-Identifier: Apache-2.0
"""A node with Sluice on it, a client before it and pods behind it, each a network namespace.

    client 192.0.2.10 ---- 192.0.2.1 node 10.244.1.1 ---- 10.244.1.11  pod-a
           2001:db8:1::10  2001:db8:1::1  |               fd00:244:1::11
                                          '------------- 10.244.1.12  pod-b  ...

The node is the client's router, so that addresses which are on no interface (those of Services,
198.51.100.0/24 and 2001:db8:2::/64 here) reach it too. Pods run a real nginx.
"""

import collections
import contextlib
import http.client
import io
import json
import os
import re
import signal
import socket

from netns import BUILD, Lab, wait_until

CLIENT_IP, NODE_IP, VIP = "192.0.2.10", "192.0.2.1", "198.51.100.10"
CLIENT_IP6, NODE_IP6, VIP6 = "2001:db8:1::10", "2001:db8:1::1", "2001:db8:2::10"
NODE_NAME = "node1"
# Of every pod.
HTTP_PORT, OTHER_HTTP_PORT, TCP_PORT, UDP_PORT = 8080, 8081, 9000, 9053
ADMIN_PORT = 9901

# What the pods answer to every request: facts that tests read back by name.
FACTS = (r"pod={name}\nport=$server_port\nmethod=$request_method\nuri=$request_uri\nhost=$http_host\n"
         r"xff=$http_x_forwarded_for\nproto=$http_x_forwarded_proto\n"
         r"fhost=$http_x_forwarded_host\nfport=$http_x_forwarded_port\n"
         r"realip=$http_x_real_ip\nid=$http_x_request_id\n")

NGINX_CONF = """\
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
user root;
worker_processes 1;
error_log stderr warn;
pid {folder}/nginx.pid;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    merge_slashes off;
    server {{
        listen {http_port} reuseport;
        listen [::]:{http_port} reuseport;
        listen {other_port} reuseport;
        default_type text/plain;
        client_max_body_size 0;
        location / {{
            return 200 "{answer}";
        }}
        location /.status/404 {{ return 404 "pod={name}\\n"; }}
        location /files/ {{ alias {folder}/files/; }}
    }}
}}
stream {{
    server {{
        listen {tcp_port} reuseport;
        listen [::]:{tcp_port} reuseport;
        return "{name} sees $remote_addr port $remote_port\\n";
    }}
    server {{
        listen {udp_port} udp reuseport;
        listen [::]:{udp_port} udp reuseport;
        return "{name} sees $remote_addr port $remote_port\\n";
    }}
}}
"""


class Pod:
    """One pod: a host with one address of each family and an nginx that says who it is."""

    def __init__(self, cluster, name, number):
        self.name = name
        self.ip = f"10.244.1.{10 + number}"
        self.ip6 = f"fd00:244:1::{10 + number}"
        self.cluster = cluster
        self.host = cluster.host(name)
        node = cluster.node
        device = f"veth-{name}"[:15]
        cluster.link(node, device, self.host, "eth0")
        self.host.ip(f"addr add {self.ip}/32 dev eth0", f"addr add {self.ip6}/128 dev eth0",
                     "route add 10.244.1.1 dev eth0", "route add default via 10.244.1.1",
                     "route add default via fe80::1 dev eth0")
        node.ip(f"route add {self.ip} dev {device}", f"route add {self.ip6} dev {device}",
                f"addr add fe80::1/64 dev {device}")
        self.folder = cluster.folder / name
        (self.folder / "files").mkdir(parents=True)
        self.nginx = None
        self.start_nginx()

    def start_nginx(self):
        conf = self.folder / "nginx.conf"
        conf.write_text(NGINX_CONF.format(
            name=self.name, folder=self.folder, http_port=HTTP_PORT,
            other_port=OTHER_HTTP_PORT, tcp_port=TCP_PORT, udp_port=UDP_PORT,
            answer=self.cluster.answer.format(name=self.name)))
        self.nginx = self.host.start("nginx", ["nginx", "-c", conf, "-e", "stderr"])
        wait_until(lambda: self._answers() or not self.nginx.running(), f"nginx of {self.name}")
        if not self.nginx.running():
            raise RuntimeError(f"nginx of {self.name} ended:\n{self.nginx.log()}")

    def _answers(self):
        with contextlib.suppress(OSError):
            self.host.connect("127.0.0.1", HTTP_PORT).close()
            return True
        return False


class Cluster(Lab):
    """The whole scene. Sluice itself is started by start(), with the flags it needs here."""

    def __init__(self, pods=("pod-a", "pod-b", "pod-c"), keep=False, answer=FACTS):
        super().__init__(keep)
        self.answer = answer
        self.client = self.host("client")
        self.node = self.host("node")
        self.link(self.client, "eth0", self.node, "eth0")
        self.client.ip(f"addr add {CLIENT_IP}/24 dev eth0", f"addr add {CLIENT_IP6}/64 dev eth0",
                       f"route add default via {NODE_IP}", f"route add default via {NODE_IP6}")
        self.node.ip(f"addr add {NODE_IP}/24 dev eth0", f"addr add {NODE_IP6}/64 dev eth0",
                     "addr add 10.244.1.1/32 dev lo", "addr add fd00:244:1::1/128 dev lo")
        self.node.sysctl("net.ipv4.ip_forward", 1)
        self.node.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.pods = {name: Pod(self, name, number) for number, name in enumerate(pods, 1)}
        self.manifests = self.folder / "manifests"
        self.manifests.mkdir()
        self.sluiced = None
        self.starts = 0

    # ---- manifests ----------------------------------------------------------------------------

    def save(self, name, content):
        """Saves one manifest the way editors do: written beside, then renamed into place."""
        text = content if isinstance(content, str) else to_json(content)
        beside = self.manifests / f".{name}.tmp"
        beside.write_text(text)
        beside.rename(self.manifests / name)

    def remove(self, name):
        (self.manifests / name).unlink()

    # ---- sluiced ------------------------------------------------------------------------------

    def flags(self):
        return ["--manifests", self.manifests, "--interface", "eth0", "--node-name", NODE_NAME,
                "--bpffs", self.bpffs, "--admin", f"127.0.0.1:{ADMIN_PORT}",
                "--proxy-workers", "2"]

    def start(self, *flags, ready=True, timeout=20):
        """Starts sluiced (again) and waits until it is ready. Later flags add to the usual."""
        self.starts += 1
        self.sluiced = self.node.start(f"sluiced-{self.starts}",
                                       [BUILD / "sluiced", *self.flags(), *flags])
        if ready:
            self.wait_ready(timeout)
        return self.sluiced

    def wait_ready(self, timeout=20):
        def ready_or_ended():
            return self.ready() or not self.sluiced.running()

        wait_until(ready_or_ended, "sluiced ready", timeout)
        if not self.sluiced.running():
            raise RuntimeError(f"sluiced ended with {self.sluiced.popen.returncode}:\n"
                               f"{self.sluiced.log()}")

    def ready(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.admin("/readyz").status == 200
        return False

    def admin(self, path):
        return request(self.node, "127.0.0.1", ADMIN_PORT, path)

    def metrics(self):
        """Values of /metrics by 'name{labels}'."""
        lines = self.admin("/metrics").text.splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in lines if line and not line.startswith("#")}

    def ctl(self, *words, check=True):
        """sluicectl on the node: its output."""
        return self.node.run(BUILD / "sluicectl", *words, "--bpffs", self.bpffs, check=check)

    def ctl_json(self, *words):
        return json.loads(self.ctl(*words, "-o", "json").stdout)

    def cleanup(self):
        return self.node.run(BUILD / "sluiced", "--cleanup", "--bpffs", self.bpffs)

    def end(self):
        """Ends the daemon with all that it installed, as Ctrl-C does."""
        return self.sluiced.stop(signal.SIGINT)

    def workers(self):
        """Pids of the helper's workers."""
        pids = []
        for pid in self.node.pids():
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/exe").split(" ")[0].endswith("/sluice-proxy"):
                    pids.append(pid)
        return pids

    # ---- traffic ------------------------------------------------------------------------------

    def get(self, path="/", host=None, address=NODE_IP, port=80, **more):
        """One request of the client."""
        return request(self.client, address, port, path, host, **more)

    def get_until(self, condition, what, timeout=5, **request_args):
        """Repeats a request until its response is as wanted. Returns that response."""
        last = None

        def once():
            nonlocal last
            with contextlib.suppress(OSError, http.client.HTTPException):
                last = self.get(**request_args)
                return last if condition(last) else None

        try:
            return wait_until(once, what, timeout, 0.005)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; last answer: {last}") from None

    def curl(self, *words, check=True):
        return self.client.run("curl", "-sS", "--max-time", "10", *words, check=check).stdout

    def tcp(self, address=VIP, port=7000, timeout=3):
        """What an L4 TCP service answers to a connection of the client."""
        with self.client.connect(address, port, timeout) as sock:
            return sock.makefile("r").read().strip()

    def udp(self, address=VIP, port=5353, timeout=3, sock=None):
        mine = sock or self.client.socket(
            socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            mine.settimeout(timeout)
            mine.connect((address, port))
            mine.send(b"hello\n")
            return mine.recv(2000).decode().strip()
        finally:
            if not sock:
                mine.close()


class Response(collections.namedtuple("Response", "status headers body")):
    """headers: list of (name, value) as they came."""

    @property
    def text(self):
        return self.body.decode(errors="replace")

    @property
    def fields(self):
        """The lines name=value that pods answer with."""
        return dict(re.findall(r"^(\w+)=(.*)$", self.text, re.M))

    @property
    def pod(self):
        return self.fields.get("pod")

    def header(self, name):
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return values[0] if values else None

    def __str__(self):
        return f"{self.status} {self.body[:200]!r}"


class _Kept:
    """What http.client.HTTPResponse wants of a socket, over a stream that it does not close: the
    next response comes from the same one."""

    def __init__(self, stream):
        self.stream = stream

    def makefile(self, _mode):
        return self

    def close(self):
        pass

    def flush(self):
        pass

    def __getattr__(self, name):
        return getattr(self.stream, name)


def read_response(stream, method="GET"):
    """One response from a binary stream."""
    response = http.client.HTTPResponse(_Kept(stream), method=method)
    response.begin()
    body = response.read()
    return Response(response.status, response.getheaders(), body)


def request_bytes(path, host=None, method="GET", headers=(), body=b"", version="1.1"):
    """A request as given, without any tidying. host None: the field is absent in 1.0 and
    'example.com' in 1.1."""
    lines = [f"{method} {path} HTTP/{version}"]
    if host is None and version != "1.0":
        host = "example.com"
    if host is not None:
        lines.append(f"Host: {host}")
    if body:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def request(source, address, port, path="/", host=None, timeout=5.0, **more):
    """One request over a connection of its own, from one host to an address."""
    headers = [("Connection", "close"), *more.pop("headers", ())]
    data = request_bytes(path, host, headers=headers, **more)
    with source.connect(address, port, timeout) as sock:
        sock.sendall(data)
        return read_response(sock.makefile("rb"), more.get("method", "GET"))


def parse_response(data, method="GET"):
    return read_response(io.BytesIO(data), method)


# ---- manifests as Python values ------------------------------------------------------------------


def to_json(objects):
    """One object or a list of them as one JSON document."""
    if isinstance(objects, dict):
        return json.dumps(objects)
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})


def meta(name, namespace="default", **more):
    return {"name": name, "namespace": namespace, **more}


def backend(service, port=80):
    """port: a number, or the name of one."""
    return {"service": {"name": service,
                        "port": {"number" if isinstance(port, int) else "name": port}}}


def path(text, service, kind="Prefix", port=80):
    return {"path": text, "pathType": kind, "backend": backend(service, port)}


def rule(host, *paths):
    """host None: a rule without a host."""
    value = {"http": {"paths": list(paths)}} if paths else {}
    return {"host": host, **value} if host is not None else value


def ingress(name, *rules, namespace="default", default=None, class_name="sluice", annotations=None,
            created=None, **spec):
    value = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
             "metadata": meta(name, namespace), "spec": dict(spec)}
    if class_name:
        value["spec"]["ingressClassName"] = class_name
    if rules:
        value["spec"]["rules"] = list(rules)
    if default:
        value["spec"]["defaultBackend"] = default
    if annotations:
        value["metadata"]["annotations"] = annotations
    if created:
        value["metadata"]["creationTimestamp"] = created
    return value


def service(name, ports=None, namespace="default", **spec):
    """ports: [(name or None, port, protocol)]; one unnamed TCP port 80 by default."""
    listed = []
    for port_name, number, protocol in ports or [(None, 80, "TCP")]:
        port = {"port": number, "protocol": protocol, "targetPort": HTTP_PORT}
        listed.append({"name": port_name, **port} if port_name else port)
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta(name, namespace),
            "spec": {"ports": listed, **spec}}


def endpoint(address, **conditions):
    return {"addresses": [address], "nodeName": NODE_NAME,
            **({"conditions": conditions} if conditions else {})}


def endpoint_slice(service_name, endpoints, ports=None, namespace="default", suffix="1",
                   family="IPv4"):
    """endpoints: addresses or endpoint(); ports: [(name or None, port, protocol)], the pods' HTTP
    port by default."""
    listed = [{"name": port_name or "", "port": number, "protocol": protocol}
              for port_name, number, protocol in ports or [(None, HTTP_PORT, "TCP")]]
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": family,
            "metadata": meta(f"{service_name}-{suffix}", namespace,
                             labels={"kubernetes.io/service-name": service_name}),
            "endpoints": [endpoint(item) if isinstance(item, str) else item
                          for item in endpoints],
            "ports": listed}


def app(name, *pods, namespace="default"):
    """A Service on port 80 with one slice that holds the HTTP ports of pods."""
    return [service(name, namespace=namespace),
            endpoint_slice(name, [pod.ip for pod in pods], namespace=namespace)]



