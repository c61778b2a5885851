/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow.bpf.h - the connection table: which backend a flow has, and until when
 *
 * A flow and its reverse entry are two: flows* says where packets of the client go, nat* what their
 * replies become. A pod of this node sees the client's own address and port, unless another
 * frontend of the same pod has a flow from that port already; a pod of another node sees the
 * address of this node and a port that is free towards that pod. Encapsulated flows have no
 * reverse entry here.
 */
#ifndef SLUICE_FLOW_BPF_H
#define SLUICE_FLOW_BPF_H

#include <asm-generic/errno.h>

#include "node/event.bpf.h"
#include "node/node.bpf.h"
#include "packet/family.bpf.h"
#include "flow/pick.bpf.h"
#include "flow/protect.bpf.h"
#include "sluice_flow.h"

/*
 * Source ports that are tried before one counts as not to be had. Each is chosen by chance, so
 * that of a range of which 95 % are taken one is found but for 2 in a million times, and of 99 %
 * in 92 of 100.
 */
#define FLOW_PORT_TRIES 256

/* How a backend is reached. */
enum flow_way {
	WAY_LOCAL = 0,
	WAY_SNAT = 1,
	WAY_DSR = 2,
};

/*
 * Without an address of its own a node cannot stand in for the client: then the stack takes the
 * packet to the pod, and the pod has to route its replies back through this node.
 * @snat: NODE_F_SNAT4 or NODE_F_SNAT6
 */
static __always_inline enum flow_way backend_way(const struct backend *backend,
						 const struct node_config *config, __u32 snat)
{
	if (backend->flags & BACKEND_F_LOCAL)
		return WAY_LOCAL;
	if (backend->flags & BACKEND_F_DSR)
		return WAY_DSR;
	return config->flags & snat ? WAY_SNAT : WAY_LOCAL;
}

static __always_inline bool pkt_is_syn(const struct pkt *pkt)
{
	return pkt->proto == IPPROTO_TCP && pkt->tcp_flags & TCP_SYN;
}

/* Whether an entry still says where this packet belongs. @now_ns: CLOCK_MONOTONIC_COARSE. */
static __always_inline bool flow_is_current(const struct pkt *pkt, const struct flow *flow,
					    __u64 now_ns)
{
	return !sluice_flow_is_over(pkt->proto, flow->state, flow->flags, flow->last_seen_ns,
				    now_ns);
}

/* Whether @backend is still the one that @flow was given, and may keep it. */
static __always_inline bool flow_has_backend(const struct flow *flow,
					     const struct frontend *frontend,
					     const struct backend *backend)
{
	return backend->generation == flow->backend_generation &&
	       backend->upstream_id == frontend->upstream_id && backend_is_up(backend);
}

/* May this CPU make another entry in this second? */
static __always_inline bool flow_limit_allows(const struct node_config *config, __u64 now_ns)
{
	struct cpu_state *state;

	if (!config->new_flows_max)
		return true;
	state = cpu_second(now_ns);
	if (!state)
		return true;
	if (state->new_flows >= config->new_flows_max)
		return false;
	state->new_flows++;
	return true;
}

static __always_inline struct flow_scratch *flow_scratch_get(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&flow_scratch, &key);
}

/* The @i-th source port to try for a flow of @scratch, network order. */
static __always_inline __be16 flow_try_port(const struct flow_scratch *scratch, __u32 i)
{
	/* 32 bits of the hash, another half of them each time. */
	__u32 chance = hash_mix((__u64)scratch->hash << 32 | i);

	return bpf_htons(scratch->port_min + ((__u64)chance * scratch->ports >> 32));
}

/* The range of source ports, into @scratch. False: there is none. */
static __always_inline bool flow_port_range(const struct node_config *config,
					    struct flow_scratch *scratch)
{
	scratch->port_min = config->source_port_min;
	scratch->ports = (__u32)config->source_port_max - config->source_port_min + 1;
	return config->source_port_min && scratch->ports <= 65535;
}

/* The state of an entry that a packet of the client moves on. True if that is its end. */
static __always_inline bool flow_state_set(struct flow *flow, __u8 state)
{
	bool ends = !sluice_flow_has_ended(flow->state) && sluice_flow_has_ended(state);

	flow->state = state;
	return ends;
}

/* The entry of a flow that begins, but for its epoch and its source port. */
static __always_inline void flow_set(struct flow *flow, __u32 backend_id,
				     const struct backend *backend, __u32 frontend_id, __u8 state,
				     __u64 now_ns)
{
	flow->backend_id = backend_id;
	flow->backend_generation = backend->generation;
	flow->frontend_id = frontend_id;
	flow->last_seen_ns = now_ns;
	flow->state = state;
	flow->flags = 0;
	flow->begun = now_ns >> FLOW_BEGUN_SHIFT;
}

/* Fills @flow with the backend that a packet gets which has no current entry. */
static __always_inline enum sluice_drop flow_fill(int id, __u32 frontend_id, __u8 state,
						  __u64 now_ns, struct flow *flow)
{
	const struct backend *backend;
	__u32 backend_id = id;

	if (id <= 0)
		return id ? -id : DROP_BAD_RING;
	backend = bpf_map_lookup_elem(&backends, &backend_id);
	if (!backend)
		return DROP_BAD_RING;
	flow_set(flow, backend_id, backend, frontend_id, state, now_ns);
	return DROP_NONE;
}

/* Whether anybody may begin any number of flows here, each by its own hash. */
static __always_inline bool frontend_is_plain(const struct frontend *frontend)
{
	return !(frontend->flags & (FRONTEND_F_SOURCE_RANGES | FRONTEND_F_AFFINITY)) &&
	       !frontend->rate_per_s;
}

#include "packet/family4.h"
#include "flow/flow.tmpl.h"
#include "packet/family6.h"
#include "flow/flow.tmpl.h"

#endif /* SLUICE_FLOW_BPF_H */
