# SPDX-License-Identifier: Apache-2.0
"""Rules about connections: how long they last, whose bytes go where, who is believed."""

import json
import os
import re
import signal
import socket
import struct
import threading
import time
import unittest

from harness import (Backend, Worker, echo, exchange, field, fixed, get, ingress, read_body,
                     read_head, service)
from rules import ANSWER, status_of

E = b"\r\n\r\n"
WEBSOCKET = get(extra="Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n")
SWITCH = b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept: a\r\n\r\n"


class Scene(unittest.TestCase):
    def serve(self, handlers, *flags):
        """A worker with one backend a host: {host: handler}."""
        objects, self.backends = [], {}
        for i, (host, handler) in enumerate(handlers.items()):
            backend = self.backends[host] = Backend(handler)
            self.addCleanup(backend.close)
            objects += service(f"s{i}", [backend]) + [ingress(f"i{i}", {"/": f"s{i}"}, host=host)]
        self.worker = Worker(objects, *flags)
        self.addCleanup(self.worker.close)

    def connect(self):
        conn = self.worker.connect()
        self.addCleanup(conn.close)
        return conn

    def all_of(self, conn):
        got = b""
        while more := conn.recv(65536):
            got += more
        return got


class KeepAlive(Scene):
    def test_a_conn_lasts_as_long_as_both_versions_and_options_say(self):
        self.serve({"a.test": fixed(ANSWER)})
        for version, option, stays, said in (
                ("1.1", "", True, None), ("1.1", "keep-alive", True, None), ("1.1", "close", False, "close"),
                ("1.1", "Close", False, "close"), ("1.1", "x, close", False, "close"),
                ("1.1", "keep-alive, close", False, "close"), ("1.0", "", False, "close"),
                ("1.0", "keep-alive", True, "keep-alive"), ("1.0", "Keep-Alive", True, "keep-alive"),
                ("1.0", "close", False, "close"), ("1.0", "keep-alive, close", False, "close")):
            with self.subTest(f"HTTP/{version} {option}"):
                conn = self.connect()
                extra = f"Connection: {option}\r\n" if option else ""
                for _ in range(3 if stays else 1):
                    status, head, body, rest = exchange(conn, get(extra=extra, version=version))
                    self.assertEqual((status, body, rest), (200, b"ok", b""))
                    self.assertEqual(field(head, "connection"), said)
                if not stays:
                    self.assertEqual(conn.recv(10), b"")

    def test_own_answers_keep_the_conn_where_the_request_was_whole(self):
        self.serve({"a.test": fixed(ANSWER)})
        for request, status, stays in (
                (get(host="b.test"), 404, True), (get("*", method="OPTIONS"), 200, True),
                (get("/..", ), 400, False), (get(method="TRACE"), 405, False),
                (get(host="b.test", version="1.0"), 404, False)):
            with self.subTest(request):
                conn = self.connect()
                for _ in range(2 if stays else 1):
                    got, head, body, _ = exchange(conn, request)
                    self.assertEqual(got, status)
                    self.assertEqual(body, b"" if got == 200 else re.match(
                        rb"HTTP/1.1 ([^\r]+)", head).group(1) + b"\n")
                    self.assertTrue(field(head, "date") and field(head, "server"))
                    self.assertEqual(field(head, "allow") is not None, got in (200, 405))
                if not stays:
                    self.assertEqual(conn.recv(10), b"")

    def test_a_connection_to_a_backend_lasts_as_its_answers_say(self):
        for answer, reused in (
                (ANSWER, True), (ANSWER.replace(b"1.1", b"1.0"), False),
                (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2" + E + b"ok", True),
                (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2" + E + b"ok", False),
                (b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2" + E + b"ok", False),
                (b"HTTP/1.1 204 No\r\n\r\n", True), (b"HTTP/1.1 304 No\r\nContent-Length: 9" + E, True),
                (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" + E + b"2\r\nok\r\n0" + E, True),
                (ANSWER + b"more", False)):
            with self.subTest(answer):
                self.serve({"a.test": fixed(answer)})
                for _ in range(4):
                    self.assertLess(exchange(self.connect(), get())[0], 400)
                self.assertEqual(self.backends["a.test"].accepted, 1 if reused else 4)

    def test_a_client_that_shuts_its_side_still_gets_the_answer(self):
        self.serve({"a.test": echo(delay=0.1)})
        conn = self.connect()
        conn.sendall(get() + get("/2"))
        conn.shutdown(socket.SHUT_WR)
        self.assertEqual(self.all_of(conn).count(b"HTTP/1.1 200 OK"), 2)


class Routing(Scene):
    def test_each_request_of_a_conn_is_routed_by_itself(self):
        hosts = ["a.test", "b.test", "c.test"]
        self.serve({host: echo(host) for host in hosts})
        conn = self.connect()
        order = hosts * 3 + hosts[::-1]
        conn.sendall(b"".join(b"POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 3" % host.encode() + E + b"abc"
                              for host in order))
        rest = b""
        for host in order:
            status, _, body, rest = exchange(conn, b"", rest)
            self.assertEqual((status, json.loads(body)["name"]), (200, host))
            self.assertIn(f"Host: {host}\r\n", json.loads(body)["head"])

    def test_what_looks_like_a_request_in_a_body_is_a_body(self):
        inner = get("/admin", "b.test")
        self.serve({"a.test": echo("a"), "b.test": echo("b")})
        conn = self.connect()
        for request in (
                b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d" % len(inner) + E + inner,
                b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked" + E
                + b"%x\r\n" % len(inner) + inner + b"\r\n0" + E,
                b"GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d" % len(inner) + E + inner):
            status, _, body, rest = exchange(conn, request)
            self.assertEqual((status, rest), (200, b""))
            self.assertEqual((json.loads(body)["name"], json.loads(body)["body_bytes"]), ("a", len(inner)))
        self.assertEqual(self.backends["b.test"].accepted, 0)

    def test_nothing_behind_a_refused_request_is_looked_at(self):
        inner = get("/admin", "b.test")
        for attack in (
                b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked" + E
                + b"0" + E,
                b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nContent-Length: 4" + E
                + b"0" + E,
                b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: xchunked" + E + b"0" + E,
                b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding:\x0bchunked" + E + b"0" + E,
                b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\nContent-Length: 44" + E,
                b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\tX: y" + E,
                b"POST / HTTP/1.1\r\nHost: a.test\r\nX: y\nContent-Length: 44" + E,
                b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked" + E + b"0\n\r\n",
                b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked" + E + b"1\r\nab0" + E,
                b"GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test" + E, b"GET /\r\n\r\n"):
            with self.subTest(attack):
                self.serve({"a.test": fixed(ANSWER), "b.test": fixed(ANSWER)})
                conn = self.connect()
                conn.sendall(get() + attack + inner)
                conn.shutdown(socket.SHUT_WR)
                answers = re.findall(rb"HTTP/1\.1 (\d+)", self.all_of(conn))
                self.assertEqual(answers[0], b"200")
                self.assertIn(answers[1:], ([b"400"], [b"501"]))
                self.assertEqual(self.backends["b.test"].accepted, 0)

    def test_what_a_backend_no_longer_takes_of_a_body_is_no_request(self):
        inner = get("/admin", "b.test")
        framings = ((b"Content-Length: %d" % len(inner), inner),
                    (b"Transfer-Encoding: chunked", b"%x\r\n" % len(inner) + inner + b"\r\n0" + E))
        for answer, status in ((b"", 502), (ANSWER, 200)):
            for framing, body in framings:
                with self.subTest(f"{framing}, {status}"):
                    heard, gate = threading.Event(), threading.Event()

                    def handler(conn, _backend, answer=answer, heard=heard, gate=gate):
                        read_head(conn)
                        heard.set()
                        gate.wait(10)
                        conn.sendall(answer)
                        time.sleep(0.1)
                        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

                    self.serve({"a.test": handler, "b.test": echo("b")})
                    conn = self.connect()
                    conn.sendall(b"POST / HTTP/1.1\r\nHost: a.test\r\n" + framing + E)
                    self.assertTrue(heard.wait(10))
                    # In one turn: all of the body comes, then it is seen that nobody takes it.
                    os.kill(self.worker.pid, signal.SIGSTOP)
                    try:
                        conn.sendall(body)
                        time.sleep(0.1)
                        gate.set()
                        time.sleep(0.3)
                    finally:
                        os.kill(self.worker.pid, signal.SIGCONT)
                    got, _, _, rest = exchange(conn, b"")
                    self.assertEqual((got, rest), (status, b""))
                    got, _, text, _ = exchange(conn, get("/next", "b.test"))
                    self.assertIn("GET /next ", json.loads(text)["head"])
                    self.assertEqual(got, 200)

    def test_bytes_behind_a_request_never_reach_its_backend(self):
        seen = []

        def handler(conn, _backend):
            data = conn.recv(65536)
            seen.append(data)
            conn.sendall(ANSWER)
            conn.settimeout(0.2)
            try:
                seen.append(conn.recv(65536))
            except TimeoutError:
                pass

        self.serve({"a.test": handler, "b.test": fixed(ANSWER)})
        conn = self.connect()
        conn.sendall(get() + get("/other", "b.test"))
        rest = b""
        for _ in range(2):
            self.assertEqual(exchange(conn, b"", rest)[0], 200)
        self.assertNotIn(b"other", b"".join(seen))


class Retries(Scene):
    def test_a_kept_connection_that_dies_is_tried_again_where_that_is_safe(self):
        def handler(conn, backend):
            rest = b""
            for number in range(2):
                head, rest = read_head(conn, rest)
                if head is None or number and not head.startswith(b"QUIT"):
                    return  # the second request on a connection is never answered
                read_body(conn, head, rest)
                conn.sendall(ANSWER)

        self.serve({"a.test": handler})
        for method, body, status in (("GET", b"", 200), ("HEAD", b"", 200), ("PUT", b"", 200), ("DELETE", b"", 200),
                                     ("OPTIONS", b"", 200), ("POST", b"", 502), ("PATCH", b"", 502),
                                     ("BREW", b"", 502), ("POST", b"ok", 502)):
            with self.subTest(method):
                first = self.connect()
                self.assertEqual(exchange(first, get())[0], 200)  # leaves a connection behind
                extra = f"Content-Length: {len(body)}\r\n" if body else ""
                got = exchange(first, get(method=method, extra=extra) + body, is_head=method == "HEAD")
                self.assertEqual(got[0], status)

    def test_a_short_body_is_sent_again_with_its_request(self):
        seen = []

        def handler(conn, backend):
            head, rest = read_head(conn)
            seen.append((head, read_body(conn, head, rest)[0]))
            conn.sendall(ANSWER)
            head, rest = read_head(conn)
            if self.reads_body and head:
                read_body(conn, head, rest)

        self.serve({"a.test": handler})
        text = bytes(range(256)) * 40
        chunks = [b"3\r\nabc\r\n", b"4;x=y\r\ndefg\r\n", b"0" + E]
        length, chunked = b"Content-Length: %d\r\n", b"Transfer-Encoding: chunked\r\n"
        for name, method, framing, pieces, body, status in (
                ("at once", b"PUT", length % 2, [b"ok"], b"ok", 200),
                ("DELETE", b"DELETE", length % 2, [b"ok"], b"ok", 200),
                ("longer", b"PUT", length % len(text), [text], text, 200),
                ("in pieces", b"PUT", length % 6, [b"", b"ab", b"cd", b"ef"], b"abcdef", 200),
                ("chunks", b"PUT", chunked, [b"".join(chunks)], b"abcdefg", 200),
                ("chunks in pieces", b"PUT", chunked, [b"", *chunks], b"abcdefg", 200),
                ("no chunk", b"PUT", chunked, [b"0" + E], b"", 200),
                ("too long", b"PUT", length % 30000, [b"x" * 30000], None, 502),
                ("too many chunks", b"PUT", chunked,
                 [(b"1f40\r\n" + b"x" * 8000 + b"\r\n") * 4 + b"0" + E], None, 502),
                ("not idempotent", b"POST", length % 2, [b"ok"], None, 502)):
            for self.reads_body in (True, False):
                with self.subTest(f"{name}, {self.reads_body}"):
                    client = self.connect()
                    self.assertEqual(exchange(client, get())[0], 200)  # leaves a connection behind
                    seen.clear()
                    request = method + b" / HTTP/1.1\r\nHost: a.test\r\n" + framing + b"\r\n"
                    try:
                        client.sendall(request + pieces[0])
                        for piece in pieces[1:]:
                            time.sleep(0.02)
                            client.sendall(piece)
                    except (BrokenPipeError, ConnectionResetError):
                        pass  # refused before the last piece: the answer is there
                    self.assertEqual(exchange(client, b"")[0], status)
                    self.assertEqual([got for _, got in seen], [] if body is None else [body])
                    exchange(client, get(extra="Connection: close\r\n"))

    def test_a_request_is_tried_again_once_a_first_byte_of_the_answer_was_seen_never(self):
        def handler(conn, backend):
            read_head(conn)
            conn.sendall(b"HTTP/1.1 200")

        self.serve({"a.test": handler})
        self.assertEqual(exchange(self.connect(), get())[0], 502)
        self.assertEqual(self.backends["a.test"].accepted, 1)


class Upgrades(Scene):
    def tunnel(self, handler, request=WEBSOCKET, behind=b""):
        self.serve({"a.test": handler})
        conn = self.connect()
        conn.sendall(request + behind)
        return conn, *read_head(conn)

    def test_a_websocket_is_a_tunnel_once_the_backend_says_101(self):
        heads, done = [], threading.Event()

        def handler(conn, _backend):
            head, rest = read_head(conn)
            heads.append(head)
            conn.sendall(SWITCH + b"hi")
            while b"bye" not in rest:
                rest += conn.recv(100)
            heads.append(rest)
            conn.sendall(b"GET / HTTP/1.1\r\n\0\xff")
            conn.shutdown(socket.SHUT_WR)
            heads.append(conn.recv(100))
            done.set()

        conn, head, rest = self.tunnel(handler, behind=b"early")
        self.assertEqual(status_of(head), 101)
        self.assertEqual(field(head, "upgrade"), "websocket")
        self.assertEqual(field(head, "sec-websocket-accept"), "a")
        conn.sendall(b"\0\r\nbye")
        while len(rest) < 20:
            rest += conn.recv(100)
        self.assertEqual(rest, b"hiGET / HTTP/1.1\r\n\0\xff")
        self.assertEqual(conn.recv(10), b"")  # his half is shut, ours is not
        conn.sendall(b"last")
        conn.shutdown(socket.SHUT_WR)
        self.assertTrue(done.wait(10))
        self.assertEqual(heads[1:], [b"early\0\r\nbye", b"last"])
        self.assertIn(b"\r\nConnection: upgrade\r\nUpgrade: websocket\r\n", heads[0])
        self.assertIn(b"\r\nSec-WebSocket-Key: k\r\n", heads[0])

    def test_another_answer_than_101_keeps_the_conn_http(self):
        conn, head, rest = self.tunnel(fixed(ANSWER), behind=get("/2"))
        self.assertEqual(status_of(head), 200)
        while len(rest) < 2:
            rest += conn.recv(100)
        self.assertEqual(exchange(conn, b"", rest[2:])[0], 200)

    def test_a_switch_to_more_than_was_asked_for_is_a_bad_gateway(self):
        for protocols in (b"websocket, h2c", b"h2c, websocket", b"websocket\r\nUpgrade: h2c"):
            with self.subTest(protocols):
                conn, head, _ = self.tunnel(fixed(SWITCH.replace(b": WebSocket", b": " + protocols)))
                self.assertEqual(status_of(head), 502)

    def test_nothing_else_is_upgraded(self):
        self.serve({"a.test": echo()})
        up = "Connection: upgrade\r\nUpgrade: "
        for request in (get(extra=up + "h2c\r\n"), get(extra=up + "TLS/1.0\r\n"),
                        get(extra="Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
                        get(extra="Upgrade: websocket\r\n"), get(extra=up + "websocket\r\n", version="1.0"),
                        get(extra=up + "websocket\r\n", method="POST"),
                        get(extra=up + "websocket\r\nContent-Length: 0\r\n", method="PUT")):
            with self.subTest(request):
                status, _, body, _ = exchange(self.connect(), request)
                self.assertEqual(status, 200)
                self.assertNotRegex(json.loads(body)["head"].lower(), r"upgrade|http2-settings")


class Forwarding(Scene):
    SPOOF = ("X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\nX-Forwarded-Proto: https\r\n"
             "X-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\nX-Real-IP: 1.1.1.1\r\nForwarded: for=1.1.1.1\r\n"
             "X_Forwarded_For: 3.3.3.3\r\nX_Real_IP: 3.3.3.3\r\nX-Forwarded_Proto: x\r\n")

    def seen(self, extra, *flags):
        self.serve({"a.test": echo()}, *flags)
        _, _, body, _ = exchange(self.connect(), get(host="a.test:8080", extra=extra))
        head = json.loads(body)["head"]
        return head, {name.lower(): re.findall(rf"(?im)^{name}: (.*)\r$", head) for name in (
            "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Real-IP",
            "Forwarded", "X-Request-ID")}

    def test_what_an_untrusted_peer_says_of_itself_is_overwritten(self):
        for flags in ((), ("--allow-underscores",), ("--trust=10.0.0.0/8",)):
            head, seen = self.seen(self.SPOOF, *flags)
            self.assertEqual(seen["x-forwarded-for"], ["127.0.0.1"])
            self.assertEqual(seen["x-forwarded-proto"], ["http"])
            self.assertEqual(seen["x-forwarded-host"], ["a.test:8080"])
            self.assertEqual(seen["x-forwarded-port"], [str(self.worker.port)])
            self.assertEqual(seen["x-real-ip"], ["127.0.0.1"])
            self.assertEqual(seen["forwarded"], ['for=127.0.0.1;host="a.test:8080";proto=http'])
            self.assertNotRegex(head, r"3\.3\.3\.3|evil|1\.1\.1\.1|_")

    HEARSAY = ("X-Scheme", "X-Forwarded-Scheme", "X-Forwarded-Ssl", "X-Forwarded-Prefix", "X-Forwarded-Server",
               "X-Original-Forwarded-For", "X-Original-URL", "X-Rewrite-URL", "X-Original-Host", "X-Url-Scheme",
               "Front-End-Https", "X-Client-IP", "X-Cluster-Client-IP")

    def test_what_only_a_proxy_may_say_passes_from_trusted_peers_alone(self):
        others = "X-Schemes: s\r\nX-Original: s\r\nX-Forwarde: s\r\nProxy-Agent: s\r\n"
        for flags, passes in (((), False), (("--allow-underscores",), False), (("--trust=127.0.0.0/8",), True)):
            for name in self.HEARSAY:
                extra = f"{name}: forged\r\n{name.upper()}: forged\r\n{name.replace('-', '_')}: forged\r\n"
                with self.subTest(name, flags=flags):
                    head, _ = self.seen(extra + others, *flags)
                    self.assertEqual(head.count("forged"), 2 if passes else 0, head)
                    self.assertEqual(head.count(": s\r\n"), 4, head)

    def test_proxy_reaches_no_backend(self):
        for flags in ((), ("--allow-underscores",), ("--trust=127.0.0.0/8",)):
            head, _ = self.seen("Proxy: http://evil.test/\r\nPROXY: x\r\nproxies: y\r\n", *flags)
            self.assertNotRegex(head, r"(?i)\nproxy:")
            self.assertIn("proxies: y", head)

    def test_a_trusted_peer_is_believed_and_appended_to(self):
        head, seen = self.seen(self.SPOOF, "--trust=127.0.0.0/8")
        self.assertEqual(seen["x-forwarded-for"], ["1.1.1.1, 2.2.2.2, 127.0.0.1"])
        self.assertEqual(seen["x-forwarded-proto"], ["https"])
        self.assertEqual(seen["x-forwarded-host"], ["evil"])
        self.assertEqual(seen["x-forwarded-port"], ["1"])
        self.assertEqual(seen["x-real-ip"], ["1.1.1.1"])
        self.assertEqual(seen["forwarded"], ['for=1.1.1.1, for=127.0.0.1;host="a.test:8080";proto=http'])
        self.assertNotIn("3.3.3.3", head)

    def test_without_anything_said_all_is_made(self):
        _, seen = self.seen("")
        self.assertEqual(seen["x-forwarded-for"], ["127.0.0.1"])
        self.assertEqual(seen["forwarded"], [])
        self.assertRegex(seen["x-request-id"][0], r"\A[0-9a-f]{32}\Z")

    def test_a_request_id_is_kept_or_made(self):
        for said, kept in (("X-Request-ID: abc-123\r\n", True), ("x-request-id: abc-123\r\n", True),
                           ("X-Request-ID:\r\n", False), ("X-Request-ID: a b\r\n", False),
                           ("X-Request-ID: " + "x" * 300 + "\r\n", False),
                           ("X-Request-ID: a\r\nX-Request-ID: b\r\n", False)):
            _, seen = self.seen(said)
            self.assertEqual(len(seen["x-request-id"]), 1)
            self.assertEqual(seen["x-request-id"][0] == "abc-123", kept)
            if not kept:
                self.assertRegex(seen["x-request-id"][0], r"\A[0-9a-f]{32}\Z")

    def test_names_with_an_underscore_pass_if_allowed(self):
        for flags, passes in (((), False), (("--allow-underscores",), True)):
            head, _ = self.seen("X_A: 1\r\nContent_Length: 9\r\n_: 2\r\n", *flags)
            self.assertEqual("X_A: 1\r\n" in head, passes)
            self.assertEqual("_: 2\r\n" in head, passes)
            self.assertNotIn("Content_Length", head)

    def test_connection_removes_what_it_names_and_nothing_of_the_proxy(self):
        head, seen = self.seen("Connection: x-a, X-B,keep-alive\r\nX-A: 1\r\nx-b: 2\r\nX-C: 3\r\n"
                               "Connection: cookie\r\nCookie: c\r\nConnection: x-forwarded-for, host, "
                               "x-real-ip, x-request-id, x-forwarded-proto, content-length\r\n")
        self.assertNotRegex(head.lower(), r"\r\n(x-a|x-b|cookie|connection|keep-alive):")
        self.assertIn("X-C: 3\r\n", head)
        for name in ("x-forwarded-for", "x-real-ip", "x-request-id", "x-forwarded-proto"):
            self.assertEqual(len(seen[name]), 1)
        self.assertIn("\r\nHost: a.test:8080\r\n", head)

    def test_cookies_and_unknown_fields_pass_untouched_and_in_order(self):
        head, _ = self.seen("Cookie: a=1; b=\"2\"\r\nA: 1\r\nCookie: c=3\r\na: 2\r\nB: ,,\r\n")
        self.assertIn("Cookie: a=1; b=\"2\"\r\nA: 1\r\nCookie: c=3\r\na: 2\r\nB: ,,\r\n", head)


if __name__ == "__main__":
    unittest.main()
