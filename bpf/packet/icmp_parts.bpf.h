/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * icmp_parts.bpf.h - an ICMP error and the packet that it quotes, translated with the flow that it is
 * about
 */
#ifndef SLUICE_ICMP_PARTS_BPF_H
#define SLUICE_ICMP_PARTS_BPF_H

#include "packet/rewrite.bpf.h"

#define ICMP_ECHO_REPLY    0
#define ICMP_UNREACHABLE   3
#define ICMP_ECHO_REQUEST  8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER     12
#define ICMP_FRAG_NEEDED   4 /* code of ICMP_UNREACHABLE */

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
	return type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER;
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

/* Reads the quoted packet. @turned: out, with source and destination exchanged. */
static __always_inline bool quote4_parse(const struct pkt *pkt, struct quote *quote,
					 struct flow4_key *turned)
{
	const struct iphdr *ip;
	const struct udphdr *ports;

	quote->ip_off_bytes = pkt->l4_off_bytes + sizeof(struct icmp_head);
	ip = pkt_at(pkt, quote->ip_off_bytes, sizeof(*ip));
	if (!ip || (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP) ||
	    ip->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET))
		return false;
	turned->saddr = ip->daddr;
	turned->daddr = ip->saddr;
	turned->proto = ip->protocol;
	quote->l4_off_bytes = quote->ip_off_bytes + (*(const __u8 *)ip & 0x0f) * 4;
	ports = pkt_at(pkt, quote->l4_off_bytes, sizeof(*ports));
	if (!ports)
		return false;
	turned->sport = ports->dest;
	turned->dport = ports->source;
	return true;
}

static __always_inline bool quote6_parse(const struct pkt *pkt, struct quote *quote,
					 struct flow6_key *turned)
{
	const struct ipv6hdr *ip;
	const struct udphdr *ports;

	quote->ip_off_bytes = pkt->l4_off_bytes + sizeof(struct icmp_head);
	quote->l4_off_bytes = quote->ip_off_bytes + sizeof(*ip);
	ip = pkt_at(pkt, quote->ip_off_bytes, sizeof(*ip));
	if (!ip || (ip->nexthdr != IPPROTO_TCP && ip->nexthdr != IPPROTO_UDP))
		return false;
	__builtin_memcpy(turned->saddr, &ip->daddr, sizeof(turned->saddr));
	__builtin_memcpy(turned->daddr, &ip->saddr, sizeof(turned->daddr));
	turned->proto = ip->nexthdr;
	ports = pkt_at(pkt, quote->l4_off_bytes, sizeof(*ports));
	if (!ports)
		return false;
	turned->sport = ports->dest;
	turned->dport = ports->source;
	return true;
}

/*
 * Ports and checksum of the quoted transport header; @diff: of the quoted addresses. The checksum is
 * patched where the quotation is long enough to hold it. Returns the difference of all the bytes
 * that were changed here.
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

/**
 * icmp4_translate - make an error about one side of a flow one about the other
 * @outer: new addresses of the error; ports are not used
 * @inner: new ends of the quoted packet
 */
static __always_inline bool icmp4_translate(struct pkt *pkt, const struct quote *quote,
					    const struct ends4 *outer, const struct ends4 *inner)
{
	struct iphdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	struct iphdr *quoted = pkt_at(pkt, quote->ip_off_bytes, sizeof(*quoted));
	struct icmp_head *icmp = pkt_at(pkt, pkt->l4_off_bytes, sizeof(*icmp));
	__u64 addresses, change;
	__sum16 old;

	if (!ip || !quoted || !icmp)
		return false;
	addresses = checksum_diff32(quoted->saddr, inner->saddr) +
		    checksum_diff32(quoted->daddr, inner->daddr);
	quoted->saddr = inner->saddr;
	quoted->daddr = inner->daddr;
	old = quoted->check;
	quoted->check = checksum_apply(old, addresses);
	change = addresses + checksum_diff16(old, quoted->check);
	change += quote_rewrite_l4(pkt, quote, quoted->protocol, inner->sport, inner->dport,
				   addresses);
	icmp->check = checksum_apply(icmp->check, change);
	ip->check = checksum_apply(ip->check, checksum_diff32(ip->saddr, outer->saddr) +
						      checksum_diff32(ip->daddr, outer->daddr));
	ip->saddr = outer->saddr;
	ip->daddr = outer->daddr;
	return true;
}

/* As icmp4_translate(); the checksum covers the outer addresses too. */
static __always_inline bool icmp6_translate(struct pkt *pkt, const struct quote *quote,
					    const struct ends6 *outer, const struct ends6 *inner)
{
	struct ipv6hdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	struct ipv6hdr *quoted = pkt_at(pkt, quote->ip_off_bytes, sizeof(*quoted));
	struct icmp_head *icmp = pkt_at(pkt, pkt->l4_off_bytes, sizeof(*icmp));
	__u64 addresses, change;

	if (!ip || !quoted || !icmp)
		return false;
	addresses = checksum_diff128((const __u32 *)&quoted->saddr, (const __u32 *)inner->saddr) +
		    checksum_diff128((const __u32 *)&quoted->daddr, (const __u32 *)inner->daddr);
	__builtin_memcpy(&quoted->saddr, inner->saddr, sizeof(quoted->saddr));
	__builtin_memcpy(&quoted->daddr, inner->daddr, sizeof(quoted->daddr));
	change = addresses + quote_rewrite_l4(pkt, quote, quoted->nexthdr, inner->sport,
					      inner->dport, addresses);
	change += checksum_diff128((const __u32 *)&ip->saddr, (const __u32 *)outer->saddr) +
		  checksum_diff128((const __u32 *)&ip->daddr, (const __u32 *)outer->daddr);
	icmp->check = checksum_apply(icmp->check, change);
	__builtin_memcpy(&ip->saddr, outer->saddr, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, outer->daddr, sizeof(ip->daddr));
	return true;
}

#endif /* SLUICE_ICMP_PARTS_BPF_H */
