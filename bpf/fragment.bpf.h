/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fragment.bpf.h - ports of fragments: the first one has them and leaves them for the others
 */
#ifndef SLUICE_FRAGMENT_BPF_H
#define SLUICE_FRAGMENT_BPF_H

#include "count.bpf.h"
#include "packet.bpf.h"

/* Ports of a later fragment, in @found. False: its first one has not been seen lately. */
static __always_inline bool fragment_apply(struct pkt *pkt, const struct fragment *known,
					   __u64 now_ns)
{
	if (!known || known->proto != pkt->proto ||
	    now_ns - known->first_seen_ns > FRAGMENT_LIFE_NS)
		return false;
	pkt->sport = known->sport;
	pkt->dport = known->dport;
	pkt->tcp_flags = pkt->proto == IPPROTO_TCP ? TCP_ACK : 0;
	count_stat(STAT_PACKETS_FRAGMENT);
	return true;
}

static __always_inline struct fragment fragment_of(const struct pkt *pkt, __u64 now_ns)
{
	return (struct fragment){
		.first_seen_ns = now_ns,
		.sport = pkt->sport,
		.dport = pkt->dport,
		.proto = pkt->proto,
	};
}

/**
 * fragment4 - record a first fragment, give a later one its ports
 * Return: false for a later fragment that belongs to nothing known.
 */
static __always_inline bool fragment4(struct pkt *pkt, __be32 saddr, __be32 daddr)
{
	struct fragment4_key key = {
		.saddr = saddr,
		.daddr = daddr,
		.id = (__be16)pkt->fragment_id,
		.proto = pkt->proto,
	};
	__u64 now_ns = bpf_ktime_get_coarse_ns();
	struct fragment first;

	if (pkt->fragment == FRAGMENT_LATER)
		return fragment_apply(pkt, bpf_map_lookup_elem(&fragments4, &key), now_ns);
	first = fragment_of(pkt, now_ns);
	bpf_map_update_elem(&fragments4, &key, &first, BPF_ANY);
	return true;
}

/* As fragment4(), for IPv6. */
static __always_inline bool fragment6(struct pkt *pkt, const struct ipv6hdr *ip)
{
	struct fragment6_key key = { .id = pkt->fragment_id };
	__u64 now_ns = bpf_ktime_get_coarse_ns();
	struct fragment first;

	__builtin_memcpy(key.saddr, &ip->saddr, sizeof(key.saddr));
	__builtin_memcpy(key.daddr, &ip->daddr, sizeof(key.daddr));
	if (pkt->fragment == FRAGMENT_LATER)
		return fragment_apply(pkt, bpf_map_lookup_elem(&fragments6, &key), now_ns);
	first = fragment_of(pkt, now_ns);
	bpf_map_update_elem(&fragments6, &key, &first, BPF_ANY);
	return true;
}

#endif /* SLUICE_FRAGMENT_BPF_H */
