# SPDX-License-Identifier: Apache-2.0
"""What splice must not do: hold bytes without bound, leave something behind, disturb others, or log
otherwise than the relay. SPLICE_LONG=1 runs the long forms: 1,000,000 short connections, streams of
10 GB that nobody reads, ten minutes of churn (in test_splice.py)."""

import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import ssl
import time

from cluster import (NODE_IP, NODE_IP6, app, endpoint_slice, ingress, path, read_response,
                     request_bytes, rule, service)
from netns import run, wait_until
from pod_server import PodServer, read_head
from scene import SceneTest
from test_splice import (LONG, OWN, OWN_PORT, SWITCH, UPGRADE, WEB, body_of, head, read_exactly,
                         reset, serve_bodies, SpliceCases)

PASS, PROXIED = "pass.test", "proxied.test"
PASS_PORT = 9201
FLOOD_BYTES = 10 << 30 if LONG else 200 << 20
# A stream that stands still fills: the sender's buffer, ours on both sides (TCP's own limits are 4 to
# 6 MB each), the window of splice, and the receiver's. In all of them together:
HELD_MAX = 40_000_000
SHORT_CONNS = 1_000_000 if LONG else 2_000
CHUNK = bytes(1 << 20)

# Every third request of a connection is its last: the second is spliced.
SHORT_LUA = """\
local count = 0
request = function()
    count = count + 1
    wrk.headers["Connection"] = count % 3 == 0 and "close" or nil
    return wrk.format("GET", "/")
end
"""

# A program that claims all TCP sockets of a cgroup, and lets what they get pass: as a service mesh does.
FOREIGN = """\
#include <linux/bpf.h>
#define SEC(name) __attribute__((section(name), used))
struct { int (*type)[BPF_MAP_TYPE_SOCKHASH]; int (*max_entries)[4096];
         unsigned long long *key; unsigned int *value; } foreign_socks SEC(".maps");
struct { int (*type)[BPF_MAP_TYPE_ARRAY]; int (*max_entries)[1];
         unsigned int *key; unsigned long long *value; } foreign_count SEC(".maps");
static long (*const update)(void *, void *, void *, unsigned long long) = (void *)BPF_FUNC_sock_hash_update;
static unsigned long long (*const cookie)(void *) = (void *)BPF_FUNC_get_socket_cookie;
static void *(*const lookup)(void *, const void *) = (void *)BPF_FUNC_map_lookup_elem;
SEC("sockops") int foreign_ops(struct bpf_sock_ops *ops)
{
    unsigned long long key = cookie(ops);
    if (ops->op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB || ops->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
        update(ops, &foreign_socks, &key, BPF_ANY);
    return 1;
}
SEC("sk_skb/stream_verdict") int foreign_verdict(struct __sk_buff *skb)
{
    unsigned int key = 0;
    unsigned long long *count = lookup(&foreign_count, &key);
    if (count)
        __sync_fetch_and_add(count, skb->len);
    return SK_PASS;
}
char _license[] SEC("license") = "GPL";
"""


class LimitCases:
    """The cases; the classes below say how sluiced is started."""

    spliced = True
    tunnels = 1000  # that a killed worker has

    @classmethod
    def manifests(cls, cluster):
        pod = cluster.pods["pod-b"].ip
        passed = {"sluice.dev/tls-passthrough": "true"}
        return {"web.json": [ingress("web", rule(WEB, path("/", "web")),
                                     rule(OWN, path("/", "own"))),
                             ingress("pass", rule(PASS, path("/", "pass")), annotations=passed),
                             ingress("proxied", rule(PROXIED, path("/", "pass")),
                                     annotations={**passed, "sluice.dev/proxy-protocol": "v1"})]
                + app("web", cluster.pods["pod-a"])
                + [service("own"), endpoint_slice("own", [pod], [(None, OWN_PORT, "TCP")]),
                   service("pass"), endpoint_slice("pass", [pod], [(None, PASS_PORT, "TCP")])]}

    setUp, serve, connect, counted = (SpliceCases.setUp, SpliceCases.serve, SpliceCases.connect,
                                      SpliceCases.counted)
    assert_spliced, slots_used = SpliceCases.assert_spliced, SpliceCases.slots_used
    get_bodies, in_threads = SpliceCases.get_bodies, SpliceCases.in_threads
    tunnel, serve_tunnels = SpliceCases.tunnel, SpliceCases.serve_tunnels
    echo = staticmethod(SpliceCases.echo)

    # ---- tunnels of other kinds --------------------------------------------------------------------

    @staticmethod
    def hello(name):
        """The first bytes of a TLS client that asks for @name."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name)
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        return outgoing.read()

    def test_tls_that_is_passed_through(self):
        """Both ways, in pieces, behind a PROXY header and without; what the backend gets is what was
        sent, to the end."""
        got = []

        def handle(conn, reader):
            digest, size = hashlib.sha256(), 0
            while data := reader.read1(65536):
                if not size and data.startswith(b"PROXY "):
                    line, _, data = data.partition(b"\r\n")
                    got.append(line)
                digest.update(data)
                size += len(data)
                conn.sendall(data)
            got.append((size, digest.digest()))

        server = PodServer(self.cluster.pods["pod-b"], PASS_PORT, handle)
        self.addCleanup(server.__exit__)
        for name, address in ((PASS, NODE_IP), (PROXIED, NODE_IP6)):
            with self.subTest(name):
                got.clear()
                sock = self.cluster.client.connect(address, 443, timeout=10)
                self.addCleanup(sock.close)
                first = self.hello(name)
                sock.sendall(first)
                self.assertEqual(read_exactly(sock, len(first)), first)
                data = body_of(name, 300000)
                for at in range(0, len(data), 3000):
                    sock.sendall(data[at:at + 3000])
                    self.assertEqual(read_exactly(sock, len(data[at:at + 3000])),
                                     data[at:at + 3000])
                sock.shutdown(socket.SHUT_WR)
                self.assertEqual(sock.recv(1), b"")
                wait_until(lambda: got and isinstance(got[-1], tuple), "the backend is done")
                self.assertEqual(got[-1], (len(first + data),
                                           hashlib.sha256(first + data).digest()))
                self.assertEqual(len(got), 2 if name == PROXIED else 1)
        self.assert_spliced(2, "sluice_spliced_tunnels_total")
        if self.spliced:
            wait_until(lambda: self.counted("sluice_spliced_bytes_total") > 800_000, "bytes moved")

    # ---- the log -----------------------------------------------------------------------------------

    def test_the_access_log_says_the_same(self):
        """Of spliced exchanges and relayed ones, but for times and ids."""
        statuses = (b"200 OK", b"404 Not Found", b"503 Service Unavailable")

        def handle(conn, reader):
            while request := read_head(reader):
                number = int(request[0].split()[1].rsplit("/", 1)[1])
                conn.sendall(head(number * 10, statuses[number % 3]) + bytes(number * 10))

        self.serve(handle)
        mark = f"/log{self.spliced}"
        sock = self.connect()
        reader = sock.makefile("rb")
        for number in range(12):
            sock.sendall(request_bytes(f"{mark}/{number}", OWN, headers=[
                ("User-Agent", "test/1"), ("Referer", "http://r/"), ("X-Request-ID", "id-7")]))
            self.assertEqual(len(read_response(reader).body), number * 10)

        def entries():
            lines = [line for line in self.cluster.sluiced.log().splitlines()
                     if f'"{mark}/' in line]
            return [json.loads(line[line.index("{"):]) for line in lines]

        wait_until(lambda: len(entries()) == 12, "12 lines")
        for number, entry in enumerate(entries()):
            self.assertGreaterEqual(entry.pop("time_us"), entry.pop("upstream_us"))
            entry.pop("time")
            self.assertEqual(entry, {
                "client": "192.0.2.10", "method": "GET", "target": f"{mark}/{number}",
                "version": "HTTP/1.1", "host": OWN, "status": (200, 404, 503)[number % 3],
                "bytes": number * 10, "referer": "http://r/", "user_agent": "test/1",
                "upstream": "default/own:80", "id": "id-7"})
        self.assert_spliced(9)

    # ---- memory ------------------------------------------------------------------------------------

    @staticmethod
    def flood(conn, total):
        """Sends until nothing goes out for a second. Returns the bytes that were taken."""
        sent = 0
        conn.settimeout(1)
        with contextlib.suppress(TimeoutError, ConnectionError):
            while sent < total:
                sent += conn.send(CHUNK)
        return sent

    def assert_bounded(self, stream, floods):
        """floods: the sizes that went out; filled by another thread."""
        wait_until(lambda: floods, "the flood stands still", timeout=60)
        self.assertLess(floods[0], HELD_MAX, f"{stream}: bytes that are held somewhere")
        self.assertGreater(floods[0], 100_000)

    def test_a_client_that_stops_reading_holds_no_memory(self):
        """A long response, and a tunnel towards the client."""
        floods = []

        def respond(conn, reader):
            while read_head(reader):
                if not floods:
                    conn.sendall(head(FLOOD_BYTES))
                floods.append(self.flood(conn, FLOOD_BYTES))

        with self.subTest("response"):
            server = PodServer(self.cluster.pods["pod-b"], OWN_PORT, respond)
            sock = self.connect(receive=8192)
            sock.sendall(request_bytes("/", OWN))
            self.assert_bounded("response", floods)
            reset(sock)
            server.__exit__()
        with self.subTest("tunnel"):
            floods.clear()
            self.serve_tunnels(lambda conn, _name, _reader:
                               floods.append(self.flood(conn, FLOOD_BYTES)))
            sock = self.tunnel(receive=8192)
            self.assert_bounded("tunnel", floods)
            reset(sock)

    def test_a_backend_that_stops_reading_holds_no_memory(self):
        """A long upload, and a tunnel towards the backend."""
        end = []

        def stand_still(_conn, *_):
            wait_until(lambda: end, "the test's end", timeout=90)

        def stop_at_head(conn, reader):
            read_head(reader)
            stand_still(conn)

        with self.subTest("upload"):
            server = PodServer(self.cluster.pods["pod-b"], OWN_PORT, stop_at_head)
            sock = self.connect()
            sock.sendall(request_bytes("/", OWN, "POST",
                                       [("Content-Length", str(FLOOD_BYTES))]))
            self.assert_bounded("upload", [self.flood(sock, FLOOD_BYTES)])
            end.append(1)
            reset(sock)
            server.__exit__()
        with self.subTest("tunnel"):
            end.clear()
            self.serve_tunnels(stand_still)
            sock = self.tunnel()
            self.assert_bounded("tunnel", [self.flood(sock, FLOOD_BYTES)])
            end.append(1)
            reset(sock)

    # ---- lives -------------------------------------------------------------------------------------

    def test_many_short_connections_leave_nothing(self):
        """Of three exchanges each: no slot, no socket, no entry of a map."""
        script = self.cluster.folder / "short.lua"
        script.write_text(SHORT_LUA)
        done = 0
        while done < 3 * SHORT_CONNS:
            text = self.cluster.client.run(
                "wrk", "-t1", "-c32", f"-d{60 if LONG else 1}s", "-s", script, "-H",
                f"Host: {WEB}", f"http://{NODE_IP}/", timeout=90).stdout
            self.assertNotIn("Non-2xx", text)
            done += int(re.search(r"(\d+) requests in", text)[1])
        self.assert_spliced(SHORT_CONNS // 2)
        wait_until(lambda: self.cluster.metrics()["sluice_conns_open"] == 0, "conns closed")
        wait_until(lambda: self.slots_used() <= self.cluster.metrics()["sluice_upstream_conns_open"],
                   "slots given back", interval=0.3)
        for name, most in (("socks", self.cluster.metrics()["sluice_upstream_conns_open"]),
                           ("sinks", 0)):
            dump = self.cluster.node.run("bpftool", "-j", "map", "dump", "pinned",
                                         f"{self.cluster.bpffs}/sluice/v2/{name}").stdout
            self.assertLessEqual(dump.count('"key"'), most, name)

    def test_zz_a_killed_worker_with_many_tunnels(self):
        """kill -9: peers see the end, slots and sockets are gone, the next process serves."""
        ended, socks = [], []

        def talk(conn, _name, reader):
            with contextlib.suppress(ConnectionError):
                self.echo(conn, _name, reader)
            ended.append(1)

        self.serve_tunnels(talk)

        def begin(_number):
            for _ in range(self.tunnels // 8):
                sock = self.tunnel()
                sock.sendall(b"x")
                read_exactly(sock, 1)
                socks.append(sock)

        self.in_threads(8, begin)
        self.assert_spliced(self.tunnels, "sluice_spliced_tunnels_total")
        killed = self.cluster.workers()
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        for sock in socks:
            with contextlib.suppress(ConnectionError):
                self.assertEqual(sock.recv(1), b"")
        wait_until(lambda: len(ended) == self.tunnels, "backends see the end")
        wait_until(lambda: len(self.cluster.workers()) == len(killed) and
                   not set(self.cluster.workers()) & set(killed), "new workers")
        wait_until(lambda: self.slots_used() == 0, "slots are free", interval=0.3)
        self.before = self.cluster.metrics()
        sock = self.tunnel()
        sock.sendall(b"again")
        self.assertEqual(read_exactly(sock, 5), b"again")
        self.assert_spliced(1, "sluice_spliced_tunnels_total")


class LimitsOn(LimitCases, SceneTest):
    flags = ("--splice", "on", "--access-log", "json", "--max-body", "0")


class LimitsOff(LimitCases, SceneTest):
    flags = ("--splice", "off", "--access-log", "json", "--max-body", "0")
    spliced = False
    tunnels = 80


class Foreign(SceneTest):
    """Another user of sockmaps on the host has claimed the helper's sockets: it keeps them, sees
    their bytes, and all is relayed."""

    flags = ("--splice", "on")
    manifests = classmethod(SpliceCases.manifests.__func__)
    setUp, serve, connect, counted = (SpliceCases.setUp, SpliceCases.serve, SpliceCases.connect,
                                      SpliceCases.counted)
    get_bodies, tunnel, serve_tunnels = (SpliceCases.get_bodies, SpliceCases.tunnel,
                                         SpliceCases.serve_tunnels)
    echo = staticmethod(SpliceCases.echo)

    def install(self):
        """Loads the foreign programs and puts the workers into the cgroup that they watch. Returns
        the folder of its pins."""
        folder = self.cluster.folder
        cgroups, pins = folder / "cgroups", self.cluster.bpffs / "foreign"
        run(["clang", "-target", "bpf", "-O2", "-g", "-I/usr/include/x86_64-linux-gnu", "-x", "c",
             "-c", "-", "-o", folder / "foreign.o"], input=FOREIGN)
        cgroups.mkdir()
        run(["mount", "-t", "cgroup2", "none", cgroups])
        self.addCleanup(run, ["umount", cgroups])
        group = cgroups / self.cluster.prefix
        group.mkdir()
        self.addCleanup(self.remove_group, group)
        for name in ("maps", "progs"):
            (pins / name).mkdir(parents=True)
        run(["bpftool", "prog", "loadall", folder / "foreign.o", pins / "progs", "pinmaps",
             pins / "maps"])
        run(["bpftool", "prog", "attach", "pinned", pins / "progs/foreign_verdict",
             "sk_skb_stream_verdict", "pinned", pins / "maps/foreign_socks"])
        run(["bpftool", "cgroup", "attach", group, "cgroup_sock_ops", "pinned",
             pins / "progs/foreign_ops"])
        for pid in self.cluster.workers():
            (group / "cgroup.procs").write_text(str(pid))
        return pins

    @staticmethod
    def remove_group(group):
        for pid in (group / "cgroup.procs").read_text().split():
            (group.parent / "cgroup.procs").write_text(pid)
        group.rmdir()

    def bytes_seen(self, pins):
        text = run(["bpftool", "-j", "map", "dump", "pinned", pins / "maps/foreign_count"]).stdout
        return json.loads(text)[0]["formatted"]["value"]

    def test_its_sockets_are_left_to_it(self):
        pins = self.install()
        with self.subTest("responses"):
            server = PodServer(self.cluster.pods["pod-b"], OWN_PORT, serve_bodies)
            self.get_bodies("foreign", [10, 1000, 20000] * 5)
            server.__exit__()
        self.serve_tunnels(self.echo)
        sock = self.tunnel()
        for number in range(50):
            sock.sendall(b"%d" % number)
            self.assertEqual(read_exactly(sock, len(b"%d" % number)), b"%d" % number)
        self.assertGreater(self.bytes_seen(pins), 5 * 21000, "its program still sees all bytes")
        self.assertEqual(self.counted("sluice_spliced_tunnels_total"), 0)
        self.assertEqual(self.counted("sluice_spliced_exchanges_total"), 0)
        self.assertGreater(self.counted('sluice_relayed_total{reason="full"}'), 5)
