/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * icmp_parts.bpf.h - an ICMP error and the packet that it quotes, translated with the flow that
 * it is about
 */
#ifndef SLUICE_ICMP_PARTS_BPF_H
#define SLUICE_ICMP_PARTS_BPF_H

#include "packet/rewrite.bpf.h"

#define ICMP4_ECHO_REPLY    0
#define ICMP4_UNREACHABLE   3
#define ICMP4_ECHO_REQUEST  8
#define ICMP4_TIME_EXCEEDED 11
#define ICMP4_PARAMETER     12
#define ICMP4_FRAG_NEEDED   4 /* code of ICMP4_UNREACHABLE */

#define ICMP6_UNREACHABLE   1
#define ICMP6_TOO_BIG       2
#define ICMP6_TIME_EXCEEDED 3
#define ICMP6_PARAMETER     4
#define ICMP6_ECHO_REQUEST  128
#define ICMP6_ECHO_REPLY    129

/* Both families: type, code, checksum, then four bytes that depend on the type. */
struct icmp_head {
	__u8 type;
	__u8 code;
	__sum16 check;
	__be32 rest;
};

/* ---- errors of others ------------------------------------------------------------------------- */

static __always_inline bool icmp4_is_error(__u8 type)
{
	return type == ICMP4_UNREACHABLE || type == ICMP4_TIME_EXCEEDED || type == ICMP4_PARAMETER;
}

static __always_inline bool icmp6_is_error(__u8 type)
{
	return type == ICMP6_UNREACHABLE || type == ICMP6_TOO_BIG || type == ICMP6_TIME_EXCEEDED ||
	       type == ICMP6_PARAMETER;
}

/* Where the quoted packet lies in an error; its key is that of a packet the other way round. */
struct quote {
	__u32 ip_off_bytes;
	__u32 l4_off_bytes;
};

/* Where the quoted transport header begins, 0: the packet begins with another one. */
static __always_inline __u32 quote4_l4_off(const struct iphdr *ip, __u32 ip_off_bytes)
{
	return ip->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET)
		       ? 0
		       : ip_off_bytes + (*(const __u8 *)ip & 0x0f) * 4;
}

static __always_inline __u32 quote6_l4_off(const struct ipv6hdr *ip, __u32 ip_off_bytes)
{
	return ip_off_bytes + sizeof(*ip);
}

/*
 * Ports and checksum of the quoted transport header; @diff: of the quoted addresses. The checksum
 * is patched where the quotation is long enough to hold it. Returns the difference of all the
 * bytes that were changed here.
 */
static __always_inline __u64 quote_rewrite_l4(const struct pkt *pkt, const struct quote *quote,
					      __u8 proto, __be16 sport, __be16 dport, __u64 diff)
{
	struct udphdr *udp = pkt_at(pkt, quote->l4_off_bytes, sizeof(*udp));
	__u64 change;
	__sum16 old;

	if (!udp)
		return 0;
	change = checksum_diff16(udp->source, sport) + checksum_diff16(udp->dest, dport);
	udp->source = sport;
	udp->dest = dport;
	if (proto == IPPROTO_UDP) {
		old = udp->check;
		if (old)
			udp->check = checksum_apply_udp(old, diff + change);
		return change + checksum_diff16(old, udp->check);
	} else {
		struct tcphdr *tcp = pkt_at(pkt, quote->l4_off_bytes, sizeof(*tcp));

		if (!tcp)
			return change;
		old = tcp->check;
		tcp->check = checksum_apply(old, diff + change);
		return change + checksum_diff16(old, tcp->check);
	}
}

/*
 * The checksum of ICMP after what is quoted has changed by @change, and the addresses outside by
 * @addresses: that of IPv6 has these in it.
 */
static __always_inline void icmp4_patch(struct icmp_head *icmp, __u64 change, __u64 addresses)
{
	icmp->check = checksum_apply(icmp->check, change);
}

static __always_inline void icmp6_patch(struct icmp_head *icmp, __u64 change, __u64 addresses)
{
	icmp->check = checksum_apply(icmp->check, change + addresses);
}

/* After the quoted addresses have changed. Returns by how much the quoted header has then. */
static __always_inline __u64 quote4_patch(struct iphdr *quoted, __u64 addresses)
{
	__sum16 old = quoted->check;

	ip4_patch(quoted, addresses);
	return addresses + checksum_diff16(old, quoted->check);
}

static __always_inline __u64 quote6_patch(struct ipv6hdr *quoted, __u64 addresses)
{
	return addresses;
}

#include "packet/family4.h"
#include "packet/icmp_parts.tmpl.h"
#include "packet/family6.h"
#include "packet/icmp_parts.tmpl.h"

#endif /* SLUICE_ICMP_PARTS_BPF_H */
