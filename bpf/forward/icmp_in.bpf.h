/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * icmp_in.bpf.h - ICMP to an address of a frontend, or of this node: echo is answered for frontends,
 * errors are translated and follow the flow that they are about
 */
#ifndef SLUICE_ICMP_IN_BPF_H
#define SLUICE_ICMP_IN_BPF_H

#include "forward/tunnel_error.bpf.h"

/* Sends a translated error on. @to: new addresses of it; those inside are in @inner. */
static __always_inline int icmp4_forward(struct xdp_md *ctx, struct pkt *pkt,
					 const struct quote *quote, const struct ends4 *to,
					 const struct ends4 *inner)
{
	struct iphdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	struct hop hop = {};
	int how;

	if (!ip || ip->ttl <= 1)
		return drop_packet(ctx, DROP_TTL);
	addr_from_v4(hop.daddr, to->daddr);
	addr_from_v4(hop.saddr, to->saddr);
	hop.bytes = bpf_ntohs(ip->tot_len);
	how = hop_find(ctx, &hop);
	if (how < 0 || how == HOP_TOO_BIG)
		return drop_packet(ctx, how < 0 ? -how : DROP_TOO_BIG);
	if (!icmp4_translate(pkt, quote, to, inner))
		return drop_packet(ctx, DROP_SHORT_L4);
	rewrite_ttl4(ip);
	count_stat(STAT_ICMP_TRANSLATED);
	return send_to(ctx, &hop, how, pkt->l3_off_bytes);
}

static __always_inline int icmp6_forward(struct xdp_md *ctx, struct pkt *pkt,
					 const struct quote *quote, const struct ends6 *to,
					 const struct ends6 *inner)
{
	struct ipv6hdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	struct hop hop = {};
	int how;

	if (!ip || ip->hop_limit <= 1)
		return drop_packet(ctx, DROP_TTL);
	__builtin_memcpy(hop.daddr, to->daddr, sizeof(hop.daddr));
	__builtin_memcpy(hop.saddr, to->saddr, sizeof(hop.saddr));
	hop.bytes = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	how = hop_find(ctx, &hop);
	if (how < 0 || how == HOP_TOO_BIG)
		return drop_packet(ctx, how < 0 ? -how : DROP_TOO_BIG);
	if (!icmp6_translate(pkt, quote, to, inner))
		return drop_packet(ctx, DROP_SHORT_L4);
	ip->hop_limit--;
	count_stat(STAT_ICMP_TRANSLATED);
	return send_to(ctx, &hop, how, pkt->l3_off_bytes);
}

/* An error about a reply that left with the frontend's address: to the pod. @key: of the flow. */
static __always_inline int error4_to_pod(struct xdp_md *ctx, struct pkt *pkt,
					 const struct quote *quote, const struct flow4_key *key,
					 const struct frontend *frontend)
{
	const struct iphdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	const struct node_config *config = node();
	const struct backend *backend;
	struct ends4 outer, inner;
	__be16 source_port;
	__u32 backend_id;
	enum flow_way way;

	backend_id = flow4_of_error(key, frontend, &source_port);
	backend = bpf_map_lookup_elem(&backends, &backend_id);
	if (!ip || !config || !backend || !backend_id)
		return drop_packet(ctx, DROP_ICMP_UNMATCHED);
	way = backend_way(backend, config, NODE_F_SNAT4);
	if (way == WAY_DSR)
		return todo_later(TODO_TUNNEL, pkt->l3_off_bytes, 0, backend_id, hash_flow4(key));
	__builtin_memcpy(&inner.saddr, &backend->addr[12], sizeof(inner.saddr));
	inner.sport = backend->port;
	inner.daddr = way == WAY_SNAT ? config->addr4 : key->saddr;
	inner.dport = source_port ? source_port : key->sport;
	outer.daddr = inner.saddr;
	outer.saddr = way == WAY_SNAT ? config->addr4 : ip->saddr;
	if (way == WAY_SNAT)
		return source_port ? icmp4_forward(ctx, pkt, quote, &outer, &inner)
				   : drop_packet(ctx, DROP_ICMP_UNMATCHED);
	if (!icmp4_translate(pkt, quote, &outer, &inner))
		return drop_packet(ctx, DROP_SHORT_L4);
	count_stat(STAT_ICMP_TRANSLATED);
	return XDP_PASS;
}

static __always_inline int error6_to_pod(struct xdp_md *ctx, struct pkt *pkt,
					 const struct quote *quote, const struct flow6_key *key,
					 const struct frontend *frontend)
{
	const struct ipv6hdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	const struct node_config *config = node();
	const struct backend *backend;
	struct ends6 outer, inner;
	__u8 router[16];
	__be16 source_port;
	__u32 backend_id;
	enum flow_way way;

	backend_id = flow6_of_error(key, frontend, &source_port);
	backend = bpf_map_lookup_elem(&backends, &backend_id);
	if (!ip || !config || !backend || !backend_id)
		return drop_packet(ctx, DROP_ICMP_UNMATCHED);
	way = backend_way(backend, config, NODE_F_SNAT6);
	if (way == WAY_DSR)
		return todo_later(TODO_TUNNEL, pkt->l3_off_bytes, 0, backend_id, hash_flow6(key));
	__builtin_memcpy(router, &ip->saddr, sizeof(router));
	inner.saddr = outer.daddr = backend->addr;
	inner.sport = backend->port;
	inner.daddr = way == WAY_SNAT ? config->addr6 : key->saddr;
	inner.dport = source_port ? source_port : key->sport;
	outer.saddr = way == WAY_SNAT ? config->addr6 : router;
	if (way == WAY_SNAT)
		return source_port ? icmp6_forward(ctx, pkt, quote, &outer, &inner)
				   : drop_packet(ctx, DROP_ICMP_UNMATCHED);
	if (!icmp6_translate(pkt, quote, &outer, &inner))
		return drop_packet(ctx, DROP_SHORT_L4);
	count_stat(STAT_ICMP_TRANSLATED);
	return XDP_PASS;
}

/* An error about a packet that source NAT sent to a pod of another node: to the client. */
static __always_inline int error4_to_client(struct xdp_md *ctx, struct pkt *pkt,
					    const struct quote *quote, const struct nat4 *nat)
{
	struct ends4 outer = { .saddr = nat->frontend_addr, .daddr = nat->client_addr };
	struct ends4 inner = {
		.saddr = nat->client_addr,
		.sport = nat->client_port,
		.daddr = nat->frontend_addr,
		.dport = nat->frontend_port,
	};

	return icmp4_forward(ctx, pkt, quote, &outer, &inner);
}

static __always_inline int error6_to_client(struct xdp_md *ctx, struct pkt *pkt,
					    const struct quote *quote, const struct nat6 *nat)
{
	struct ends6 outer = { .saddr = nat->frontend_addr, .daddr = nat->client_addr };
	struct ends6 inner = {
		.saddr = nat->client_addr,
		.sport = nat->client_port,
		.daddr = nat->frontend_addr,
		.dport = nat->frontend_port,
	};

	return icmp6_forward(ctx, pkt, quote, &outer, &inner);
}

/**
 * icmp4_in - an ICMP packet, not a later fragment, whose destination may be a frontend's
 * @l4_off_bytes: where its ICMP header begins
 * Return: verdict, TODO_TUNNEL or TODO_TUNNEL_ERROR.
 */
__noinline int icmp4_in(struct xdp_md *ctx, __u32 l3_off_bytes, __u32 l4_off_bytes)
{
	struct pkt pkt = pkt_of(ctx, l3_off_bytes);
	struct frontend4_key address = {}, port = {};
	struct icmp_head *icmp = pkt_at(&pkt, l4_off_bytes, sizeof(*icmp));
	struct iphdr *ip = pkt_at(&pkt, l3_off_bytes, sizeof(*ip));
	const struct node_config *config = node();
	const struct frontend *frontend;
	struct flow4_key turned = {};
	const struct nat4 *nat;
	struct quote quote;
	bool is_own, is_l4;
	int what;

	if (!ip || !icmp || !config)
		return XDP_PASS;
	address.addr = ip->daddr;
	frontend = bpf_map_lookup_elem(&frontends4, &address);
	is_own = frontend && !(frontend->flags & FRONTEND_F_PASS_OTHER_PORTS);
	pkt.l4_off_bytes = l4_off_bytes;
	if (icmp->type == ICMP_ECHO_REQUEST)
		return is_own ? echo4(ctx, ip, icmp) : XDP_PASS;
	if (!icmp4_is_error(icmp->type))
		return XDP_PASS;
	is_l4 = quote4_parse(&pkt, &quote, &turned) && turned.daddr == ip->daddr;
	nat = is_l4 ? bpf_map_lookup_elem(&nat4, &turned) : NULL;
	if (nat)
		return error4_to_client(ctx, &pkt, &quote, nat);
	what = tunnel_error4(&pkt, icmp, config);
	if (what)
		return what;
	if (!is_l4)
		return XDP_PASS;
	port.addr = turned.daddr;
	port.port = turned.dport;
	port.proto = turned.proto;
	frontend = bpf_map_lookup_elem(&frontends4, &port);
	if (!frontend)
		return is_own ? drop_packet(ctx, DROP_ICMP_UNMATCHED) : XDP_PASS;
	if (frontend->kind != FRONTEND_L4)
		return XDP_PASS;
	return error4_to_pod(ctx, &pkt, &quote, &turned, frontend);
}

__noinline int icmp6_in(struct xdp_md *ctx, __u32 l3_off_bytes, __u32 l4_off_bytes)
{
	struct pkt pkt = pkt_of(ctx, l3_off_bytes);
	struct icmp_head *icmp = pkt_at(&pkt, l4_off_bytes, sizeof(*icmp));
	struct ipv6hdr *ip = pkt_at(&pkt, l3_off_bytes, sizeof(*ip));
	struct frontend6_key address = {};
	const struct node_config *config = node();
	const struct frontend *frontend;
	struct flow6_key turned = {};
	const struct nat6 *nat;
	struct quote quote;
	bool is_own, is_l4;
	int what;

	if (!ip || !icmp || !config)
		return XDP_PASS;
	__builtin_memcpy(address.addr, &ip->daddr, sizeof(address.addr));
	frontend = bpf_map_lookup_elem(&frontends6, &address);
	is_own = frontend && !(frontend->flags & FRONTEND_F_PASS_OTHER_PORTS);
	pkt.l4_off_bytes = l4_off_bytes;
	if (icmp->type == ICMP6_ECHO_REQUEST)
		return is_own ? echo6(ctx, ip, icmp) : XDP_PASS;
	if (!icmp6_is_error(icmp->type))
		return XDP_PASS;
	is_l4 = quote6_parse(&pkt, &quote, &turned) && addr_equal(turned.daddr, address.addr);
	nat = is_l4 ? bpf_map_lookup_elem(&nat6, &turned) : NULL;
	if (nat)
		return error6_to_client(ctx, &pkt, &quote, nat);
	what = tunnel_error6(&pkt, icmp, config);
	if (what)
		return what;
	if (!is_l4)
		return XDP_PASS;
	address.port = turned.dport;
	address.proto = turned.proto;
	frontend = bpf_map_lookup_elem(&frontends6, &address);
	if (!frontend)
		return is_own ? drop_packet(ctx, DROP_ICMP_UNMATCHED) : XDP_PASS;
	if (frontend->kind != FRONTEND_L4)
		return XDP_PASS;
	return error6_to_pod(ctx, &pkt, &quote, &turned, frontend);
}

#endif /* SLUICE_ICMP_IN_BPF_H */
