# SPDX-License-Identifier: Apache-2.0
"""One script of traffic through a worker, which reaches most of the helper. Each step checks all that
it gets; a tolerant run lets a step end with an honest error, but with no other body, and in time."""

import shutil
import socket
import ssl
import tempfile
import time

import http2
from harness import Backend, exchange, field, get, ingress, read_body, read_head, service
from http2 import DATA, END_STREAM, WINDOW_UPDATE, frame, request
from test_h2_backend import OK, Server, head
from tls_stage import Authority, client_context, tls_backend, tls_connect

FLAGS = ("--h2c",)
BIG = bytes(range(256)) * 600
UPLOAD = b"0123456789abcdef" * 2500
TRIES = 3


class Unserved(Exception):
    """An honest error: an answer of 4xx or 5xx, or a stream that was reset."""


def serve1(conn, _backend):
    """HTTP/1.1: the length of the body, a long body, or a tunnel that echoes."""
    rest = b""
    while True:
        asked, rest = read_head(conn, rest)
        if asked is None:
            return
        if field(asked, "upgrade"):
            conn.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                         b"Connection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n")
            while data := rest or conn.recv(65536):
                conn.sendall(data)
                rest = b""
            return
        if field(asked, "expect"):
            conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body, rest = read_body(conn, asked, rest)
        answer = BIG if b" /big " in asked else b"%d" % len(body)
        if asked.startswith(b"HEAD "):
            answer = b""
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))


def serve2(conn, _backend):
    """HTTP/2: the length of the body, with trailers."""
    peer, answered = Server(conn).peer, set()
    while peer.read_frame():
        for stream in peer.ended - answered:
            answered.add(stream)
            if peer.data[stream]:
                peer.send(frame(WINDOW_UPDATE, 0, 0, len(peer.data[stream]).to_bytes(4, "big")))
            peer.send(head(stream, OK), frame(DATA, 0, stream, b"%d" % len(peer.data[stream])),
                      head(stream, http2.encode([("x-end", "1")]), end=True))


def check(got, expected):
    if got != expected:
        raise AssertionError(f"{got[:80]!r} ({len(got)}), not {expected[:80]!r}")


def ask(conn, expected, path="/", host="plain.test", body=b"", extra="", method="GET", rest=b""):
    """Return: what came after the answer."""
    status, _, got, rest = exchange(conn, get(path, host, extra, method) + body, rest,
                                    is_head=method == "HEAD")
    if status != 200:
        raise Unserved(status)
    check(got, expected)
    return rest


def chunked(body):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part)
                    for part in (body[i:i + 7000] for i in range(0, len(body), 7000))) + b"0\r\n\r\n"


class Site:
    """Backends, their objects, and the script."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="sluice-faults-")
        self.authority = Authority()
        self.certificate = self.authority.issue("plain.test")
        self.backends = [Backend(serve1), Backend(serve2),
                         tls_backend(serve1, self.certificate, self.folder)]
        self.reloads = 0

    def close(self):
        for backend in self.backends:
            backend.close()
        shutil.rmtree(self.folder)

    def objects(self):
        plain, h2, tls = self.backends
        secret = self.certificate.secret("pair")
        return [secret] + service("plain", [plain]) + service("h2", [h2]) + service("tls", [tls]) + [
            ingress("plain", {"/": "plain", f"/r{self.reloads}": "plain"}, host="plain.test",
                    tls=[{"hosts": ["plain.test"], "secretName": "pair"}],
                    annotations={"sluice.dev/ssl-redirect": "false"}),
            ingress("h2", {"/": "h2"}, host="h2.test",
                    annotations={"sluice.dev/backend-protocol": "h2c"}),
            ingress("tls", {"/": "tls"}, host="tls.test",
                    annotations={"sluice.dev/backend-protocol": "https",
                                 "sluice.dev/backend-tls-verify": "false"})]

    # ---- the steps ----

    def http1(self, worker):
        with worker.connect() as conn:
            ask(conn, b"0")
            ask(conn, b"", method="HEAD")
            ask(conn, BIG, "/big")
            ask(conn, b"%d" % len(UPLOAD), method="POST", body=chunked(UPLOAD),
                extra="Transfer-Encoding: chunked\r\n")
            conn.sendall(get(host="plain.test"))
            rest = ask(conn, b"0")  # both were pipelined: the answer to the first
            status, _, got, _ = exchange(conn, b"", rest)
            if status != 200:
                raise Unserved(status)
            check(got, b"0")

    def upload(self, worker):
        with worker.connect() as conn:
            conn.sendall(get("/", "plain.test", f"Content-Length: {len(UPLOAD)}\r\n"
                             "Expect: 100-continue\r\n", "POST"))
            got, rest = read_head(conn)
            if got is None:
                raise ConnectionError("no answer")
            if b" 100 " not in got:
                raise Unserved(got)
            ask_rest(conn, UPLOAD, rest)

    def http2(self, worker, host="plain.test"):
        client = http2.connect(worker.port)
        try:
            self.streams(client, host)
        finally:
            client.close()

    def streams(self, client, host, scheme="http"):
        client.send(client.head(1, request(authority=host, scheme=scheme)),
                    client.head(3, request(method="POST", authority=host, scheme=scheme,), end=False),
                    frame(DATA, 0, 3, UPLOAD[:16000]), frame(DATA, END_STREAM, 3, b"x" * 1000))
        for stream, text in ((1, b"0"), (3, b"17000")):
            client.wait(stream)
            if client.status(stream) != 200 or stream in client.rst or stream not in client.ended:
                raise Unserved((client.heads[stream], client.rst, client.goaways))
            check(bytes(client.data[stream]), text)

    def http2_backend(self, worker):
        self.http2(worker, "h2.test")

    def https(self, worker):
        context = client_context(self.authority)
        with tls_connect(worker.https, "plain.test", context) as conn:
            ask(conn, b"0")
            ask(conn, BIG, "/big")

    def https2(self, worker):
        context = client_context(self.authority, alpn=("h2",))
        client = http2.Client(tls_connect(worker.https, "plain.test", context))
        try:
            self.streams(client, "plain.test", "https")
        finally:
            client.close()

    def tls_backend(self, worker):
        with worker.connect() as conn:
            ask(conn, b"0", host="tls.test")

    def tunnel(self, worker):
        with worker.connect() as conn:
            conn.sendall(get("/ws", "plain.test", "Connection: upgrade\r\nUpgrade: websocket\r\n"
                             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
                             "dGhlIHNhbXBsZSBub25jZQ==\r\n"))
            got, rest = read_head(conn)
            if got is None:
                raise ConnectionError("no answer")
            if b" 101 " not in got:
                raise Unserved(got)
            conn.sendall(b"hello")
            while len(rest) < 5:
                more = conn.recv(100)
                if not more:
                    raise ConnectionError("the tunnel ended")
                rest += more
            check(rest, b"hello")
            conn.shutdown(socket.SHUT_WR)
            check(conn.recv(1), b"")

    def reload(self, worker):
        self.reloads += 1
        done = worker.reload(self.objects())
        if done["error"]:
            raise Unserved(done)
        with worker.connect() as conn:
            ask(conn, b"0", f"/r{self.reloads}")

    STEPS = (http1, upload, http2, http2_backend, https, https2, tls_backend, tunnel, reload)

    def run(self, worker, tolerant=False):
        """A step may not wait for ever: TimeoutError passes even a tolerant run."""
        for step in self.STEPS:
            try:
                step(self, worker)
            except TimeoutError:
                raise
            except (OSError, EOFError, ssl.SSLError, Unserved) as error:
                if not tolerant or "worker-host ended" in str(error):
                    error.add_note(step.__name__)
                    raise


def ask_rest(conn, body, rest):
    """The body after a 100 (Continue), and the answer."""
    status, _, got, _ = exchange(conn, body, rest)
    if status != 200:
        raise Unserved(status)
    check(got, b"%d" % len(body))


def retried(call):
    """What a fault at the start may have cost the first clients, none after them may miss."""
    for left in range(TRIES - 1, -1, -1):
        try:
            return call()
        except (OSError, Unserved):
            if not left:
                raise
            time.sleep(0.1)
