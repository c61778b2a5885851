# SPDX-License-Identifier: Apache-2.0
"""HTTPS: certificates by server name, and one replaced while clients come and go; a WebSocket that
lives on while routes change."""

import base64
import hashlib
import os

from certs import Authority
from cluster import NODE_IP, endpoint_slice, ingress, path, rule, service
from netns import wait_until

HOSTS = ("secure.example.com", "other.example.com")
HANDSHAKES = 60


def show_tls(demo):
    demo.title("HTTPS: certificates by server name (SNI), from Secrets")
    cluster = demo.cluster
    authority = Authority("Demo CA")
    ca = cluster.folder / "demo-ca.pem"
    ca.write_bytes(authority.leaf)
    for host in HOSTS:
        name = host.split(".")[0]
        cluster.save(f"{name}.json", [
            ingress(name, rule(host, path("/", "papers")),
                    tls=[{"hosts": [host], "secretName": name}]),
            authority.issue(host).secret(name)])

    def curl(host):
        return ["curl", "-s", "--max-time", "5", "--cacert", str(ca), "--resolve",
                f"{host}:443:{NODE_IP}", "-w", "%{http_version} %{ssl_verify_result}",
                f"https://{host}/"]

    def answers(host):
        return cluster.client.run(*curl(host), check=False).stdout.startswith("pod-")

    for host in HOSTS:  # curl offers HTTP/2, and takes it
        wait_until(lambda host=host: answers(host), f"https://{host}", 5)
        text = demo.shell(cluster.client, *curl(host))
        demo.verdict(text.startswith("pod-") and text.endswith(" 0"),
                     f"{host} has a certificate of its own, verified by curl")
        demo.verdict(text.endswith(" 2 0") or text.split("\n")[-1] == "2 0", "spoken: HTTP/2")
    text = demo.shell(cluster.client, "curl", "-sI", "--max-time", "5", "-H", f"Host: {HOSTS[0]}",
                      f"http://{NODE_IP}/x")
    demo.verdict("308" in text and f"https://{HOSTS[0]}/x" in text, "plain HTTP is redirected")
    replace_under_load(demo, authority, curl(HOSTS[0]))


def replace_under_load(demo, authority, command):
    cluster, host = demo.cluster, HOSTS[0]
    name = host.split(".")[0]
    demo.title(f"A certificate replaced under load: {HANDSHAKES} handshakes, two changes")
    script = (f"for i in $(seq {HANDSHAKES}); do "
              + " ".join(f"'{word}'" for word in command) + " || echo failed $?; done")
    load = cluster.client.start("tls-load", ["sh", "-c", script])
    for _ in range(2):
        fresh = authority.issue(host)
        cluster.save(f"{name}.json", [
            ingress(name, rule(host, path("/", "papers")),
                    tls=[{"hosts": [host], "secretName": name}]), fresh.secret(name)])
        wanted = hashlib.sha256(fresh.der()).hexdigest().upper()
        words = ["sh", "-c", f"openssl s_client -connect {NODE_IP}:443 -servername {host} </dev/null"
                 " 2>/dev/null | openssl x509 -noout -fingerprint -sha256"]

        def served():
            return cluster.client.run(*words, check=False).stdout.replace(":", "")

        wait_until(lambda: wanted in served(), "the new certificate", 5)
        demo.verdict(wanted in demo.shell(cluster.client, *words).replace(":", ""),
                     "a new handshake gets the new certificate")
    wait_until(lambda: not load.running(), "the load to end", 60)
    good = load.log().count("pod-")
    demo.verdict(good == HANDSHAKES, f"{good} of {HANDSHAKES} requests with a handshake each succeeded")


# A WebSocket server of few lines: says back each short text that it is sent (RFC 6455).
ECHO = """
import base64, hashlib, re, socket, threading
def serve(conn):
    head = b''
    while b'\\r\\n\\r\\n' not in head:
        head += conn.recv(4096)
    key = re.search(rb'(?im)^sec-websocket-key: *(.*?)\\r$', head)[1]
    accept = base64.b64encode(hashlib.sha1(key + b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest())
    conn.sendall(b'HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\n'
                 b'Connection: Upgrade\\r\\nSec-WebSocket-Accept: ' + accept + b'\\r\\n\\r\\n')
    while frame := conn.recv(4096):
        mask, text = frame[2:6], frame[6:]
        conn.sendall(bytes([0x81, len(text)]) + bytes(c ^ mask[i % 4] for i, c in enumerate(text)))
server = socket.create_server(('', 7777))
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""
WS_HOST = "ws.example.com"


def say(conn, text):
    """Sends one text frame and returns the text that comes back."""
    mask, data = os.urandom(4), text.encode()
    conn.sendall(bytes([0x81, 0x80 | len(data)]) + mask
                 + bytes(c ^ mask[i % 4] for i, c in enumerate(data)))
    return conn.recv(4096)[2:].decode()


def show_websocket(demo):
    demo.title("A WebSocket lives on while its route changes and goes")
    cluster = demo.cluster
    pod = next(iter(cluster.pods.values()))
    pod.host.start("ws-echo", ["python3", "-c", ECHO])
    objects = [service("ws"), endpoint_slice("ws", [pod.ip], ports=[(None, 7777, "TCP")])]
    cluster.save("ws.json", [ingress("ws", rule(WS_HOST, path("/chat", "ws"))), *objects])

    def ask():
        conn = cluster.client.connect(NODE_IP, 80)
        conn.sendall((f"GET /chat HTTP/1.1\r\nHost: {WS_HOST}\r\nConnection: Upgrade\r\n"
                      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
                      f"{base64.b64encode(os.urandom(16)).decode()}\r\n\r\n").encode())
        head = conn.recv(4096)
        if head.startswith(b"HTTP/1.1 101"):
            return conn
        conn.close()
        return None

    def answer():
        return cluster.client.run("curl", "-s", "-H", f"Host: {WS_HOST}", f"http://{NODE_IP}/chat",
                                  check=False).stdout

    with wait_until(ask, "the WebSocket to be granted", 5) as conn:
        print(f"  client> GET /chat with Upgrade: websocket to {WS_HOST}: 101", flush=True)
        demo.verdict(say(conn, "before") == "before", "what is said comes back")
        cluster.save("ws.json", [ingress("ws", rule(WS_HOST, path("/chat", "papers"))), *objects])
        wait_until(lambda: answer().startswith("pod-c:"), "the route to lead elsewhere", 5)
        demo.verdict(say(conn, "changed") == "changed", "/chat leads to another Service: it goes on")
        cluster.remove("ws.json")
        wait_until(lambda: answer().startswith("pod-b:"), "the default backend to answer", 5)
        demo.verdict(say(conn, "gone") == "gone", "the route and the Service are gone: it goes on")
