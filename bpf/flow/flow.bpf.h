/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow.bpf.h - the connection table: which backend a flow has, and until when
 *
 * A flow and its reverse entry are two: flows* says where packets of the client go, nat* what their
 * replies become. A pod of this node sees the client's own address and port, unless another frontend
 * of the same pod has a flow from that port already; a pod of another node sees the address of this
 * node and a port that is free towards that pod. Encapsulated flows have no reverse entry here.
 */
#ifndef SLUICE_FLOW_BPF_H
#define SLUICE_FLOW_BPF_H

#include <asm-generic/errno.h>

#include "node/node.bpf.h"
#include "packet/family.bpf.h"
#include "flow/pick.bpf.h"
#include "flow/protect.bpf.h"

#define FLOW_UDP_IDLE_NS (180 * NS_PER_S) /* as nf_conntrack's udp_timeout_stream + a margin */
#define FLOW_CLOSING_NS  (10 * NS_PER_S)  /* as nf_conntrack's tcp_timeout_close */
#define FLOW_TOUCH_NS    (1 * NS_PER_S)   /* how often last_seen_ns is written at most */

/* Source ports that are tried before one counts as not to be had. */
#define FLOW_PORT_TRIES 24

/* Seconds of the limit of new flows are 2^30 ns: a shift instead of a division. */
#define FLOW_LIMIT_SHIFT 30

/*
 * 0, unknown to the compiler: else it peels the first turn of a loop and enters it in the middle, which
 * Linux 6.1 refuses ("back-edge").
 */
#define LOOP_START                              \
	({                                      \
		int start = 0;                  \
		asm volatile("" : "+r"(start)); \
		start;                          \
	})

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

/* The state a flow is in after a packet with these TCP flags. */
static __always_inline __u8 flow_next_state(__u8 proto, __u32 tcp_flags, __u8 state)
{
	if (proto != IPPROTO_TCP)
		return FLOW_ESTABLISHED;
	if (tcp_flags & (TCP_FIN | TCP_RST))
		return FLOW_CLOSING;
	if (state == FLOW_CLOSING)
		return state;
	return tcp_flags & TCP_SYN ? FLOW_NEW : FLOW_ESTABLISHED;
}

static __always_inline bool pkt_is_syn(const struct pkt *pkt)
{
	return pkt->proto == IPPROTO_TCP && pkt->tcp_flags & TCP_SYN;
}

/* Whether an entry still says where this packet belongs. @now_ns: CLOCK_MONOTONIC_COARSE. */
static __always_inline bool flow_is_current(const struct pkt *pkt, const struct flow *flow,
					    __u64 now_ns)
{
	__u64 idle_ns = now_ns - flow->last_seen_ns;

	if (pkt->proto == IPPROTO_UDP)
		return idle_ns < FLOW_UDP_IDLE_NS;
	return flow->state != FLOW_CLOSING || idle_ns < FLOW_CLOSING_NS;
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
	__u32 key = 0;

	if (!config->new_flows_max)
		return true;
	state = bpf_map_lookup_elem(&cpu_state, &key);
	if (!state)
		return true;
	if (state->second != now_ns >> FLOW_LIMIT_SHIFT) {
		state->second = now_ns >> FLOW_LIMIT_SHIFT;
		state->new_flows = 0;
	}
	if (state->new_flows >= config->new_flows_max)
		return false;
	state->new_flows++;
	return true;
}

/*
 * The @i-th source port to try for a flow, network order: the one that it has; the client's own
 * towards a pod of this node; then those of the node's range. 0: there is no range.
 */
static __always_inline __be16 flow_try_port(const struct node_config *config,
					    const struct flow *flow, enum flow_way way,
					    __be16 client_port, __u32 hash, int i)
{
	__u32 ports = (__u32)config->source_port_max - config->source_port_min + 1;

	if (i == 0 && flow->source_port)
		return flow->source_port;
	if (i == 0 && way == WAY_LOCAL)
		return client_port;
	if (!config->source_port_min || ports > 65535)
		return 0;
	return bpf_htons(config->source_port_min + (hash + (__u32)i) % ports);
}

/*
 * Is the flow that a reverse entry belongs to over, as far as is known? NULL: it left the table.
 * @client_port: of that flow, @reply_port: to which the replies of the entry go.
 */
static __always_inline bool flow_is_over(const struct flow *flow, __u32 backend_id,
					 __be16 client_port, __be16 reply_port, __u8 proto,
					 __u64 now_ns)
{
	if (!flow || flow->backend_id != backend_id ||
	    (flow->source_port ? flow->source_port : client_port) != reply_port)
		return true;
	if (proto == IPPROTO_UDP)
		return now_ns - flow->last_seen_ns >= FLOW_UDP_IDLE_NS;
	return flow->state == FLOW_CLOSING && now_ns - flow->last_seen_ns >= FLOW_CLOSING_NS;
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

static __always_inline bool is_new_flow(__u8 proto, __u32 tcp_flags)
{
	return proto != IPPROTO_TCP || (tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

#include "packet/family4.h"
#include "flow/flow.tmpl.h"
#include "packet/family6.h"
#include "flow/flow.tmpl.h"

#endif /* SLUICE_FLOW_BPF_H */
