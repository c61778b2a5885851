/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * remote.tmpl.h - source NAT and its reply, for one family
 */

/* Sends a parsed packet on with other ends, one hop less. Return: verdict; TODO_ERROR4,
 * TODO_ERROR6. */
static __always_inline int F(forward_to, )(struct xdp_md *ctx, struct pkt *pkt, const ENDS *to)
{
	IP_HEADER *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	struct hop hop = {};
	int how;

	if (!ip)
		return drop_packet(ctx, DROP_SHORT_L3);
	if (IP_TTL(ip) <= 1)
		return todo_later(F(TODO_ERROR, ), pkt->l3_off_bytes, DROP_TTL, F(ICMP, _EXPIRED),
				  0);
	ADDR_TO_16(hop.daddr, to->daddr);
	ADDR_TO_16(hop.saddr, to->saddr);
	hop.bytes = F(ip, _bytes)(ip);
	how = hop_find(ctx, &hop);
	if (how < 0)
		return drop_packet(ctx, -how);
	if (how == HOP_TOO_BIG)
		return todo_later(F(TODO_ERROR, ), pkt->l3_off_bytes, DROP_TOO_BIG, F(ICMP, _FRAG),
				  hop.mtu_bytes);
	if (unlikely(pkt->fragment) && !F(fragment, _renumber)(pkt, ip))
		return drop_packet(ctx, DROP_FRAGMENT);
	if (!F(rewrite_forwarded, )(ctx, pkt, to))
		return drop_packet(ctx, DROP_SHORT_L4);
	return send_to(ctx, &hop, how, pkt->l3_off_bytes);
}

/* Parses again: a global function is given no packet pointers. False: it was whole a moment ago. */
static __always_inline bool F(pkt_again, )(struct xdp_md *ctx, __u32 l3_off_bytes, struct pkt *pkt)
{
	const IP_HEADER *ip;
	enum sluice_drop reason;
	enum parse_result result;

	*pkt = pkt_of(ctx, l3_off_bytes);
	ip = pkt_at(pkt, l3_off_bytes, sizeof(*ip));
	if (!ip)
		return false;
	result = F(pkt_parse, )(pkt, ip, frame_bytes_from(ctx, pkt, ip), &reason);
	return result == PARSE_L4 || result == PARSE_LATER;
}

/**
 * snat4, snat6 - send a packet to a pod of another node, as if this node had sent it
 * @source_port: of the flow, network order
 * Return: verdict; TODO_ERROR4, TODO_ERROR6.
 */
__noinline int F(snat, )(struct xdp_md *ctx, __u32 l3_off_bytes, __u32 backend_id,
			 __u32 source_port)
{
	const struct node_config *config = node();
	const struct backend *backend = bpf_map_lookup_elem(&backends, &backend_id);
	struct pkt pkt;
	ENDS to;

	if (!config || !backend || !F(pkt_again, )(ctx, l3_off_bytes, &pkt))
		return drop_packet(ctx, DROP_SHORT_L3);
	to.saddr = F(config->addr, );
	to.sport = source_port;
	to.daddr = ADDR_OF_16(backend->addr);
	to.dport = backend->port;
	count_stat(STAT_PACKETS_SNAT);
	return F(forward_to, )(ctx, &pkt, &to);
}

/**
 * unsnat4, unsnat6 - undo source NAT for a reply that came to the node's address
 * @ports: source port << 16 | destination port, both network order: of a later fragment too
 * Return: verdict; TODO_ERROR4, TODO_ERROR6.
 */
__noinline int F(unsnat, )(struct xdp_md *ctx, __u32 l3_off_bytes, __u32 ports)
{
	FLOW_KEY key = { .sport = ports >> 16, .dport = ports };
	NAT *nat;
	const IP_HEADER *ip;
	struct pkt pkt;
	__u64 now_ns;
	ENDS to;

	if (!F(pkt_again, )(ctx, l3_off_bytes, &pkt))
		return drop_packet(ctx, DROP_SHORT_L3);
	ip = pkt_at(&pkt, l3_off_bytes, sizeof(*ip));
	if (!ip)
		return drop_packet(ctx, DROP_SHORT_L3);
	ADDR_PUT(key.saddr, HEADER_ADDR(ip->saddr));
	ADDR_PUT(key.daddr, HEADER_ADDR(ip->daddr));
	key.proto = pkt.proto;
	now_ns = bpf_ktime_get_coarse_ns();
	nat = F(reply, _find)(&key, now_ns);
	if (!nat)
		return drop_packet(ctx, DROP_SHORT_L3);
	F(reply, _note)(nat, pkt.proto, pkt.tcp_flags, now_ns);
	to.saddr = nat->frontend_addr;
	to.sport = nat->frontend_port;
	to.daddr = nat->client_addr;
	to.dport = nat->client_port;
	count_reply(nat->frontend_id, nat->backend_id, pkt.bytes);
	return F(forward_to, )(ctx, &pkt, &to);
}
