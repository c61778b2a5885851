/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tc_egress.tmpl.h - replies of one family
 */

/* An error of ICMP about a packet of the client to a pod of this node: tells the client's truth. */
static __always_inline int F(egress_icmp, )(struct pkt *pkt, const IP_HEADER *ip)
{
	const struct icmp_head *icmp = pkt_at(pkt, pkt->l4_off_bytes, sizeof(*icmp));
	const NAT *nat;
	FLOW_KEY turned = {};
	ENDS outer, inner;
	struct quote quote;

	if (!icmp || !F(icmp, _is_error)(icmp->type) || !F(quote, _parse)(pkt, &quote, &turned))
		return TC_ACT_UNSPEC;
	nat = F(reply, _find)(&turned, bpf_ktime_get_coarse_ns());
	if (!nat || !ADDR_EQUAL(nat->client_addr, HEADER_ADDR(ip->daddr)))
		return TC_ACT_UNSPEC;
	ADDR_KEEP(saddr, HEADER_ADDR(ip->saddr));
	outer.daddr = nat->client_addr;
	/* A pod speaks for the frontend; a router on the way for itself. */
	outer.saddr = ADDR_EQUAL(saddr, turned.saddr) ? nat->frontend_addr : saddr;
	inner.saddr = nat->client_addr;
	inner.sport = nat->client_port;
	inner.daddr = nat->frontend_addr;
	inner.dport = nat->frontend_port;
	if (F(icmp, _translate)(pkt, &quote, &outer, &inner))
		count_stat(STAT_ICMP_TRANSLATED);
	return TC_ACT_UNSPEC;
}

static __always_inline int F(egress, )(struct __sk_buff *skb, struct pkt *pkt)
{
	const IP_HEADER *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	NAT *nat;
	enum parse_result result;
	enum sluice_drop reason;
	FLOW_KEY key;
	__u64 now_ns;
	ENDS to;

	if (!ip)
		return TC_ACT_UNSPEC;
	result = F(pkt_parse, )(pkt, ip, skb->len - pkt->l3_off_bytes, &reason);
	if (result == PARSE_OTHER && pkt->proto == F(IP_PROTO_ICMP, ) && !pkt->fragment)
		return F(egress_icmp, )(pkt, ip);
	if (result == PARSE_BAD || result == PARSE_OTHER)
		return TC_ACT_UNSPEC;
	if (pkt->fragment && !F(fragment, )(pkt, ip))
		return TC_ACT_UNSPEC;
	key = F(flow, _key_of)(pkt, ip);
	now_ns = bpf_ktime_get_coarse_ns();
	nat = F(reply, _find)(&key, now_ns);
	if (!nat || !ADDR_EQUAL(nat->client_addr, key.daddr))
		return TC_ACT_UNSPEC;
	to.saddr = nat->frontend_addr;
	to.sport = nat->frontend_port;
	to.daddr = nat->client_addr;
	to.dport = nat->client_port;
	F(reply, _note)(nat, pkt->proto, pkt->tcp_flags, now_ns);
	count_reply(nat->frontend_id, nat->backend_id, pkt->bytes);
	F(nat_write, )(skb, pkt, &key, &to);
	return TC_ACT_UNSPEC;
}
