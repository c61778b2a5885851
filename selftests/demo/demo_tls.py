# SPDX-License-Identifier: Apache-2.0
"""HTTPS: certificates by server name, and one replaced while clients come and go."""

import hashlib

from certs import Authority
from cluster import NODE_IP, ingress, path, rule
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

    for host in HOSTS:
        wait_until(lambda host=host: answers(host), f"https://{host}", 5)
        text = demo.shell(cluster.client, *curl(host))
        demo.verdict(text.startswith("pod-") and text.endswith(" 0"),
                     f"{host} has a certificate of its own, verified by curl")
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
