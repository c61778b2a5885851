# SPDX-License-Identifier: Apache-2.0
"""Raw requests through a real worker to a backend that keeps the exact bytes it was sent."""

import socket
import threading

from harness import Backend, Worker, ingress, read_body, read_head, service

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Recorder:
    """Backend that notes (head, body) of each request and gives the answer that was set."""

    def __init__(self):
        self.answer, self.close = ANSWER, False
        self.seen, self.trailers, self.lock = [], [], threading.Lock()
        self.backend = Backend(self._serve)

    def _serve(self, conn, _backend):
        rest = b""
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            head, rest = read_head(conn, rest)
            if head is None:
                return
            trailers = []
            body, rest = read_body(conn, head, rest, trailers)
            with self.lock:
                self.seen.append((head, body))
                self.trailers = trailers
            for piece in self.answer if isinstance(self.answer, list) else [self.answer]:
                conn.sendall(piece)
            if self.close:
                return

    def take(self):
        with self.lock:
            seen, self.seen = self.seen, []
        return seen


class Stage:
    """One worker with one route to one recorder."""

    def __init__(self, *flags):
        self.recorder = Recorder()
        self.worker = Worker(service("s", [self.recorder.backend]) + [ingress("i", {"/": "s"})],
                             *flags)

    def close(self):
        self.worker.close()
        self.recorder.backend.close()

    def talk(self, pieces):
        """All that comes back until the worker closes; the client says no more after the pieces."""
        with self.worker.connect() as conn:
            got = b""
            try:
                for piece in pieces:
                    conn.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before the last piece: the answer is there
            while True:
                try:
                    more = conn.recv(65536)
                except ConnectionResetError:
                    return got, True
                if not more:
                    return got, False
                got += more


def splits(message):
    """The message whole, octet by octet, and cut in two at every octet."""
    yield "whole", [message]
    yield "octets", [message[i:i + 1] for i in range(len(message))]
    for at in range(1, len(message)):
        yield f"cut at {at}", [message[:at], message[at:]]


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None
