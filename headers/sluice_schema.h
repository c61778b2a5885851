/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sluice_schema.h - the map contract
 *
 * The one contract between the control plane (sluiced), the data plane (bpf/), the L7 helper
 * (sluice-proxy), sluicectl and bpftool. Maps are pinned by name under <bpffs>/sluice/v<SCHEMA>/.
 * A test compares every map of the loaded object with this table. Change a layout: raise SCHEMA.
 *
 *  map             | type             | key -> value                     | writer  | readers (sk: sk_lookup)
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
 *  nat4            | LRU_HASH         | flow4_key (of the reply) -> nat  | xdp     | tc ctl
 *  nat6            | LRU_HASH         | flow6_key (of the reply) -> nat  | xdp     | tc ctl
 *  listeners       | SOCKMAP          | listener slot -> socket          | sluiced | sk
 *  steering        | ARRAY, mmapable  | 0 -> steering                    | sluiced | sk
 *  stats           | PERCPU_ARRAY     | enum sluice_stat -> __u64        | bpf     | admin ctl
 *  drops           | PERCPU_ARRAY     | enum sluice_drop -> __u64        | bpf     | admin ctl
 *  frontend_stats  | PERCPU_ARRAY     | frontend id -> traffic           | xdp tc  | admin ctl
 *  backend_stats   | PERCPU_ARRAY     | backend id -> traffic            | xdp tc  | admin ctl
 *  worker_stats    | ARRAY, mmapable  | worker number -> worker_stats    | proxy   | admin ctl
 *  daemon_state    | ARRAY, mmapable  | 0 -> daemon_state                | sluiced | ctl
 *
 *  map             | lifetime                               | what a miss means
 *  ----------------+----------------------------------------+--------------------------------------
 *  frontends*      | while the object that asks for it      | not ours: pass untouched
 *  address_filter  | bits only ever a superset              | bit clear: no frontend has it
 *  upstreams       | id reused after a quarantine           | id 0 or .members == 0: no backend
 *  backends        | id reused after a quarantine with a    | .state == BACKEND_FREE or another
 *                  | new generation                         | generation: pick again
 *  rings           | swapped whole                          | no backend: drop, counted
 *  flows*, nat*    | LRU                                    | pick by hash / no reply of ours: pass
 *  listeners       | slot emptied when a socket closes      | next slot; none: drop, the client
 *                  |                                        | sends SYN again
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

#ifdef __cplusplus
#define SLUICE_ASSERT static_assert
#else
#define SLUICE_ASSERT _Static_assert
#endif

#define SLUICE_SCHEMA     1u
#define SLUICE_PIN_FOLDER "sluice/v1" /* below the bpffs mount point */

/* Sizes. Those that are a start-up option of sluiced are the default here. */
#define SLUICE_FRONTENDS_MAX     16384u
#define SLUICE_UPSTREAMS_MAX     65536u
#define SLUICE_BACKENDS_MAX      131072u
#define SLUICE_MEMBERS_MAX       524288u /* slices of old and new lists coexist for a moment */
#define SLUICE_FLOWS_MAX         262144u /* each of flows4 flows6 nat4 nat6 */
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
	/* Entry of an address alone (port 0, proto 0): says that the address is a frontend's, so
	 * that packets to its other ports can be told from packets that are not ours. */
	FRONTEND_ADDRESS = 3,
};

enum sluice_frontend_flag {
	/* FRONTEND_ADDRESS: packets to ports that no frontend has go to the stack (node addresses);
	 * without it they are dropped and counted (addresses that exist for frontends alone). */
	FRONTEND_F_PASS_OTHER_PORTS = 1 << 0,
	/* FRONTEND_HTTP: TLS is spoken on this port. */
	FRONTEND_F_TLS = 1 << 1,
};

/* addr 0.0.0.0 (or ::) with a port: any address of the node; asked by sk_lookup alone. */
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
	__u32 backends_active; /* = count, unless the fall-back to draining ones is in force */
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
};

struct backend {
	__u8 addr[16];
	__be16 port;
	__u8 state; /* enum sluice_backend_state */
	__u8 flags; /* enum sluice_backend_flag */
	__u32 upstream_id;
	__u32 generation; /* raised when the id gets another meaning; flows carry it */
	__u32 pad;
	__u8 node_addr[16]; /* of the node it runs on; zero when local or not known */
	__u8 reserved[16];
};

/*
 * A ring is an ARRAY of __u32 with BPF_F_INNER_MAP: [0] is the number of slots n (prime), [1..n]
 * are backend ids. Lookup: ring[1 + hash % ring[0]].
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

enum sluice_flow_state {
	FLOW_NEW = 0,
	FLOW_ESTABLISHED = 1,
	FLOW_CLOSING = 2, /* FIN or RST seen */
};

struct flow {
	__u64 last_seen_ns; /* CLOCK_MONOTONIC_COARSE */
	__u32 backend_id;
	__u32 backend_generation;
	__u32 frontend_id;
	__u8 state; /* enum sluice_flow_state */
	__u8 pad[3];
};

/* Reverse entry: what the reply's source has to become. Written with the flow or not at all. */
struct nat {
	__u8 frontend_addr[16];
	__be16 frontend_port;
	__u16 pad;
	__u32 frontend_id;
	__u32 backend_id;
	__u32 backend_generation;
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

/* ---- counters -------------------------------------------------------------------------------- */

enum sluice_stat {
	STAT_PACKETS_NOT_OURS = 0,
	STAT_PACKETS_L4 = 1,
	STAT_PACKETS_HTTP = 2,
	STAT_PACKETS_REPLY = 3,
	STAT_FLOWS_CREATED = 4,
	STAT_FLOWS_NOT_INSERTED = 5,
	STAT_FLOWS_REPICKED = 6, /* backend gone or id recycled: picked again */
	STAT_STEERED = 7,
	STAT_MAX = 32, /* room, so that a new counter is no new layout */
};

struct traffic {
	__u64 packets;
	__u64 bytes;
	__u64 flows;
};

/* One entry a worker process, written by it alone through shared memory. */
struct worker_stats {
	__u64 pid;
	__u64 snapshot_generation;
	__u64 conns_open; /* gauge */
	__u64 conns_accepted;
	__u64 requests;
	__u64 responses_1xx;
	__u64 responses_2xx;
	__u64 responses_3xx;
	__u64 responses_4xx;
	__u64 responses_5xx;
	__u64 own_replies; /* answers made here, not by a backend */
	__u64 client_bytes_in;
	__u64 client_bytes_out;
	__u64 upstream_conns_open; /* gauge, idle ones included */
	__u64 upstream_connects;
	__u64 upstream_connect_errors;
	__u64 upstream_reused;
	__u64 upstream_retries;
	__u64 bad_requests; /* refused by the parser */
	__u64 bad_responses;
	__u64 timeouts;
	__u64 access_log_dropped;
	__u64 latency_bucket[24]; /* exchange time: bucket i counts those below 2^i * 64 us, last:
				     rest */
	__u64 latency_sum_us;
	__u64 reserved[17];
	__u64 request_faults[FAULT_MAX];  /* by enum sluice_fault: requests refused */
	__u64 response_faults[FAULT_MAX]; /* responses of backends that were not passed on */
};

/* ---- the daemon, as sluicectl sees it without asking it -------------------------------------- */

enum sluice_attach_mode {
	ATTACH_NONE = 0,
	ATTACH_XDP_NATIVE = 1,
	ATTACH_XDP_GENERIC = 2,
	ATTACH_TCX = 3,
	ATTACH_CLSACT = 4,
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
	__u64 generation;    /* of the compiled table in force */
	__u32 ready;
	__u32 interfaces_count;
	__u32 workers;
	__u32 frontends;
	__u32 upstreams;
	__u32 backends;
	__u32 routes;
	__u32 problems; /* objects left out or adjusted */
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
SLUICE_ASSERT(sizeof(struct frontend) == 12, "frontend");
SLUICE_ASSERT(sizeof(struct upstream) == 24, "upstream");
SLUICE_ASSERT(sizeof(struct backend) == 64, "backend");
SLUICE_ASSERT(sizeof(struct flow4_key) == 16, "flow4_key");
SLUICE_ASSERT(sizeof(struct flow6_key) == 40, "flow6_key");
SLUICE_ASSERT(sizeof(struct flow) == 24, "flow");
SLUICE_ASSERT(sizeof(struct nat) == 32, "nat");
SLUICE_ASSERT(sizeof(struct steering) == 8, "steering");
SLUICE_ASSERT(sizeof(struct worker_stats) == (64 + 2 * FAULT_MAX) * 8, "worker_stats");
SLUICE_ASSERT(sizeof(struct interface_state) == 24, "interface_state");

#endif /* SLUICE_SCHEMA_H */
