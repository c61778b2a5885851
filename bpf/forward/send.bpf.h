/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * send.bpf.h - put a packet on the wire: by XDP where that is possible, else by the stack
 *
 * XDP can send where the FIB knows the neighbour and the device is in tx_ports. Everything else
 * goes up with a mark before the packet, and tc_ingress hands it to the stack's neighbour code.
 * It cannot simply be passed up: its source is an address of this node, which the stack takes for
 * a martian.
 */
#ifndef SLUICE_SEND_BPF_H
#define SLUICE_SEND_BPF_H

#include "node/answer.bpf.h"
#include "node/event.bpf.h"
#include "packet/packet.bpf.h"
#include "node/time.bpf.h"

/* A way out of this node. */
struct hop {
	__u8 daddr[16];  /* in: IPv4 as ::ffff:a.b.c.d */
	__u8 saddr[16];  /* in: likewise */
	__u32 bytes;     /* in: of the IP packet as it will be sent */
	__u32 ifindex;   /* out */
	__u32 mtu_bytes; /* out, also if the packet is too big for it */
	__u8 dmac[6];    /* out: of the neighbour */
	__u8 smac[6];    /* out */
};

enum hop_result {
	HOP_XDP = 0,     /* send it */
	HOP_STACK = 1,   /* the stack has to */
	HOP_TOO_BIG = 2, /* .mtu_bytes says for what */
			 /* negative: -enum sluice_drop */
};

static __always_inline __u32 hop_slot(const __u8 daddr[16])
{
	const __u32 *words = (const __u32 *)daddr;
	__u32 h = words[0] ^ words[1] * 3 ^ words[2] * 5 ^ words[3];

	h *= 0x9e3779b1u;
	return h >> 16 & (SLUICE_NEXT_HOPS - 1);
}

/* What the FIB said about a destination, or 0 if it has something to send by. */
static __always_inline int hop_judge(long code)
{
	switch (code) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		return HOP_XDP;
	case BPF_FIB_LKUP_RET_NO_NEIGH:   /* the stack resolves it */
	case BPF_FIB_LKUP_RET_UNSUPP_LWT: /* the route has an encapsulation of its own */
		return HOP_STACK;
	case BPF_FIB_LKUP_RET_FRAG_NEEDED:
		return HOP_TOO_BIG;
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		return -DROP_FORWARDING_OFF;
	default: /* blackhole, unreachable, prohibited, an address of this node; -errno */
		return -DROP_NO_ROUTE;
	}
}

static __always_inline void hop_question(const struct hop *hop, __u32 ifindex,
					 struct bpf_fib_lookup *fib)
{
	bool v4 = addr_is_v4(hop->daddr);

	fib->family = v4 ? AF_INET : AF_INET6;
	fib->ifindex = ifindex;
	fib->tot_len = hop->bytes;
	if (v4) {
		__builtin_memcpy(&fib->ipv4_dst, &hop->daddr[12], sizeof(fib->ipv4_dst));
		__builtin_memcpy(&fib->ipv4_src, &hop->saddr[12], sizeof(fib->ipv4_src));
	} else {
		__builtin_memcpy(fib->ipv6_dst, hop->daddr, sizeof(fib->ipv6_dst));
		__builtin_memcpy(fib->ipv6_src, hop->saddr, sizeof(fib->ipv6_src));
	}
}

#ifndef SLUICE_TC

/* Asks the FIB, and keeps an answer that XDP can use. */
__noinline int hop_ask(struct xdp_md *ctx, struct hop *hop)
{
	struct bpf_fib_lookup fib = {};
	struct next_hop *kept;
	__u32 slot, ifindex;
	int result;

	if (!hop)
		return -DROP_NO_ROUTE;
	hop_question(hop, ctx->ingress_ifindex, &fib);
	result = hop_judge(bpf_fib_lookup(ctx, &fib, sizeof(fib), 0));
	if (result < 0)
		return result;
	hop->mtu_bytes = fib.mtu_result;
	if (result)
		return result;
	ifindex = fib.ifindex;
	if (!bpf_map_lookup_elem(&tx_ports, &ifindex))
		return HOP_STACK;
	hop->ifindex = ifindex;
	__builtin_memcpy(hop->dmac, fib.dmac, sizeof(hop->dmac));
	__builtin_memcpy(hop->smac, fib.smac, sizeof(hop->smac));
	slot = hop_slot(hop->daddr);
	kept = bpf_map_lookup_elem(&next_hops, &slot);
	if (!kept)
		return result;
	__builtin_memcpy(kept->addr, hop->daddr, sizeof(kept->addr));
	kept->asked_ns = bpf_ktime_get_coarse_ns();
	kept->ifindex = ifindex;
	kept->mtu_bytes = hop->mtu_bytes;
	kept->in_ifindex = ctx->ingress_ifindex;
	__builtin_memcpy(kept->dmac, hop->dmac, sizeof(kept->dmac));
	__builtin_memcpy(kept->smac, hop->smac, sizeof(kept->smac));
	return result;
}

/* Finds the way of a packet. Returns enum hop_result, or a negative drop reason. */
static __always_inline int hop_find(struct xdp_md *ctx, struct hop *hop)
{
	__u32 slot = hop_slot(hop->daddr);
	const struct next_hop *kept = bpf_map_lookup_elem(&next_hops, &slot);

	if (!kept || !addr_equal(kept->addr, hop->daddr) ||
	    kept->in_ifindex != ctx->ingress_ifindex ||
	    bpf_ktime_get_coarse_ns() - kept->asked_ns > NEXT_HOP_LIFE_NS)
		return hop_ask(ctx, hop);
	hop->mtu_bytes = kept->mtu_bytes;
	if (hop->bytes > kept->mtu_bytes)
		return HOP_TOO_BIG;
	hop->ifindex = kept->ifindex;
	__builtin_memcpy(hop->dmac, kept->dmac, sizeof(hop->dmac));
	__builtin_memcpy(hop->smac, kept->smac, sizeof(hop->smac));
	return HOP_XDP;
}

/* Hands the packet to tc_ingress to be sent. The last thing that is done to it. */
static __always_inline int send_by_stack(struct xdp_md *ctx)
{
	if (!frame_mark(ctx, SEND_MARK))
		return drop_packet(ctx, DROP_NO_TRANSMIT);
	count_stat(STAT_PACKETS_BY_STACK);
	return XDP_PASS;
}

/**
 * send_to - send a packet whose IP header is ready
 * @how: HOP_XDP or HOP_STACK
 * @l3_off_bytes: behind a VLAN tag the stack sends: the tag of the way out is its business
 * Return: verdict.
 */
static __always_inline int send_to(struct xdp_md *ctx, const struct hop *hop, int how,
				   __u32 l3_off_bytes)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	if (how != HOP_XDP || l3_off_bytes != sizeof(*eth))
		return send_by_stack(ctx);
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return drop_packet(ctx, DROP_NO_TRANSMIT);
	__builtin_memcpy(eth->h_dest, hop->dmac, sizeof(eth->h_dest));
	__builtin_memcpy(eth->h_source, hop->smac, sizeof(eth->h_source));
	if (hop->ifindex == ctx->ingress_ifindex)
		return XDP_TX;
	return bpf_redirect_map(&tx_ports, hop->ifindex, 0);
}

#else /* SLUICE_TC */

/*
 * What @bytes, the length of a packet as it is to be sent, come to on the wire: one that is split
 * later is judged by its parts.
 */
static __always_inline __u32 wire_bytes(struct __sk_buff *skb, __u32 bytes)
{
	struct pkt pkt = pkt_of(skb, 0);
	__u32 head_bytes = sizeof(struct iphdr);
	const struct iphdr *ip;
	const __u8 *tcp;
	__u8 proto;

	if (!skb->gso_size)
		return bytes;
	pkt_parse_ethernet(&pkt);
	ip = pkt_at(&pkt, pkt.l3_off_bytes, sizeof(*ip));
	if (!ip)
		return bytes;
	proto = ip->protocol;
	if (*(const __u8 *)ip >> 4 == 4) {
		head_bytes = (*(const __u8 *)ip & 0x0f) * 4;
	} else {
		proto = ((const __u8 *)ip)[6]; /* options of IPv6 are not counted */
		head_bytes = sizeof(struct ipv6hdr);
	}
	tcp = pkt_at(&pkt, pkt.l3_off_bytes + head_bytes, sizeof(struct tcphdr));
	head_bytes += proto == IPPROTO_TCP && tcp ? (tcp[12] >> 4) * 4 : sizeof(struct udphdr);
	/* What is put around each part is put around the whole as well. */
	return head_bytes + skb->gso_size + bytes - (skb->len - pkt.l3_off_bytes);
}

/* The way of a packet. Neighbours are the stack's business, so nothing is kept. */
__noinline int hop_find(struct __sk_buff *skb, struct hop *hop)
{
	struct bpf_fib_lookup fib = {};
	long code;

	if (!hop)
		return -DROP_NO_ROUTE;
	hop_question(hop, skb->ifindex, &fib);
	fib.tot_len = wire_bytes(skb, hop->bytes);
	code = bpf_fib_lookup(skb, &fib, sizeof(fib), 0);
	hop->mtu_bytes = fib.mtu_result;
	hop->ifindex = fib.ifindex;
	__builtin_memcpy(hop->dmac, fib.dmac, sizeof(hop->dmac));
	__builtin_memcpy(hop->smac, fib.smac, sizeof(hop->smac));
	return code == BPF_FIB_LKUP_RET_NO_NEIGH ? HOP_XDP : hop_judge(code);
}

static __always_inline int send_by_stack(struct __sk_buff *skb)
{
	count_stat(STAT_PACKETS_BY_STACK);
	return XDP_PASS;
}

/* HOP_STACK: the route encapsulates, which only the stack can. */
static __always_inline int send_to(struct __sk_buff *skb, const struct hop *hop, int how,
				   __u32 l3_off_bytes)
{
	if (how != HOP_XDP)
		return send_by_stack(skb);
	if (frame_untag(skb, l3_off_bytes) ||
	    bpf_redirect_neigh(hop->ifindex, NULL, 0, 0) != TC_ACT_REDIRECT)
		return drop_packet(skb, DROP_NO_TRANSMIT);
	return XDP_REDIRECT;
}

#endif /* SLUICE_TC */

/* Sends an answer made of a packet back to where it came from. */
static __always_inline int send_back(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	__u8 mac[6];

	if (!can_send_back(ctx))
		return send_by_stack(ctx);
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return drop_packet(ctx, DROP_NO_TRANSMIT);
	__builtin_memcpy(mac, eth->h_dest, sizeof(mac));
	__builtin_memcpy(eth->h_dest, eth->h_source, sizeof(mac));
	__builtin_memcpy(eth->h_source, mac, sizeof(mac));
	return frame_answer(ctx);
}

#endif /* SLUICE_SEND_BPF_H */
