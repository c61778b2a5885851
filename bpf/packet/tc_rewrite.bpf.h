/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tc_rewrite.bpf.h - what rewrite.bpf.h does, to a packet that TC has in hand
 *
 * By the helpers of tc_nat.bpf.h, after which packet pointers are void.
 */
#ifndef SLUICE_TC_REWRITE_BPF_H
#define SLUICE_TC_REWRITE_BPF_H

#ifndef SLUICE_TC
#define SLUICE_TC
#endif
#include "forward/tc_nat.bpf.h"

/* Both ends. */
static __always_inline bool rewrite_ends4(struct __sk_buff *skb, const struct pkt *pkt,
					  const struct ends4 *to)
{
	const struct iphdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	struct flow4_key from = { .sport = pkt->sport, .dport = pkt->dport };

	if (!ip)
		return false;
	from.saddr = ip->saddr;
	from.daddr = ip->daddr;
	return !nat_write4(skb, pkt, &from, to);
}

static __always_inline bool rewrite_ends6(struct __sk_buff *skb, const struct pkt *pkt,
					  const struct ends6 *to)
{
	const struct ipv6hdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	struct flow6_key from = { .sport = pkt->sport, .dport = pkt->dport };

	if (!ip)
		return false;
	__builtin_memcpy(from.saddr, &ip->saddr, sizeof(from.saddr));
	__builtin_memcpy(from.daddr, &ip->daddr, sizeof(from.daddr));
	return !nat_write6(skb, pkt, &from, to);
}

/* One hop less, and both ends. The caller has seen that a hop is left. */
static __always_inline bool rewrite_forwarded4(struct __sk_buff *skb, struct pkt *pkt,
					       const struct ends4 *to)
{
	struct iphdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));

	if (!ip)
		return false;
	rewrite_ttl4(ip);
	return rewrite_ends4(skb, pkt, to);
}

static __always_inline bool rewrite_forwarded6(struct __sk_buff *skb, struct pkt *pkt,
					       const struct ends6 *to)
{
	struct ipv6hdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));

	if (!ip)
		return false;
	ip->hop_limit--;
	return rewrite_ends6(skb, pkt, to);
}

#endif /* SLUICE_TC_REWRITE_BPF_H */
