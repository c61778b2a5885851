/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tc_ingress.tmpl.h - replies of pods of other nodes, of one family
 */

/* An error about a packet that source NAT sent to a pod of another node: to the client. */
static __always_inline int F(error, )(struct __sk_buff *skb, struct pkt *pkt)
{
	const struct icmp_head *icmp = pkt_at(pkt, pkt->l4_off_bytes, sizeof(*icmp));
	IP_HEADER *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	const NAT *nat;
	FLOW_KEY turned = {};
	ENDS outer, inner;
	struct quote quote;
	__u8 ttl;

	if (!ip || !icmp || !F(icmp, _is_error)(icmp->type) ||
	    !F(quote, _parse)(pkt, &quote, &turned) ||
	    !ADDR_EQUAL(turned.daddr, HEADER_ADDR(ip->daddr)))
		return TC_ACT_UNSPEC;
	nat = F(reply, _find)(&turned, bpf_ktime_get_coarse_ns());
	if (!nat)
		return TC_ACT_UNSPEC;
	ttl = IP_TTL(ip);
	if (ttl <= 1)
		return drop(DROP_TTL);
	outer.saddr = inner.daddr = nat->frontend_addr;
	outer.daddr = inner.saddr = nat->client_addr;
	inner.sport = nat->client_port;
	inner.dport = nat->frontend_port;
	if (!F(icmp, _translate)(pkt, &quote, &outer, &inner))
		return drop(DROP_SHORT_L4);
	if (F(ip, _store_ttl)(skb, pkt->l3_off_bytes, ttl))
		return drop(DROP_NO_TRANSMIT);
	count_stat(STAT_ICMP_TRANSLATED);
	return F(send, )(skb, pkt, nat->frontend_addr, nat->client_addr);
}

static __always_inline int F(reply, )(struct __sk_buff *skb, struct pkt *pkt, const IP_HEADER *ip)
{
	NAT *nat;
	__u8 ttl = IP_TTL(ip);
	enum parse_result result;
	enum sluice_drop reason;
	FLOW_KEY key;
	__u64 now_ns;
	ENDS to;

	result = F(pkt_parse, )(pkt, ip, skb->len - pkt->l3_off_bytes, &reason);
	if (result == PARSE_OTHER && pkt->proto == F(IP_PROTO_ICMP, ) && !pkt->fragment)
		return F(error, )(skb, pkt);
	if (result == PARSE_BAD || result == PARSE_OTHER)
		return TC_ACT_UNSPEC;
	if (pkt->fragment && !F(fragment, )(pkt, ip))
		return TC_ACT_UNSPEC;
	key = F(flow, _key_of)(pkt, ip);
	now_ns = bpf_ktime_get_coarse_ns();
	nat = F(reply, _find)(&key, now_ns);
	if (!nat)
		return TC_ACT_UNSPEC;
	if (ttl <= 1)
		return drop(DROP_TTL);
	to.saddr = nat->frontend_addr;
	to.sport = nat->frontend_port;
	to.daddr = nat->client_addr;
	to.dport = nat->client_port;
	F(reply, _note)(nat, pkt->proto, pkt->tcp_flags, now_ns);
	count_reply(nat->frontend_id, nat->backend_id, pkt->bytes);
	if (F(nat_write, )(skb, pkt, &key, &to) || F(ip, _store_ttl)(skb, pkt->l3_off_bytes, ttl))
		return drop(DROP_NO_TRANSMIT);
	return F(send, )(skb, pkt, to.saddr, to.daddr);
}
