/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * icmp_in.tmpl.h - ICMP that comes in, of one family
 */

/* Sends a translated error on. @to: new addresses of it; those inside are in @inner. */
static __always_inline int F(icmp, _forward)(struct xdp_md *ctx, struct pkt *pkt,
					     const struct quote *quote, const ENDS *to,
					     const ENDS *inner)
{
	IP_HEADER *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	struct hop hop = {};
	int how;

	if (!ip || IP_TTL(ip) <= 1)
		return drop_packet(ctx, DROP_TTL);
	ADDR_TO_16(hop.daddr, to->daddr);
	ADDR_TO_16(hop.saddr, to->saddr);
	hop.bytes = F(ip, _bytes)(ip);
	how = hop_find(ctx, &hop);
	if (how < 0 || how == HOP_TOO_BIG)
		return drop_packet(ctx, how < 0 ? -how : DROP_TOO_BIG);
	if (!F(icmp, _translate)(pkt, quote, to, inner))
		return drop_packet(ctx, DROP_SHORT_L4);
	F(ip, _forwarded)(ip, 0);
	count_stat(STAT_ICMP_TRANSLATED);
	return send_to(ctx, &hop, how, pkt->l3_off_bytes);
}

/* An error about a reply that left with the frontend's address: to the pod. @key: of the flow. */
static __always_inline int F(error_to_pod, )(struct xdp_md *ctx, struct pkt *pkt,
					     const struct quote *quote, const FLOW_KEY *key,
					     const struct frontend *frontend)
{
	const IP_HEADER *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	const struct node_config *config = node();
	const struct backend *backend;
	ENDS outer, inner;
	__be16 source_port;
	__u32 backend_id;
	enum flow_way way;

	backend_id = F(flow, _of_error)(key, frontend, &source_port);
	backend = bpf_map_lookup_elem(&backends, &backend_id);
	if (!ip || !config || !backend || !backend_id)
		return drop_packet(ctx, DROP_ICMP_UNMATCHED);
	way = backend_way(backend, config, F(NODE_F_SNAT, ));
	if (way == WAY_DSR)
		return todo_later(TODO_TUNNEL, pkt->l3_off_bytes, 0, backend_id,
				  F(hash_flow, )(key));
	ADDR_KEEP(router, HEADER_ADDR(ip->saddr));
	inner.saddr = ADDR_OF_16(backend->addr);
	inner.sport = backend->port;
	inner.daddr = way == WAY_SNAT ? F(config->addr, ) : key->saddr;
	inner.dport = source_port ? source_port : key->sport;
	outer.daddr = inner.saddr;
	outer.saddr = way == WAY_SNAT ? F(config->addr, ) : router;
	if (way == WAY_SNAT)
		return source_port ? F(icmp, _forward)(ctx, pkt, quote, &outer, &inner)
				   : drop_packet(ctx, DROP_ICMP_UNMATCHED);
	if (!F(icmp, _translate)(pkt, quote, &outer, &inner))
		return drop_packet(ctx, DROP_SHORT_L4);
	count_stat(STAT_ICMP_TRANSLATED);
	return XDP_PASS;
}

/* An error about a packet that source NAT sent to a pod of another node: to the client. */
static __always_inline int F(error_to_client, )(struct xdp_md *ctx, struct pkt *pkt,
						const struct quote *quote, const NAT *nat)
{
	ENDS outer = { .saddr = nat->frontend_addr, .daddr = nat->client_addr };
	ENDS inner = {
		.saddr = nat->client_addr,
		.sport = nat->client_port,
		.daddr = nat->frontend_addr,
		.dport = nat->frontend_port,
	};

	return F(icmp, _forward)(ctx, pkt, quote, &outer, &inner);
}

/**
 * icmp4_in, icmp6_in - an ICMP packet, not a later fragment, whose destination may be a frontend's
 * @l4_off_bytes: where its ICMP header begins
 * @flags: enum pick_flag
 * Return: verdict, TODO_TUNNEL or TODO_TUNNEL_ERROR.
 */
__noinline int F(icmp, _in)(struct xdp_md *ctx, __u32 l3_off_bytes, __u32 l4_off_bytes, __u32 flags)
{
	struct pkt pkt = pkt_of(ctx, l3_off_bytes);
	struct icmp_head *icmp = pkt_at(&pkt, l4_off_bytes, sizeof(*icmp));
	IP_HEADER *ip = pkt_at(&pkt, l3_off_bytes, sizeof(*ip));
	const struct node_config *config = node();
	struct F(frontend, _key) address = {};
	const struct frontend *frontend;
	const NAT *nat;
	FLOW_KEY turned = {};
	struct quote quote;
	bool is_own, is_l4;
	int what;

	if (!ip || !icmp || !config)
		return XDP_PASS;
	ADDR_PUT(address.addr, HEADER_ADDR(ip->daddr));
	frontend = bpf_map_lookup_elem(&F(frontends, ), &address);
	is_own = frontend && !(frontend->flags & FRONTEND_F_PASS_OTHER_PORTS);
	pkt.l4_off_bytes = l4_off_bytes;
	if (frontend && config->flags & F(NODE_F_DENYLIST, ) &&
	    F(source, _is_denied)(HEADER_ADDR(ip->saddr)))
		return drop_packet(ctx, DROP_DENIED);
	if (flags && !F(icmp, _is_error)(icmp->type))
		return drop_packet(ctx, DROP_BAD_TUNNEL);
	/* The stack, which has a route to the address, puts the parts of a large one together. */
	if (icmp->type == F(ICMP, _ECHO_REQUEST))
		return is_own && !F(ip, _is_fragment)(ip) ? F(echo, )(ctx, ip, icmp) : XDP_PASS;
	if (!F(icmp, _is_error)(icmp->type))
		return XDP_PASS;
	is_l4 = F(quote, _parse)(&pkt, &quote, &turned) && ADDR_EQUAL(turned.daddr, address.addr);
	nat = is_l4 ? F(reply, _find)(&turned, bpf_ktime_get_coarse_ns()) : NULL;
	if (nat)
		return F(error_to_client, )(ctx, &pkt, &quote, nat);
	what = F(tunnel_error, )(&pkt, icmp, config);
	if (what)
		return what;
	if (!is_l4)
		return XDP_PASS;
	address.port = turned.dport;
	address.proto = turned.proto;
	frontend = bpf_map_lookup_elem(&F(frontends, ), &address);
	if (!frontend)
		return is_own ? drop_packet(ctx, DROP_ICMP_UNMATCHED) : XDP_PASS;
	if (frontend->kind != FRONTEND_L4)
		return XDP_PASS;
	return F(error_to_pod, )(ctx, &pkt, &quote, &turned, frontend);
}
