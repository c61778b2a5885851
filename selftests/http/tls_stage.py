# SPDX-License-Identifier: Apache-2.0
"""TLS clients and servers for tests of the helper."""

import pathlib
import socket
import ssl
import subprocess
import sys

from harness import Backend

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from certs import Authority, Certificate, new_key  # noqa: E402,F401


def client_context(authority=None, alpn=("http/1.1",), version=None):
    """Trusts one authority; without one, takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if authority:
        context.load_verify_locations(cadata=authority.leaf.decode())
    else:
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(list(alpn))
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def tls_connect(port, name=None, context=None, session=None, timeout_s=10):
    raw = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        return (context or client_context()).wrap_socket(raw, server_hostname=name, session=session)
    except BaseException:
        raw.close()
        raise


def served_with(port, name=None, **more):
    """The certificate (DER) that a client gets which asks for a name."""
    with tls_connect(port, name, **more) as conn:
        return conn.getpeercert(binary_form=True)


def tls_backend(handler, certificate, folder, seen=None, alpn=None):
    """Backend behind TLS; .names are the SNIs that it was asked for. seen: gets (resumed, ALPN) of
    each connection whose handshake ended."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate.write(folder))
    if alpn:
        context.set_alpn_protocols(list(alpn))
    names = []

    def note_name(_sock, name, _context):
        names.append(name)

    context.sni_callback = note_name

    def serve(conn, backend):
        try:
            secure = context.wrap_socket(conn, server_side=True)
        except (ssl.SSLError, ConnectionError):
            return
        with secure:
            if seen is not None:
                seen.append((secure.session_reused, secure.selected_alpn_protocol()))
            handler(secure, backend)

    made = Backend(serve)
    made.names = names
    return made


def s_client(port, *args, text=b""):
    """Output of openssl s_client."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *args],
                          input=text, capture_output=True, timeout=20, check=False)
    return (done.stdout + done.stderr).decode(errors="replace")
