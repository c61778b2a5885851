// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * xdp_ingress - every packet that arrives on an interface of Sluice
 *
 * One load tells that a destination is no frontend; such a packet passes untouched, whatever it is.
 * Packets to an l4 frontend get the address of a backend and go up the stack, those to an http
 * frontend go up as they are, to be steered by sk_lookup.
 */
#include "announce.bpf.h"
#include "flow.bpf.h"
#include "rewrite.bpf.h"

static __always_inline int pass_not_ours(void)
{
	count_stat(STAT_PACKETS_NOT_OURS);
	return XDP_PASS;
}

static __always_inline int drop(enum sluice_drop reason)
{
	count_drop(reason);
	return XDP_DROP;
}

/* False: no frontend has this address. @v: as in sluice_filter_bit(). */
static __always_inline bool filter_has(const __u32 v[4])
{
	__u32 bit = sluice_filter_bit(v), word = bit / 64;
	const __u64 *bits = bpf_map_lookup_elem(&address_filter, &word);

	return bits && (*bits >> (bit % 64) & 1);
}

/* A packet to @frontend, the entry of an address (or none), that no frontend wants. */
static __always_inline int refuse(const struct frontend *frontend, enum sluice_drop reason)
{
	if (!frontend)
		return pass_not_ours();
	if (reason == DROP_UNKNOWN_PORT && frontend->flags & FRONTEND_F_PASS_OTHER_PORTS)
		return pass_not_ours();
	return drop(reason);
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

/* What becomes of the flow entry when it names its backend rightly. */
static __always_inline bool flow_advance(const struct pkt *pkt, struct flow *flow, __u64 now_ns)
{
	__u8 state = flow_next_state(pkt, flow->state);
	bool touch = now_ns - flow->last_seen_ns >= FLOW_TOUCH_NS;

	if (flow->state != state)
		flow->state = state;
	if (touch)
		flow->last_seen_ns = now_ns;
	return touch;
}

/* Fills @flow for a packet that has no current entry. Returns 0 or the reason to drop. */
static __always_inline enum sluice_drop flow_start(const struct pkt *pkt,
						   const struct frontend *frontend, __u32 hash,
						   __u64 now_ns, struct flow *flow)
{
	const struct backend *backend;
	int id;

	id = backend_pick(frontend->upstream_id, hash);
	if (id <= 0)
		return id ? -id : DROP_BAD_RING;
	flow->backend_id = id;
	backend = bpf_map_lookup_elem(&backends, &flow->backend_id);
	if (!backend)
		return DROP_BAD_RING;
	flow->backend_generation = backend->generation;
	flow->frontend_id = frontend->frontend_id;
	flow->last_seen_ns = now_ns;
	flow->state = flow_next_state(pkt, FLOW_NEW);
	return DROP_NONE;
}

static __always_inline void flow_count_start(const struct flow *flow, bool repicked, int err)
{
	if (err)
		count_stat(STAT_FLOWS_NOT_INSERTED);
	else if (repicked)
		count_stat(STAT_FLOWS_REPICKED);
	else
		count_flow(flow->frontend_id, flow->backend_id);
}

static __always_inline int forward4(struct pkt *pkt, const struct iphdr *ip,
				    const struct frontend *frontend)
{
	struct flow4_key key = {
		.saddr = ip->saddr,
		.daddr = ip->daddr,
		.sport = pkt->sport,
		.dport = pkt->dport,
		.proto = pkt->proto,
	};
	__u64 now_ns = bpf_ktime_get_coarse_ns();
	struct flow *flow = bpf_map_lookup_elem(&flows4, &key);
	struct backend *backend = NULL;
	struct flow fresh = {};
	__u32 backend_id;
	__be32 addr;

	if (flow && flow_is_current(pkt, flow, now_ns)) {
		backend_id = flow->backend_id;
		backend = bpf_map_lookup_elem(&backends, &backend_id);
	}
	if (backend && flow_has_backend(flow, frontend, backend)) {
		/* The reverse entry is used by replies alone: kept from ageing here. */
		if (flow_advance(pkt, flow, now_ns)) {
			fresh = *flow;
			flow4_write(&key, &fresh);
		}
	} else {
		bool repicked = backend != NULL;
		enum sluice_drop reason;

		reason = flow_start(pkt, frontend, hash_flow4(&key), now_ns, &fresh);
		if (reason)
			return drop(reason);
		flow_count_start(&fresh, repicked, flow4_write(&key, &fresh));
		backend_id = fresh.backend_id;
		backend = bpf_map_lookup_elem(&backends, &backend_id);
		if (!backend)
			return drop(DROP_BAD_RING);
	}
	__builtin_memcpy(&addr, &backend->addr[12], sizeof(addr));
	if (!rewrite_dst4(pkt, addr, backend->port))
		return XDP_ABORTED;
	count_forwarded(pkt, frontend, backend_id);
	return XDP_PASS;
}

static __always_inline int forward6(struct pkt *pkt, const struct ipv6hdr *ip,
				    const struct frontend *frontend)
{
	struct flow6_key key = {
		.sport = pkt->sport,
		.dport = pkt->dport,
		.proto = pkt->proto,
	};
	__u64 now_ns = bpf_ktime_get_coarse_ns();
	struct backend *backend = NULL;
	struct flow fresh = {};
	struct flow *flow;
	__u32 backend_id;

	__builtin_memcpy(key.saddr, &ip->saddr, sizeof(key.saddr));
	__builtin_memcpy(key.daddr, &ip->daddr, sizeof(key.daddr));
	flow = bpf_map_lookup_elem(&flows6, &key);
	if (flow && flow_is_current(pkt, flow, now_ns)) {
		backend_id = flow->backend_id;
		backend = bpf_map_lookup_elem(&backends, &backend_id);
	}
	if (backend && flow_has_backend(flow, frontend, backend)) {
		if (flow_advance(pkt, flow, now_ns)) {
			fresh = *flow;
			flow6_write(&key, &fresh);
		}
	} else {
		bool repicked = backend != NULL;
		enum sluice_drop reason;

		reason = flow_start(pkt, frontend, hash_flow6(&key), now_ns, &fresh);
		if (reason)
			return drop(reason);
		flow_count_start(&fresh, repicked, flow6_write(&key, &fresh));
		backend_id = fresh.backend_id;
		backend = bpf_map_lookup_elem(&backends, &backend_id);
		if (!backend)
			return drop(DROP_BAD_RING);
	}
	if (!rewrite_dst6(pkt, backend->addr, backend->port))
		return XDP_ABORTED;
	count_forwarded(pkt, frontend, backend_id);
	return XDP_PASS;
}

static __always_inline int ingress4(struct pkt *pkt)
{
	const struct iphdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	enum sluice_drop reason = DROP_UNKNOWN_PORT;
	struct frontend4_key key = {};
	struct frontend *frontend;
	enum parse_result result;
	__u32 address[4] = {};

	if (!ip)
		return pass_not_ours();
	address[2] = bpf_htonl(0xffff);
	address[3] = ip->daddr;
	if (!filter_has(address))
		return pass_not_ours();
	result = pkt_parse4(pkt, ip, pkt->data_end - (void *)ip, &reason);
	if (result == PARSE_OTHER)
		return pass_not_ours();
	key.addr = ip->daddr;
	if (result == PARSE_L4) {
		key.port = pkt->dport;
		key.proto = pkt->proto;
		frontend = bpf_map_lookup_elem(&frontends4, &key);
		if (frontend && frontend->kind == FRONTEND_L4)
			return forward4(pkt, ip, frontend);
		if (frontend)
			return pass_http(pkt, frontend);
		key.port = 0;
		key.proto = 0;
	}
	return refuse(bpf_map_lookup_elem(&frontends4, &key), reason);
}

static __always_inline int ingress6(struct pkt *pkt)
{
	const struct ipv6hdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	enum sluice_drop reason = DROP_UNKNOWN_PORT;
	struct frontend6_key key = {};
	struct frontend *frontend;
	enum parse_result result;

	if (!ip)
		return pass_not_ours();
	if (!filter_has((const __u32 *)&ip->daddr))
		return pass_not_ours();
	result = pkt_parse6(pkt, ip, pkt->data_end - (void *)ip, &reason);
	if (result == PARSE_OTHER)
		return pass_not_ours();
	__builtin_memcpy(key.addr, &ip->daddr, sizeof(key.addr));
	if (result == PARSE_L4) {
		key.port = pkt->dport;
		key.proto = pkt->proto;
		frontend = bpf_map_lookup_elem(&frontends6, &key);
		if (frontend && frontend->kind == FRONTEND_L4)
			return forward6(pkt, ip, frontend);
		if (frontend)
			return pass_http(pkt, frontend);
		key.port = 0;
		key.proto = 0;
	}
	return refuse(bpf_map_lookup_elem(&frontends6, &key), reason);
}

SEC("xdp")
int xdp_ingress(struct xdp_md *ctx)
{
	struct pkt pkt = {
		.data = (void *)(long)ctx->data,
		.data_end = (void *)(long)ctx->data_end,
	};
	__be16 type = pkt_parse_ethernet(&pkt);

	if (type == bpf_htons(ETH_P_IP))
		return ingress4(&pkt);
	if (type == bpf_htons(ETH_P_IPV6)) {
		int verdict = announce_nd(ctx, &pkt);

		return verdict < 0 ? ingress6(&pkt) : verdict;
	}
	if (type == bpf_htons(ETH_P_ARP))
		return announce_arp(ctx, &pkt);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
