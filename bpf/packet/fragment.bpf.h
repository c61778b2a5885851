/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fragment.bpf.h - ports of fragments: the first one has them and leaves them for the others, and with
 * them the identification that all have behind source NAT
 */
#ifndef SLUICE_FRAGMENT_BPF_H
#define SLUICE_FRAGMENT_BPF_H

#include "packet/checksum.bpf.h"
#include "node/count.bpf.h"
#include "packet/packet.bpf.h"

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

/* ---- source NAT --------------------------------------------------------------------------------- */

/**
 * fragment4_renumber - give a fragment the identification of its datagram towards the pod, or the client
 * @ip: still with the ends that it came with
 * Packets of many senders get one source: what each has numbered for itself could be taken for parts of one
 * datagram.
 * Return: false if the first fragment has been forgotten meanwhile.
 */
static __always_inline bool fragment4_renumber(const struct pkt *pkt, struct iphdr *ip)
{
	struct fragment4_key key = {
		.saddr = ip->saddr,
		.daddr = ip->daddr,
		.id = ip->id,
		.proto = pkt->proto,
	};
	const struct fragment *known = bpf_map_lookup_elem(&fragments4, &key);
	__be16 id;

	if (!known)
		return false;
	id = bpf_htons(known->fresh_id);
	ip->check = checksum_apply(ip->check, checksum_diff16(ip->id, id));
	ip->id = id;
	return true;
}

/* As fragment4_renumber(); no checksum has the fragment header in it. */
static __always_inline bool fragment6_renumber(const struct pkt *pkt, const struct ipv6hdr *ip)
{
	struct frag_hdr *header = pkt_at(pkt, pkt->fragment_off_bytes, sizeof(*header));
	struct fragment6_key key = {};
	const struct fragment *known;

	if (!header)
		return false;
	__builtin_memcpy(key.saddr, &ip->saddr, sizeof(key.saddr));
	__builtin_memcpy(key.daddr, &ip->daddr, sizeof(key.daddr));
	key.id = header->identification;
	known = bpf_map_lookup_elem(&fragments6, &key);
	if (!known)
		return false;
	header->identification = bpf_htonl(known->fresh_id);
	return true;
}

#endif /* SLUICE_FRAGMENT_BPF_H */
