/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * announce.bpf.h - who has the address of a frontend? Answers for those that this node holds
 *
 * With --announce l2 one node holds each address that exists for frontends alone. It answers ARP
 * requests and neighbour solicitations here; the others drop ARP requests for it, which their stack
 * would answer too because of the local route. Questions about all other addresses pass.
 */
#ifndef SLUICE_ANNOUNCE_BPF_H
#define SLUICE_ANNOUNCE_BPF_H

#include "node/answer.bpf.h"
#include "node/count.bpf.h"
#include "packet/packet.bpf.h"

#define ARP_HARDWARE_ETHERNET 1
#define ARP_REQUEST           1
#define ARP_REPLY             2

#define ND_SOLICIT          135 /* RFC 4861, 4.3 */
#define ND_ADVERT           136 /* RFC 4861, 4.4 */
#define ND_HOP_LIMIT        255
#define ND_OPTION_TARGET_L2 2
#define ND_F_SOLICITED      0x40
#define ND_F_OVERRIDE       0x20

/* Fields of the wire have no alignment; so the compiler reads them byte by byte. */
struct arp4 {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_bytes;
	__u8 protocol_bytes;
	__be16 operation;
	__u8 sender_mac[6];
	__be32 sender;
	__u8 target_mac[6];
	__be32 target;
} __attribute__((packed));

struct nd_solicit {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__u32 reserved;
	struct in6_addr target;
} __attribute__((packed));

struct nd_advert {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__u8 flags;
	__u8 reserved[3];
	struct in6_addr target;
	__u8 option;
	__u8 option_words; /* of 8 bytes */
	__u8 mac[6];
} __attribute__((packed));

/* RFC 8200, 8.1, and what it is before. */
struct nd_pseudo_header {
	struct in6_addr saddr;
	struct in6_addr daddr;
	__be32 bytes;
	__be32 next_header;
};

static __always_inline bool announce_is_on(void)
{
	__u32 zero = 0;
	const struct node_config *config = bpf_map_lookup_elem(&node_config, &zero);

	return config && config->announce;
}

/* Its time is over when it has not been renewed; it never began where another node has it. */
static __always_inline bool announce_is_held(const struct announcement *known)
{
	return known->until_ns > bpf_ktime_get_coarse_ns();
}

/* An ARP packet: the verdict. RFC 826; RFC 5227 for probes (sender 0) and claims. */
__noinline int announce_arp(struct xdp_md *ctx, __u32 l3_off_bytes)
{
	struct pkt here = pkt_of(ctx, l3_off_bytes), *pkt = &here;
	struct arp4 *arp = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*arp));
	struct announce_key key = { .ifindex = frame_ifindex(ctx) };
	struct ethhdr *eth = pkt_at(pkt, 0, sizeof(*eth));
	const struct announcement *held;
	__be32 v4_prefix = bpf_htonl(0xffff), target, sender;

	if (!arp || !eth || !announce_is_on())
		return XDP_PASS;
	if (arp->hardware != bpf_htons(ARP_HARDWARE_ETHERNET) ||
	    arp->protocol != bpf_htons(ETH_P_IP) || arp->hardware_bytes != 6 ||
	    arp->protocol_bytes != 4 || arp->operation != bpf_htons(ARP_REQUEST))
		return XDP_PASS;
	target = arp->target;
	sender = arp->sender;
	if (sender == target || arp->sender_mac[0] & 1)
		return XDP_PASS; /* a claim, no question; or from nobody */
	__builtin_memcpy(&key.addr[8], &v4_prefix, sizeof(v4_prefix));
	__builtin_memcpy(&key.addr[12], &target, sizeof(target));
	held = bpf_map_lookup_elem(&announced, &key);
	if (!held)
		return XDP_PASS;
	if (!announce_is_held(held)) {
		count_drop(DROP_NOT_HOLDER);
		return XDP_DROP;
	}
	__builtin_memcpy(eth->h_dest, arp->sender_mac, 6);
	__builtin_memcpy(eth->h_source, held->mac, 6);
	arp->operation = bpf_htons(ARP_REPLY);
	__builtin_memcpy(arp->target_mac, arp->sender_mac, 6);
	arp->target = sender;
	__builtin_memcpy(arp->sender_mac, held->mac, 6);
	arp->sender = target;
	count_stat(STAT_ANNOUNCE_REPLIES);
	return frame_send_back(ctx);
}

static __always_inline __u16 nd_fold(__s64 sum)
{
	__u32 folded = (__u32)sum;

	folded = (folded & 0xffff) + (folded >> 16);
	folded = (folded & 0xffff) + (folded >> 16);
	return (__u16)~folded;
}

/* Seed of an ICMPv6 checksum. */
static __always_inline __s64 nd_pseudo_sum(const struct in6_addr *saddr,
					   const struct in6_addr *daddr, __u32 bytes)
{
	struct nd_pseudo_header pseudo = {
		.saddr = *saddr,
		.daddr = *daddr,
		.bytes = bpf_htonl(bytes),
		.next_header = bpf_htonl(NEXTHDR_ICMPV6),
	};

	return bpf_csum_diff(NULL, 0, (__be32 *)&pseudo, sizeof(pseudo), 0);
}

static __always_inline bool is_unspecified(const struct in6_addr *addr)
{
	const __be32 *words = (const __be32 *)addr;

	return !(words[0] | words[1] | words[2] | words[3]);
}

/* One answer in place of the question at @l3_off. Return: verdict. */
static __always_inline int announce_advertise(struct xdp_md *ctx, struct pkt *pkt,
					      const struct announcement *held,
					      const struct in6_addr *target,
					      const struct in6_addr *asker, __s32 grow_bytes)
{
	bool probe = is_unspecified(asker); /* RFC 4861, 7.2.4 */
	struct in6_addr to = *asker;
	struct nd_advert *advert;
	struct ipv6hdr *ip;
	struct ethhdr *eth;

	/* Written out: constants in a section that the compiler merges make the object's type
	 * information invalid, and without it no function is verified by itself. */
	if (probe) { /* ff02::1 */
		to.in6_u.u6_addr32[0] = bpf_htonl(0xff020000);
		to.in6_u.u6_addr32[1] = to.in6_u.u6_addr32[2] = 0;
		to.in6_u.u6_addr32[3] = bpf_htonl(1);
	}
	if (frame_resize(ctx, grow_bytes))
		return XDP_ABORTED;
	pkt->data = (void *)(long)ctx->data;
	pkt->data_end = (void *)(long)ctx->data_end;
	eth = pkt_at(pkt, 0, sizeof(*eth));
	ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	advert = pkt_at(pkt, pkt->l3_off_bytes + sizeof(*ip), sizeof(*advert));
	if (!eth || !ip || !advert)
		return XDP_ABORTED;
	__builtin_memcpy(eth->h_dest, eth->h_source, 6);
	if (probe) { /* 33:33:00:00:00:01, RFC 2464, 7 */
		eth->h_dest[0] = eth->h_dest[1] = 0x33;
		eth->h_dest[2] = eth->h_dest[3] = eth->h_dest[4] = 0;
		eth->h_dest[5] = 1;
	}
	__builtin_memcpy(eth->h_source, held->mac, 6);
	*(__be32 *)ip = bpf_htonl(6u << 28);
	ip->payload_len = bpf_htons(sizeof(*advert));
	ip->nexthdr = NEXTHDR_ICMPV6;
	ip->hop_limit = ND_HOP_LIMIT;
	ip->saddr = *target;
	ip->daddr = to;
	__builtin_memset(advert, 0, sizeof(*advert));
	advert->type = ND_ADVERT;
	advert->flags = probe ? ND_F_OVERRIDE : ND_F_OVERRIDE | ND_F_SOLICITED;
	advert->target = *target;
	advert->option = ND_OPTION_TARGET_L2;
	advert->option_words = 1;
	__builtin_memcpy(advert->mac, held->mac, 6);
	advert->checksum = nd_fold(bpf_csum_diff(NULL, 0, (__be32 *)advert, sizeof(*advert),
						 nd_pseudo_sum(target, &to, sizeof(*advert))));
	count_stat(STAT_ANNOUNCE_REPLIES);
	return frame_send_back(ctx);
}

/*
 * An IPv6 packet. Return: the verdict if it asks for an address that this node holds, else -1. One
 * with more options than two of eight bytes is no question that hosts ask; the stack may have it.
 */
__noinline int announce_nd(struct xdp_md *ctx, __u32 l3_off_bytes)
{
	struct pkt here = pkt_of(ctx, l3_off_bytes), *pkt = &here;
	struct ipv6hdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	struct nd_solicit *ask =
		pkt_at(pkt, pkt->l3_off_bytes + sizeof(*ip), sizeof(struct nd_solicit));
	struct announce_key key = { .ifindex = frame_ifindex(ctx) };
	const struct announcement *held;
	struct in6_addr target, asker;
	__u32 bytes;
	__s64 sum;

	if (!ip || !ask || ip->nexthdr != NEXTHDR_ICMPV6 || ask->type != ND_SOLICIT ||
	    !announce_is_on())
		return -1;
	bytes = bpf_ntohs(ip->payload_len);
	target = ask->target;
	asker = ip->saddr;
	__builtin_memcpy(key.addr, &target, sizeof(key.addr));
	held = bpf_map_lookup_elem(&announced, &key);
	if (!held || !announce_is_held(held) || ask->code || ip->hop_limit != ND_HOP_LIMIT)
		return -1;
	sum = nd_pseudo_sum(&ip->saddr, &ip->daddr, bytes);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)ask, sizeof(*ask), sum);
	for (int i = 0; i < 2; i++) {
		__be32 *option;

		if (bytes <= sizeof(*ask) + i * 8)
			break;
		option = pkt_at(pkt, pkt->l3_off_bytes + sizeof(*ip) + sizeof(*ask) + i * 8, 8);
		if (!option)
			return -1;
		sum = bpf_csum_diff(NULL, 0, option, 8, sum);
	}
	if ((bytes != 24 && bytes != 32 && bytes != 40) || nd_fold(sum))
		return -1;
	return announce_advertise(ctx, pkt, held, &target, &asker,
				  (__s32)sizeof(struct nd_advert) - (__s32)bytes);
}

#endif /* SLUICE_ANNOUNCE_BPF_H */
