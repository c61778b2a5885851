/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * icmp.bpf.h - answers of our own: echo, time exceeded, packet too big
 */
#ifndef SLUICE_ICMP_BPF_H
#define SLUICE_ICMP_BPF_H

#include "flow/flow.bpf.h"
#include "packet/icmp_parts.bpf.h"
#include "forward/send.bpf.h"

#define ICMP4_TOS 0xc0 /* internetwork control, RFC 1812, 4.3.2.5 */
#define ICMP6_TOS 0

/* What of a packet an error quotes: its IP header with any options, and the transport header. */
#define ICMP_QUOTE_MAX 96

/* Loads what of the packet at @off_bytes an error quotes. Returns its length, 0 on failure. */
static __always_inline __u32 quote_load(struct xdp_md *ctx, __u32 off_bytes, __u32 bytes,
					__u8 quote[ICMP_QUOTE_MAX])
{
	/* 64 bits: Linux 6.1 forgets what a comparison of 32 bits has shown. */
	__u64 quoted = bytes < ICMP_QUOTE_MAX ? bytes : ICMP_QUOTE_MAX;

	quoted &= ~3ull; /* whole words to sum */
	/* Else the compiler checks before it masks, and the verifier sees a length of 0. */
	asm volatile("" : "+r"(quoted));
	if (quoted < sizeof(struct iphdr) || quoted > ICMP_QUOTE_MAX)
		return 0;
	__builtin_memset(quote, 0, ICMP_QUOTE_MAX);
	return frame_load(ctx, off_bytes, quote, quoted) ? 0 : quoted;
}

/*
 * The sum of what is quoted, as it will be on the wire. A device that is to complete the checksum
 * in there does so behind us: then all from the transport header on sums up to what is not in it
 * yet.
 * @ip_bytes: of an IP header without options, the only one that such packets are looked for with
 */
static __always_inline __s64 quote_sum(struct xdp_md *ctx, __u32 l3_off_bytes,
				       const __u8 quote[ICMP_QUOTE_MAX], __u32 ip_bytes, __u8 proto,
				       __s64 sum)
{
	__u32 check_off_bytes =
		ip_bytes + (proto == IPPROTO_TCP ? __builtin_offsetof(struct tcphdr, check)
						 : __builtin_offsetof(struct udphdr, check));

	if (frame_check_is_partial(ctx, l3_off_bytes + check_off_bytes))
		return bpf_csum_diff(NULL, 0, (__be32 *)quote, ip_bytes, sum) +
		       (__u16) ~*(const __u16 *)(proto == IPPROTO_TCP ? quote + ip_bytes + 16
								      : quote + ip_bytes + 6);
	return bpf_csum_diff(NULL, 0, (__be32 *)quote, ICMP_QUOTE_MAX, sum);
}

/* ---- errors of our own ----------------------------------------------------------------------- */

/* No error about an error, nor about what is not the beginning (RFC 1122, 3.2.2; RFC 4443, 2.4). */
static __always_inline bool icmp4_may_answer(const struct iphdr *ip)
{
	return ip->protocol != IPPROTO_ICMP && !(ip->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET));
}

static __always_inline bool icmp6_may_answer(const struct ipv6hdr *ip)
{
	return ip->nexthdr != NEXTHDR_ICMPV6;
}

/* The sum of the pseudo header of ICMP: that of IPv4 has none. */
static __always_inline __s64 icmp4_pseudo_sum(const struct iphdr *ip, __u32 bytes)
{
	return 0;
}

static __always_inline __s64 icmp6_pseudo_sum(const struct ipv6hdr *ip, __u32 bytes)
{
	return ip6_pseudo_sum(ip, NEXTHDR_ICMPV6, bytes);
}

#include "packet/family4.h"
#include "forward/icmp.tmpl.h"
#include "packet/family6.h"
#include "forward/icmp.tmpl.h"

#endif /* SLUICE_ICMP_BPF_H */
