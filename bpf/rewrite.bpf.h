/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rewrite.bpf.h - change the destination of a packet in place, checksums with it
 */
#ifndef SLUICE_REWRITE_BPF_H
#define SLUICE_REWRITE_BPF_H

#include "checksum.bpf.h"
#include "packet.bpf.h"

/* Port and transport checksum; @diff is that of the addresses in the pseudo header. */
static __always_inline bool rewrite_dport(struct pkt *pkt, __be16 port, __u64 diff)
{
	diff += checksum_diff16(pkt->dport, port);
	if (pkt->proto == IPPROTO_TCP) {
		struct tcphdr *tcp = pkt_at(pkt, pkt->l4_off_bytes, sizeof(*tcp));

		if (!tcp)
			return false;
		tcp->dest = port;
		tcp->check = checksum_apply(tcp->check, diff);
	} else {
		struct udphdr *udp = pkt_at(pkt, pkt->l4_off_bytes, sizeof(*udp));

		if (!udp)
			return false;
		udp->dest = port;
		if (udp->check)
			udp->check = checksum_apply_udp(udp->check, diff);
	}
	return true;
}

static __always_inline bool rewrite_dst4(struct pkt *pkt, __be32 addr, __be16 port)
{
	struct iphdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	__u64 diff;

	if (!ip)
		return false;
	diff = checksum_diff32(ip->daddr, addr);
	if (!rewrite_dport(pkt, port, diff))
		return false;
	ip->daddr = addr;
	ip->check = checksum_apply(ip->check, diff);
	return true;
}

static __always_inline bool rewrite_dst6(struct pkt *pkt, const __u8 addr[16], __be16 port)
{
	struct ipv6hdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	__u64 diff;

	if (!ip)
		return false;
	diff = checksum_diff128((const __u32 *)&ip->daddr, (const __u32 *)addr);
	if (!rewrite_dport(pkt, port, diff))
		return false;
	__builtin_memcpy(&ip->daddr, addr, sizeof(ip->daddr));
	return true;
}

#endif /* SLUICE_REWRITE_BPF_H */
