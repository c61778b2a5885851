/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow_key.tmpl.h - the flow that a packet of one family belongs to
 */

static __always_inline FLOW_KEY F(flow, _key_of)(const struct pkt *pkt, const IP_HEADER *ip)
{
	FLOW_KEY key = {
		.sport = pkt->sport,
		.dport = pkt->dport,
		.proto = pkt->proto,
	};

	ADDR_PUT(key.saddr, HEADER_ADDR(ip->saddr));
	ADDR_PUT(key.daddr, HEADER_ADDR(ip->daddr));
	return key;
}
