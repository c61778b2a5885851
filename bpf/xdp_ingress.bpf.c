// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * xdp_ingress - every packet that arrives on an interface of Sluice
 *
 * One load tells that a destination is no frontend; such a packet passes untouched, whatever it is.
 * Packets to an l4 frontend get the address of a pod of this node and go up the stack, or are sent to
 * the node of their pod; those to an http frontend go up as they are, to be steered by sk_lookup.
 *
 *   packet.bpf.h   where the headers are        flow.bpf.h      which backend, which source port
 *   fragment.bpf.h ports of later fragments     remote.bpf.h    source NAT, and its undoing
 *   protect.bpf.h  who may come                 tunnel.bpf.h    encapsulation, and its end
 *   icmp_in.bpf.h  pings and errors             reset.bpf.h     flows whose backend has gone
 *   tunnel_error.bpf.h  a tunnel that does not fit on its way
 *   judge.bpf.h    what a packet comes to       todo.bpf.h      what is left to do then
 *   deliver.bpf.h  up the stack to a pod        short.bpf.h     what nearly every packet takes
 *   ctx.bpf.h      what is otherwise in TC                      instead of all of it
 */
#include "node/announce.bpf.h"
#include "forward/deliver.bpf.h"
#include "packet/fragment.bpf.h"
#include "forward/icmp_in.bpf.h"
#include "flow/judge.bpf.h"
#include "forward/reset.bpf.h"

/* ---- IPv4 ------------------------------------------------------------------------------------- */

static __always_inline int send4(struct xdp_md *ctx, struct pkt *pkt, const struct flow4_key *key,
				 const struct backend *backend, __u32 backend_id,
				 __be16 source_port, enum flow_way way)
{
	if (unlikely(way == WAY_SNAT))
		return todo_later(TODO_SNAT4, pkt->l3_off_bytes, 0, backend_id, source_port);
	if (unlikely(way == WAY_DSR))
		return todo_later(TODO_TUNNEL, pkt->l3_off_bytes, 0, backend_id, hash_flow4(key));
	return deliver4(pkt, backend, backend_id, source_port);
}

/* @epoch: frontends_epoch(), from before the frontend was looked up; @flags: enum pick_flag. */
static __always_inline int forward4(struct xdp_md *ctx, struct pkt *pkt, const struct iphdr *ip,
				    const struct frontend *frontend,
				    const struct node_config *config, __u32 epoch, __u32 flags)
{
	struct flow4_key key = {
		.saddr = ip->saddr,
		.daddr = ip->daddr,
		.sport = pkt->sport,
		.dport = pkt->dport,
		.proto = pkt->proto,
	};
	__u64 now_ns = bpf_ktime_get_coarse_ns();
	struct flow *flow = NULL, fresh = { .frontends_epoch = epoch };
	struct backend *backend = NULL;
	__u32 backend_id = 0;
	enum sluice_drop reason;
	bool repicked = false;
	enum flow_way way;
	int err;

	/* A SYN begins a connection, whatever had its 5-tuple before: the table is not asked. */
	if (likely(!pkt_is_syn(pkt)))
		flow = bpf_map_lookup_elem(&flows4, &key);
	if (flow && flow_is_current(pkt, flow, now_ns)) {
		backend_id = flow->backend_id;
		backend = bpf_map_lookup_elem(&backends, &backend_id);
		if (backend && flags & PICK_F_LOCAL && !(backend->flags & BACKEND_F_LOCAL))
			backend = NULL;
		else
			repicked = true;
	}
	if (likely(flow && backend && flow_has_backend(flow, frontend, backend))) {
		fresh.source_port = flow->source_port;
		/* The reverse entry is used by replies alone: kept from ageing here. */
		if (unlikely(flow_advance(pkt, flow, now_ns))) {
			fresh = *flow;
			flow4_write(&key, &fresh, now_ns);
		}
		flow->frontends_epoch = epoch;
		way = backend_way(backend, config, NODE_F_SNAT4);
	} else {
		if (repicked && pkt->proto == IPPROTO_TCP)
			return todo_later(TODO_RESET4, pkt->l3_off_bytes, 0, 0, 0);
		reason = flow4_new(&key, frontend, flags, pkt->tcp_flags, now_ns, &fresh, &backend);
		if (reason)
			return drop_packet(ctx, reason);
		backend_id = fresh.backend_id;
		way = backend_way(backend, config, NODE_F_SNAT4);
		err = flow_limit_allows(config, now_ns) ? flow4_write(&key, &fresh, now_ns)
							: -ENOSPC;
		reason = flow_written(&fresh, way, repicked, err);
		if (reason)
			return drop_packet(ctx, reason);
	}
	count_forwarded(pkt, frontend, backend_id);
	return send4(ctx, pkt, &key, backend, backend_id, fresh.source_port, way);
}

static __always_inline bool reply4_is_ours(const struct pkt *pkt, const struct iphdr *ip)
{
	struct flow4_key key = {
		.saddr = ip->saddr,
		.daddr = ip->daddr,
		.sport = pkt->sport,
		.dport = pkt->dport,
		.proto = pkt->proto,
	};

	return bpf_map_lookup_elem(&nat4, &key) != NULL;
}

/* What is neither TCP nor UDP. */
static __always_inline int other4(struct xdp_md *ctx, const struct pkt *pkt, bool to_node,
				  __u32 flags)
{
	if (pkt->fragment == FRAGMENT_LATER)
		return pass_not_ours();
	if (pkt->proto == IPPROTO_ICMP)
		return todo_later(TODO_ICMP4, pkt->l3_off_bytes, pkt->l4_off_bytes, 0, 0);
	if ((pkt->proto == IPPROTO_IPIP || pkt->proto == IPPROTO_IPV6) && to_node && !flags &&
	    tunnel_open(ctx, pkt->l4_off_bytes))
		return TODO_AGAIN;
	return pass_not_ours();
}

/* A packet whose destination a frontend, or this node, may have. */
__noinline int ingress4(struct xdp_md *ctx, __u32 l3_off_bytes, __u32 flags)
{
	struct pkt pkt = pkt_of(ctx, l3_off_bytes);
	const struct iphdr *ip = pkt_at(&pkt, l3_off_bytes, sizeof(*ip));
	const struct node_config *config = node();
	enum sluice_drop reason = DROP_UNKNOWN_PORT;
	struct frontend4_key key = {};
	struct frontend *frontend;
	enum parse_result result;
	bool to_node;
	__u32 epoch;

	if (!ip || !config)
		return pass_not_ours();
	epoch = frontends_epoch(config);
	key.addr = ip->daddr;
	result = pkt_parse4(&pkt, ip, frame_bytes_from(ctx, &pkt, ip), &reason);
	to_node = config->addr4 && ip->daddr == config->addr4;
	if (result == PARSE_OTHER)
		return other4(ctx, &pkt, to_node, flags);
	if (unlikely(pkt.fragment) && result != PARSE_BAD &&
	    !fragment4(&pkt, ip->saddr, ip->daddr)) {
		result = PARSE_BAD;
		reason = DROP_FRAGMENT;
	}
	if (unlikely(to_node) && result != PARSE_BAD) {
		if (is_source_port(config, pkt.dport) && reply4_is_ours(&pkt, ip))
			return todo_later(TODO_UNSNAT4, l3_off_bytes, 0, 0,
					  (__u32)pkt.sport << 16 | pkt.dport);
		if (is_gue(&pkt, config) && !flags &&
		    tunnel_open(ctx, pkt.l4_off_bytes + sizeof(struct udphdr)))
			return TODO_AGAIN;
		/* It may move the packet. */
		pkt.data = (void *)(long)ctx->data;
		pkt.data_end = (void *)(long)ctx->data_end;
		ip = pkt_at(&pkt, l3_off_bytes, sizeof(*ip));
		if (!ip)
			return pass_not_ours();
	}
	if (likely(result != PARSE_BAD)) {
		key.port = pkt.dport;
		key.proto = pkt.proto;
		frontend = bpf_map_lookup_elem(&frontends4, &key);
		if (frontend && config->flags & NODE_F_DENYLIST4 && source4_is_denied(ip->saddr))
			return drop_packet(ctx, DROP_DENIED);
		if (frontend && frontend->kind == FRONTEND_L4)
			return forward4(ctx, &pkt, ip, frontend, config, epoch, flags);
		if (frontend)
			return pass_http(&pkt, frontend);
		key.port = 0;
		key.proto = 0;
	}
	return refuse(ctx, bpf_map_lookup_elem(&frontends4, &key), config, reason);
}

/* ---- IPv6 ------------------------------------------------------------------------------------- */

static __always_inline int send6(struct xdp_md *ctx, struct pkt *pkt, const struct flow6_key *key,
				 const struct backend *backend, __u32 backend_id,
				 __be16 source_port, enum flow_way way)
{
	if (unlikely(way == WAY_SNAT))
		return todo_later(TODO_SNAT6, pkt->l3_off_bytes, 0, backend_id, source_port);
	if (unlikely(way == WAY_DSR))
		return todo_later(TODO_TUNNEL, pkt->l3_off_bytes, 0, backend_id, hash_flow6(key));
	return deliver6(pkt, backend, backend_id, source_port);
}

static __always_inline int forward6(struct xdp_md *ctx, struct pkt *pkt, const struct ipv6hdr *ip,
				    const struct frontend *frontend,
				    const struct node_config *config, __u32 epoch, __u32 flags)
{
	struct flow6_key key = {
		.sport = pkt->sport,
		.dport = pkt->dport,
		.proto = pkt->proto,
	};
	__u64 now_ns = bpf_ktime_get_coarse_ns();
	struct backend *backend = NULL;
	struct flow *flow = NULL, fresh = { .frontends_epoch = epoch };
	__u32 backend_id = 0;
	enum sluice_drop reason;
	bool repicked = false;
	enum flow_way way;
	int err;

	__builtin_memcpy(key.saddr, &ip->saddr, sizeof(key.saddr));
	__builtin_memcpy(key.daddr, &ip->daddr, sizeof(key.daddr));
	if (likely(!pkt_is_syn(pkt)))
		flow = bpf_map_lookup_elem(&flows6, &key);
	if (flow && flow_is_current(pkt, flow, now_ns)) {
		backend_id = flow->backend_id;
		backend = bpf_map_lookup_elem(&backends, &backend_id);
		if (backend && flags & PICK_F_LOCAL && !(backend->flags & BACKEND_F_LOCAL))
			backend = NULL;
		else
			repicked = true;
	}
	if (likely(flow && backend && flow_has_backend(flow, frontend, backend))) {
		fresh.source_port = flow->source_port;
		if (unlikely(flow_advance(pkt, flow, now_ns))) {
			fresh = *flow;
			flow6_write(&key, &fresh, now_ns);
		}
		flow->frontends_epoch = epoch;
		way = backend_way(backend, config, NODE_F_SNAT6);
	} else {
		if (repicked && pkt->proto == IPPROTO_TCP)
			return todo_later(TODO_RESET6, pkt->l3_off_bytes, 0, 0, 0);
		reason = flow6_begin(&key, frontend, flags << 8 | pkt->tcp_flags, now_ns, &fresh);
		if (reason)
			return drop_packet(ctx, reason);
		backend_id = fresh.backend_id;
		backend = bpf_map_lookup_elem(&backends, &backend_id);
		if (!backend)
			return drop_packet(ctx, DROP_BAD_RING);
		way = backend_way(backend, config, NODE_F_SNAT6);
		err = flow_limit_allows(config, now_ns) ? flow6_write(&key, &fresh, now_ns)
							: -ENOSPC;
		reason = flow_written(&fresh, way, repicked, err);
		if (reason)
			return drop_packet(ctx, reason);
	}
	count_forwarded(pkt, frontend, backend_id);
	return send6(ctx, pkt, &key, backend, backend_id, fresh.source_port, way);
}

static __always_inline bool reply6_is_ours(const struct pkt *pkt, const struct ipv6hdr *ip)
{
	struct flow6_key key = {
		.sport = pkt->sport,
		.dport = pkt->dport,
		.proto = pkt->proto,
	};

	__builtin_memcpy(key.saddr, &ip->saddr, sizeof(key.saddr));
	__builtin_memcpy(key.daddr, &ip->daddr, sizeof(key.daddr));
	return bpf_map_lookup_elem(&nat6, &key) != NULL;
}

static __always_inline int other6(struct xdp_md *ctx, const struct pkt *pkt, bool to_node,
				  __u32 flags)
{
	if (pkt->fragment == FRAGMENT_LATER)
		return pass_not_ours();
	if (pkt->proto == NEXTHDR_ICMPV6)
		return todo_later(TODO_ICMP6, pkt->l3_off_bytes, pkt->l4_off_bytes, 0, 0);
	if ((pkt->proto == IPPROTO_IPIP || pkt->proto == IPPROTO_IPV6) && to_node && !flags &&
	    tunnel_open(ctx, pkt->l4_off_bytes))
		return TODO_AGAIN;
	return pass_not_ours();
}

__noinline int ingress6(struct xdp_md *ctx, __u32 l3_off_bytes, __u32 flags)
{
	struct pkt pkt = pkt_of(ctx, l3_off_bytes);
	const struct ipv6hdr *ip = pkt_at(&pkt, l3_off_bytes, sizeof(*ip));
	const struct node_config *config = node();
	enum sluice_drop reason = DROP_UNKNOWN_PORT;
	struct frontend6_key key = {};
	struct frontend *frontend;
	enum parse_result result;
	bool to_node;
	__u32 epoch;

	if (!ip || !config)
		return pass_not_ours();
	epoch = frontends_epoch(config);
	__builtin_memcpy(key.addr, &ip->daddr, sizeof(key.addr));
	result = pkt_parse6(&pkt, ip, frame_bytes_from(ctx, &pkt, ip), &reason);
	to_node = config->flags & NODE_F_SNAT6 && addr_equal(key.addr, config->addr6);
	if (result == PARSE_OTHER)
		return other6(ctx, &pkt, to_node, flags);
	if (unlikely(pkt.fragment) && result != PARSE_BAD && !fragment6(&pkt, ip)) {
		result = PARSE_BAD;
		reason = DROP_FRAGMENT;
	}
	if (unlikely(to_node) && result != PARSE_BAD) {
		if (is_source_port(config, pkt.dport) && reply6_is_ours(&pkt, ip))
			return todo_later(TODO_UNSNAT6, l3_off_bytes, 0, 0,
					  (__u32)pkt.sport << 16 | pkt.dport);
		if (is_gue(&pkt, config) && !flags &&
		    tunnel_open(ctx, pkt.l4_off_bytes + sizeof(struct udphdr)))
			return TODO_AGAIN;
		pkt.data = (void *)(long)ctx->data;
		pkt.data_end = (void *)(long)ctx->data_end;
		ip = pkt_at(&pkt, l3_off_bytes, sizeof(*ip));
		if (!ip)
			return pass_not_ours();
	}
	if (likely(result != PARSE_BAD)) {
		key.port = pkt.dport;
		key.proto = pkt.proto;
		frontend = bpf_map_lookup_elem(&frontends6, &key);
		if (frontend && config->flags & NODE_F_DENYLIST6 && source6_is_denied(&ip->saddr))
			return drop_packet(ctx, DROP_DENIED);
		if (frontend && frontend->kind == FRONTEND_L4)
			return forward6(ctx, &pkt, ip, frontend, config, epoch, flags);
		if (frontend)
			return pass_http(&pkt, frontend);
		key.port = 0;
		key.proto = 0;
	}
	return refuse(ctx, bpf_map_lookup_elem(&frontends6, &key), config, reason);
}

/* ---- all --------------------------------------------------------------------------------------- */

static __always_inline int ingress(struct xdp_md *ctx, __u32 flags)
{
	struct pkt pkt = {
		.data = (void *)(long)ctx->data,
		.data_end = (void *)(long)ctx->data_end,
	};
	__be16 type = pkt_parse_ethernet(&pkt);

	if (type == bpf_htons(ETH_P_IP)) {
		const struct iphdr *ip = pkt_at(&pkt, pkt.l3_off_bytes, sizeof(*ip));
		__u32 address[4] = {};

		if (!ip)
			return pass_not_ours();
		address[2] = bpf_htonl(0xffff);
		address[3] = ip->daddr;
		if (!filter_has(address))
			return pass_not_ours();
		if (HAS_SHORT_WAY && !flags && likely(pkt.l3_off_bytes == sizeof(struct ethhdr))) {
			int verdict = short4(ctx);

			if (likely(verdict != LONG_WAY))
				return verdict;
		}
		return ingress4(ctx, pkt.l3_off_bytes, flags);
	}
	if (type == bpf_htons(ETH_P_IPV6)) {
		const struct ipv6hdr *ip = pkt_at(&pkt, pkt.l3_off_bytes, sizeof(*ip));

		if (!ip)
			return pass_not_ours();
		if (unlikely(ip->nexthdr == NEXTHDR_ICMPV6)) {
			int verdict = announce_nd(ctx, pkt.l3_off_bytes);

			if (verdict >= 0)
				return verdict;
			/* A global function may have moved the packet, as far as is known. */
			pkt.data = (void *)(long)ctx->data;
			pkt.data_end = (void *)(long)ctx->data_end;
			ip = pkt_at(&pkt, pkt.l3_off_bytes, sizeof(*ip));
			if (!ip)
				return pass_not_ours();
		}
		if (!filter_has((const __u32 *)&ip->daddr))
			return pass_not_ours();
		if (HAS_SHORT_WAY && !flags && likely(pkt.l3_off_bytes == sizeof(struct ethhdr))) {
			int verdict = short6(ctx);

			if (likely(verdict != LONG_WAY))
				return verdict;
		}
		return ingress6(ctx, pkt.l3_off_bytes, flags);
	}
	if (type == bpf_htons(ETH_P_ARP) && announce_is_on())
		return announce_arp(ctx, pkt.l3_off_bytes);
	return XDP_PASS;
}

/* Does what was left to do. Returns the verdict. */
static __always_inline int finish(struct xdp_md *ctx, int what)
{
	const struct cpu_state *state = todo_state();
	__u32 l3_off_bytes, backend_id, word;

	if (!state)
		return XDP_ABORTED;
	l3_off_bytes = state->l3_off_bytes;
	if (what == TODO_ICMP4)
		what = icmp4_in(ctx, l3_off_bytes, state->l4_off_bytes);
	else if (what == TODO_ICMP6)
		what = icmp6_in(ctx, l3_off_bytes, state->l4_off_bytes);
	backend_id = state->backend_id;
	word = state->word;
	switch (what) {
	case TODO_SNAT4:
		return snat4(ctx, l3_off_bytes, backend_id, word);
	case TODO_SNAT6:
		return snat6(ctx, l3_off_bytes, backend_id, word);
	case TODO_UNSNAT4:
		return unsnat4(ctx, l3_off_bytes, word);
	case TODO_UNSNAT6:
		return unsnat6(ctx, l3_off_bytes, word);
	case TODO_TUNNEL:
		return tunnel_send(ctx, l3_off_bytes, backend_id, word);
	case TODO_TUNNEL_ERROR:
		return tunnel_error(ctx, state->l3_off_bytes, state->l4_off_bytes, word);
	case TODO_RESET4:
		return reset4(ctx, l3_off_bytes);
	case TODO_RESET6:
		return reset6(ctx, l3_off_bytes);
	default:
		return deliver_finish(ctx, what, l3_off_bytes, backend_id, word);
	}
}

#ifndef SLUICE_TC /* else the program is in tc_l4.bpf.c */

SEC("xdp")
int xdp_ingress(struct xdp_md *ctx)
{
	int verdict = ingress(ctx, 0);

	if (likely(verdict >= 0))
		return verdict;
	if (verdict == TODO_AGAIN)
		verdict = ingress(ctx, PICK_F_LOCAL);
	return verdict >= 0 ? verdict : finish(ctx, verdict);
}

#endif /* SLUICE_TC */

char _license[] SEC("license") = "Dual BSD/GPL";
