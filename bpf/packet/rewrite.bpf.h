/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rewrite.bpf.h - change addresses and ports of a packet in place, checksums with them
 *
 * A later fragment has addresses alone: the checksum of the whole is in the first one, which is
 * patched for all of them.
 */
#ifndef SLUICE_REWRITE_BPF_H
#define SLUICE_REWRITE_BPF_H

#include "packet/family.bpf.h"

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

#include "packet/family4.h"
#include "packet/rewrite.tmpl.h"
#include "packet/family6.h"
#include "packet/rewrite.tmpl.h"

#endif /* SLUICE_TC */

#endif /* SLUICE_REWRITE_BPF_H */
