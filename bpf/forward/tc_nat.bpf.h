/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tc_nat.bpf.h - change the ends of a packet that the stack has in hand
 *
 * The checksum helpers are used here, not our own arithmetic: packets of local senders carry
 * partial checksums, which only the helpers keep consistent.
 */
#ifndef SLUICE_TC_NAT_BPF_H
#define SLUICE_TC_NAT_BPF_H

#include "packet/fragment.bpf.h"
#include "packet/icmp_parts.bpf.h"

#define TC_ACT_UNSPEC (-1) /* the next program, if there is one, decides; else pass */
#define TC_ACT_SHOT   2

/* Makes the first @head_bytes of a packet readable. False: there is nothing to read. */
static __always_inline bool pkt_open_skb(struct __sk_buff *skb, struct pkt *pkt, __u32 head_bytes)
{
	pkt->data = (void *)(long)skb->data;
	pkt->data_end = (void *)(long)skb->data_end;
	if (pkt->data + head_bytes > pkt->data_end &&
	    skb->len > (__u64)(pkt->data_end - pkt->data)) {
		__u32 bytes = skb->len;

		if (bpf_skb_pull_data(skb, bytes < head_bytes ? bytes : head_bytes))
			return false;
		pkt->data = (void *)(long)skb->data;
		pkt->data_end = (void *)(long)skb->data_end;
	}
	return true;
}

static __always_inline __u32 check_off_bytes(const struct pkt *pkt)
{
	return pkt->l4_off_bytes + (pkt->proto == IPPROTO_TCP
					    ? __builtin_offsetof(struct tcphdr, check)
					    : __builtin_offsetof(struct udphdr, check));
}

/* UDP over IPv4 without a checksum keeps none; a sum of 0 becomes 0xffff. */
static __always_inline __u64 check_flags(const struct pkt *pkt)
{
	return pkt->proto == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
}

/* Port at @off_bytes of the transport header, and its checksum. */
static __always_inline long write_port(struct __sk_buff *skb, const struct pkt *pkt,
				       __u32 off_bytes, __be16 from, __be16 to)
{
	long err;

	if (from == to)
		return 0;
	err = bpf_l4_csum_replace(skb, check_off_bytes(pkt), from, to,
				  check_flags(pkt) | sizeof(to));
	return err ? err
		   : bpf_skb_store_bytes(skb, pkt->l4_off_bytes + off_bytes, &to, sizeof(to), 0);
}

/* The ports are the first fields of both headers, source before destination. */
static __always_inline long write_ports(struct __sk_buff *skb, const struct pkt *pkt, __be16 sport,
					__be16 dport)
{
	long err;

	if (pkt->fragment == FRAGMENT_LATER)
		return 0;
	err = write_port(skb, pkt, 0, pkt->sport, sport);
	return err ? err : write_port(skb, pkt, sizeof(sport), pkt->dport, dport);
}

static __always_inline long write_addr4(struct __sk_buff *skb, const struct pkt *pkt,
					__u32 off_bytes, __be32 from, __be32 to)
{
	long err = 0;

	if (from == to)
		return 0;
	if (pkt->fragment != FRAGMENT_LATER)
		err = bpf_l4_csum_replace(skb, check_off_bytes(pkt), from, to,
					  check_flags(pkt) | BPF_F_PSEUDO_HDR | sizeof(to));
	if (!err)
		err = bpf_l3_csum_replace(
			skb, pkt->l3_off_bytes + __builtin_offsetof(struct iphdr, check), from, to,
			sizeof(to));
	return err ? err
		   : bpf_skb_store_bytes(skb, pkt->l3_off_bytes + off_bytes, &to, sizeof(to), 0);
}

static __always_inline long write_addr6(struct __sk_buff *skb, const struct pkt *pkt,
					__u32 off_bytes, const __u8 from[16], const __u8 to[16])
{
	__s64 diff = bpf_csum_diff((__be32 *)from, 16, (__be32 *)to, 16, 0);

	if (diff < 0)
		return diff;
	if (pkt->fragment != FRAGMENT_LATER) {
		long err = bpf_l4_csum_replace(skb, check_off_bytes(pkt), 0, diff,
					       check_flags(pkt) | BPF_F_PSEUDO_HDR);
		if (err)
			return err;
	}
	/* No checksum of the header makes up for the new address in the sum of all. */
	return bpf_skb_store_bytes(skb, pkt->l3_off_bytes + off_bytes, to, 16,
				   BPF_F_RECOMPUTE_CSUM);
}

#include "packet/family4.h"
#include "forward/tc_nat.tmpl.h"
#include "packet/family6.h"
#include "forward/tc_nat.tmpl.h"

#endif /* SLUICE_TC_NAT_BPF_H */
