# SPDX-License-Identifier: Apache-2.0
"""Bodies, connections and slow peers through the helper: streamed, bounded, in order, and nothing of
one client at another."""

import hashlib
import os
import threading
import time

from cluster import (NODE_IP, app, endpoint_slice, ingress, path, read_response, request_bytes,
                     rule, service)
from netns import wait_until
from pod_server import PodServer, read_body, read_head
from scene import SceneTest

WEB, OWN = "web.test", "own.test"
OWN_PORT = 9200
MEGABYTE = 1 << 20
WORKER_MB_MAX = 40  # of a worker that streams; its buffers are bounded


class Streams(SceneTest):
    flags = ("--client-head-timeout", "1s", "--response-timeout", "1s", "--max-body", "100m")

    @classmethod
    def manifests(cls, cluster):
        return {"web.json": [ingress("web", rule(WEB, path("/", "web")),
                                     rule(OWN, path("/", "own")))]
                + app("web", cluster.pods["pod-a"]) + [
                    service("own"), endpoint_slice("own", [cluster.pods["pod-b"].ip],
                                                   [(None, OWN_PORT, "TCP")])]}

    def serve(self, handle):
        server = PodServer(self.cluster.pods["pod-b"], OWN_PORT, handle)
        self.addCleanup(server.__exit__)
        return server

    def connect(self):
        sock = self.cluster.client.connect(NODE_IP, 80, timeout=10)
        self.addCleanup(sock.close)
        return sock

    def workers_mb(self):
        sizes = []
        for pid in self.cluster.workers():
            line = next(line for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS"))
            sizes.append(int(line.split()[1]) / 1024)
        return max(sizes)

    def test_a_large_download_is_whole_and_not_held_in_memory(self):
        data = os.urandom(MEGABYTE) * 64
        (self.cluster.pods["pod-a"].folder / "files/large").write_bytes(data)
        target = self.cluster.folder / "large"
        self.cluster.curl("-H", f"Host: {WEB}", "-o", target, f"http://{NODE_IP}/files/large")
        self.assertEqual(hashlib.sha256(target.read_bytes()).digest(),
                         hashlib.sha256(data).digest())
        self.assertLess(self.workers_mb(), WORKER_MB_MAX)

    def test_uploads_with_length_and_chunked_are_whole(self):
        def handle(conn, reader):
            while head := read_head(reader):
                digest, size = hashlib.sha256(), 0
                for part in read_body(reader, head[1]):
                    digest.update(part)
                    size += len(part)
                text = f"{size} {digest.hexdigest()}".encode()
                conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
                             % (len(text), text))

        server = self.serve(handle)
        body = self.cluster.folder / "upload"
        data = os.urandom(MEGABYTE) * 24
        body.write_bytes(data)
        wanted = f"{len(data)} {hashlib.sha256(data).hexdigest()}"
        for more in ((), ("-H", "Transfer-Encoding: chunked"), ("-H", "Expect: 100-continue")):
            with self.subTest(more):
                self.assertEqual(self.cluster.curl(
                    "-H", f"Host: {OWN}", "--data-binary", f"@{body}", *more,
                    f"http://{NODE_IP}/"), wanted)
        self.assertLess(self.workers_mb(), WORKER_MB_MAX)
        self.assertEqual(server.errors, [])

    def test_a_client_that_does_not_read_stops_the_backend(self):
        sent = []

        def handle(conn, reader):
            read_head(reader)
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
            conn.settimeout(3)
            for _ in range(200):
                conn.sendall(bytes(1000000))
                sent.append(1000000)

        self.serve(handle)
        sock = self.connect()
        sock.sendall(request_bytes("/", OWN))
        time.sleep(2)
        self.assertLess(sum(sent), 60 * MEGABYTE, "kernel buffers and one of ours at most")
        self.assertLess(self.workers_mb(), WORKER_MB_MAX)
        self.assertEqual(self.answer("/", WEB), "a", "others are served meanwhile")

    def test_responses_of_each_framing(self):
        cases = {
            "/length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                        b"2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
            "/close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
        }

        def handle(conn, reader):
            while head := read_head(reader):
                conn.sendall(cases[head[0].split()[1]])
                if head[0].split()[1] == "/close":
                    return

        self.serve(handle)
        sock = self.connect()
        reader = sock.makefile("rb")
        for request_path in ("/length", "/chunked", "/close", "/length"):
            sock.sendall(request_bytes(request_path, OWN))
            response = read_response(reader)
            self.assertEqual((response.status, response.body), (200, b"hello"), request_path)

    def test_a_body_cut_short_is_never_ended_as_if_whole(self):
        def handle(conn, reader):
            head = read_head(reader)
            if "chunked" in head[0]:
                conn.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")
            else:
                conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")

        self.serve(handle)
        for request_path in ("/length", "/chunked"):
            sock = self.connect()
            sock.sendall(request_bytes(request_path, OWN))
            data = b""
            try:
                while part := sock.recv(65536):
                    data += part
            except ConnectionError:
                pass
            self.assertNotIn(b"0\r\n\r\n", data)
            self.assertNotIn(b"502", data)

    def test_pipelined_requests_are_answered_in_order(self):
        sock = self.connect()
        sock.sendall(b"".join(request_bytes(f"/{number}", (WEB, "none.test")[number % 3 == 2])
                              for number in range(12)))
        reader = sock.makefile("rb")
        for number in range(12):
            response = read_response(reader)
            if number % 3 == 2:
                self.assertEqual(response.status, 404)
            else:
                self.assertEqual(response.fields["uri"], f"/{number}")

    def test_own_timeouts(self):
        """A head that takes too long: 408. A backend that says nothing: 504."""
        def handle(_conn, reader):
            read_head(reader)
            time.sleep(3)

        self.serve(handle)
        slow = self.connect()
        slow.sendall(b"GET / HTTP/1.1\r\nHost: web.test\r\n")
        begun = time.monotonic()
        self.assertEqual(self.answer("/", OWN), 504)
        self.assertLess(time.monotonic() - begun, 2.8)
        for _ in range(3):
            try:
                slow.sendall(b"X: y\r\n")
            except ConnectionError:
                break
            time.sleep(0.1)
        self.assertEqual(read_response(slow.makefile("rb")).status, 408)

    def test_a_backend_that_answers_nonsense_is_502(self):
        answers = [b"\r\n\r\n", b"SMTP ready\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
                   b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
                   b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: gzip\r\n\r\nabc",
                   b"HTTP/1.1 2 OK\r\n\r\n", b""]

        def handle(conn, reader):
            head = read_head(reader)
            conn.sendall(answers[int(head[0].split()[1][1:])])

        self.serve(handle)
        for number, answer in enumerate(answers):
            with self.subTest(answer):
                self.assertEqual(self.answer(f"/{number}", OWN), 502)

    def test_a_reused_connection_that_died_costs_no_request(self):
        def handle(conn, reader):
            read_head(reader)
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            time.sleep(0.05)  # then closed, without having said so

        self.serve(handle)
        for _ in range(20):
            self.assertEqual(self.cluster.get("/", OWN).body, b"ok")
            time.sleep(0.06)

    def test_a_post_is_not_sent_twice(self):
        seen = []

        def handle(_conn, reader):
            head = read_head(reader)
            seen.append(b"".join(read_body(reader, head[1])))

        self.serve(handle)
        self.assertEqual(self.answer("/", OWN, method="POST", body=b"pay"), 502)
        self.assertEqual(seen, [b"pay"])

    def test_a_client_that_leaves_frees_everything(self):
        done = threading.Event()

        def handle(conn, reader):
            read_head(reader)
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello")
            conn.settimeout(5)
            if conn.recv(1) == b"":
                done.set()

        self.serve(handle)
        sock = self.connect()
        sock.sendall(request_bytes("/", OWN))
        self.assertTrue(sock.recv(10))
        sock.close()
        self.assertTrue(done.wait(5), "the backend's connection is closed too")

    def test_head_has_no_body(self):
        sock = self.connect()
        sock.sendall(request_bytes("/x", WEB, method="HEAD") + request_bytes("/y", WEB))
        reader = sock.makefile("rb")
        self.assertEqual(read_response(reader, "HEAD").body, b"")
        self.assertEqual(read_response(reader).fields["uri"], "/y")

    def test_a_body_over_the_limit_is_413(self):
        sock = self.connect()
        sock.sendall(b"POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 200000000\r\n\r\n")
        self.assertEqual(read_response(sock.makefile("rb")).status, 413)

    def test_many_idle_connections_cost_little(self):
        socks = [self.connect() for _ in range(800)]
        for sock in socks:
            sock.sendall(request_bytes("/", WEB))
        for sock in socks:
            self.assertEqual(read_response(sock.makefile("rb")).status, 200)
        self.assertEqual(self.answer("/", WEB), "a")
        self.assertLess(self.workers_mb(), WORKER_MB_MAX)

    def test_forwarded_fields(self):
        response = self.cluster.get("/", WEB, headers=[("X-Forwarded-For", "1.2.3.4"),
                                                       ("X-Forwarded-Proto", "https"),
                                                       ("X-Real-IP", "1.2.3.4")])
        self.assertEqual(response.fields["xff"], "192.0.2.10")
        self.assertEqual(response.fields["proto"], "http")
        self.assertEqual(response.fields["fhost"], WEB)
        self.assertEqual(response.fields["fport"], "80")
        self.assertEqual(response.fields["realip"], "192.0.2.10")
        self.assertRegex(response.fields["id"], r"^[\w-]{16,}$")
        response = self.cluster.get("/", WEB, headers=[("X-Request-ID", "mine-1")])
        self.assertEqual(response.fields["id"], "mine-1")

    def test_responses_of_concurrent_clients_are_not_mixed(self):
        def handle(conn, reader):
            while head := read_head(reader):
                name = head[0].split()[1].encode()
                body = name * 2000
                conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
                conn.sendall(body)

        self.serve(handle)
        wrong = []

        def client(letter):
            sock = self.cluster.client.connect(NODE_IP, 80, timeout=10)
            with sock, sock.makefile("rb") as reader:
                for number in range(60):
                    name = f"/{letter}{number}"
                    sock.sendall(request_bytes(name, OWN))
                    if read_response(reader).body != name.encode() * 2000:
                        wrong.append(name)

        threads = [threading.Thread(target=client, args=(letter,)) for letter in "abcdefgh"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual(wrong, [])

    def test_upstream_connections_are_reused(self):
        def handle(conn, reader):
            while read_head(reader):
                conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        server = self.serve(handle)
        sock = self.connect()
        reader = sock.makefile("rb")
        for _ in range(50):
            sock.sendall(request_bytes("/", OWN))
            self.assertEqual(read_response(reader).body, b"ok")
        self.assertEqual(server.accepted, 1)

    def test_memory_does_not_grow_with_requests(self):
        def ask(times):
            sock = self.connect()
            reader = sock.makefile("rb")
            for _ in range(times):
                sock.sendall(request_bytes("/", WEB))
                read_response(reader)

        ask(300)
        before = self.workers_mb()
        ask(3000)
        wait_until(lambda: self.workers_mb() < before + 2, f"memory stays at {before} MB")
