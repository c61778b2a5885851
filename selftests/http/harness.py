# SPDX-License-Identifier: Apache-2.0
"""One worker of the helper over the loopback device, and backends that do as they are told."""

import json
import os
import pathlib
import re
import select
import shutil
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
CLOSE_TIMEOUT_S = 30
PROXY = pathlib.Path(os.environ.get("PROXY", BUILD / "sluice-proxy"))


class Backend:
    """A server on a loopback address; handler(conn, backend) has each connection, in a thread."""

    def __init__(self, handler, host="127.0.0.1"):
        self.handler = handler
        self.accepted = 0
        self.socket = socket.create_server((host, 0), backlog=512)
        self.host, self.port = self.socket.getsockname()[:2]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                conn, _ = self.socket.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        with conn:
            try:
                self.handler(conn, self)
            except OSError:
                pass

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def read_head(conn, data=b""):
    """Bytes of one head and what was read behind it; (None, b'') at the end."""
    while b"\r\n\r\n" not in data:
        more = conn.recv(65536)
        if not more:
            return None, b""
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", rest


def field(head, name):
    found = re.search(rb"(?im)^%s:[ \t]*(.*?)[ \t]*\r$" % re.escape(name.encode()), head)
    return found and found.group(1).decode("latin-1")


def read_body(conn, head, rest, trailers=None):
    """Body of a request or response by its head; (body, bytes behind it). Trailer lines are added
    to the list."""
    if (field(head, "transfer-encoding") or "").lower() == "chunked":
        body = b""
        while True:
            while b"\r\n" not in rest:
                rest += _more(conn)
            line, _, rest = rest.partition(b"\r\n")
            size = int(line, 16)
            while size == 0:
                while b"\r\n" not in rest:
                    rest += _more(conn)
                line, _, rest = rest.partition(b"\r\n")
                if not line:
                    return body, rest
                if trailers is not None:
                    trailers.append(line)
            while len(rest) < size + 2:
                rest += _more(conn)
            body += rest[:size]
            rest = rest[size + 2:]
    length = field(head, "content-length")
    if length is None:
        if not head.startswith(b"HTTP/"):
            return b"", rest
        while True:
            more = conn.recv(65536)
            if not more:
                return rest, b""
            rest += more
    while len(rest) < int(length):
        rest += _more(conn)
    return rest[:int(length)], rest[int(length):]


def _more(conn):
    more = conn.recv(65536)
    if not more:
        raise ConnectionError("ended within a body")
    return more


def echo(name="", delay=0.0):
    """Handler that answers each request with what it saw, as JSON; keeps connections."""

    def handler(conn, backend):
        rest = b""
        while True:
            head, rest = read_head(conn, rest)
            if head is None:
                return
            body, rest = read_body(conn, head, rest)
            time.sleep(delay)
            text = json.dumps({"name": name, "head": head.decode("latin-1"),
                               "body_bytes": len(body)}).encode()
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                         b"Content-Length: %d\r\n\r\n%s" % (len(text), text))

    return handler


def fixed(response, close=False, requests=None):
    """Handler that answers each request with these bytes."""

    def handler(conn, backend):
        rest = b""
        while True:
            head, rest = read_head(conn, rest)
            if head is None:
                return
            body, rest = read_body(conn, head, rest)
            if requests is not None:
                requests.append((head, body))
            conn.sendall(response)
            if close:
                return

    return handler


def service(name, backends, down=()):
    """Service, slice and their addresses: one slice a port, as all are on loopback addresses."""
    items = [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
              "spec": {"ports": [{"port": 80}]}}]
    for i, (host, port) in enumerate([(b.host, b.port) for b in backends] + list(down)):
        items.append({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": f"{name}-{i}", "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv6" if ":" in host else "IPv4", "ports": [{"port": port}],
            "endpoints": [{"addresses": [host]}]})
    return items


def ingress(name, paths, host=None, annotations=None, tls=None):
    rule = {"http": {"paths": [
        {"path": path, "pathType": "Prefix",
         "backend": {"service": {"name": to, "port": {"number": 80}}}}
        for path, to in paths.items()]}}
    if host:
        rule["host"] = host
    spec = {"rules": [rule]}
    if tls:
        spec["tls"] = tls
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": name, "annotations": annotations or {}}, "spec": spec}


class Worker:
    """worker-host with one worker; its lines are events."""

    def __init__(self, objects, *flags, https=False, roots=None, proxy_from=(), nofile=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sluice-http-"))
        self.log = open(self.dir / "log", "w+b")
        self.lines = []
        self.write(objects)
        args = [str(BUILD / "tests/worker-host"), "--manifests", str(self.dir),
                "--proxy", str(PROXY)]
        args += ["--https"] if https else []
        if roots:  # PEM: stands in for the system's CA certificates
            (self.dir / "roots.pem").write_bytes(roots)
            args += ["--ca-file", str(self.dir / "roots.pem")]
        for addresses in proxy_from:  # to any of our ports: they are known when the worker starts
            args += ["--proxy-from", addresses]
        if nofile:  # descriptors that the worker may have
            args = ["prlimit", f"--nofile={nofile}:{nofile}", *args]
        self.process = subprocess.Popen(args + ["--", *flags],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log)
        self._buffer = b""
        try:
            listen = self.event("listen")
            self.port, self.port6 = listen["v4"], listen["v6"]
            self.https, self.pid = listen["https"], listen["pid"]
            self.event("snapshot")
        except EOFError:
            shutil.rmtree(self.dir)
            raise

    def write(self, objects):
        (self.dir / "all.json.new").write_text(json.dumps({"items": objects}))
        (self.dir / "all.json.new").rename(self.dir / "all.json")

    def event(self, kind, timeout_s=10):
        end = time.monotonic() + timeout_s
        while True:
            while b"\n" not in self._buffer:
                ready, _, _ = select.select([self.process.stdout], [], [],
                                            max(0, end - time.monotonic()))
                if not ready:
                    raise TimeoutError(f"no {kind}: {self.text()}")
                more = os.read(self.process.stdout.fileno(), 65536)
                if not more:
                    raise EOFError(f"worker-host ended: {self.text()}")
                self._buffer += more
            line, _, self._buffer = self._buffer.partition(b"\n")
            try:
                event = json.loads(line)
            except ValueError:
                event = None
            if not isinstance(event, dict) or "event" not in event:
                self.lines.append(line.decode("utf-8", "replace"))  # of the access log
            elif event["event"] == kind:
                return event

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def reload(self, objects):
        self.write(objects)
        self.say("reload")
        return self.event("snapshot")

    def stats(self):
        self.say("stats")
        return self.event("stats")

    def connect(self, port=None, timeout_s=10):
        conn = socket.create_connection(("127.0.0.1", port or self.port), timeout=timeout_s)
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return conn

    def rss_kb(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))

    def text(self):
        self.log.flush()
        return (self.dir / "log").read_text(errors="replace")

    def _read_to_end(self):
        """All that worker-host still says. Return: False if it did not end in time."""
        end = time.monotonic() + CLOSE_TIMEOUT_S
        while select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                return True
            self._buffer += more
        return False

    def close(self):
        """Ends the worker, which must not have ended by itself, nor for a sanitizer's reason. It ends
        in order, so that a sanitizer looks for leaks."""
        try:
            self.say("drain 0")
        except BrokenPipeError:
            pass  # it has ended: what its last lines say counts
        stuck = not self._read_to_end()
        said = self._buffer
        if stuck:
            self.process.terminate()
        self.process.wait(10)
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.stdout.close()
        text = self.text()
        self.log.close()
        shutil.rmtree(self.dir)
        if stuck:
            raise AssertionError(f"the worker does not end\n{text}")
        died = re.search(rb'{"event":"exit","status":(?!0})[^}]*}', said)
        if died or re.search(r"(?m)^(=+\d+=+ERROR|.*: runtime error:|SUMMARY: )", text):
            raise AssertionError(f"the worker died: {died and died.group().decode()}\n{text}")


def get(path="/", host="a.test", extra="", method="GET", version="1.1"):
    return f"{method} {path} HTTP/{version}\r\nHost: {host}\r\n{extra}\r\n".encode()


def exchange(conn, request, rest=b"", is_head=False):
    """One request and its final response: (status, head, body, bytes behind it)."""
    conn.sendall(request)
    while True:
        head, rest = read_head(conn, rest)
        if head is None:
            raise ConnectionError("closed without an answer")
        status = int(head.split(b" ", 2)[1])
        if status >= 200:
            break
    if is_head or status in (204, 304):
        return status, head, b"", rest
    body, rest = read_body(conn, head, rest)
    return status, head, body, rest
