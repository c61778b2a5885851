/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * short.bpf.h - the short way: plain packets of flows that are known, and what is not ours
 *
 * Nearly every packet has plain headers and a flow whose entry was used within the last second,
 * to a backend that still stands. For those the frontend is not looked up (the entry says which
 * one it was, and node_config.frontends_epoch that no frontend has changed since), and nothing is
 * written but the packet and the counters. Whatever is not certain here takes the long way
 * (ingress4() and ingress6()), which knows all cases and makes the same of these: each refusal
 * below is one of speed, not of meaning.
 */
#ifndef SLUICE_SHORT_BPF_H
#define SLUICE_SHORT_BPF_H

#include "flow/judge.bpf.h"
#include "forward/tunnel.bpf.h"

#define LONG_WAY (-100) /* no verdict: 0 and above are those of XDP; nor an enum todo */

#define TCP_PLAIN_MASK (TCP_FIN | TCP_SYN | TCP_RST) /* flags that change a flow */

/* Whether the entry need not be looked at closer, nor written. */
static __always_inline bool flow_is_settled(const struct flow *flow,
					    const struct node_config *config, __u64 now_ns)
{
	return flow->state == FLOW_ESTABLISHED &&
	       flow->frontends_epoch == config->frontends_epoch &&
	       now_ns - flow->last_seen_ns < FLOW_TOUCH_NS;
}

static __always_inline void count_settled(const struct flow *flow, __u32 bytes)
{
	count_stat(STAT_PACKETS_L4);
	count_frontend(flow->frontend_id, bytes);
	count_backend(flow->backend_id, bytes);
}

/*
 * The checksum of a transport header at @l4, whose first 8 bytes are there, if it is plain: not the
 * first or the last packet of TCP, and of a length that is true. Else NULL.
 * @bytes: from it to the end of the IP packet.
 */
static __always_inline __sum16 *l4_plain(void *l4, const void *data_end, __u8 proto, __u32 bytes)
{
	__u32 l4_bytes;

	if (likely(proto == IPPROTO_TCP)) {
		const __u8 *tcp = l4;

		if (l4 + sizeof(struct tcphdr) > data_end)
			return NULL;
		l4_bytes = (tcp[12] >> 4) * 4;
		if (tcp[13] & TCP_PLAIN_MASK || l4_bytes < sizeof(struct tcphdr) ||
		    l4_bytes > bytes)
			return NULL;
		return &((struct tcphdr *)l4)->check;
	}
	if (proto != IPPROTO_UDP)
		return NULL;
	l4_bytes = bpf_ntohs(((const struct udphdr *)l4)->len);
	if (l4_bytes < sizeof(struct udphdr) || l4_bytes > bytes)
		return NULL;
	return &((struct udphdr *)l4)->check;
}

/* Destination port, source port and checksum; @diff: of the addresses. */
static __always_inline void l4_rewrite(struct udphdr *ports, __sum16 *check, __u8 proto,
				       __be16 source_port, __be16 port, __u64 diff)
{
	if (unlikely(source_port)) {
		diff += checksum_diff16(ports->source, source_port);
		ports->source = source_port;
	}
	diff += checksum_diff16(ports->dest, port);
	ports->dest = port;
	if (likely(proto == IPPROTO_TCP))
		*check = checksum_apply(*check, diff);
	else if (*check)
		*check = checksum_apply_udp(*check, diff);
}

/* The hop to a node's address, if it is known and has room for @bytes. */
static __always_inline const struct next_hop *
hop_kept(const struct xdp_md *ctx, const __u8 addr[16], __u32 bytes, __u64 now_ns)
{
	__u32 slot = hop_slot(addr);
	const struct next_hop *hop = bpf_map_lookup_elem(&next_hops, &slot);

	if (!hop || !addr_equal(hop->addr, addr) || hop->in_ifindex != ctx->ingress_ifindex ||
	    now_ns - hop->asked_ns > NEXT_HOP_LIFE_NS || bytes > hop->mtu_bytes)
		return NULL;
	return hop;
}

static __always_inline int hop_take(const struct xdp_md *ctx, struct ethhdr *eth,
				    const struct next_hop *hop)
{
	__builtin_memcpy(eth->h_dest, hop->dmac, sizeof(eth->h_dest));
	__builtin_memcpy(eth->h_source, hop->smac, sizeof(eth->h_source));
	if (hop->ifindex == ctx->ingress_ifindex)
		return XDP_TX;
	return bpf_redirect_map(&tx_ports, hop->ifindex, 0);
}

/* Whether a header has neither options nor a part of a datagram behind it. */
static __always_inline bool ip4_is_plain(const struct iphdr *ip)
{
	return *(const __u8 *)ip == 0x45 && !(ip->frag_off & bpf_htons(IPV4_FRAGMENT));
}

/* l4_plain() knows no protocol but TCP and UDP. */
static __always_inline bool ip6_is_plain(const struct ipv6hdr *ip)
{
	return true;
}

static __always_inline __u8 ip4_tos(const struct iphdr *ip)
{
	return ip->tos;
}

static __always_inline __u8 ip6_tos(const struct ipv6hdr *ip)
{
	return bpf_ntohs(*(const __be16 *)ip) >> 4;
}

static __always_inline bool addr_is_of4(const __u8 addr[16])
{
	return addr_is_v4(addr);
}

static __always_inline bool addr_is_of6(const __u8 addr[16])
{
	return !addr_is_v4(addr);
}

#include "packet/family4.h"
#include "forward/short.tmpl.h"
#include "packet/family6.h"
#include "forward/short.tmpl.h"

#endif /* SLUICE_SHORT_BPF_H */
