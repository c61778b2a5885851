/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rewrite.tmpl.h - the rewrites of rewrite.bpf.h, for one family
 */

/* The destination, and the source port, which is mostly the same. */
static __always_inline bool F(rewrite_dst, )(struct pkt *pkt, __be16 sport, F(addr, _t) addr,
					     __be16 port)
{
	IP_HEADER *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	__u64 diff;

	if (!ip)
		return false;
	diff = ADDR_DIFF(HEADER_ADDR(ip->daddr), addr);
	if (!rewrite_ports(pkt, sport, port, diff))
		return false;
	ADDR_PUT(ip->daddr, addr);
	F(ip, _patch)(ip, diff);
	return true;
}

/* Both ends, and one hop less. The caller has seen that a hop is left. */
static __always_inline bool F(rewrite_forwarded, )(struct xdp_md *ctx, struct pkt *pkt,
						   const ENDS *to)
{
	IP_HEADER *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	__u64 diff;

	if (!ip)
		return false;
	diff = ADDR_DIFF(HEADER_ADDR(ip->saddr), to->saddr) +
	       ADDR_DIFF(HEADER_ADDR(ip->daddr), to->daddr);
	if (!rewrite_ports(pkt, to->sport, to->dport, diff))
		return false;
	ADDR_PUT(ip->saddr, to->saddr);
	ADDR_PUT(ip->daddr, to->daddr);
	F(ip, _forwarded)(ip, diff);
	return true;
}
