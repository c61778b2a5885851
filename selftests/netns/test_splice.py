# SPDX-License-Identifier: Apache-2.0
"""Responses and tunnels moved by the kernel: every byte, in order, to whom it belongs. All of it with
splice and without, since one must not be told from the other. SPLICE_LONG=1: ten minutes of churn."""

import contextlib
import hashlib
import os
import random
import re
import signal
import socket
import struct
import threading
import time

from cluster import (NODE_IP, NODE_IP6, app, endpoint_slice, ingress, path, read_response,
                     request_bytes, rule, service)
from netns import wait_until
from pod_server import PodServer, read_head
from scene import SceneTest

WEB, OWN = "web.test", "own.test"
OWN_PORT = 9200
LONG = bool(os.environ.get("SPLICE_LONG"))
CHURN_SECONDS = 600 if LONG else 2
DATE = b"Date: Tue, 24 Nov 2026 10:00:00 GMT\r\n"
UPGRADE = (b"GET /%s HTTP/1.1\r\nHost: own.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
RESET = struct.pack("ii", 1, 0)


def body_of(seed, size):
    """Bytes that no other seed gives."""
    return random.Random(f"{seed}/{size}").randbytes(size)


def head(size, status=b"200 OK", more=b""):
    return b"HTTP/1.1 %s\r\nServer: test\r\n%sContent-Length: %d\r\n%s\r\n" % (status, DATE, size,
                                                                           more)


def serve_bodies(conn, reader):
    """GET /SEED/SIZE: a body of that size."""
    while request := read_head(reader):
        _, seed, size = request[0].split()[1].split("/")
        conn.sendall(head(int(size)) + body_of(seed, int(size)))


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def read_exactly(sock, size):
    parts = []
    while size:
        part = sock.recv(min(size, 1 << 20))
        if not part:
            raise EOFError(f"{size} bytes are missing")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


class SpliceCases:
    """The cases; the classes below say how sluiced is started."""

    spliced = True

    @classmethod
    def manifests(cls, cluster):
        pod = cluster.pods["pod-b"]
        return {"web.json": [ingress("web", rule(WEB, path("/", "web")),
                                     rule(OWN, path("/", "own")))]
                + app("web", cluster.pods["pod-a"])
                + [service("own"), endpoint_slice("own", [pod.ip], [(None, OWN_PORT, "TCP")])]}

    def setUp(self):
        self.before = self.cluster.metrics()

    def serve(self, handle):
        server = PodServer(self.cluster.pods["pod-b"], OWN_PORT, handle)
        self.addCleanup(server.__exit__)
        self.addCleanup(lambda: self.assertEqual(server.errors, []))
        return server

    def connect(self, address=NODE_IP, timeout=10, receive=0):
        sock = self.cluster.client.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        if receive:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        sock.settimeout(timeout)
        sock.connect((address, 80))
        self.addCleanup(sock.close)
        return sock

    def counted(self, name):
        return self.cluster.metrics()[name] - self.before[name]

    def assert_spliced(self, least, name="sluice_spliced_exchanges_total"):
        """As many exchanges went by the kernel, or none where it is off."""
        if self.spliced:
            wait_until(lambda: self.counted(name) >= least, f"{least} of {name}")
        else:
            self.assertEqual(self.counted(name), 0)

    def slots_used(self):
        dump = self.cluster.node.run("bpftool", "-j", "map", "dump", "pinned",
                                     f"{self.cluster.bpffs}/sluice/v2/slots", timeout=60).stdout
        return len(re.findall(r'"value":\{"cookie":[1-9]', dump))

    # ---- responses ---------------------------------------------------------------------------------

    def get_bodies(self, seed, sizes, address=NODE_IP):
        sock = self.connect(address)
        reader = sock.makefile("rb")
        for size in sizes:
            sock.sendall(request_bytes(f"/{seed}/{size}", OWN))
            response = read_response(reader)
            if (response.status, response.body) != (200, body_of(seed, size)):
                raise AssertionError(f"{seed}/{size}: {response.status}, {len(response.body)} bytes")
        reader.close()
        sock.close()

    def in_threads(self, count, fn):
        faults = []

        def guarded(number):
            try:
                fn(number)
            except Exception as error:  # told below, with the number of the thread
                faults.append((number, repr(error)))

        threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])

    def test_bodies_of_all_sizes_are_whole(self):
        self.serve(serve_bodies)
        chance = random.Random(7)
        sizes = [0, 1, 2, 1000, 1448, 1449, 16384, 65535, 65536, 200000, 262144, 262145, 2000000]
        for address in (NODE_IP, NODE_IP6):
            self.get_bodies("one", sizes + sizes, address)
        self.in_threads(8, lambda number: self.get_bodies(
            f"many{number}", [int(10 ** chance.uniform(0, 5)) for _ in range(40)]))
        self.assert_spliced(100)

    def test_a_head_split_at_each_byte(self):
        answer = head(5, more=b"X-Long: a value\r\n") + b"hello"

        def handle(conn, reader):
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while request := read_head(reader):
                at = int(request[0].split()[1][1:])
                conn.sendall(answer[:at])
                if 0 < at < len(answer):
                    time.sleep(0.002)
                conn.sendall(answer[at:])

        self.serve(handle)
        sock = self.connect()
        reader = sock.makefile("rb")
        for at in [0, 0, *range(len(answer) + 1)]:
            sock.sendall(request_bytes(f"/{at}", OWN))
            response = read_response(reader)
            self.assertEqual((response.status, response.body), (200, b"hello"), at)

    def test_two_answers_in_one_go_are_never_two_answers(self):
        """What comes behind the answer that was asked for reaches nobody."""
        def glue(conn, reader):
            while request := read_head(reader):
                name = request[0].split()[1].encode()
                answer = head(len(name)) + name
                conn.sendall(answer + (head(6) + b"foreign" if b"glued" in name else b""))

        self.serve(glue)
        for _ in range(3):
            sock = self.connect()
            reader = sock.makefile("rb")
            for name in ("/a", "/b", "/glued", "/c", "/glued", "/d", "/e"):
                sock.sendall(request_bytes(name, OWN))
                response = read_response(reader)
                self.assertEqual((response.status, response.body), (200, name.encode()))

    def test_answers_of_every_kind_in_turn(self):
        plain = head(5) + b"hello"
        kinds = {
            "plain": plain,
            "head": head(5),
            "304": b"HTTP/1.1 304 Not Modified\r\n" + DATE + b"ETag: \"x\"\r\n\r\n",
            "204": b"HTTP/1.1 204 No Content\r\n" + DATE + b"\r\n",
            "100": b"HTTP/1.1 100 Continue\r\n\r\n" + plain,
            "103": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + plain,
            "chunked": b"HTTP/1.1 200 OK\r\n" + DATE + b"Transfer-Encoding: chunked\r\n\r\n"
                       b"5\r\nhello\r\n0\r\n\r\n",
            "404": head(5, b"404 Not Found") + b"hello",
            "nodate": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "keep": head(5, more=b"Connection: keep-alive\r\n") + b"hello",
            "close": b"HTTP/1.1 200 OK\r\n" + DATE + b"Connection: close\r\n\r\nhello",
        }

        def handle(conn, reader):
            while request := read_head(reader):
                kind = request[0].split()[1][1:]
                conn.sendall(kinds[kind])
                if kind == "close":
                    return

        self.serve(handle)
        sock = self.connect()
        reader = sock.makefile("rb")
        chance = random.Random(3)
        for turn in range(6):
            for kind in chance.sample(sorted(kinds), len(kinds)):
                method = "HEAD" if kind == "head" else "GET"
                sock.sendall(request_bytes(f"/{kind}", OWN, method=method))
                response = read_response(reader, method)
                while 100 < response.status < 200:
                    response = read_response(reader, method)
                status = int(kind) if kind.isdigit() and int(kind) >= 200 else 200
                body = b"" if kind in ("head", "304", "204") else b"hello"
                self.assertEqual((response.status, response.body), (status, body), (turn, kind))
        self.assert_spliced(6)

    def test_pipelined_requests_are_answered_in_order(self):
        self.serve(serve_bodies)
        for _ in range(5):
            sock = self.connect()
            reader = sock.makefile("rb")
            sizes = [random.randrange(3000) for _ in range(40)]
            sock.sendall(b"".join(request_bytes(f"/pipe{i}/{size}", OWN)
                                  for i, size in enumerate(sizes)))
            for i, size in enumerate(sizes):
                self.assertEqual(read_response(reader).body, body_of(f"pipe{i}", size))

    def test_a_client_that_ends_its_side_gets_the_whole_answer(self):
        self.serve(serve_bodies)
        for size in (10, 150000, 150000):
            sock = self.connect(receive=8192)
            reader = sock.makefile("rb")
            sock.sendall(request_bytes(f"/a/{size}", OWN))
            read_response(reader)
            sock.sendall(request_bytes(f"/b/{size}", OWN))
            sock.shutdown(socket.SHUT_WR)
            time.sleep(0.1)
            self.assertEqual(read_response(reader).body, body_of("b", size))
            self.assertEqual(reader.read(), b"")

    def test_slow_readers_get_every_byte(self):
        """Pipelined answers of more than the window, to clients that take their time."""
        self.serve(serve_bodies)
        sizes = [180000, 5, 240000, 1, 260000, 300000, 7, 200000]

        def read_slowly(number):
            sock = self.connect(receive=8192)
            reader = sock.makefile("rb")
            sock.sendall(b"".join(request_bytes(f"/slow{number}/{size}", OWN) for size in sizes))
            for size in sizes:
                time.sleep(0.05)
                self.assertEqual(read_response(reader).body, body_of(f"slow{number}", size))

        self.in_threads(6, read_slowly)

    def test_a_backend_that_dies_within_a_body(self):
        """By FIN or by reset: the client must not take it for the whole; the next request is fine."""
        def handle(conn, reader):
            while request := read_head(reader):
                _, kind, cut = request[0].split()[1].split("/")
                conn.sendall((head(1000) + bytes(1000))[:int(cut)])
                time.sleep(0.01)
                if kind == "reset":
                    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                if kind != "whole":
                    conn.close()
                    return

        self.serve(handle)
        whole = len(head(1000)) + 1000
        for kind in ("fin", "reset"):
            for cut in (len(head(1000)), len(head(1000)) + 1, whole - 1):
                sock = self.connect()
                reader = sock.makefile("rb")
                for _ in range(3):
                    sock.sendall(request_bytes(f"/whole/{whole}", OWN))
                    self.assertEqual(len(read_response(reader).body), 1000)
                sock.sendall(request_bytes(f"/{kind}/{cut}", OWN))
                data = b""
                with contextlib.suppress(ConnectionError):
                    while part := sock.recv(65536):
                        data += part
                self.assertLess(len(data.partition(b"\r\n\r\n")[2]), 1000, (kind, cut))
        self.assert_spliced(6)

    def test_a_backend_that_ends_behind_its_answer(self):
        def handle(conn, reader):
            for _ in range(4):
                if not read_head(reader):
                    return
                conn.sendall(head(5) + b"hello")

        self.serve(handle)
        sock = self.connect()
        reader = sock.makefile("rb")
        for _ in range(40):
            sock.sendall(request_bytes("/", OWN))
            response = read_response(reader)
            self.assertEqual((response.status, response.body), (200, b"hello"))
        self.assert_spliced(10)

    def test_a_backend_that_is_slow_to_answer(self):
        def handle(conn, reader):
            while read_head(reader):
                time.sleep(0.06)
                conn.sendall(head(5) + b"he")
                time.sleep(0.06)
                conn.sendall(b"llo")

        self.serve(handle)
        sock = self.connect()
        reader = sock.makefile("rb")
        for _ in range(6):
            sock.sendall(request_bytes("/", OWN))
            self.assertEqual(read_response(reader).body, b"hello")
        self.assert_spliced(3)

    def test_clients_that_leave_hurt_nobody(self):
        """Aborts at any moment, on connections to backends that others use after: not one foreign
        byte."""
        self.serve(serve_bodies)
        end = time.monotonic() + CHURN_SECONDS

        def churn(number):
            chance = random.Random(number)
            while time.monotonic() < end:
                sock = self.connect((NODE_IP, NODE_IP6)[number % 2])
                reader = sock.makefile("rb")
                for turn in range(chance.randrange(1, 12)):
                    size = int(10 ** chance.uniform(0, 5))
                    name = f"c{number}t{turn}"
                    sock.sendall(request_bytes(f"/{name}/{size}", OWN))
                    if chance.random() < 0.15:
                        time.sleep(chance.random() * 0.004)
                        if chance.random() < 0.5:
                            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                        break
                    if read_response(reader).body != body_of(name, size):
                        raise AssertionError("foreign bytes")
                reader.close()
                sock.close()

        self.in_threads(8, churn)

    def test_counts_and_latency_are_those_of_the_relay(self):
        self.serve(serve_bodies)
        self.get_bodies("count", [10] * 20)
        wait_until(lambda: self.counted('sluice_responses_total{class="2xx"}') == 20, "20 answers")
        self.assertEqual(self.counted("sluice_requests_total"), 20)
        self.assertEqual(self.counted("sluice_exchange_seconds_count"), 20)
        self.assertGreaterEqual(self.counted("sluice_client_sent_bytes_total"), 20 * 100)
        self.assert_spliced(15)

    # ---- tunnels -----------------------------------------------------------------------------------

    def tunnel(self, name=b"", address=NODE_IP, **more):
        sock = self.connect(address, **more)
        sock.sendall(UPGRADE % name)
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            data += read_exactly(sock, 1)
        self.assertIn(b" 101 ", data)
        return sock

    def serve_tunnels(self, fn):
        """fn(conn, name, reader) once the switch was made."""
        def handle(conn, reader):
            request = read_head(reader)
            if request:
                conn.sendall(SWITCH)
                fn(conn, request[0].split()[1][1:], reader)

        return self.serve(handle)

    @staticmethod
    def echo(conn, _name, reader):
        while data := reader.read1(65536):
            conn.sendall(data)

    def test_ping_pong(self):
        self.serve_tunnels(self.echo)
        for address in (NODE_IP, NODE_IP6):
            sock = self.tunnel(address=address)
            for number in range(300):
                message = b"%d " % number * (number % 40 + 1)
                sock.sendall(message)
                self.assertEqual(read_exactly(sock, len(message)), message)
        self.assert_spliced(2, "sluice_spliced_tunnels_total")
        if self.spliced:
            sock.close()
            wait_until(lambda: self.counted("sluice_spliced_bytes_total") > 10000, "bytes counted")

    def test_an_answer_while_the_sockets_are_enrolled_does_not_prevent_it(self):
        self.serve_tunnels(self.echo)

        def once(_number):
            for _ in range(20):
                sock = self.tunnel()
                sock.sendall(b"x")
                self.assertEqual(read_exactly(sock, 1), b"x")
                sock.close()

        self.in_threads(4, once)
        self.assert_spliced(80, "sluice_spliced_tunnels_total")

    def test_bytes_that_come_with_the_handshake(self):
        def talk(conn, _name, reader):
            conn.sendall(b"at once")
            self.echo(conn, _name, reader)

        self.serve_tunnels(talk)
        for _ in range(10):
            sock = self.connect()
            sock.sendall(UPGRADE % b"" + b"early")
            data = b""
            while len(data.partition(b"\r\n\r\n")[2]) < 12:
                data += read_exactly(sock, 1)
            self.assertEqual(sorted(data.partition(b"\r\n\r\n")[2]), sorted(b"at onceearly"))

    def both_ways(self, number, size, pause, receive=0):
        """Sends and receives @size bytes at once, and compares the sums."""
        data = body_of(f"up{number}", size)
        sock = self.tunnel(b"%d" % number, address=(NODE_IP, NODE_IP6)[number % 2], receive=receive)
        chance = random.Random(number)
        got = hashlib.sha256()

        def send():
            at = 0
            while at < size:
                step = int(10 ** chance.uniform(0, 5.3))
                sock.sendall(data[at:at + step])
                at += step
                if pause and chance.random() < 0.1:
                    time.sleep(pause)
            sock.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        total = 0
        while part := sock.recv(1 + int(10 ** chance.uniform(1, 5.3))):
            got.update(part)
            total += len(part)
            if pause and chance.random() < 0.05:
                time.sleep(pause)
        sender.join()
        self.assertEqual(total, size)
        self.assertEqual(got.digest(), hashlib.sha256(data).digest())

    def test_streams_both_ways_with_slow_ends(self):
        self.serve_tunnels(self.echo)
        self.in_threads(12, lambda number: self.both_ways(
            number, (30000, 3000000)[number % 2], (0, 0.003, 0.02)[number % 3],
            (0, 4096)[number % 4 == 1]))
        self.assert_spliced(12, "sluice_spliced_tunnels_total")

    def test_64_tunnels_at_once(self):
        self.serve_tunnels(self.echo)
        self.in_threads(64, lambda number: self.both_ways(number, 40000, 0.001))

    def test_half_closes_are_carried_in_both_orders(self):
        def talk(conn, name, reader):
            if name == "first":  # the backend ends its side first
                conn.sendall(b"bye")
                conn.shutdown(socket.SHUT_WR)
                self.assertEqual(reader.read(), b"still here" * 1000)
            else:
                self.assertEqual(reader.read(), b"done")
                conn.sendall(b"and an answer" * 1000)

        self.serve_tunnels(talk)
        sock = self.tunnel(b"first")
        self.assertEqual(read_exactly(sock, 3), b"bye")
        self.assertEqual(sock.recv(1), b"")
        sock.sendall(b"still here" * 1000)
        sock.shutdown(socket.SHUT_WR)
        sock = self.tunnel(b"second")
        time.sleep(0.1)
        sock.sendall(b"done")
        sock.shutdown(socket.SHUT_WR)
        self.assertEqual(sock.makefile("rb").read(), b"and an answer" * 1000)

    def test_a_reset_is_carried_over(self):
        ends = []

        def talk(conn, name, reader):
            if name == "backend":
                conn.sendall(reader.read1(10))
                reader.read1(10)
                reset(conn)
                reader.close()
                return
            try:
                while data := reader.read1(100):
                    conn.sendall(data)
                ends.append("end")
            except ConnectionResetError:
                ends.append("reset")

        self.serve_tunnels(talk)
        sock = self.tunnel(b"client")
        sock.sendall(b"x")
        self.assertEqual(read_exactly(sock, 1), b"x")
        time.sleep(0.1)
        reset(sock)
        wait_until(lambda: ends == ["reset"], "the backend sees a reset")
        sock = self.tunnel(b"backend")
        sock.sendall(b"x")
        self.assertEqual(read_exactly(sock, 1), b"x")
        sock.sendall(b"y")
        with self.assertRaises(ConnectionResetError):
            sock.recv(1)

    def test_a_reader_that_stands_still_holds_no_more_than_the_window(self):
        """Of 400 MB that tunnels would carry, the kernel holds what sockets and windows allow."""
        sent = []

        def flood(conn, _name, _reader):
            conn.settimeout(2)
            with contextlib.suppress(TimeoutError, ConnectionError):
                for _ in range(100):
                    conn.sendall(bytes(1000000))
                    sent.append(1000000)

        self.serve_tunnels(flood)
        socks = [self.tunnel(receive=8192) for _ in range(4)]
        time.sleep(2.5)
        self.assertLess(sum(sent), 80_000_000, "bytes that backends got rid of")
        for sock in socks:
            reset(sock)

    def test_idle_tunnels_are_seen_to_be_used(self):
        """The idle time counts from bytes that the worker never saw."""
        self.serve_tunnels(self.echo)
        busy, idle = self.tunnel(), self.tunnel()
        for sock in (busy, idle):
            sock.sendall(b"x")
            read_exactly(sock, 1)
        begun = time.monotonic()
        while time.monotonic() - begun < 6:
            time.sleep(0.5)
            busy.sendall(b"ping")
            self.assertEqual(read_exactly(busy, 4), b"ping")
        idle.settimeout(0.5)
        with contextlib.suppress(ConnectionError):
            self.assertEqual(idle.recv(1), b"", "4 s without a byte")


class SpliceOn(SpliceCases, SceneTest):
    flags = ("--splice", "on", "--tunnel-idle-timeout", "4s")

    def test_status_says_that_it_is_on(self):
        status = self.cluster.ctl_json("status")["splice"]
        self.assertTrue(status["on"])
        self.assertIn("on: ", self.cluster.ctl("status").stdout)


class SpliceAuto(SceneTest):
    """By default the kernel moves tunnels, and short responses while there are many at once."""

    manifests = classmethod(SpliceCases.manifests.__func__)
    setUp, serve, connect, counted = (SpliceCases.setUp, SpliceCases.serve, SpliceCases.connect,
                                      SpliceCases.counted)
    tunnel, serve_tunnels, echo = (SpliceCases.tunnel, SpliceCases.serve_tunnels,
                                   staticmethod(SpliceCases.echo))
    get_bodies = SpliceCases.get_bodies

    def burst(self, socks, size):
        """One request on each connection, all there when the workers look again. A worker that was
        stopped for a while finds them in one turn."""
        workers = self.cluster.workers()
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        try:
            for sock in socks:
                sock.sendall(request_bytes(f"/burst/{size}", OWN))
            time.sleep(0.02)
        finally:
            for pid in workers:
                os.kill(pid, signal.SIGCONT)
        for sock in socks:
            self.assertEqual(read_response(sock.makefile("rb")).body, body_of("burst", size))

    def test_short_responses_when_there_are_many_at_once(self):
        server = PodServer(self.cluster.pods["pod-b"], OWN_PORT, serve_bodies)
        self.addCleanup(server.__exit__)
        socks = [self.connect() for _ in range(96)]
        for _ in range(3):
            self.burst(socks, 20000)
        self.assertEqual(self.counted("sluice_spliced_exchanges_total"), 0, "too long for it")
        self.assertGreater(self.counted('sluice_relayed_total{reason="length"}'), 0)
        for _ in range(10):  # the workers forget that they were long
            self.burst(socks, 50)
        wait_until(lambda: self.counted("sluice_spliced_exchanges_total") > 100,
                   "spliced responses")

    def test_tunnels_and_no_single_responses(self):
        with self.subTest("responses"):
            server = PodServer(self.cluster.pods["pod-b"], OWN_PORT, serve_bodies)
            self.get_bodies("auto", [10] * 5)
            server.__exit__()
        self.serve_tunnels(self.echo)
        sock = self.tunnel()
        sock.sendall(b"x")
        self.assertEqual(read_exactly(sock, 1), b"x")
        wait_until(lambda: self.counted("sluice_spliced_tunnels_total") == 1, "a spliced tunnel")
        self.assertEqual(self.counted("sluice_spliced_exchanges_total"), 0)


class SpliceOff(SpliceCases, SceneTest):
    flags = ("--splice", "off", "--tunnel-idle-timeout", "4s")
    spliced = False

    def test_status_says_why_it_is_off(self):
        self.assertEqual(self.cluster.ctl_json("status")["splice"]["reason"], "--splice off")
        self.assertIn("off: --splice off", self.cluster.ctl("status").stdout)
