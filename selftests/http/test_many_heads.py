# SPDX-License-Identifier: Apache-2.0
"""More heads of responses under way at once than the helper keeps memory for: each is still its own
client's, whatever its backend says first and in however many pieces it comes."""

import http.server
import socketserver
import threading
import unittest

import http2
from harness import Backend, Worker, exchange, ingress, read_body, read_head, service

STREAMS = 120  # on one connection: below the limit, far above the heads that are kept
UPLOADS = 80
IN_PIECES = 40


class Plain(http.server.BaseHTTPRequestHandler):
    """What many a backend is made of: it says 100 itself, and its head and its body apart."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Plain)
        self.host, self.port = self.server_address
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass  # the test says what is missing

    def close(self):
        self.shutdown()
        self.server_close()


class ManyHeads(unittest.TestCase):
    def serve(self, backend, *flags):
        self.addCleanup(backend.close)
        self.worker = Worker(service("s", [backend]) + [ingress("i", {"/": "s"})], *flags)
        self.addCleanup(self.worker.close)

    def test_uploads_on_streams_of_one_connection(self):
        self.serve(Server(), "--h2c")
        ids = range(1, 2 * STREAMS, 2)
        for _ in range(3):
            client = http2.connect(self.worker.port)
            fields = http2.request(method="POST", extra=[("content-length", "5"),
                                                         ("expect", "100-continue")])
            client.send(b"".join(client.head(i, fields, end=False) for i in ids))
            client.read_until(lambda: all(client.heads[i] for i in ids))  # 100 from each backend
            client.send(b"".join(http2.frame(http2.DATA, http2.END_STREAM, i, b"%05d" % i)
                                 for i in ids))
            client.read_until(lambda: set(ids) <= client.ended | set(client.rst))
            got = {i: (client.status(i), bytes(client.data[i])) for i in ids}
            client.close()
            self.assertEqual(got, {i: (200, b"%05d" % i) for i in ids})

    def test_uploads_on_connections_of_their_own(self):
        self.serve(Server())
        conns = [self.worker.connect(timeout_s=30) for _ in range(UPLOADS)]
        for conn in conns:
            conn.sendall(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n"
                         b"Expect: 100-continue\r\n\r\n")
        for conn in conns:
            self.assertEqual(conn.recv(12), b"HTTP/1.1 100")
        for i, conn in enumerate(conns):
            conn.sendall(b"%05d" % i)
        for i, conn in enumerate(conns):
            with conn:
                _, rest = read_head(conn)  # the rest of the 100
                self.assertEqual(exchange(conn, b"", rest)[::2], (200, b"%05d" % i))

    def test_heads_that_come_in_two_pieces(self):
        all_begun = threading.Barrier(IN_PIECES)

        def handler(conn, _backend):
            head, rest = read_head(conn)
            body, _ = read_body(conn, head, rest)
            conn.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-")
            all_begun.wait(30)
            conn.sendall(b"Length: %d\r\n\r\n%s" % (len(body), body))

        self.serve(Backend(handler))
        for _ in range(3):
            conns = [self.worker.connect(timeout_s=30) for _ in range(IN_PIECES)]
            for i, conn in enumerate(conns):
                conn.sendall(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\n%05d" % i)
            for i, conn in enumerate(conns):
                with conn:
                    self.assertEqual(exchange(conn, b"")[::2], (200, b"%05d" % i))


if __name__ == "__main__":
    unittest.main()
