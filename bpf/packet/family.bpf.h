/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * family.bpf.h - what a template needs of an address family, under one name for both
 *
 * A stage that is the same for IPv4 and IPv6 is a template, X.tmpl.h, which X.bpf.h includes twice:
 *
 *	#include "packet/family4.h"
 *	#include "flow/flow.tmpl.h"
 *	#include "packet/family6.h"
 *	#include "flow/flow.tmpl.h"
 *
 * family4.h and family6.h define FAMILY and F(): F(flow, _key) is flow4_key, then flow6_key. An
 * address as a value is addr4_t, the four bytes, or addr6_t, a pointer to sixteen; the fields of
 * keys and maps are such values, those of headers become one by HEADER_ADDR().
 */
#ifndef SLUICE_FAMILY_BPF_H
#define SLUICE_FAMILY_BPF_H

#include "packet/checksum.bpf.h"
#include "packet/packet.bpf.h"

typedef __be32 addr4_t;
typedef const __u8 *addr6_t; /* borrowed, 16 bytes */

#define ETH_TYPE4 bpf_htons(ETH_P_IP)
#define ETH_TYPE6 bpf_htons(ETH_P_IPV6)

#define IP_PROTO_ICMP4 IPPROTO_ICMP
#define IP_PROTO_ICMP6 NEXTHDR_ICMPV6

#define IP_PROTO_IN4 IPPROTO_IPIP /* of an outer header: a packet of this family is inside */
#define IP_PROTO_IN6 IPPROTO_IPV6

/* The bytes of a packet, as its header states them: the whole, and what follows a plain header. */
static __always_inline __u32 ip4_bytes(const struct iphdr *ip)
{
	return bpf_ntohs(ip->tot_len);
}

static __always_inline __u32 ip6_bytes(const struct ipv6hdr *ip)
{
	return bpf_ntohs(ip->payload_len) + sizeof(*ip);
}

/* A first part; what is one in IPv6 has its own header before the protocol's. */
static __always_inline bool ip4_is_fragment(const struct iphdr *ip)
{
	return ip->frag_off & bpf_htons(IPV4_FRAGMENT);
}

static __always_inline bool ip6_is_fragment(const struct ipv6hdr *ip)
{
	return ip->nexthdr == NEXTHDR_FRAGMENT;
}

/* After what the header's own checksum covers has changed by @diff. */
static __always_inline void ip4_patch(struct iphdr *ip, __u64 diff)
{
	ip->check = checksum_apply(ip->check, diff);
}

static __always_inline void ip6_patch(struct ipv6hdr *ip, __u64 diff)
{
}

/* The same, and one hop less. The caller has seen that a hop is left. */
static __always_inline void ip4_forwarded(struct iphdr *ip, __u64 diff)
{
	ip->ttl--;
	ip4_patch(ip,
		  diff + checksum_diff16(bpf_htons(1 << 8), 0)); /* the upper byte of its word */
}

static __always_inline void ip6_forwarded(struct ipv6hdr *ip, __u64 diff)
{
	ip->hop_limit--;
}

#define IP_TTL_OWN 64 /* of packets that begin here */

/* Fills a header, zeroed before but for addresses. @bytes: of what follows it. */
static __always_inline void ip4_fill(struct iphdr *ip, __u8 tos, __u8 proto, __u32 bytes)
{
	*(__u8 *)ip = 0x45;
	ip->tos = tos;
	ip->tot_len = bpf_htons(sizeof(*ip) + bytes);
	ip->ttl = IP_TTL_OWN;
	ip->protocol = proto;
	ip->check = checksum_finish(bpf_csum_diff(NULL, 0, (__be32 *)ip, sizeof(*ip), 0));
}

static __always_inline void ip6_fill(struct ipv6hdr *ip, __u8 tos, __u8 proto, __u32 bytes)
{
	*(__u8 *)ip = 0x60;
	ip->payload_len = bpf_htons(bytes);
	ip->nexthdr = proto;
	ip->hop_limit = IP_TTL_OWN;
}

/* The sum of the pseudo header of what follows @ip. */
static __always_inline __s64 ip4_pseudo_sum(const struct iphdr *ip, __u8 proto, __u32 bytes)
{
	return (__u64)(bpf_htons(bytes) + bpf_htons(proto)) + ip->saddr + ip->daddr;
}

static __always_inline __s64 ip6_pseudo_sum(const struct ipv6hdr *ip, __u8 proto, __u32 bytes)
{
	return bpf_csum_diff(NULL, 0, (__be32 *)&ip->saddr, 2 * sizeof(ip->saddr),
			     bpf_htons(bytes) + bpf_htons(proto));
}

#endif /* SLUICE_FAMILY_BPF_H */
