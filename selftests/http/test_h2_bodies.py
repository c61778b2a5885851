# SPDX-License-Identifier: Apache-2.0
"""Bodies over HTTP/2: windows from end to end, ends that are no ends, floods, and saying goodbye."""

import os
import re
import signal
import socket
import struct
import threading
import time
import unittest

import http2
from h2_stage import H2Test
from harness import Backend, Worker, echo, ingress, read_body, read_head, service
from http2 import (CANCEL, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR,
                   HEADERS, INTERNAL_ERROR, NO_ERROR, PING, PRIORITY, RST_STREAM, SETTINGS,
                   WINDOW_UPDATE, encode, frame, integer, request)

POST = encode(request(method="POST"))
HEAD = encode(request())


def window(stream, more):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", more))


class Answers(H2Test):
    def answer(self, answer, fields=(), close=False, method="GET"):
        self.stage.recorder.answer, self.stage.recorder.close = answer, close
        client = self.open()
        client.send(client.head(1, request(method=method, extra=fields)))
        client.wait(1)
        return client

    def test_answers_come_in_the_form_of_http2(self):
        ok = b"HTTP/1.1 200 OK\r\n"
        for name, answer, close, heads, body in [
                ("length", ok + b"Content-Length: 2\r\nX-A: b\r\n\r\nok", False,
                 [[(":status", "200"), ("x-a", "b"), ("content-length", "2")]], b"ok"),
                ("chunked", ok + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", False,
                 [[(":status", "200")]], b"ok"),
                ("until close", ok + b"\r\nok", True, [[(":status", "200")]], b"ok"),
                ("fields of the connection", ok + b"Connection: x-a, keep-alive\r\nX-A: b\r\n"
                 b"Keep-Alive: 1\r\nContent-Length: 0\r\n\r\n", False,
                 [[(":status", "200"), ("content-length", "0")]], b""),
                ("204", b"HTTP/1.1 204 No\r\n\r\n", False, [[(":status", "204")]], b""),
                ("304", b"HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", False,
                 [[(":status", "304"), ("content-length", "9")]], b""),
                ("interim", b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + ok
                 + b"Content-Length: 2\r\n\r\nok", False,
                 [[(":status", "103"), ("link", "x")],
                  [(":status", "200"), ("content-length", "2")]], b"ok"),
        ]:
            with self.subTest(name):
                client = self.answer(answer, close=close)
                got = [[f for f in head if f[0] not in ("date", "server")]
                       for head in client.heads[1]]
                self.assertEqual(got, heads)
                self.assertEqual(client.data[1], body)
                self.assertIn(1, client.ended)
                self.assertEqual(client.rst, {})

    def test_an_answer_without_body_ends_with_its_head(self):
        for name, answer, method in [
                ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD"),
                ("204", b"HTTP/1.1 204 No\r\n\r\n", "GET"),
                ("length of 0", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET")]:
            with self.subTest(name):
                client = self.answer(answer, method=method)
                last = [f for f in client.frames if f.stream == 1][-1]
                self.assertEqual((last.type, last.flags & END_STREAM), (HEADERS, END_STREAM))

    def test_trailers_go_to_who_said_so(self):
        answer = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
                  b"X-Sum: 1\r\nContent-Length: 5\r\n\r\n")
        client = self.answer(answer, fields=[("te", "trailers")])
        self.assertEqual(client.heads[1][1:], [[("x-sum", "1")]])
        self.assertEqual(bytes(client.data[1]), b"ok")
        client = self.answer(answer)
        self.assertEqual(client.heads[1][1:], [])
        self.assertIn(1, client.ended)

    def test_a_body_cut_short_is_reset_and_not_ended(self):
        for name, answer in [
                ("length", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"),
                ("chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello"),
                ("last chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                 b"5\r\nhello\r\n"),
                ("bad chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nxyz\r\n")]:
            with self.subTest(name):
                client = self.answer(answer, close=True)
                self.resets(client, 1, INTERNAL_ERROR)
                self.assertNotIn(1, client.ended)
                self.stage.recorder.answer, self.stage.recorder.close = (
                    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", False)
                self.serves(client, 3)

    def test_a_body_that_begins_with_a_fault_is_502(self):
        client = self.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", close=True)
        self.assertEqual((client.status(1), len(client.heads[1])), (502, 1))
        self.assertIn(1, client.ended)

    def test_nonsense_of_a_backend_is_502(self):
        client = self.answer(b"nonsense\r\n\r\n", close=True)
        self.assertEqual(client.status(1), 502)


class Streams(unittest.TestCase):
    """Backends that stand still, send much, or tell what became of a request."""

    def setUp(self):
        self.gate, self.gone, self.seen = threading.Event(), threading.Event(), []
        self.fast = Backend(echo("fast"))
        self.still = Backend(self._still)
        self.big = Backend(self._big)
        self.worker = Worker(
            service("fast", [self.fast]) + service("still", [self.still])
            + service("big", [self.big])
            + [ingress("i", {"/": "fast", "/still": "still", "/big": "big"})],
            "--h2c", "--body-timeout=2000", "--client-idle-timeout=2000")
        self.addCleanup(self._close)

    def _close(self):
        self.gate.set()
        self.worker.close()
        for backend in (self.fast, self.still, self.big):
            backend.close()

    def _still(self, conn, _backend):
        """Reads a head and no body before the gate opens; tells when the connection ends."""
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        head, rest = read_head(conn)
        self.seen.append(head)
        self.gate.wait(20)
        body, _ = read_body(conn, head, rest)
        self.seen.append(body)
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def _big(self, conn, _backend):
        read_head(conn)
        try:
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n")
            for _ in range(5):
                conn.sendall(bytes(1000000))
            conn.recv(1)
        except OSError:
            pass
        self.gone.set()

    def open(self, **how):
        client = http2.connect(self.worker.port, **how)
        self.addCleanup(client.close)
        client.read_until(lambda: client.settings)
        return client

    def test_a_stream_that_stands_still_holds_its_window_and_no_more(self):
        client = self.open()
        most = client.settings[4]
        client.send(client.head(1, request("/still", "POST"), end=False))
        sent = 0
        while sent < most:
            client.send(frame(DATA, 0, 1, bytes(16384)))
            sent += 16384
        client.send(client.head(3, request()))  # the others go on
        client.wait(3)
        self.assertEqual(client.status(3), 200)
        # What the sockets on the way have taken was given back to the window; more was not.
        given = sum(int.from_bytes(f.payload, "big") for f in client.frames
                    if f.type == WINDOW_UPDATE and f.stream == 1)
        client.send(*[frame(DATA, 0, 1, bytes(16384)) for _ in range(given // 16384 + 400)])
        client.read_until(lambda: 1 in client.rst or client.goaways)
        codes = [client.rst.get(1)] + [code for _, code in client.goaways]
        self.assertIn(FLOW_CONTROL_ERROR, codes)

    def test_a_body_reaches_its_backend_whole_through_the_windows(self):
        client = self.open()
        left, total, stream_window, window_all = 600000, 600000, client.settings[4], 65535
        client.send(client.head(1, request("/still", "POST"), end=False))
        seen = 0
        self.gate.set()
        while left:
            for f in client.frames[seen:]:
                if f.type == WINDOW_UPDATE and f.stream == 0:
                    window_all += int.from_bytes(f.payload, "big")
                elif f.type == WINDOW_UPDATE:
                    stream_window += int.from_bytes(f.payload, "big")
            seen = len(client.frames)
            size = min(16384, left, stream_window, window_all)
            if size == 0:
                client.read_frame()
                continue
            client.send(frame(DATA, END_STREAM if size == left else 0, 1, b"x" * size))
            left, stream_window, window_all = left - size, stream_window - size, window_all - size
        client.wait(1)
        self.assertEqual(client.status(1), 200)
        self.assertEqual(self.seen[1], b"x" * total)

    def test_a_client_gets_what_its_windows_allow(self):
        client = self.open()
        client.send(client.head(1, request("/big")), client.head(3, request()))
        client.read_until(lambda: len(client.data[1]) + len(client.data[3]) == 65535)
        client.send(window(0, 1000))
        client.read_until(lambda: 3 in client.ended or len(client.data[1]) > 65535)
        client.send(window(0, 1 << 20))
        client.wait(3)
        self.assertEqual(client.status(3), 200)
        client.read_until(lambda: len(client.data[1]) == 65535)
        client.send(window(1, 10))
        client.read_until(lambda: len(client.data[1]) == 65545)
        self.assertLess(self.worker.rss_kb(), 60000)

    def test_a_reset_stream_ends_the_exchange_with_the_backend(self):
        client = self.open()
        client.send(client.head(1, request("/big")))
        client.read_until(lambda: client.data[1])
        client.send(frame(RST_STREAM, 0, 1, struct.pack(">I", CANCEL)))
        self.assertTrue(self.gone.wait(10))
        client.send(client.head(3, request()))
        client.send(window(0, 1 << 20))
        client.wait(3)
        self.assertEqual(client.status(3), 200)

    def test_a_client_that_goes_ends_its_exchanges(self):
        client = self.open()
        client.send(client.head(1, request("/big")))
        client.read_until(lambda: client.data[1])
        client.close()
        self.assertTrue(self.gone.wait(10))

    def test_a_stream_that_stalls_is_reset_in_time(self):
        client = self.open()
        client.send(client.head(1, request("/big")))
        client.read_until(lambda: 1 in client.rst)
        self.assertEqual(client.rst[1], INTERNAL_ERROR)
        self.assertEqual(len(client.data[1]), 65535)

    def test_a_body_that_stands_still_is_408(self):
        client = self.open()
        client.send(client.head(1, request("/still", "POST"), end=False), frame(DATA, 0, 1, b"x"))
        client.wait(1)
        self.assertEqual(client.status(1), 408)
        nothing = request("/still", "POST", extra=[("content-length", "0")])
        client.send(client.head(3, nothing, end=False))  # nor does an end come
        client.wait(3)
        self.assertEqual(client.status(3), 408)
        self.assertEqual(len(self.seen), 1)

    def test_who_shuts_his_side_still_gets_the_answer(self):
        client = self.open()
        client.read_until(lambda: client.acked)
        client.send(client.head(1, request("/still")))
        while not self.seen:
            time.sleep(0.01)
        os.kill(self.worker.pid, signal.SIGSTOP)  # both come in one turn then, the answer first
        try:
            self.gate.set()
            time.sleep(0.2)
            client.conn.shutdown(socket.SHUT_WR)
        finally:
            os.kill(self.worker.pid, signal.SIGCONT)
        client.wait(1)
        self.assertEqual(client.status(1), 200, client.frames)
        client.read_until(lambda: client.eof)

    def test_a_body_that_can_not_end_any_more_is_400(self):
        client = self.open()
        client.send(client.head(1, request("/still", "POST"), end=False), frame(DATA, 0, 1, b"x"))
        while not self.seen:
            time.sleep(0.01)
        client.conn.shutdown(socket.SHUT_WR)
        client.read_until(lambda: client.eof)
        self.assertEqual(client.status(1), 400)

    def test_an_idle_connection_is_told_goodbye(self):
        client = self.open()
        client.send(client.head(1, request()))
        client.read_until(lambda: client.goaways)
        self.assertEqual(client.goaways, [(1, NO_ERROR)])
        client.read_until(lambda: client.eof)
        self.assertTrue(client.eof)

    def test_a_snapshot_breaks_no_stream(self):
        client = self.open()
        client.send(client.head(1, request("/big")))
        client.read_until(lambda: client.data[1])
        self.worker.reload(service("fast", [self.fast]) + [ingress("i", {"/": "fast"})])
        client.send(window(0, 1 << 30), window(1, 1 << 30), client.head(3, request("/big")))
        client.wait(1)
        client.wait(3)
        self.assertEqual(len(client.data[1]), 5000000)
        self.assertIn("fast", client.data[3].decode())

    def test_draining_says_goaway_twice_and_finishes_what_runs(self):
        client = self.open()
        client.send(client.head(1, request("/big")))
        client.read_until(lambda: client.data[1])
        self.worker.say("drain 20000")
        client.read_until(lambda: client.goaways)
        self.assertEqual(client.goaways[0], (0x7fffffff, NO_ERROR))
        ping = [f for f in client.frames if f.type == PING]
        if not ping:
            client.read_until(lambda: any(f.type == PING for f in client.frames))
        client.send(client.head(3, request()))  # was on its way: still served
        client.send(frame(PING, 1, 0, [f for f in client.frames if f.type == PING][0].payload))
        client.read_until(lambda: len(client.goaways) == 2)
        self.assertEqual(client.goaways[1], (3, NO_ERROR))
        client.send(window(0, 1 << 30), window(1, 1 << 30))
        client.read_until(lambda: client.eof)
        self.assertEqual((len(client.data[1]), client.status(3)), (5000000, 200))


class Floods(H2Test):
    def flood(self, *frames):
        client = self.open()
        try:
            for sent in frames:
                client.send(sent)
        except OSError:
            pass
        self.goaway(client, ENHANCE_YOUR_CALM)
        self.serves(self.open(), 1)

    def test_rapid_resets_end_the_connection(self):
        self.flood(*[frame(HEADERS, END_HEADERS | END_STREAM, i, HEAD)
                     + frame(RST_STREAM, 0, i, struct.pack(">I", CANCEL))
                     for i in range(1, 1001, 2)])

    def test_resets_that_faults_bring_about_count_too(self):
        bad = encode([("x", "y")])
        self.flood(*[frame(HEADERS, END_HEADERS | END_STREAM, i, bad) for i in range(1, 1001, 2)])

    def test_idle_frames_end_the_connection(self):
        for name, sent in [("SETTINGS", frame(SETTINGS)), ("PING", frame(PING, 0, 0, bytes(8))),
                           ("PRIORITY", frame(PRIORITY, 0, 3, b"\0\0\0\0\1")),
                           ("unknown", frame(0x77, 0, 0, b"x"))]:
            with self.subTest(name):
                self.flood(sent * 2000)

    def test_empty_data_ends_the_connection(self):
        self.flood(frame(HEADERS, END_HEADERS, 1, POST), frame(DATA, 0, 1) * 2000)

    def test_continuation_without_end_ends_the_connection(self):
        self.flood(frame(HEADERS, END_STREAM, 1, HEAD) + frame(9, 0, 1) * 2000)
        self.flood(frame(HEADERS, END_STREAM, 1, HEAD)
                   + frame(9, 0, 1, encode([("x", "y" * 8000)]) * 2) * 50)

    def test_a_bomb_of_compressed_fields_ends_the_connection(self):
        # one field of 4 KB in the dynamic table, named some thousand times by one octet
        bomb = HEAD + b"\x40\x01x" + integer(4000, 7) + b"y" * 4000 + b"\xbe" * 10000
        self.flood(frame(HEADERS, END_HEADERS | END_STREAM, 1, bomb))

    def test_a_page_full_of_cancelled_streams_is_no_flood(self):
        client = self.open()
        for i in range(1, 201, 2):
            client.send(frame(HEADERS, END_HEADERS, i, POST)
                        + frame(RST_STREAM, 0, i, struct.pack(">I", CANCEL)))
        self.serves(client, 501)


class Log(H2Test):
    flags = ("--h2c", "--access-log", "text")

    def test_the_access_log_names_the_version(self):
        client = self.open()
        self.serves(client, 1)
        while not self.stage.worker.lines:
            self.stage.worker.stats()
        line = self.stage.worker.lines[0]
        self.assertTrue(re.search(r'"GET / HTTP/2\.0" 200 2 ', line), line)


if __name__ == "__main__":
    unittest.main()
