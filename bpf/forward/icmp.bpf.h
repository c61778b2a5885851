/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * icmp.bpf.h - answers of our own: echo, time exceeded, packet too big
 */
#ifndef SLUICE_ICMP_BPF_H
#define SLUICE_ICMP_BPF_H

#include "flow/flow6.bpf.h"
#include "packet/icmp_parts.bpf.h"
#include "forward/send.bpf.h"

#define ICMP_TTL 64
#define ICMP_TOS 0xc0 /* internetwork control, RFC 1812, 4.3.2.5 */

/* What of a packet an error quotes: its IP header with any options, and the transport header. */
#define ICMP_QUOTE_MAX 96

static __always_inline __sum16 checksum_finish(__u64 sum)
{
	return checksum_apply(0xffff, sum);
}

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
 * The sum of what is quoted, as it will be on the wire. A device that is to complete the checksum in
 * there does so behind us: then all from the transport header on sums up to what is not in it yet.
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

/* ---- errors of our own ------------------------------------------------------------------------- */

/**
 * icmp4_send - answer a packet, which is dropped, with an error to its source
 * @what: type << 8 | code
 * @mtu_bytes: for ICMP_FRAG_NEEDED
 * @reason: why it is dropped, for the count
 * Return: verdict of the answer.
 */
__noinline int icmp4_send(struct xdp_md *ctx, __u32 l3_off_bytes, __u32 what, __u32 mtu_bytes,
			  __u32 reason)
{
	struct pkt pkt = { .data = (void *)(long)ctx->data,
			   .data_end = (void *)(long)ctx->data_end };
	const struct iphdr *old = pkt_at(&pkt, l3_off_bytes, sizeof(*old));
	const struct node_config *config = node();
	struct {
		struct iphdr ip;
		struct icmp_head icmp;
	} head = {};
	__u8 quote[ICMP_QUOTE_MAX];
	__u32 quoted;

	/* No error about an error, nor about what is not the beginning (RFC 1122, 3.2.2). */
	if (!old || !config || old->protocol == IPPROTO_ICMP ||
	    old->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET))
		return drop_packet(ctx, reason);
	*(__u8 *)&head.ip = 0x45;
	head.ip.tos = ICMP_TOS;
	head.ip.ttl = ICMP_TTL;
	head.ip.protocol = IPPROTO_ICMP;
	head.ip.saddr = config->addr4 ? config->addr4 : old->daddr;
	head.ip.daddr = old->saddr;
	quoted = quote_load(ctx, l3_off_bytes, bpf_ntohs(old->tot_len), quote);
	count_drop(reason);
	event_record(ctx, reason);
	if (!quoted)
		return XDP_DROP;
	head.ip.tot_len = bpf_htons(sizeof(head) + quoted);
	head.ip.check =
		checksum_finish(bpf_csum_diff(NULL, 0, (__be32 *)&head.ip, sizeof(head.ip), 0));
	head.icmp.type = what >> 8;
	head.icmp.code = what;
	head.icmp.rest = bpf_htonl(mtu_bytes);
	head.icmp.check = checksum_finish(
		quote_sum(ctx, l3_off_bytes, quote, sizeof(head.ip), quote[9],
			  bpf_csum_diff(NULL, 0, (__be32 *)&head.icmp, sizeof(head.icmp), 0)));
	if (!frame_cut(ctx, l3_off_bytes + quoted) ||
	    !frame_grow(ctx, l3_off_bytes, sizeof(head)) ||
	    frame_store(ctx, l3_off_bytes, &head, sizeof(head)))
		return XDP_DROP;
	count_stat(STAT_ICMP_SENT);
	return send_back(ctx);
}

/* As icmp4_send(), for IPv6. */
__noinline int icmp6_send(struct xdp_md *ctx, __u32 l3_off_bytes, __u32 what, __u32 mtu_bytes,
			  __u32 reason)
{
	struct pkt pkt = { .data = (void *)(long)ctx->data,
			   .data_end = (void *)(long)ctx->data_end };
	const struct ipv6hdr *old = pkt_at(&pkt, l3_off_bytes, sizeof(*old));
	const struct node_config *config = node();
	struct {
		struct ipv6hdr ip;
		struct icmp_head icmp;
	} head = {};
	__u8 quote[ICMP_QUOTE_MAX];
	__u32 quoted;
	__s64 sum;

	if (!old || !config || old->nexthdr == NEXTHDR_ICMPV6)
		return drop_packet(ctx, reason);
	*(__u8 *)&head.ip = 0x60;
	head.ip.nexthdr = NEXTHDR_ICMPV6;
	head.ip.hop_limit = ICMP_TTL;
	__builtin_memcpy(&head.ip.daddr, &old->saddr, sizeof(head.ip.daddr));
	if (config->flags & NODE_F_SNAT6)
		__builtin_memcpy(&head.ip.saddr, config->addr6, sizeof(head.ip.saddr));
	else
		__builtin_memcpy(&head.ip.saddr, &old->daddr, sizeof(head.ip.saddr));
	quoted = quote_load(ctx, l3_off_bytes, bpf_ntohs(old->payload_len) + sizeof(*old), quote);
	count_drop(reason);
	event_record(ctx, reason);
	if (!quoted)
		return XDP_DROP;
	head.ip.payload_len = bpf_htons(sizeof(head.icmp) + quoted);
	head.icmp.type = what >> 8;
	head.icmp.code = what;
	head.icmp.rest = bpf_htonl(mtu_bytes);
	/* The pseudo header: addresses, length, protocol. */
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&head.ip.saddr, 32,
			    bpf_htons(sizeof(head.icmp) + quoted) + bpf_htons(NEXTHDR_ICMPV6));
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&head.icmp, sizeof(head.icmp), sum);
	head.icmp.check = checksum_finish(
		quote_sum(ctx, l3_off_bytes, quote, sizeof(head.ip), quote[6], sum));
	if (!frame_cut(ctx, l3_off_bytes + quoted) ||
	    !frame_grow(ctx, l3_off_bytes, sizeof(head)) ||
	    frame_store(ctx, l3_off_bytes, &head, sizeof(head)))
		return XDP_DROP;
	count_stat(STAT_ICMP_SENT);
	return send_back(ctx);
}

/* ---- echo --------------------------------------------------------------------------------------- */

static __always_inline int echo4(struct xdp_md *ctx, struct iphdr *ip, struct icmp_head *icmp)
{
	__be32 addr = ip->saddr;
	__u64 diff;

	if (!can_send_back(ctx))
		return XDP_PASS; /* the stack answers for the address, which has a local route */
	diff = checksum_diff16(bpf_htons(ip->ttl << 8), bpf_htons(ICMP_TTL << 8));
	ip->saddr = ip->daddr;
	ip->daddr = addr;
	ip->ttl = ICMP_TTL;
	ip->check = checksum_apply(ip->check, diff);
	icmp->type = ICMP_ECHO_REPLY;
	icmp->check =
		checksum_apply(icmp->check, checksum_diff16(bpf_htons(ICMP_ECHO_REQUEST << 8), 0));
	count_stat(STAT_ICMP_ECHOES);
	return send_back(ctx);
}

static __always_inline int echo6(struct xdp_md *ctx, struct ipv6hdr *ip, struct icmp_head *icmp)
{
	struct in6_addr addr = ip->saddr;

	if (!can_send_back(ctx))
		return XDP_PASS;
	ip->saddr = ip->daddr;
	ip->daddr = addr;
	ip->hop_limit = ICMP_TTL;
	icmp->type = ICMP6_ECHO_REPLY;
	icmp->check =
		checksum_apply(icmp->check, checksum_diff16(bpf_htons(ICMP6_ECHO_REQUEST << 8),
							    bpf_htons(ICMP6_ECHO_REPLY << 8)));
	count_stat(STAT_ICMP_ECHOES);
	return send_back(ctx);
}

#endif /* SLUICE_ICMP_BPF_H */
