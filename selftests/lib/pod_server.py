# SPDX-License-Identifier: Apache-2.0
"""A server for a pod, in threads of the test: what a backend does is what the test says."""

import contextlib
import socket
import threading


class PodServer:
    """Accepts on a port of a pod and calls handle(conn, reader) in a thread for each connection.
    Faults of the handler are kept in .errors."""

    def __init__(self, pod, port, handle):
        self.handle = handle
        self.errors = []
        self.accepted = 0
        self.conns = []
        self.listener = pod.host.socket(socket.AF_INET6)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("::", port))
        self.listener.listen(1024)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            self.conns.append(conn)
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        with conn, conn.makefile("rb") as reader, contextlib.suppress(ConnectionError):
            try:
                self.handle(conn, reader)
            except (ConnectionError, TimeoutError):
                raise
            except Exception as error:  # told to the test, which looks at .errors
                self.errors.append(error)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for conn in self.conns:  # their threads see the end, and close them
            with contextlib.suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)


def read_head(reader):
    """(request line, {lower-case name: value}) of the next request; None at the end."""
    line = reader.readline()
    if not line:
        return None
    fields = {}
    for raw in iter(reader.readline, b"\r\n"):
        if not raw:
            return None
        name, _, value = raw.decode("latin-1").partition(":")
        fields[name.lower()] = value.strip()
    return line.decode("latin-1").strip(), fields


def read_body(reader, fields):
    """Yields the parts of a request's body."""
    if fields.get("transfer-encoding", "").lower() == "chunked":
        while True:
            size = int(reader.readline().split(b";")[0], 16)
            if not size:
                while reader.readline() not in (b"\r\n", b""):
                    pass
                return
            yield reader.read(size)
            reader.readline()
    left = int(fields.get("content-length", 0))
    while left:
        part = reader.read(min(left, 65536))
        if not part:
            raise EOFError("body cut short")
        left -= len(part)
        yield part
