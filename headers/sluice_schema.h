/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sluice_schema.h - the map contract
 *
 * size: one contract, one file: the table of the maps stands over all their structs
 *
 * The one contract between the control plane (sluiced), the data plane (bpf/), the L7 helper
 * (sluice-proxy), sluicectl and bpftool. Maps are pinned by name under <bpffs>/sluice/v<SCHEMA>/. A
 * test compares every map of the loaded object with this table. Change a layout: raise SCHEMA.
 * Among writers and readers, sk is sk_lookup.
 *
 *  map             | type             | key -> value                     | writer  | readers
 *  ----------------+------------------+----------------------------------+---------+--------------
 *  frontends4      | HASH             | frontend4_key -> frontend        | sluiced | xdp sk ctl
 *  frontends6      | HASH             | frontend6_key -> frontend        | sluiced | xdp sk ctl
 *  address_filter  | ARRAY, mmapable  | word number -> 64 bits           | sluiced | xdp
 *  upstreams       | ARRAY, mmapable  | upstream id -> upstream          | sluiced | proxy ctl
 *  upstream_names  | HASH, no prealloc| upstream id -> upstream_name     | sluiced | ctl
 *  backends        | ARRAY, mmapable  | backend id -> backend            | sluiced | xdp proxy ctl
 *  members         | ARRAY, mmapable  | position -> backend id           | sluiced | proxy ctl
 *  rings           | ARRAY_OF_MAPS    | upstream id -> ring (see below) | sluiced | xdp
 *  flows4          | LRU_HASH         | flow4_key -> flow                | xdp     | ctl
 *  flows6          | LRU_HASH         | flow6_key -> flow                | xdp     | ctl
 *  nat4            | LRU_HASH         | flow4_key (of the reply) -> nat4 | xdp     | xdp tc ctl
 *  nat6            | LRU_HASH         | flow6_key (of the reply) -> nat6 | xdp     | xdp tc ctl
 *  fragments4      | LRU_HASH         | fragment4_key -> fragment        | xdp tc  | xdp tc
 *  fragments6      | LRU_HASH         | fragment6_key -> fragment        | xdp tc  | xdp tc
 *  fragment_ids    | ARRAY            | 0 -> fragment_ids                | xdp tc  | xdp tc
 *  source_ranges4  | LPM_TRIE         | source_range4_key -> __u32 (1)   | sluiced | xdp ctl
 *  source_ranges6  | LPM_TRIE         | source_range6_key -> __u32 (1)   | sluiced | xdp ctl
 *  denylist4       | LPM_TRIE         | deny4_key -> deny                | sluiced | xdp ctl
 *  denylist6       | LPM_TRIE         | deny6_key -> deny                | sluiced | xdp ctl
 *  affinity4       | LRU_HASH         | source4_key -> affinity          | xdp     | ctl
 *  affinity6       | LRU_HASH         | source6_key -> affinity          | xdp     | ctl
 *  rates4          | LRU_HASH         | source4_key -> rate              | xdp     | -
 *  rates6          | LRU_HASH         | source6_key (of the /64) -> rate | xdp     | -
 *  node_config     | ARRAY, mmapable  | 0 -> node_config                 | sluiced | xdp tc
 *  announced       | HASH             | announce_key -> announcement     | sluiced | xdp
 *  tx_ports        | DEVMAP_HASH      | ifindex -> ifindex               | sluiced | xdp
 *  next_hops       | PERCPU_ARRAY     | slot by hash -> next_hop         | xdp     | -
 *  cpu_state       | PERCPU_ARRAY     | 0 -> cpu_state                   | xdp     | -
 *  flow_scratch    | PERCPU_ARRAY     | 0 -> flow_scratch                | xdp     | -
 *  tunnel_peers    | HASH             | tunnel_peer_key -> __u32 (1)     | sluiced | xdp ctl
 *  events          | RINGBUF          | struct drop_event                | xdp tc  | sluiced
 *  event_marks     | ARRAY            | enum sluice_drop -> ns of record | xdp tc  | -
 *  listeners       | SOCKMAP          | listener slot -> socket          | sluiced | sk
 *  steering        | ARRAY, mmapable  | 0 -> steering                    | sluiced | sk
 *  stats           | PERCPU_ARRAY     | enum sluice_stat -> __u64        | bpf     | admin ctl
 *  drops           | PERCPU_ARRAY     | enum sluice_drop -> __u64        | bpf     | admin ctl
 *  frontend_stats  | PERCPU_ARRAY     | frontend id -> traffic           | xdp tc  | admin ctl
 *  backend_stats   | PERCPU_ARRAY     | backend id -> traffic            | xdp tc  | admin ctl
 *  worker_stats    | ARRAY, mmapable  | worker number -> worker_stats    | proxy   | admin ctl
 *  daemon_state    | ARRAY, mmapable  | 0 -> daemon_state                | sluiced | ctl
 *  socks           | SOCKHASH         | socket cookie -> socket          | proxy   | sk_skb
 *  sinks           | SOCKHASH         | socket cookie -> socket          | proxy   | sk_skb
 *  slots           | ARRAY, mmapable  | slot number -> splice_slot       | proxy,  | sk_skb proxy
 *                  |                  |                                  | sk_skb  | ctl
 *  splice_rings    | ARRAY_OF_MAPS    | worker number -> ring buffer     | sluiced | sk_skb
 *  head_scratch    | PERCPU_ARRAY     | 0 -> head_scratch                | sk_skb  | sk_skb
 *
 *  map             | lifetime                               | what a miss means
 *  ----------------+----------------------------------------+--------------------------------------
 *  frontends*      | while its object exists                | not ours: pass untouched
 *  address_filter  | bits only ever a superset              | bit clear: no frontend has it
 *  upstreams       | id reused after a quarantine           | id 0 or .members == 0: no backend
 *  backends        | id reused after a quarantine with a    | .state == BACKEND_FREE or another
 *                  | new generation                         | generation: pick again
 *  rings           | swapped whole                          | no backend: drop, counted
 *  flows*, nat*    | LRU                                    | pick by hash / no reply of ours: pass
 *  fragments*      | LRU, and FRAGMENT_LIFE_NS             | later fragment of nothing known: drop
 *  source_ranges*  | while the Service is there             | the source is refused
 *  denylist*       | while listed                           | not denied
 *  affinity*       | LRU, and the frontend's affinity_s     | pick by hash of the source
 *  rates*          | LRU                                    | no new flow lately: a full bucket
 *  announced       | while frontends have the address       | no answer of ours: pass
 *  tx_ports        | while an interface can be sent on by   | the stack sends it (tc_ingress)
 *                  | XDP; goes with the interface           |
 *  next_hops       | NEXT_HOP_LIFE_NS                       | ask the FIB
 *  tunnel_peers    | while the Node, or the option, is there | its tunnels are refused
 *  listeners       | slot emptied when a socket closes      | next slot; none: drop, the client
 *                  |                                        | sends SYN again
 *  socks, sinks    | until the socket closes                | not spliced: bytes go up
 *  slots           | while the socket is in socks           | not spliced: bytes go up
 *  splice_rings    | a ring while its worker lives          | the worker is gone, and its sockets
 *
 * Mapped into memory, element i of an ARRAY lies at i * (value size rounded up to 8 bytes), and
 * every page of the mapping is resident at once: map what is in use (user/base/mapped_array.h).
 *
 * Byte order: __be fields are network order, all others host order. Addresses in 16-byte fields
 * hold IPv4 as ::ffff:a.b.c.d, so that one layout serves both families.
 */
#ifndef SLUICE_SCHEMA_H
#define SLUICE_SCHEMA_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#include "sluice_faults.h"
#include "sluice_stats.h"

#ifdef __cplusplus
#define SLUICE_ASSERT static_assert
#else
#define SLUICE_ASSERT _Static_assert
#endif

/* 2: age and state of reverse entries, states of flows, what node_config says of tunnels and
 * hashes. */
#define SLUICE_SCHEMA     2u
#define SLUICE_PIN_FOLDER "sluice/v2" /* below the bpffs mount point */

/* Sizes. Those that are a start-up option of sluiced are the default here. */
#define SLUICE_FRONTENDS_MAX     16384u
#define SLUICE_UPSTREAMS_MAX     65536u
#define SLUICE_BACKENDS_MAX      131072u
#define SLUICE_MEMBERS_MAX       524288u /* slices of old and new lists coexist for a moment */
#define SLUICE_FLOWS_MAX         262144u /* each of flows4 flows6 nat4 nat6 */
#define SLUICE_FRAGMENTS_MAX     8192u   /* each family: datagrams in flight */
#define SLUICE_SOURCE_RANGES_MAX 65536u  /* each family */
#define SLUICE_DENYLIST_MAX      262144u /* each family */
#define SLUICE_AFFINITY_MAX      131072u /* each family */
#define SLUICE_RATES_MAX         131072u /* each family */
#define SLUICE_TX_PORTS_MAX      64u
#define SLUICE_ANNOUNCED_MAX     16384u
#define SLUICE_TUNNEL_PEERS_MAX  16384u
#define SLUICE_NEXT_HOPS         1024u  /* a power of two */
#define SLUICE_EVENTS_BYTES      65536u /* a power of two, whole pages */
#define SLUICE_LISTENERS_MAX     1024u
#define SLUICE_WORKERS_MAX       256u
#define SLUICE_INTERFACES_MAX    16u
#define SLUICE_FILTER_WORDS      1024u /* 65,536 bits */
#define SLUICE_UPSTREAM_NAME_MAX 144u  /* 63 + 1 + 63 + 1 + 15, and NUL */
#define SLUICE_IFNAME_MAX        16u

/* ---- frontends ------------------------------------------------------------------------------- */

enum sluice_frontend_kind {
	FRONTEND_NONE = 0,
	FRONTEND_L4 = 1,
	FRONTEND_HTTP = 2,
	/* Entry of an address only (port 0, proto 0): the address is a frontend's, so packets to
	 * its other ports are recognised as ours. */
	FRONTEND_ADDRESS = 3,
};

enum sluice_frontend_flag {
	/* FRONTEND_ADDRESS: packets to ports that no frontend has go to the stack (node addresses);
	 * without it they are dropped and counted (addresses that exist only for frontends). */
	FRONTEND_F_PASS_OTHER_PORTS = 1 << 0,
	/* FRONTEND_HTTP: TLS is spoken on this port. */
	FRONTEND_F_TLS = 1 << 1,
	/* FRONTEND_L4: only sources that source_ranges* holds under .ranges_id begin a flow. */
	FRONTEND_F_SOURCE_RANGES = 1 << 2,
	/* FRONTEND_L4: flows of one source go to one backend, for .affinity_s after the last one
	 * began. */
	FRONTEND_F_AFFINITY = 1 << 3,
	/* FRONTEND_L4: externalTrafficPolicy Local. The ring holds nothing but pods of this node,
	 * so a packet does not depend on it; sluicectl and the metrics show it. */
	FRONTEND_F_LOCAL_ONLY = 1 << 4,
	/* FRONTEND_L4: pods of other nodes are reached by tunnels (dsr), and those of this node
	 * by tunnels that end here. */
	FRONTEND_F_TUNNELS = 1 << 5,
};

/* addr 0.0.0.0 (or ::) with a port: any address of the node; only sk_lookup uses it. */
struct frontend4_key {
	__be32 addr;
	__be16 port;
	__u8 proto; /* IPPROTO_TCP, IPPROTO_UDP */
	__u8 pad;
};

struct frontend6_key {
	__u8 addr[16];
	__be16 port;
	__u8 proto;
	__u8 pad;
};

struct frontend {
	__u32 frontend_id; /* index into frontend_stats, from 1 */
	__u32 upstream_id; /* FRONTEND_L4 only, else 0 */
	__u16 flags;       /* enum sluice_frontend_flag */
	__u8 kind;         /* enum sluice_frontend_kind */
	__u8 pad;
	__u32 ranges_id;  /* FRONTEND_F_SOURCE_RANGES: say the id of one frontend of the Service */
	__u32 affinity_s; /* FRONTEND_F_AFFINITY: seconds */
	/* new flows a second that one source may begin, as many at once; 0: any */
	__u32 rate_per_s;
};

/* ---- who may come ---------------------------------------------------------------------------- */

/* loadBalancerSourceRanges; FRONTEND_F_SOURCE_RANGES refuses a source that is not found here. */
struct source_range4_key {
	__u32 prefix_bits; /* 32 + the length of the range's prefix */
	__u32 ranges_id;
	__be32 addr;
};

struct source_range6_key {
	__u32 prefix_bits; /* 32 + the length of the range's prefix */
	__u32 ranges_id;
	__u8 addr[16];
};

/* Looked up for each packet to a frontend of any kind while node_config has NODE_F_DENYLIST4 or 6.
 */
struct deny4_key {
	__u32 prefix_bits;
	__be32 addr;
};

struct deny6_key {
	__u32 prefix_bits;
	__u8 addr[16];
};

enum sluice_deny_origin {
	DENY_MANIFEST = 1 << 0, /* ConfigMap sluice-denylist */
	DENY_COMMAND = 1 << 1,  /* sluicectl deny add */
};

struct deny {
	__u64 added_unix_s;
	__u32 origin; /* enum sluice_deny_origin, or both of them */
	__u32 pad;
};

/* A client of an upstream. */
struct source4_key {
	__be32 addr;
	__u32 upstream_id;
};

struct source6_key {
	__u8 addr[16];
	__u32 upstream_id;
};

struct affinity {
	__u64 last_new_flow_ns; /* CLOCK_MONOTONIC_COARSE */
	__u32 backend_id;
	__u32 backend_generation;
};

/* Generic cell rate algorithm (ITU-T I.371): when the bucket of a source would be full again. */
struct rate {
	__u64 full_at_ns; /* CLOCK_MONOTONIC_COARSE */
};

/* ---- upstreams, backends, members, rings ----------------------------------------------------- */

/*
 * The usable backends of an upstream are members[offset .. offset + count). The pair is one 64-bit
 * word so that a reader without a lock gets both or neither: sluiced writes the new list at a free
 * place, then stores the word, and reuses the old place after a quarantine.
 */
struct upstream {
	__u64 members;         /* offset << 32 | count */
	__u32 flags;           /* enum sluice_upstream_flag */
	__u32 backends_active; /* = count, unless the fall-back to draining ones is in use */
	__u32 backends_draining;
	__u32 generation; /* raised with each change of this entry, never 0 when in use */
};

enum sluice_upstream_flag {
	/* No ready backend: the members are those that serve while they terminate. */
	UPSTREAM_F_FALLBACK = 1 << 0,
};

struct upstream_name {
	char name[SLUICE_UPSTREAM_NAME_MAX]; /* namespace/service:port, NUL-padded */
};

enum sluice_backend_state {
	BACKEND_FREE = 0,
	BACKEND_ACTIVE = 1,
	BACKEND_DRAINING = 2, /* keeps its flows, gets no new ones */
	BACKEND_DOWN = 3,     /* gone: its flows pick again; entry waits to be reused */
};

enum sluice_backend_flag {
	BACKEND_F_LOCAL = 1 << 0, /* runs on this node, or no node is known: reached by the stack */
	/* Not local: how it is reached. None of these: source NAT to the address of this node. */
	BACKEND_F_DSR = 1 << 1, /* encapsulated to .node_addr, which replies to the client itself */
	BACKEND_F_GUE = 1 << 2, /* with BACKEND_F_DSR: in UDP (GUE variant 1) instead of IP in IP */
};

struct backend {
	__u8 addr[16];
	__be16 port;
	__u8 state; /* enum sluice_backend_state */
	__u8 flags; /* enum sluice_backend_flag */
	__u32 upstream_id;
	__u32 generation; /* raised when the id gets another meaning; flows carry it */
	__u16 weight;     /* share of new flows in proportion to the others', from 1; in the ring */
	__u16 pad;
	__u8 node_addr[16]; /* of the node it runs on; zero when local or not known */
	__u8 reserved[16];
};

/*
 * A ring is an ARRAY of __u32 with BPF_F_INNER_MAP: [0] is the number of slots n (prime), [1..n]
 * are backend ids. Lookup by a hash of 32 bits: ring[1 + (hash * ring[0] >> 32)].
 */
#define SLUICE_RING_SLOTS_MIN 251u
#define SLUICE_RING_SLOTS_MAX 65537u

/* ---- flows ----------------------------------------------------------------------------------- */

struct flow4_key {
	__be32 saddr;
	__be32 daddr;
	__be16 sport;
	__be16 dport;
	__u8 proto;
	__u8 pad[3];
};

struct flow6_key {
	__u8 saddr[16];
	__u8 daddr[16];
	__be16 sport;
	__be16 dport;
	__u8 proto;
	__u8 pad[3];
};

/* What moves a flow from one to the next, and when it is over: sluice_flow.h. */
enum sluice_flow_state {
	FLOW_NEW = 0,
	FLOW_ESTABLISHED = 1,
	FLOW_CLOSING = 2,     /* FIN of both sides seen */
	FLOW_HALF_CLIENT = 3, /* FIN of the client seen */
	FLOW_HALF_POD = 4,    /* FIN of the pod seen */
	FLOW_RESET = 5,       /* RST seen */
};

enum sluice_flow_flag {
	FLOW_F_REPLIED = 1 << 0, /* the pod has answered */
	FLOW_F_ONE_WAY = 1 << 1, /* replies do not come by this node: there is no reverse entry */
};

#define FLOW_BEGUN_SHIFT 30

struct flow {
	__u64 last_seen_ns; /* CLOCK_MONOTONIC_COARSE */
	__u32 backend_id;
	__u32 backend_generation;
	__u32 frontend_id;
	__u8 state;            /* enum sluice_flow_state */
	__u8 flags;            /* enum sluice_flow_flag */
	__be16 source_port;    /* towards the backend; 0: the client's own */
	__u32 frontends_epoch; /* of node_config, when the frontend was last looked up */
	__u32 begun;           /* CLOCK_MONOTONIC_COARSE, in 2^30 ns */
};

/*
 * Reverse entry: what a reply's source and destination become. Written with the flow or not at all;
 * flows that are encapsulated have none on the first node. The reply goes to the client's address,
 * or with source NAT to that of the node. What both know of the flow's life, each packet that
 * changes it writes into both, and one a second that does not.
 */
struct nat4 {
	__u64 last_seen_ns; /* CLOCK_MONOTONIC_COARSE */
	__be32 frontend_addr;
	__be32 client_addr;
	__be16 frontend_port;
	__be16 client_port;
	__u32 frontend_id;
	__u32 backend_id;
	__u32 backend_generation;
	__u8 state; /* enum sluice_flow_state */
	__u8 flags; /* enum sluice_flow_flag */
	__u8 pad[6];
};

struct nat6 {
	__u64 last_seen_ns; /* CLOCK_MONOTONIC_COARSE */
	__u8 frontend_addr[16];
	__u8 client_addr[16];
	__be16 frontend_port;
	__be16 client_port;
	__u32 frontend_id;
	__u32 backend_id;
	__u32 backend_generation;
	__u8 state; /* enum sluice_flow_state */
	__u8 flags; /* enum sluice_flow_flag */
	__u8 pad[6];
};

/*
 * A fragmented datagram: its ports, which only its first fragment carries, and a number that we
 * give it.
 */
#define FRAGMENT_LIFE_NS 30000000000ull /* as net.ipv4.ipfrag_time */

struct fragment4_key {
	__be32 saddr;
	__be32 daddr;
	__be16 id;
	__u8 proto;
	__u8 pad;
};

struct fragment6_key {
	__u8 saddr[16];
	__u8 daddr[16];
	__be32 id;
};

struct fragment {
	__u64 first_seen_ns; /* CLOCK_MONOTONIC_COARSE */
	__be16 sport;
	__be16 dport;
	__u8 proto;
	__u8 pad[3];
	/* identification of its fragments when source NAT sends them; IPv4: the lower half */
	__u32 fresh_id;
	__u32 pad2;
};

/*
 * One sequence for all clients: the numbers that clients choose themselves could be equal after
 * source NAT.
 */
struct fragment_ids {
	__u32 last;
	__u32 pad;
};

/* ---- the node -------------------------------------------------------------------------------- */

enum sluice_node_flag {
	NODE_F_DENYLIST4 = 1 << 0, /* denylist4 is not empty: ask it */
	NODE_F_DENYLIST6 = 1 << 1,
	NODE_F_SNAT4 = 1 << 2, /* .addr4 is set: source NAT and tunnels over IPv4 are possible */
	NODE_F_SNAT6 = 1 << 3,
	/* Packets to a port of a frontend address that no frontend has go up the stack, on all
	 * addresses (FRONTEND_F_PASS_OTHER_PORTS says it for one). */
	NODE_F_PASS_UNKNOWN_PORTS = 1 << 4,
	/* Some frontend has FRONTEND_F_TUNNELS; without it all tunnels pass. */
	NODE_F_TUNNELS = 1 << 5,
};

/* What the programs must know of this node. .flags is stored last. */
struct node_config {
	__u8 addr6[16]; /* our own: source of packets to remote pods, end of tunnels */
	__be32 addr4;
	__u32 flags;           /* enum sluice_node_flag */
	__u16 source_port_min; /* host order: range for source NAT, which the host does not use */
	__u16 source_port_max; /* host order, inclusive */
	__be16 gue_port;       /* of tunnels in UDP, to and from */
	__u16 pad;
	/* entries a CPU makes a second; above it flows go by hash; 0: no limit */
	__u32 new_flows_max;
	__u32 announce; /* 1: --announce l2; the map announced has the addresses */
	/* Raised after a frontend has changed or gone: until then a flow's frontend need not be
	 * looked up again. */
	__u32 frontends_epoch;
	__u32 answers_max; /* answers of our own (ICMP, RST, echo) a second and CPU; 0: no limit */
	__u64 flow_hash_key; /* the same on all nodes; 0: none */
	__u32 reserved[2];
};

/*
 * An address that exists only for frontends, on one interface: this node answers for it until a
 * time, or (0, or past) another one does and this node must be silent. A killed sluiced leaves
 * entries: their time ends before another node may answer.
 */
struct announce_key {
	__u8 addr[16];
	__u32 ifindex;
};

struct announcement {
	__u64 until_ns; /* CLOCK_MONOTONIC_COARSE; 0: not held; all ones: for ever */
	__u8 mac[6];    /* of the interface */
	__u8 pad[2];
};

/* A node whose tunnels are opened here. */
struct tunnel_peer_key {
	__u8 addr[16];
};

/* Answer of the FIB for one destination, asked again after NEXT_HOP_LIFE_NS. */
#define NEXT_HOP_LIFE_NS 100000000ull

struct next_hop {
	__u8 addr[16];  /* the destination of this next hop */
	__u64 asked_ns; /* CLOCK_MONOTONIC_COARSE */
	__u32 ifindex;
	__u32 mtu_bytes;
	__u8 dmac[6];
	__u8 smac[6];
	__u32 in_ifindex; /* where the packet came in: rules may depend on it */
};

struct cpu_state {
	__u64 second; /* of CLOCK_MONOTONIC_COARSE, in which .new_flows were made */
	__u32 new_flows;
	__u32 answers; /* of our own, made in .second */
	/* What xdp_ingress still must do to the packet at hand. */
	__u32 backend_id;
	__u32 l3_off_bytes, l4_off_bytes;
	__u32 word; /* source port, hash, or both ports of a reply */
};

/* Working memory of what writes a flow, which the stack has no room for. */
struct flow_scratch {
	__u64 now_ns;
	__u32 hash;
	__u16 port_min; /* host order */
	__u16 pad;
	__u32 ports;
	__u32 found;
	struct flow flow;
	struct flow4_key reply4, key4;
	struct flow6_key reply6, key6;
	struct nat4 nat4;
	struct nat6 nat6;
};

/* First packet of each reason a second, over all CPUs. */
enum sluice_event_kind {
	EVENT_DROP = 1,
};

#define EVENT_HEAD_BYTES 64u

struct drop_event {
	__u32 kind;   /* enum sluice_event_kind */
	__u32 reason; /* enum sluice_drop */
	__u64 at_ns;  /* CLOCK_MONOTONIC_COARSE */
	__u32 ifindex;
	__u32 packet_bytes;
	__u32 head_bytes;            /* of .head that are filled */
	__u32 l3_off_bytes;          /* where the IP header begins in .head */
	__u8 head[EVENT_HEAD_BYTES]; /* the packet from its Ethernet header on */
};

/* ---- steering of HTTP connections to the helper ---------------------------------------------- */

/*
 * Worker w listens in slots first_slot + 2w (IPv4) and first_slot + 2w + 1 (IPv6). A new set of
 * workers takes another first_slot, so one 64-bit store moves all new connections at once.
 */
struct steering {
	__u32 first_slot;
	__u32 workers; /* 0: none yet */
};

/* ---- splice ---------------------------------------------------------------------------------- */

/*
 * Bytes that arrive on a socket in `socks` pass sk_skb_verdict, which moves them to the peer or up
 * to the worker, by the slot of the socket. `sinks` holds clients that responses are moved to; no
 * program runs on what they send. docs/splice.md states the protocol and its invariants.
 *
 * The slot of a socket is one of the SLUICE_SLOT_WAYS that sluice_slot_first(cookie) begins.
 */
#define SLUICE_SOCKS_MAX        65536u
#define SLUICE_SLOTS_MAX        32768u
#define SLUICE_SLOT_WAYS        4u
#define SLUICE_RINGS_BYTES      (1u << 20) /* at most one event a slot waits: 32768 * 24 bytes */
#define SLUICE_SPLICE_HEAD_MAX  2048u      /* longest response head that is read in the kernel */
#define SLUICE_SPLICE_FIELD_MAX 64u        /* most fields in it */

enum sluice_splice_mode {
	SPLICE_OFF = 0, /* all bytes go up */
	SPLICE_RESPONSE =
		1, /* one response, of a length that its head states, to a socket of sinks */
	SPLICE_TUNNEL = 2, /* everything, to a socket of socks */
	SPLICE_UPLOAD = 3, /* .left bytes of a request's body, to a socket of sinks */
};

enum sluice_splice_stage {
	SPLICE_STAGE_NONE = 0,
	SPLICE_STAGE_BEGUN = 1, /* the head and a part of the body were moved */
	SPLICE_STAGE_DONE = 2,  /* all of the response was moved */
	SPLICE_STAGE_UP = 3,    /* bytes went up: the worker continues */
};

/* Why bytes went up, or why an exchange was not tried: X(number, NAME, "metric name", "meaning") */
#define SLUICE_SPLICE_REASON_LIST(X)                                                               \
	X(0, NONE, "none", "spliced")                                                              \
	X(1, OFF, "off", "splice is off")                                                          \
	X(2, ROUTE, "route", "the route changes responses, or asks for steps only the relay does") \
	X(3, TLS, "tls", "one of the two sides is encrypted")                                      \
	X(4, PROTOCOL, "protocol", "the client does not speak HTTP/1.1")                           \
	X(5, METHOD, "method", "HEAD or CONNECT")                                                  \
	X(6, BODY, "body", "the request has a body that is short or of unknown length")            \
	X(7, CLOSE, "close", "the client's connection does not outlive the exchange")              \
	X(8, FIRST, "first", "first exchange of a client's or a backend's connection")             \
	X(9, FULL, "full", "no slot was free, or a socket could not be enrolled")                  \
	X(10, HEAD, "head", "the head was not whole in the first bytes, too long, or not plain")   \
	X(11, STATUS, "status", "an interim answer, 204, 205, 304, or no HTTP/1.1")                \
	X(12, FRAMING, "framing", "no Content-Length, or Transfer-Encoding")                       \
	X(13, FIELD, "field", "a field that must not be passed on, or Date is missing")            \
	X(14, LENGTH, "length", "longer than what is faster in the kernel")                        \
	X(15, EXCESS, "excess", "more bytes than the response has")                                \
	X(16, WINDOW, "window", "the receiver lags: TCP's own window takes over")                  \
	X(17, PEER, "peer", "the receiver is gone")                                                \
	X(18, HELD, "held", "the worker held older bytes")                                         \
	X(19, BULK, "bulk", "a stream that fills a link, which the relay moves faster")            \
	X(20, CALM, "calm", "so few exchanges at once that the kernel is not faster")              \
	X(21, UPLOAD, "upload", "a request's body, which the relay moves faster")

enum sluice_splice_reason {
#define X(number, name, metric, text) SPLICE_WHY_##name = number,
	SLUICE_SPLICE_REASON_LIST(X)
#undef X
		SPLICE_WHY_MAX = 32, /* room, so that a new reason does not change the layout */
};

/* One socket in socks. The first cache line is the worker's, the second the program's. */
struct splice_slot {
	__u64 cookie;       /* of the socket; 0: free */
	__u64 peer_cookie;  /* where its bytes go */
	__u64 control;      /* sluice_splice_control(): arm number and mode, in one store */
	__u64 peer_base;    /* peer_base + moved + taken: bytes handed to the peer, in bytes_acked's
			    * terms; wraps */
	__u64 taken;        /* bytes that went up and were handed on (or used) by the worker */
	__u32 window_bytes; /* most that may be handed to the peer and not acknowledged */
	__u32 length_max; /* RESPONSE: longest body; TUNNEL: depth of the bucket of bulk, 0: none */
	__u32 owner_pid;
	__u32 worker; /* its ring in splice_rings */
	__u32 told;   /* an event waits: the program sets it, the worker clears it */
	__u32 wake;   /* an event is wanted when the response is done */

	__u64 seen;    /* bytes that the program saw since the socket was enrolled */
	__u64 moved;   /* of those, handed to the peer by the program */
	__u64 left;    /* of the response that is begun; TUNNEL: what is in the bucket; UPLOAD: of
			   * the body, which the worker writes while the mode is OFF */
	__u64 state;   /* sluice_splice_state(): arm number, stage, reason, status */
	__u64 head_ns; /* CLOCK_MONOTONIC when the head came */
	__u64 done_ns; /* when the response was done */
	__u64 last_ns; /* CLOCK_MONOTONIC_COARSE of the last bytes */
	__u32 head_bytes; /* of the response that is begun */
	__u32 pad;
};

struct splice_event {
	__u64 cookie;
	__u32 slot;
	__u32 pad;
};

/* Working memory of the program; .busy marks an interrupted run on the same CPU. */
struct head_scratch {
	__u32 busy;
	__u32 pad;
	__u8 data[SLUICE_SPLICE_HEAD_MAX + 64]; /* room to read whole words at the end */
};

static inline __u64 sluice_splice_control(__u32 arm, __u32 mode)
{
	return (__u64)arm << 32 | mode;
}

static inline __u64 sluice_splice_state(__u32 arm, __u32 stage, __u32 reason, __u32 status)
{
	return (__u64)arm << 32 | stage << 24 | reason << 16 | status;
}

static inline __u32 sluice_slot_first(__u64 cookie)
{
	__u32 h = (__u32)(cookie ^ cookie >> 32) * 0x9e3779b1u; /* 2^32 / golden ratio */

	return (h >> 12) % (SLUICE_SLOTS_MAX / SLUICE_SLOT_WAYS) * SLUICE_SLOT_WAYS;
}

/* ---- counters -------------------------------------------------------------------------------- */

struct traffic {
	__u64 packets;
	__u64 bytes;
	__u64 flows;       /* begun */
	__u64 flows_ended; /* whose end was seen: FIN or RST */
};

#define WORKER_COUNTERS_MAX 64u

/* One entry a worker process, which is its only writer, through shared memory. Its counters are the
 * rows of SLUICE_COUNTER_LIST (sluice_stats.h). */
struct worker_stats {
	__u64 pid;
	__u64 snapshot_generation;
	__u64 latency_bucket[24]; /* exchange time: bucket i counts those below 2^i * 64 us, last:
				     rest */
	__u64 latency_sum_us;
	__u64 request_faults[FAULT_MAX];      /* by enum sluice_fault: requests refused */
	__u64 response_faults[FAULT_MAX];     /* responses of backends that were not passed on */
	__u64 splice_reasons[SPLICE_WHY_MAX]; /* by enum sluice_splice_reason: relayed, and why */
	union {
		struct {
#define X(field, kind, series, labels, help) __u64 field;
			SLUICE_COUNTER_LIST(X)
#undef X
		};
		/* Room, so that a new counter does not change the layout. */
		__u64 counters[WORKER_COUNTERS_MAX];
	};
};

/* ---- the daemon, as sluicectl sees it without asking it -------------------------------------- */

enum sluice_attach_mode {
	ATTACH_NONE = 0,
	ATTACH_XDP_NATIVE = 1,
	ATTACH_XDP_GENERIC = 2,
	ATTACH_TCX = 3,
	ATTACH_CLSACT = 4,
	ATTACH_TC_L4 = 5, /* no XDP: tc_l4 does its work, attached as .tc_mode says */
};

struct interface_state {
	char name[SLUICE_IFNAME_MAX];
	__u32 ifindex;
	__u8 xdp_mode; /* enum sluice_attach_mode */
	__u8 tc_mode;
	__u8 dispatcher; /* 1: attached by libxdp's dispatcher, others may attach beside it */
	__u8 pad;
};

struct daemon_state {
	__u32 schema;
	__u32 pid;
	__u64 started_unix_s;
	__u64 synced_unix_s; /* last time all of the input was in the maps */
	__u64 generation;    /* of the compiled table in use */
	__u32 ready;
	__u32 interfaces_count;
	__u32 workers;
	__u32 frontends;
	__u32 upstreams;
	__u32 backends;
	__u32 routes;
	__u32 problems;          /* objects left out or adjusted */
	__u32 splice;            /* 1: on */
	char splice_reason[124]; /* why it is off */
	char version[32];
	char node_name[64];
	char source[128]; /* "manifests /dir", "kubernetes https://..." */
	struct interface_state interfaces[SLUICE_INTERFACES_MAX];
};

/* ---- shared arithmetic ----------------------------------------------------------------------- */

/* Bit of an address in address_filter: the same on both sides. v: the four 32-bit words of the
 * address as they lie in memory; for IPv4 the address in v[3] and 0, 0, 0xffff (BE) before it. */
static inline __u32 sluice_filter_bit(const __u32 v[4])
{
	__u32 h = v[0] * 0x9e3779b1u; /* 2^32 / golden ratio: Knuth, TAOCP 3, 6.4 */

	h = (h ^ v[1]) * 0x9e3779b1u;
	h = (h ^ v[2]) * 0x9e3779b1u;
	h = (h ^ v[3]) * 0x9e3779b1u;
	return h >> 16;
}

SLUICE_ASSERT(sizeof(struct frontend4_key) == 8, "frontend4_key");
SLUICE_ASSERT(sizeof(struct frontend6_key) == 20, "frontend6_key");
SLUICE_ASSERT(sizeof(struct frontend) == 24, "frontend");
SLUICE_ASSERT(sizeof(struct source_range4_key) == 12, "source_range4_key");
SLUICE_ASSERT(sizeof(struct source_range6_key) == 24, "source_range6_key");
SLUICE_ASSERT(sizeof(struct deny4_key) == 8, "deny4_key");
SLUICE_ASSERT(sizeof(struct deny6_key) == 20, "deny6_key");
SLUICE_ASSERT(sizeof(struct deny) == 16, "deny");
SLUICE_ASSERT(sizeof(struct source4_key) == 8, "source4_key");
SLUICE_ASSERT(sizeof(struct source6_key) == 20, "source6_key");
SLUICE_ASSERT(sizeof(struct affinity) == 16, "affinity");
SLUICE_ASSERT(sizeof(struct rate) == 8, "rate");
SLUICE_ASSERT(sizeof(struct upstream) == 24, "upstream");
SLUICE_ASSERT(sizeof(struct backend) == 64, "backend");
SLUICE_ASSERT(sizeof(struct flow4_key) == 16, "flow4_key");
SLUICE_ASSERT(sizeof(struct flow6_key) == 40, "flow6_key");
SLUICE_ASSERT(sizeof(struct flow) == 32, "flow");
SLUICE_ASSERT(sizeof(struct nat4) == 40, "nat4");
SLUICE_ASSERT(sizeof(struct nat6) == 64, "nat6");
SLUICE_ASSERT(sizeof(struct fragment4_key) == 12, "fragment4_key");
SLUICE_ASSERT(sizeof(struct fragment6_key) == 36, "fragment6_key");
SLUICE_ASSERT(sizeof(struct fragment) == 24, "fragment");
SLUICE_ASSERT(sizeof(struct fragment_ids) == 8, "fragment_ids");
SLUICE_ASSERT(sizeof(struct node_config) == 64, "node_config");
SLUICE_ASSERT(sizeof(struct next_hop) == 48, "next_hop");
SLUICE_ASSERT(sizeof(struct announce_key) == 20, "announce_key");
SLUICE_ASSERT(sizeof(struct announcement) == 16, "announcement");
SLUICE_ASSERT(sizeof(struct cpu_state) == 32, "cpu_state");
SLUICE_ASSERT(sizeof(struct flow_scratch) == 272, "flow_scratch");
SLUICE_ASSERT(sizeof(struct tunnel_peer_key) == 16, "tunnel_peer_key");
SLUICE_ASSERT(sizeof(struct drop_event) == 96, "drop_event");
SLUICE_ASSERT(sizeof(struct traffic) == 32, "traffic");
SLUICE_ASSERT(sizeof(struct steering) == 8, "steering");
SLUICE_ASSERT(sizeof(struct worker_stats) ==
		      (27 + 2 * FAULT_MAX + SPLICE_WHY_MAX + WORKER_COUNTERS_MAX) * 8,
	      "worker_stats");
SLUICE_ASSERT(sizeof(struct splice_slot) == 128, "splice_slot");
SLUICE_ASSERT(__builtin_offsetof(struct splice_slot, seen) == 64, "one line a writer");
SLUICE_ASSERT(sizeof(struct splice_event) == 16, "splice_event");
SLUICE_ASSERT(sizeof(struct head_scratch) == 2120, "head_scratch");
SLUICE_ASSERT(sizeof(struct interface_state) == 24, "interface_state");

#endif /* SLUICE_SCHEMA_H */
