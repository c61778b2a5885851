/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * icmp_parts.tmpl.h - the packet of one family that an error quotes
 */

/* Reads the quoted packet. @turned: out, with source and destination exchanged. */
static __always_inline bool F(quote, _parse)(const struct pkt *pkt, struct quote *quote,
					     FLOW_KEY *turned)
{
	const struct udphdr *ports;
	const IP_HEADER *ip;

	*quote = (struct quote){ .ip_off_bytes = pkt->l4_off_bytes + sizeof(struct icmp_head) };
	ip = pkt_at(pkt, quote->ip_off_bytes, sizeof(*ip));
	if (!ip || (IP_PROTO(ip) != IPPROTO_TCP && IP_PROTO(ip) != IPPROTO_UDP))
		return false;
	quote->l4_off_bytes = F(quote, _l4_off)(ip, quote->ip_off_bytes);
	if (!quote->l4_off_bytes)
		return false;
	ADDR_PUT(turned->saddr, HEADER_ADDR(ip->daddr));
	ADDR_PUT(turned->daddr, HEADER_ADDR(ip->saddr));
	turned->proto = IP_PROTO(ip);
	ports = pkt_at(pkt, quote->l4_off_bytes, sizeof(*ports));
	if (!ports)
		return false;
	turned->sport = ports->dest;
	turned->dport = ports->source;
	return true;
}

/**
 * icmp4_translate, icmp6_translate - make an error about one side of a flow one about the other
 * @outer: new addresses of the error; ports are not used
 * @inner: new ends of the quoted packet
 */
static __always_inline bool F(icmp, _translate)(struct pkt *pkt, const struct quote *quote,
						const ENDS *outer, const ENDS *inner)
{
	IP_HEADER *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	IP_HEADER *quoted = pkt_at(pkt, quote->ip_off_bytes, sizeof(*quoted));
	struct icmp_head *icmp = pkt_at(pkt, pkt->l4_off_bytes, sizeof(*icmp));
	__u64 addresses, change;

	if (!ip || !quoted || !icmp)
		return false;
	addresses = ADDR_DIFF(HEADER_ADDR(quoted->saddr), inner->saddr) +
		    ADDR_DIFF(HEADER_ADDR(quoted->daddr), inner->daddr);
	ADDR_PUT(quoted->saddr, inner->saddr);
	ADDR_PUT(quoted->daddr, inner->daddr);
	change = F(quote, _patch)(quoted, addresses);
	change += quote_rewrite_l4(pkt, quote, IP_PROTO(quoted), inner->sport, inner->dport,
				   addresses);
	addresses = ADDR_DIFF(HEADER_ADDR(ip->saddr), outer->saddr) +
		    ADDR_DIFF(HEADER_ADDR(ip->daddr), outer->daddr);
	F(icmp, _patch)(icmp, change, addresses);
	F(ip, _patch)(ip, addresses);
	ADDR_PUT(ip->saddr, outer->saddr);
	ADDR_PUT(ip->daddr, outer->daddr);
	return true;
}
