// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tc_egress - replies of backends on this node get the frontend's address back
 *
 * Errors of ICMP that the pod or this node sends about a packet of the client are translated with it.
 */
#include "forward/tc_nat.bpf.h"

/* What of a packet must lie in its linear part to be parsed: Ethernet, VLANs, IPv6, and an ICMP error
 * with the headers that it quotes. */
#define HEAD_BYTES_MAX 160

/* An error of ICMP about a packet of the client to a pod of this node: tells the client's truth. */
static __always_inline int egress_icmp4(struct pkt *pkt, const struct iphdr *ip)
{
	const struct icmp_head *icmp = pkt_at(pkt, pkt->l4_off_bytes, sizeof(*icmp));
	struct flow4_key turned = {};
	struct ends4 outer, inner;
	const struct nat4 *nat;
	struct quote quote;

	if (!icmp || !icmp4_is_error(icmp->type) || !quote4_parse(pkt, &quote, &turned))
		return TC_ACT_UNSPEC;
	nat = bpf_map_lookup_elem(&nat4, &turned);
	if (!nat || nat->client_addr != ip->daddr)
		return TC_ACT_UNSPEC;
	outer.daddr = ip->daddr;
	/* A pod speaks for the frontend; a router on the way for itself. */
	outer.saddr = ip->saddr == turned.saddr ? nat->frontend_addr : ip->saddr;
	inner.saddr = nat->client_addr;
	inner.sport = nat->client_port;
	inner.daddr = nat->frontend_addr;
	inner.dport = nat->frontend_port;
	if (icmp4_translate(pkt, &quote, &outer, &inner))
		count_stat(STAT_ICMP_TRANSLATED);
	return TC_ACT_UNSPEC;
}

static __always_inline int egress_icmp6(struct pkt *pkt, const struct ipv6hdr *ip)
{
	const struct icmp_head *icmp = pkt_at(pkt, pkt->l4_off_bytes, sizeof(*icmp));
	__u8 saddr[16], daddr[16];
	struct flow6_key turned = {};
	struct ends6 outer, inner;
	const struct nat6 *nat;
	struct quote quote;

	if (!icmp || !icmp6_is_error(icmp->type) || !quote6_parse(pkt, &quote, &turned))
		return TC_ACT_UNSPEC;
	nat = bpf_map_lookup_elem(&nat6, &turned);
	__builtin_memcpy(saddr, &ip->saddr, sizeof(saddr));
	__builtin_memcpy(daddr, &ip->daddr, sizeof(daddr));
	if (!nat || !addr_equal(nat->client_addr, daddr))
		return TC_ACT_UNSPEC;
	outer.daddr = daddr;
	outer.saddr = addr_equal(saddr, turned.saddr) ? nat->frontend_addr : saddr;
	inner.saddr = nat->client_addr;
	inner.sport = nat->client_port;
	inner.daddr = nat->frontend_addr;
	inner.dport = nat->frontend_port;
	if (icmp6_translate(pkt, &quote, &outer, &inner))
		count_stat(STAT_ICMP_TRANSLATED);
	return TC_ACT_UNSPEC;
}

static __always_inline int egress4(struct __sk_buff *skb, struct pkt *pkt)
{
	const struct iphdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	enum sluice_drop reason;
	enum parse_result result;
	struct flow4_key key = {};
	const struct nat4 *nat;
	struct ends4 to;

	if (!ip)
		return TC_ACT_UNSPEC;
	result = pkt_parse4(pkt, ip, skb->len - pkt->l3_off_bytes, &reason);
	if (result == PARSE_OTHER && pkt->proto == IPPROTO_ICMP && !pkt->fragment)
		return egress_icmp4(pkt, ip);
	if (result == PARSE_BAD || result == PARSE_OTHER)
		return TC_ACT_UNSPEC;
	if (pkt->fragment && !fragment4(pkt, ip->saddr, ip->daddr))
		return TC_ACT_UNSPEC;
	key.saddr = ip->saddr;
	key.daddr = ip->daddr;
	key.sport = pkt->sport;
	key.dport = pkt->dport;
	key.proto = pkt->proto;
	nat = bpf_map_lookup_elem(&nat4, &key);
	if (!nat || nat->client_addr != key.daddr)
		return TC_ACT_UNSPEC;
	to.saddr = nat->frontend_addr;
	to.sport = nat->frontend_port;
	to.daddr = nat->client_addr;
	to.dport = nat->client_port;
	count_reply(nat->frontend_id, nat->backend_id, pkt->bytes);
	nat_write4(skb, pkt, &key, &to);
	return TC_ACT_UNSPEC;
}

static __always_inline int egress6(struct __sk_buff *skb, struct pkt *pkt)
{
	const struct ipv6hdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	enum sluice_drop reason;
	enum parse_result result;
	struct flow6_key key = {};
	const struct nat6 *nat;
	struct ends6 to;

	if (!ip)
		return TC_ACT_UNSPEC;
	result = pkt_parse6(pkt, ip, skb->len - pkt->l3_off_bytes, &reason);
	if (result == PARSE_OTHER && pkt->proto == NEXTHDR_ICMPV6 && !pkt->fragment)
		return egress_icmp6(pkt, ip);
	if (result == PARSE_BAD || result == PARSE_OTHER)
		return TC_ACT_UNSPEC;
	if (pkt->fragment && !fragment6(pkt, ip))
		return TC_ACT_UNSPEC;
	__builtin_memcpy(key.saddr, &ip->saddr, sizeof(key.saddr));
	__builtin_memcpy(key.daddr, &ip->daddr, sizeof(key.daddr));
	key.sport = pkt->sport;
	key.dport = pkt->dport;
	key.proto = pkt->proto;
	nat = bpf_map_lookup_elem(&nat6, &key);
	if (!nat || !addr_equal(nat->client_addr, key.daddr))
		return TC_ACT_UNSPEC;
	to.saddr = nat->frontend_addr;
	to.sport = nat->frontend_port;
	to.daddr = nat->client_addr;
	to.dport = nat->client_port;
	count_reply(nat->frontend_id, nat->backend_id, pkt->bytes);
	nat_write6(skb, pkt, &key, &to);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int tc_egress(struct __sk_buff *skb)
{
	struct pkt pkt = {};
	__be16 type;

	if (skb->protocol == bpf_htons(ETH_P_ARP) || !pkt_open_skb(skb, &pkt, HEAD_BYTES_MAX))
		return TC_ACT_UNSPEC;
	type = pkt_parse_ethernet(&pkt);
	if (type == bpf_htons(ETH_P_IP))
		return egress4(skb, &pkt);
	if (type == bpf_htons(ETH_P_IPV6))
		return egress6(skb, &pkt);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual BSD/GPL";
