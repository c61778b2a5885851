# SPDX-License-Identifier: Apache-2.0
"""Bodies of requests that the kernel moves to the backend: every byte, in order, and not one of what
comes behind them. All of it with splice and without, since one must not be told from the other."""

import contextlib
import hashlib
import itertools
import json
import os
import random
import signal
import socket
import time

import pod_server
from cluster import NODE_IP, NODE_IP6, read_response, request_bytes
from netns import wait_until
from scene import SceneTest
from test_splice import (CHURN_SECONDS, OWN, SWITCH, UPGRADE, SpliceCases, body_of, head,
                         read_exactly, reset)

PIECE = 50000
LONG_UPLOAD = 300000  # above what is spliced at least, with a margin for what the relay takes first


numbers = itertools.count()
marks = set()  # of the requests that backends have seen


def read_head(reader):
    """As pod_server's; notes the request's mark."""
    request = pod_server.read_head(reader)
    if request and "x-mark" in request[1]:
        marks.add(request[1]["x-mark"])
    return request


def await_mark(mark):
    """The backend has the head: the worker forwarded it, and waits for the body."""
    for _ in range(10000):
        if mark in marks:
            time.sleep(0.005)  # for what it does between the write and the wait
            return
        time.sleep(0.001)
    raise TimeoutError("the backend did not see the request")


def serve_sums(conn, reader):
    """GET /SEED/SIZE: a body. POST /sum...: the sum of the body. Upgrade: echo."""
    while request := read_head(reader):
        target, fields = request[0].split()[1], request[1]
        if "upgrade" in fields:
            conn.sendall(SWITCH)
            while data := reader.read1(65536):
                conn.sendall(data)
            return
        if request[0].startswith("GET"):
            _, seed, size = target.split("/")
            conn.sendall(head(int(size)) + body_of(seed, int(size)))
            continue
        digest, left = hashlib.sha256(), int(fields["content-length"])
        while left:
            part = reader.read1(min(left, 65536))
            if not part:
                raise ConnectionResetError("the body was cut short")
            digest.update(part)
            left -= len(part)
            if target == "/sum/slow":
                time.sleep(0.002)
        conn.sendall(head(64) + digest.hexdigest().encode())


class UploadCases:
    """The cases; the classes below say how sluiced is started."""

    spliced = True
    manifests = classmethod(SpliceCases.manifests.__func__)
    setUp, serve, connect, counted = (SpliceCases.setUp, SpliceCases.serve, SpliceCases.connect,
                                      SpliceCases.counted)
    assert_spliced, slots_used, in_threads = (SpliceCases.assert_spliced, SpliceCases.slots_used,
                                              SpliceCases.in_threads)

    def assert_uploads(self, least):
        self.assert_spliced(least, "sluice_spliced_uploads_total")

    @staticmethod
    def begin(sock, size, target="/sum", more=()):
        """The head, until the backend has it."""
        mark = str(next(numbers))
        sock.sendall(request_bytes(target, OWN, "POST", [("Content-Length", str(size)),
                                                         ("X-Mark", mark), *more]))
        await_mark(mark)

    def upload(self, sock, reader, data, step=PIECE, pause=0.0, target="/sum"):
        self.begin(sock, len(data), target)
        for at in range(0, len(data), step):
            sock.sendall(data[at:at + step])
            if pause:
                time.sleep(pause)
        response = read_response(reader)
        if (response.status, response.body) != (200, hashlib.sha256(data).hexdigest().encode()):
            raise AssertionError(f"{len(data)} bytes: {response.status} {response.body!r}")

    # ---- bodies ------------------------------------------------------------------------------------

    def test_bodies_of_all_sizes_are_whole(self):
        """On connections that get spliced responses between them, too: source and sink at once."""
        self.serve(serve_sums)
        for address in (NODE_IP, NODE_IP6):
            sock = self.connect(address)
            reader = sock.makefile("rb")
            for size in (1, 65535, 65536, 65537, LONG_UPLOAD, 3000000):
                self.upload(sock, reader, body_of("up", size))
                for _ in range(2):
                    sock.sendall(request_bytes(f"/down/{size // 10}", OWN))
                    self.assertEqual(read_response(reader).body, body_of("down", size // 10))
        self.assert_uploads(6)
        self.assert_spliced(8)

    def test_many_at_once_in_odd_pieces(self):
        self.serve(serve_sums)

        def one(number):
            chance = random.Random(number)
            sock = self.connect((NODE_IP, NODE_IP6)[number % 2])
            reader = sock.makefile("rb")
            for turn in range(4):
                size = int(10 ** chance.uniform(4.8, 6.3))
                self.upload(sock, reader, body_of(f"{number}/{turn}", size),
                            int(10 ** chance.uniform(3, 5.5)), (0, 0.0005)[number % 2],
                            ("/sum", "/sum/slow")[turn % 2])

        self.in_threads(16, one)
        self.assert_uploads(16)

    def test_requests_glued_to_the_end_of_a_body(self):
        """What comes behind the announced length is the next request, however it is cut."""
        self.serve(serve_sums)
        data = body_of("glued", LONG_UPLOAD)
        get = request_bytes("/next/100", OWN)
        post = request_bytes("/sum", OWN, "POST", body=data)
        for address in (NODE_IP, NODE_IP6):
            sock = self.connect(address)
            reader = sock.makefile("rb")
            for tail in (get, get + get, post + get, get + post, get[:10]):
                for hold in (1, 1000, 70000):
                    self.begin(sock, len(data))
                    sock.sendall(data[:-hold])
                    time.sleep(0.005)
                    sock.sendall(data[-hold:] + tail)
                    if tail == get[:10]:
                        sock.sendall(get[10:])
                    sums = 2 if post in tail else 1
                    bodies = [read_response(reader).body
                              for _ in range(1 + (tail.count(b"GET /") + tail.count(b"POST")))]
                    self.assertEqual(bodies.count(hashlib.sha256(data).hexdigest().encode()), sums)
                    self.assertEqual(bodies.count(body_of("next", 100)), len(bodies) - sums)
        self.assert_uploads(20)

    def test_a_websocket_behind_an_upload(self):
        self.serve(serve_sums)
        sock = self.connect()
        reader = sock.makefile("rb")
        for _ in range(2):
            self.upload(sock, reader, body_of("first", LONG_UPLOAD))
        sock.sendall(UPGRADE % b"")
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            data += read_exactly(sock, 1)
        self.assertIn(b" 101 ", data)
        for number in range(50):
            sock.sendall(b"%d" % number)
            self.assertEqual(read_exactly(sock, len(b"%d" % number)), b"%d" % number)
        self.assert_uploads(2)
        self.assert_spliced(1, "sluice_spliced_tunnels_total")

    def test_a_body_that_waits_to_be_asked_for(self):
        def handle(conn, reader):
            while request := read_head(reader):
                conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = reader.read(int(request[1]["content-length"]))
                conn.sendall(head(64) + hashlib.sha256(body).hexdigest().encode())

        self.serve(handle)
        data = body_of("asked", LONG_UPLOAD)
        sock = self.connect()
        reader = sock.makefile("rb")
        for _ in range(3):
            self.begin(sock, len(data), more=[("Expect", "100-continue")])
            self.assertEqual(reader.readline(), b"HTTP/1.1 100 Continue\r\n")
            self.assertEqual(reader.readline(), b"\r\n")
            for at in range(0, len(data), PIECE):
                sock.sendall(data[at:at + PIECE])
                time.sleep(0.002)
            self.assertEqual(read_response(reader).body,
                             hashlib.sha256(data).hexdigest().encode())
        self.assert_uploads(3)

    def test_a_client_that_is_slower_than_the_timeout_allows_for_one_piece(self):
        """The time counts from bytes that the worker never saw; a client that stands still is told."""
        self.serve(serve_sums)
        sock = self.connect()
        reader = sock.makefile("rb")
        self.upload(sock, reader, body_of("slow", 500000), step=40000, pause=0.4)
        self.assert_uploads(1)
        self.begin(sock, 500000)
        sock.sendall(bytes(100000))
        self.assertEqual(read_response(reader).status, 408)

    # ---- ends --------------------------------------------------------------------------------------

    def test_an_early_answer_of_a_backend_that_does_not_read(self):
        """It reaches the client, whatever of the body is in the kernel's hands; also on connections
        that had spliced responses before."""
        end = []

        def handle(conn, reader):
            conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            while request := read_head(reader):
                if request[0].startswith("GET"):
                    conn.sendall(head(10) + bytes(10))
                    continue
                wait_until(lambda: end, "the client has sent what is taken", timeout=20)
                conn.sendall(head(5, b"413 Payload Too Large") + b"large")
                time.sleep(0.3)
                return

        self.serve(handle)
        for address in (NODE_IP, NODE_IP6):
            for gets in (0, 4):
                sock = self.connect(address)
                reader = sock.makefile("rb")
                for _ in range(gets):
                    sock.sendall(request_bytes("/", OWN))
                    self.assertEqual(len(read_response(reader).body), 10)
                end.clear()
                self.begin(sock, 200_000_000)
                sock.settimeout(0.5)
                with contextlib.suppress(TimeoutError):
                    while True:
                        sock.send(bytes(PIECE))
                sock.settimeout(10)
                end.append(1)
                response = read_response(reader)
                self.assertEqual((response.status, response.body), (413, b"large"))
                sock.close()
        self.assert_uploads(4)

    def test_a_backend_that_resets_within_a_body(self):
        """The client learns it, and no other backend gets the request: bytes of it are gone."""
        seen = []

        def handle(conn, reader):
            request = read_head(reader)
            if not request:
                return
            seen.append(request[0])
            reader.read(200000)
            reset(conn)
            reader.close()

        self.serve(handle)
        for number in range(6):
            sock = self.connect((NODE_IP, NODE_IP6)[number % 2])
            data = b""
            with contextlib.suppress(ConnectionError):
                self.begin(sock, 4000000)
                for _ in range(80):
                    sock.sendall(bytes(PIECE))
                    time.sleep(0.001)
                data = sock.recv(65536)
            self.assertIn(data[:12], (b"", b"HTTP/1.1 502"))
        self.assertEqual(len(seen), 6)
        self.assert_uploads(6)

    def test_a_client_that_leaves_within_a_body(self):
        """By reset: the backend's connection is reset. By its end: the client is told, and the backend
        does not take the part for the whole."""
        ends = []

        def handle(conn, reader):
            request = read_head(reader)
            if not request:
                return
            size = int(request[1]["content-length"])
            try:
                ends.append(("end", len(reader.read(size)) < size))
            except ConnectionResetError:
                ends.append(("reset", True))

        self.serve(handle)
        for number in range(4):
            ends.clear()
            sock = self.connect((NODE_IP, NODE_IP6)[number % 2])
            self.begin(sock, 2000000)
            for _ in range(6):
                sock.sendall(bytes(PIECE))
                time.sleep(0.003)
            if number < 2:
                time.sleep(0.02)
                reset(sock)
                wait_until(lambda: ends, "the backend sees the end")
                self.assertEqual(ends, [("reset", True)])
            else:
                sock.shutdown(socket.SHUT_WR)
                self.assertEqual(read_response(sock.makefile("rb")).status, 400)
                wait_until(lambda: ends, "the backend sees the end")
                self.assertTrue(ends[0][1])
        self.assert_uploads(4)

    def test_the_log_and_the_counts_are_those_of_the_relay(self):
        self.serve(serve_sums)
        data = body_of("log", LONG_UPLOAD)
        sock = self.connect()
        reader = sock.makefile("rb")
        target = f"/sum/log{self.spliced}"
        for _ in range(5):
            self.upload(sock, reader, data, target=target)

        def entries():
            lines = [line for line in self.cluster.sluiced.log().splitlines()
                     if f'"{target}"' in line]
            return [json.loads(line[line.index("{"):]) for line in lines]

        wait_until(lambda: len(entries()) == 5, "5 lines")
        for entry in entries():
            self.assertGreaterEqual(entry.pop("time_us"), entry.pop("upstream_us"))
            for name in ("time", "id"):
                entry.pop(name)
            self.assertEqual(entry, {
                "client": "192.0.2.10", "method": "POST", "target": target, "version": "HTTP/1.1",
                "host": OWN, "status": 200, "bytes": 64, "upstream": "default/own:80",
                "referer": "", "user_agent": ""} | {
                    name: entry[name] for name in ("referer", "user_agent") if name in entry})
        self.assertEqual(self.counted("sluice_requests_total"), 5)
        self.assertEqual(self.counted('sluice_responses_total{class="2xx"}'), 5)
        wait_until(lambda: self.counted("sluice_client_received_bytes_total") > 5 * LONG_UPLOAD,
                   "bytes of the client counted")
        self.assertLess(self.counted("sluice_client_received_bytes_total"), 5 * LONG_UPLOAD + 2000)
        self.assert_uploads(5)

    def test_zz_a_killed_worker_with_many_uploads(self):
        """kill -9: peers see the end, slots are free, the next process serves."""
        ended, socks = [], []

        def handle(conn, reader):
            request = read_head(reader)
            if request and request[0].startswith("GET"):
                conn.sendall(head(5) + b"hello")
            elif request:
                with contextlib.suppress(ConnectionError):
                    reader.read(int(request[1]["content-length"]))
                ended.append(1)

        self.serve(handle)

        def begin(number):
            for turn in range(8):
                sock = self.connect((NODE_IP, NODE_IP6)[turn % 2])
                self.begin(sock, 1000000)
                sock.sendall(body_of(f"{number}/{turn}", 200000))
                socks.append(sock)

        self.in_threads(8, begin)
        time.sleep(0.2)
        killed = self.cluster.workers()
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        for sock in socks:
            with contextlib.suppress(ConnectionError):
                self.assertEqual(sock.recv(1), b"")
        wait_until(lambda: len(ended) == len(socks), "backends see the end")
        wait_until(lambda: len(self.cluster.workers()) == len(killed) and
                   not set(self.cluster.workers()) & set(killed), "new workers")
        wait_until(lambda: self.slots_used() == 0, "slots are free", interval=0.3)
        sock = self.connect()
        sock.sendall(request_bytes("/", OWN))
        self.assertEqual(read_response(sock.makefile("rb")).body, b"hello")

    def test_clients_that_leave_hurt_nobody(self):
        """Aborts at any moment, on connections to backends that others use after."""
        self.serve(serve_sums)
        end = time.monotonic() + CHURN_SECONDS

        def churn(number):
            chance = random.Random(number)
            while time.monotonic() < end:
                sock = self.connect((NODE_IP, NODE_IP6)[number % 2])
                reader = sock.makefile("rb")
                for turn in range(chance.randrange(1, 5)):
                    data = body_of(f"c{number}t{turn}", int(10 ** chance.uniform(4.9, 5.8)))
                    if chance.random() < 0.3:
                        self.begin(sock, len(data))
                        sock.sendall(data[:chance.randrange(len(data))])
                        if chance.random() < 0.5:
                            reset(sock)
                        break
                    self.upload(sock, reader, data)
                reader.close()
                sock.close()

        self.in_threads(8, churn)


class UploadsOn(UploadCases, SceneTest):
    flags = ("--splice", "on", "--access-log", "json", "--max-body", "0", "--body-timeout", "4s")


class UploadsOff(UploadCases, SceneTest):
    flags = ("--splice", "off", "--access-log", "json", "--max-body", "0", "--body-timeout", "4s")
    spliced = False
