/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * judge.bpf.h - what a packet comes to: not ours, refused, passed, counted; the same for both
 * families
 */
#ifndef SLUICE_JUDGE_BPF_H
#define SLUICE_JUDGE_BPF_H

#include "flow/flow.bpf.h"
#include "node/event.bpf.h"

static __always_inline int pass_not_ours(void)
{
	count_stat(STAT_PACKETS_NOT_OURS);
	return XDP_PASS;
}

/* False: no frontend has this address. @v: as in sluice_filter_bit(). */
static __always_inline bool filter_has(const __u32 v[4])
{
	__u32 bit = sluice_filter_bit(v), word = bit / 64;
	const __u64 *bits = bpf_map_lookup_elem(&address_filter, &word);

	return bits && (*bits >> (bit % 64) & 1);
}

/* A packet to @frontend, the entry of an address (or none), that no frontend wants. */
static __always_inline int refuse(struct xdp_md *ctx, const struct frontend *frontend,
				  const struct node_config *config, enum sluice_drop reason)
{
	if (!frontend)
		return pass_not_ours();
	if ((reason == DROP_UNKNOWN_PORT || reason == DROP_FRAGMENT) &&
	    (frontend->flags & FRONTEND_F_PASS_OTHER_PORTS ||
	     config->flags & NODE_F_PASS_UNKNOWN_PORTS))
		return pass_not_ours();
	return drop_packet(ctx, reason);
}

static __always_inline int pass_http(const struct pkt *pkt, const struct frontend *frontend)
{
	count_stat(STAT_PACKETS_HTTP);
	count_frontend(frontend->frontend_id, pkt->bytes);
	return XDP_PASS;
}

static __always_inline void count_forwarded(const struct pkt *pkt, const struct frontend *frontend,
					    __u32 backend_id)
{
	count_stat(STAT_PACKETS_L4);
	count_frontend(frontend->frontend_id, pkt->bytes);
	count_backend(backend_id, pkt->bytes);
}

/* What becomes of the flow entry when it names its backend rightly. Returns true if it is time to
 * tell its reverse entry. */
static __always_inline bool flow_advance(const struct pkt *pkt, struct flow *flow, __u64 now_ns)
{
	__u8 state = sluice_flow_next(flow->state, pkt->proto, pkt->tcp_flags, 0);
	bool moved = flow->state != state;

	if (unlikely(moved) && flow_state_set(flow, state))
		count_flow_end(flow->frontend_id, flow->backend_id);
	if (likely(now_ns - flow->last_seen_ns < FLOW_TOUCH_NS && !moved))
		return false;
	flow->last_seen_ns = now_ns;
	return true;
}

/* After a flow was to be written. Returns 0, or the reason to drop its packet. */
static __always_inline enum sluice_drop flow_written(const struct flow *flow, enum flow_way way,
						     bool repicked, int err)
{
	if (!err) {
		if (repicked)
			count_stat(STAT_FLOWS_REPICKED);
		else
			count_flow(flow->frontend_id, flow->backend_id);
		return DROP_NONE;
	}
	count_stat(STAT_FLOWS_NOT_INSERTED);
	if (way != WAY_SNAT)
		return DROP_NONE; /* by hash; replies of a pod of this node are not undone */
	return err == -EADDRNOTAVAIL ? DROP_SNAT_PORTS : DROP_FLOW_LIMIT;
}

/* To the node's own address: a reply to source NAT, or a tunnel in UDP, by its port? */
static __always_inline bool is_source_port(const struct node_config *config, __be16 port)
{
	__u16 number = bpf_ntohs(port);

	return number >= config->source_port_min && number <= config->source_port_max;
}

static __always_inline bool is_gue(const struct pkt *pkt, const struct node_config *config)
{
	return pkt->proto == IPPROTO_UDP && pkt->dport == config->gue_port && !pkt->fragment;
}

#endif /* SLUICE_JUDGE_BPF_H */
