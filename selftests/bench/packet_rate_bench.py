#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packets a second from a client to a pod: Sluice beside DNAT of iptables, on the same node.

    client -- node -- pod          each a network namespace, on veth

The client sends small UDP packets of 256 flows as fast as they are taken; a program in the pod counts
and drops them. All of it happens on one processor, in the thread that sends, so the processor time of
a packet is that of its whole way. "the way alone" is routing to the pod's own address, with neither. conntrack
is on for all, as the rules of iptables need it; what XDP sends does not meet it.
Rounds alternate, medians count. build/bench/packet_rate.json has all rounds.

    packet_rate_bench.py [PACKETS [ROUNDS]]
"""

import json
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from cluster import ADMIN_PORT, endpoint_slice, request, service, to_json  # noqa: E402
from netns import BUILD, Lab, run, wait_until  # noqa: E402

PACKETS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 9
CLIENT, NODE, NODE_POD, POD = "192.0.2.10", "192.0.2.1", "10.244.1.1", "10.244.1.11"
LOCAL_VIP, REMOTE_VIP, DNAT_VIP, MASQUERADE_VIP = (f"198.51.100.{i}" for i in range(1, 5))
PORT, POD_PORT, FLOWS, CPU = 5353, 9053, 256, "1"
CASES = (("the way alone", POD, POD_PORT), ("iptables DNAT", DNAT_VIP, PORT),
         ("Sluice, pod of this node", LOCAL_VIP, PORT),
         ("iptables DNAT and masquerade", MASQUERADE_VIP, PORT),
         ("Sluice, pod of another node (snat)", REMOTE_VIP, PORT))
PEERS = {"Sluice, pod of this node": "iptables DNAT",
         "Sluice, pod of another node (snat)": "iptables DNAT and masquerade"}


def balancer(name, address, node):
    value = service(name, [("udp", PORT, "UDP")], type="LoadBalancer",
                    loadBalancerClass="sluice.dev/l4", loadBalancerIP=address)
    return [value, endpoint_slice(name, [{"addresses": [POD], "nodeName": node}],
                                  [("udp", POD_PORT, "UDP")])]


class Scene(Lab):
    def __init__(self):
        super().__init__()
        self.client, self.node, self.pod = (self.host(name) for name in ("client", "node", "pod"))
        self.link(self.client, "eth0", self.node, "eth0")
        self.link(self.node, "pods", self.pod, "eth0")
        self.client.ip(f"addr add {CLIENT}/24 dev eth0", f"route add default via {NODE}")
        self.node.ip(f"addr add {NODE}/24 dev eth0", f"addr add {NODE_POD}/24 dev pods")
        self.pod.ip(f"addr add {POD}/24 dev eth0", f"route add default via {NODE_POD}")
        for name in ("all", "eth0", "pods"):
            self.node.sysctl(f"net.ipv4.conf.{name}.rp_filter", 0)
        self.node.sysctl("net.ipv4.ip_forward", 1)
        self.node.run("ethtool", "-K", "eth0", "gro", "on")  # NAPI, with a program or without
        self.drop_in_pod()
        for vip in (DNAT_VIP, MASQUERADE_VIP):
            self.node.run("iptables", "-t", "nat", "-A", "PREROUTING", "-d", vip, "-p", "udp",
                          "--dport", str(PORT), "-j", "DNAT", "--to", f"{POD}:{POD_PORT}")
        self.node.run("iptables", "-t", "nat", "-A", "POSTROUTING", "-m", "conntrack",
                      "--ctorigdst", MASQUERADE_VIP, "-j", "MASQUERADE")
        # The neighbour is known, and stays so.
        mac = self.mac(self.pod, "eth0")
        self.node.ip(f"neigh replace {POD} lladdr {mac} dev pods nud permanent")
        self.start_sluice()

    def drop_in_pod(self):
        built = self.folder / "drop.o"
        run(["clang", "-target", "bpf", "-O2", "-g", "-x", "c", "-c", "-", "-o", built],
            input='__attribute__((section("xdp"), used)) int drop(void *ctx) { return 1; }\n'
                  'char _license[] __attribute__((section("license"), used)) = "GPL";\n')
        self.pod.run("ip", "link", "set", "dev", "eth0", "xdp", "obj", built, "sec", "xdp")

    def start_sluice(self):
        manifests, bpffs = self.folder / "manifests", self.folder / "bpf-node"
        manifests.mkdir()
        bpffs.mkdir()
        run(["mount", "-t", "bpf", "bpf", bpffs])
        (manifests / "services.json").write_text(to_json(
            balancer("local", LOCAL_VIP, "here") + balancer("remote", REMOTE_VIP, "there")))
        sluiced = self.node.start("sluiced", [
            BUILD / "sluiced", "--manifests", manifests, "--interface", "eth0", "--interface",
            "pods", "--node-name", "here", "--node-address", NODE, "--bpffs", bpffs,
            "--admin", f"127.0.0.1:{ADMIN_PORT}", "--proxy-workers", "1"])

        def ready():
            if not sluiced.running():
                raise RuntimeError(sluiced.log())
            try:
                return request(self.node, "127.0.0.1", ADMIN_PORT, "/readyz").status == 200
            except OSError:
                return False

        wait_until(ready, "sluiced ready", 60)

    def mac(self, host, device):
        return json.loads(host.run("ip", "-j", "link", "show", device).stdout)[0]["address"]

    def received(self):
        links = json.loads(self.pod.run("ip", "-j", "-s", "link", "show", "eth0").stdout)
        return links[0]["stats64"]["rx"]["packets"]

    def flood(self, address, port, packets=PACKETS):
        """Packets that arrived, and the seconds of wall and of processor that they took."""
        before = self.received()
        out = self.client.run("taskset", "-c", CPU, BUILD / "bench/flood", "eth0",
                              self.mac(self.node, "eth0"), CLIENT, address, str(port),
                              str(FLOWS), str(packets), timeout=120).stdout
        wall, cpu = (float(word) for word in out.split())
        return self.received() - before, wall, cpu


def main():
    rounds = {name: [] for name, _, _ in CASES}
    with Scene() as scene:
        for _, address, port in CASES:
            scene.flood(address, port, 64 * FLOWS)
        for _ in range(ROUNDS):
            for name, address, port in CASES:
                arrived, wall, cpu = scene.flood(address, port)
                if arrived < PACKETS * 0.99:
                    raise RuntimeError(f"{name}: {arrived} of {PACKETS} packets arrived")
                rounds[name].append({"packets_s": arrived / wall, "cpu_ns": cpu / arrived * 1e9})
    medians = {name: {key: statistics.median(r[key] for r in values) for key in values[0]}
               for name, values in rounds.items()}
    print(f"{PACKETS} packets of 64 bytes a round, {FLOWS} flows, median of {ROUNDS} rounds")
    for name, median in medians.items():
        peer = medians.get(PEERS.get(name))
        more = f"  {median['packets_s'] / peer['packets_s']:.1f} times as many, " \
            f"{median['cpu_ns'] / peer['cpu_ns'] * 100:.0f} % of its time" if peer else ""
        print(f"  {name:<36} {median['packets_s'] / 1000:7.0f} k/s  "
              f"{median['cpu_ns']:6.0f} ns of processor{more}", flush=True)
    (BUILD / "bench/packet_rate.json").write_text(json.dumps(
        {"packets": PACKETS, "flows": FLOWS, "rounds": rounds, "medians": medians}, indent=1))


if __name__ == "__main__":
    main()
