/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rewrite.bpf.h - change addresses and ports of a packet in place, checksums with them
 *
 * A later fragment has addresses alone: the checksum of the whole is in the first one, which is
 * patched for all of them.
 */
#ifndef SLUICE_REWRITE_BPF_H
#define SLUICE_REWRITE_BPF_H

#include "packet/checksum.bpf.h"
#include "packet/packet.bpf.h"

struct ends4 {
	__be32 saddr, daddr;
	__be16 sport, dport;
};

struct ends6 {
	const __u8 *saddr, *daddr; /* borrowed */
	__be16 sport, dport;
};

#ifndef SLUICE_TC /* else tc_rewrite.bpf.h */

/* Ports and transport checksum; @diff is that of the addresses in the pseudo header. */
static __always_inline bool rewrite_ports(struct pkt *pkt, __be16 sport, __be16 dport, __u64 diff)
{
	if (pkt->fragment == FRAGMENT_LATER)
		return true;
	if (pkt->proto == IPPROTO_TCP) {
		struct tcphdr *tcp = pkt_at(pkt, pkt->l4_off_bytes, sizeof(*tcp));

		if (!tcp)
			return false;
		diff += checksum_diff16(tcp->source, sport) + checksum_diff16(tcp->dest, dport);
		tcp->source = sport;
		tcp->dest = dport;
		tcp->check = checksum_apply(tcp->check, diff);
	} else {
		struct udphdr *udp = pkt_at(pkt, pkt->l4_off_bytes, sizeof(*udp));

		if (!udp)
			return false;
		diff += checksum_diff16(udp->source, sport) + checksum_diff16(udp->dest, dport);
		udp->source = sport;
		udp->dest = dport;
		if (udp->check)
			udp->check = checksum_apply_udp(udp->check, diff);
	}
	return true;
}

/* The destination alone, and the source port, which is mostly the same. */
static __always_inline bool rewrite_dst4(struct pkt *pkt, __be16 sport, __be32 addr, __be16 port)
{
	struct iphdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	__u64 diff;

	if (!ip)
		return false;
	diff = checksum_diff32(ip->daddr, addr);
	if (!rewrite_ports(pkt, sport, port, diff))
		return false;
	ip->daddr = addr;
	ip->check = checksum_apply(ip->check, diff);
	return true;
}

static __always_inline bool rewrite_dst6(struct pkt *pkt, __be16 sport, const __u8 addr[16],
					 __be16 port)
{
	struct ipv6hdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	__u64 diff;

	if (!ip)
		return false;
	diff = checksum_diff128((const __u32 *)&ip->daddr, (const __u32 *)addr);
	if (!rewrite_ports(pkt, sport, port, diff))
		return false;
	__builtin_memcpy(&ip->daddr, addr, sizeof(ip->daddr));
	return true;
}

/* Both ends, and one hop less. The caller has seen that a hop is left. */
static __always_inline bool rewrite_forwarded4(struct xdp_md *ctx, struct pkt *pkt,
					       const struct ends4 *to)
{
	struct iphdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	__u64 diff;

	if (!ip)
		return false;
	diff = checksum_diff32(ip->saddr, to->saddr) + checksum_diff32(ip->daddr, to->daddr);
	if (!rewrite_ports(pkt, to->sport, to->dport, diff))
		return false;
	ip->saddr = to->saddr;
	ip->daddr = to->daddr;
	ip->ttl--;
	/* The TTL is the upper byte of its word. */
	diff += checksum_diff16(bpf_htons(1 << 8), 0);
	ip->check = checksum_apply(ip->check, diff);
	return true;
}

static __always_inline bool rewrite_forwarded6(struct xdp_md *ctx, struct pkt *pkt,
					       const struct ends6 *to)
{
	struct ipv6hdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	__u64 diff;

	if (!ip)
		return false;
	diff = checksum_diff128((const __u32 *)&ip->saddr, (const __u32 *)to->saddr) +
	       checksum_diff128((const __u32 *)&ip->daddr, (const __u32 *)to->daddr);
	if (!rewrite_ports(pkt, to->sport, to->dport, diff))
		return false;
	__builtin_memcpy(&ip->saddr, to->saddr, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, to->daddr, sizeof(ip->daddr));
	ip->hop_limit--;
	return true;
}

#endif /* SLUICE_TC */

/* One hop less of a packet that is otherwise sent as it is. */
static __always_inline void rewrite_ttl4(struct iphdr *ip)
{
	ip->ttl--;
	ip->check = checksum_apply(ip->check, checksum_diff16(bpf_htons(1 << 8), 0));
}

#endif /* SLUICE_REWRITE_BPF_H */
