/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tunnel_error.tmpl.h - an error about a tunnel, in one family
 */

/**
 * tunnel_error4, tunnel_error6 - see whether an error may be about the outer header of a tunnel
 * @pkt: of the error, .l4_off_bytes is that of its ICMP header
 * Return: TODO_TUNNEL_ERROR; 0 it is not.
 */
static __always_inline int F(tunnel_error, )(const struct pkt *pkt, const struct icmp_head *icmp,
					     const struct node_config *config)
{
	__u32 outer_off_bytes = pkt->l4_off_bytes + sizeof(*icmp);
	const IP_HEADER *outer = pkt_at(pkt, outer_off_bytes, sizeof(*outer));

	if (!outer || !F(tunnel_error, _is_size)(icmp, outer) ||
	    !(config->flags & F(NODE_F_SNAT, )) ||
	    !ADDR_EQUAL(HEADER_ADDR(outer->saddr), F(config->addr, )))
		return 0;
	return tunnel_error_note(pkt, config, outer_off_bytes, sizeof(*outer), IP_PROTO(outer),
				 bpf_ntohl(icmp->rest) & F(ICMP, _MTU_MASK));
}

/* The backend of the packet inside, 0: none; MATCH_SHORT. */
static __always_inline int F(tunnel_error_backend, )(struct pkt *pkt)
{
	const IP_HEADER *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	struct F(frontend, _key) address = {};
	const struct frontend *frontend;
	const struct udphdr *ports;
	FLOW_KEY key = {};
	__be16 source_port;
	__u32 l4_off_bytes;

	if (!ip)
		return MATCH_SHORT;
	l4_off_bytes = F(quote, _l4_off)(ip, pkt->l3_off_bytes);
	ports = pkt_at(pkt, l4_off_bytes, sizeof(*ports));
	if (!l4_off_bytes || !ports)
		return MATCH_SHORT;
	ADDR_PUT(key.saddr, HEADER_ADDR(ip->saddr));
	ADDR_PUT(key.daddr, HEADER_ADDR(ip->daddr));
	ADDR_PUT(address.addr, HEADER_ADDR(ip->daddr));
	key.sport = ports->source;
	key.dport = address.port = ports->dest;
	key.proto = address.proto = IP_PROTO(ip);
	frontend = bpf_map_lookup_elem(&F(frontends, ), &address);
	if (!frontend || frontend->kind != FRONTEND_L4)
		return 0;
	return F(flow, _of_error)(&key, frontend, &source_port);
}
