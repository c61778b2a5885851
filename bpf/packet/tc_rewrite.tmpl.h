/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tc_rewrite.tmpl.h - the rewrites of tc_rewrite.bpf.h, for one family
 */

/* Both ends. */
static __always_inline bool F(rewrite_ends, )(struct __sk_buff *skb, const struct pkt *pkt,
					      const ENDS *to)
{
	const IP_HEADER *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	FLOW_KEY from = { .sport = pkt->sport, .dport = pkt->dport };

	if (!ip)
		return false;
	ADDR_PUT(from.saddr, HEADER_ADDR(ip->saddr));
	ADDR_PUT(from.daddr, HEADER_ADDR(ip->daddr));
	return !F(nat_write, )(skb, pkt, &from, to);
}

/* One hop less, and both ends. The caller has seen that a hop is left. */
static __always_inline bool F(rewrite_forwarded, )(struct __sk_buff *skb, struct pkt *pkt,
						   const ENDS *to)
{
	IP_HEADER *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));

	if (!ip)
		return false;
	F(ip, _forwarded)(ip, 0);
	return F(rewrite_ends, )(skb, pkt, to);
}
