/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fragment.bpf.h - ports of fragments: the first one has them and leaves them for the others, and
 * with them the identification that all have behind source NAT
 */
#ifndef SLUICE_FRAGMENT_BPF_H
#define SLUICE_FRAGMENT_BPF_H

#include "node/count.bpf.h"
#include "packet/family.bpf.h"

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

/* A number that no other datagram has: 2^16 (IPv4), 2^32 (IPv6) later it comes again. */
static __always_inline __u32 fragment_fresh_id(void)
{
	__u32 key = 0;
	struct fragment_ids *ids = bpf_map_lookup_elem(&fragment_ids, &key);

	return ids ? __sync_fetch_and_add(&ids->last, 1) + 1 : 0;
}

static __always_inline struct fragment fragment_of(const struct pkt *pkt, __u64 now_ns)
{
	return (struct fragment){
		.first_seen_ns = now_ns,
		.sport = pkt->sport,
		.dport = pkt->dport,
		.proto = pkt->proto,
		.fresh_id = fragment_fresh_id(),
	};
}

/* Gives a fragment another identification. Only the header of IPv4 has it in a checksum. */
static __always_inline bool fragment4_number(const struct pkt *pkt, struct iphdr *ip,
					     __u32 fresh_id)
{
	__be16 id = bpf_htons(fresh_id);

	ip4_patch(ip, checksum_diff16(ip->id, id));
	ip->id = id;
	return true;
}

static __always_inline bool fragment6_number(const struct pkt *pkt, const struct ipv6hdr *ip,
					     __u32 fresh_id)
{
	struct frag_hdr *header = pkt_at(pkt, pkt->fragment_off_bytes, sizeof(*header));

	if (!header)
		return false;
	header->identification = bpf_htonl(fresh_id);
	return true;
}

#include "packet/family4.h"
#include "packet/fragment.tmpl.h"
#include "packet/family6.h"
#include "packet/fragment.tmpl.h"

#endif /* SLUICE_FRAGMENT_BPF_H */
