/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tunnel.bpf.h - encapsulation to the node of a pod, and the end of a tunnel on that node
 *
 * IP in IP (RFC 2003, 2473, 4213), or directly in UDP (GUE, variant 1) where networks filter the
 * former; inner and outer family may differ. The node at the end picks the pod by the same ring,
 * or by the flow that it knows, and the pod's reply leaves from there with the frontend's
 * address.
 */
#ifndef SLUICE_TUNNEL_BPF_H
#define SLUICE_TUNNEL_BPF_H

#include "forward/remote.bpf.h"

#define TUNNEL_PORT_MIN \
	0xc000 /* source ports of GUE say the flow to routers: 14 bits of its hash */
#define TUNNEL_PORT_MASK 0x3fff

/* What is around the packet, longest case. */
struct tunnel4 {
	struct iphdr ip;
	struct udphdr udp;
};

struct tunnel6 {
	struct ipv6hdr ip;
	struct udphdr udp;
};

static __always_inline __u32 tunnel_bytes(bool outer_v4, bool gue)
{
	return (outer_v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr)) +
	       (gue ? sizeof(struct udphdr) : 0);
}

/* The packet that is to be wrapped. */
struct inner {
	bool v4;
	__u8 tos, ttl;
	__u32 bytes;
};

static __always_inline bool inner_read(struct pkt *pkt, struct inner *inner)
{
	const struct iphdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	const struct ipv6hdr *ip6;

	if (!ip)
		return false;
	inner->v4 = *(const __u8 *)ip >> 4 == 4;
	if (inner->v4) {
		inner->bytes = bpf_ntohs(ip->tot_len);
		inner->tos = ip->tos;
		inner->ttl = ip->ttl;
		return true;
	}
	ip6 = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip6));
	if (!ip6)
		return false;
	inner->bytes = bpf_ntohs(ip6->payload_len) + sizeof(*ip6);
	inner->tos = bpf_ntohs(*(const __be16 *)ip6) >> 4;
	inner->ttl = ip6->hop_limit;
	return true;
}

static __always_inline void tunnel_fill_udp(struct udphdr *udp, const struct node_config *config,
					    __u32 hash, __u32 payload_bytes)
{
	udp->source = bpf_htons(TUNNEL_PORT_MIN | (hash & TUNNEL_PORT_MASK));
	udp->dest = config->gue_port;
	udp->len = bpf_htons(sizeof(*udp) + payload_bytes);
	udp->check = 0; /* the packet inside has its own; RFC 6935 allows it for IPv6, too */
}

/* @bytes: of the packet with this header; @hash: has no place in it. */
static __always_inline void tunnel_fill4(struct iphdr *ip, __be32 saddr, __be32 daddr, __u8 proto,
					 __u8 tos, __u32 hash, __u32 bytes)
{
	*(__u8 *)ip = 0x45;
	ip->tos = tos;
	ip->tot_len = bpf_htons(bytes);
	ip->id = 0; /* never fragmented, RFC 6864 */
	ip->frag_off = bpf_htons(IPV4_DONT_FRAGMENT);
	ip->ttl = IP_TTL_OWN;
	ip->protocol = proto;
	ip->saddr = saddr;
	ip->daddr = daddr;
	ip->check = checksum_finish((__u64)bpf_htons(0x4500 | tos) + ip->tot_len + ip->frag_off +
				    bpf_htons(IP_TTL_OWN << 8 | proto) + saddr + daddr);
}

/* @bytes: of the packet with this header; @hash: of the flow, as its label. */
static __always_inline void tunnel_fill6(struct ipv6hdr *ip, const __u8 saddr[16],
					 const __u8 daddr[16], __u8 proto, __u8 tos, __u32 hash,
					 __u32 bytes)
{
	*(__be32 *)ip = bpf_htonl(0x60000000 | (__u32)tos << 20 | (hash & 0xfffff));
	ip->payload_len = bpf_htons(bytes - sizeof(*ip));
	ip->nexthdr = proto;
	ip->hop_limit = IP_TTL_OWN;
	__builtin_memcpy(&ip->saddr, saddr, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, daddr, sizeof(ip->daddr));
}

static __always_inline __u8 tunnel_proto(const struct inner *inner, bool gue)
{
	return gue ? IPPROTO_UDP : inner->v4 ? IPPROTO_IPIP : IPPROTO_IPV6;
}

#include "packet/family4.h"
#include "forward/tunnel.tmpl.h"
#include "packet/family6.h"
#include "forward/tunnel.tmpl.h"

/* Where the tunnel leads, and from where. False: this node has no address of that family. */
static __always_inline bool tunnel_ends(const struct node_config *config,
					const struct backend *backend, struct hop *hop)
{
	__builtin_memcpy(hop->daddr, backend->node_addr, sizeof(hop->daddr));
	if (addr_is_v4(hop->daddr)) {
		addr_from_v4(hop->saddr, config->addr4);
		return config->flags & NODE_F_SNAT4;
	}
	__builtin_memcpy(hop->saddr, config->addr6, sizeof(hop->saddr));
	return config->flags & NODE_F_SNAT6;
}

static __always_inline int tunnel_refuse(struct xdp_md *ctx, __u32 l3_off_bytes, bool v4,
					 __u32 mtu_bytes)
{
	if (!mtu_bytes)
		return v4 ? icmp4_send(ctx, l3_off_bytes, ICMP4_EXPIRED, 0, DROP_TTL)
			  : icmp6_send(ctx, l3_off_bytes, ICMP6_EXPIRED, 0, DROP_TTL);
	return v4 ? icmp4_send(ctx, l3_off_bytes, ICMP4_FRAG, mtu_bytes, DROP_TOO_BIG)
		  : icmp6_send(ctx, l3_off_bytes, ICMP6_FRAG, mtu_bytes, DROP_TOO_BIG);
}

/*
 * The stack gets the frame as it came in: it sends no packet whose frame seems to be for a group,
 * which is what the rubbish in the head room may say.
 */
static __always_inline bool hop_keep_macs(const struct pkt *pkt, struct hop *hop)
{
	const struct ethhdr *eth = pkt_at(pkt, 0, sizeof(*eth));

	if (!eth)
		return false;
	__builtin_memcpy(hop->dmac, eth->h_dest, sizeof(hop->dmac));
	__builtin_memcpy(hop->smac, eth->h_source, sizeof(hop->smac));
	return true;
}

/**
 * tunnel_send - send a packet as it is, but for a hop less, to the node of a backend
 * @hash: of the flow, for routers that spread flows over paths
 * Return: verdict.
 */
__noinline int tunnel_send(struct xdp_md *ctx, __u32 l3_off_bytes, __u32 backend_id, __u32 hash)
{
	const struct node_config *config = node();
	const struct backend *backend = bpf_map_lookup_elem(&backends, &backend_id);
	struct pkt pkt = pkt_of(ctx, l3_off_bytes);
	struct hop hop = {};
	struct inner inner;
	struct ethhdr *eth;
	struct iphdr *ip;
	bool outer_v4, gue;
	__u32 more_bytes;
	int how;

	if (!config || !backend || l3_off_bytes < sizeof(*eth) || !inner_read(&pkt, &inner))
		return drop_packet(ctx, DROP_SHORT_L3);
	if (!tunnel_ends(config, backend, &hop))
		return drop_packet(ctx, DROP_NO_ROUTE);
	if (inner.ttl <= 1)
		return tunnel_refuse(ctx, l3_off_bytes, inner.v4, 0);
	gue = backend->flags & BACKEND_F_GUE;
	outer_v4 = addr_is_v4(hop.daddr);
	more_bytes = tunnel_bytes(outer_v4, gue);
	hop.bytes = inner.bytes + more_bytes;
	how = hop_find(ctx, &hop);
	if (how < 0)
		return drop_packet(ctx, -how);
	if (how == HOP_TOO_BIG)
		return tunnel_refuse(ctx, l3_off_bytes, inner.v4, hop.mtu_bytes - more_bytes);
	if (how == HOP_STACK && !hop_keep_macs(&pkt, &hop))
		return drop_packet(ctx, DROP_SHORT_L3);
	ip = pkt_at(&pkt, l3_off_bytes, sizeof(*ip));
	if (!ip)
		return drop_packet(ctx, DROP_SHORT_L3);
	if (inner.v4)
		ip4_forwarded(ip, 0);
	else
		((__u8 *)ip)[7]--; /* the hop limit */
	/* VLAN tags are left behind: the way out has its own, or none. */
	if (frame_wrap(ctx, l3_off_bytes, more_bytes, outer_v4, gue))
		return drop_packet(ctx, DROP_NO_TRANSMIT);
	if (!(outer_v4 ? tunnel_put4(ctx, config, &hop, hash, gue, &inner)
		       : tunnel_put6(ctx, config, &hop, hash, gue, &inner)))
		return drop_packet(ctx, DROP_NO_TRANSMIT);
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return drop_packet(ctx, DROP_NO_TRANSMIT);
	__builtin_memcpy(eth->h_dest, hop.dmac, sizeof(eth->h_dest));
	__builtin_memcpy(eth->h_source, hop.smac, sizeof(eth->h_source));
	eth->h_proto = bpf_htons(outer_v4 ? ETH_P_IP : ETH_P_IPV6);
	count_stat(STAT_PACKETS_DSR);
	return send_to(ctx, &hop, how, sizeof(*eth));
}

/* ---- the end of a tunnel --------------------------------------------------------------------- */

#define ECN_MASK 3 /* of the byte that was TOS: RFC 3168, 5 */
#define ECN_CE   3

/* The byte that was TOS, of either family. */
static __always_inline __u8 tos_of(const void *ip)
{
	const __u8 *bytes = ip;

	return bytes[0] >> 4 == 4 ? bytes[1] : bytes[0] << 4 | bytes[1] >> 4;
}

/*
 * A router has marked the outer header: the inner one says so from here on, RFC 6040, 4.2.
 * Return: 0; the reason to drop: its flow does not know the mark.
 */
static __always_inline enum sluice_drop tunnel_mark(struct xdp_md *ctx, struct pkt *pkt,
						    __u32 off_bytes)
{
	struct iphdr *ip = pkt_at(pkt, off_bytes, sizeof(*ip));
	__u8 tos, byte;

	if (!ip)
		return DROP_SHORT_L3;
	tos = tos_of(ip);
	if (!(tos & ECN_MASK))
		return DROP_BAD_TUNNEL;
	if (*(const __u8 *)ip >> 4 == 4) {
		ip4_patch(ip, checksum_diff16(bpf_htons(tos), bpf_htons(tos | ECN_CE)));
		ip->tos = tos | ECN_CE;
		return DROP_NONE;
	}
	byte = ((const __u8 *)ip)[1] | ECN_CE << 4;
	return frame_store_summed(ctx, off_bytes + 1, &byte, sizeof(byte)) ? DROP_BAD_TUNNEL
									   : DROP_NONE;
}

/* Puts an Ethernet header of @type before what is at @off_bytes, all else before it goes. */
static __always_inline bool tunnel_strip(struct xdp_md *ctx, __u32 off_bytes, __be16 type)
{
	struct pkt pkt = pkt_of(ctx, 0);
	struct ethhdr old, *eth = pkt_at(&pkt, 0, sizeof(*eth));

	if (!eth)
		return false;
	old = *eth;
	old.h_proto = type;
	if (frame_unwrap(ctx, off_bytes, type))
		return false;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return false;
	*eth = old;
	return true;
}

/**
 * tunnel_open - strip the outer headers of a packet that is tunnelled to this node
 * @outer_off_bytes: where the outer packet begins, @off_bytes: where the inner one does
 * Only what a known node has packed, for a frontend's address: other tunnels of the node are not
 * ours. Return: 1 stripped; 0 not ours, untouched; -enum sluice_drop.
 */
__noinline int tunnel_open(struct xdp_md *ctx, __u32 outer_off_bytes, __u32 off_bytes)
{
	const struct node_config *config = node();
	struct pkt pkt = pkt_of(ctx, 0);
	const struct iphdr *outer;
	enum sluice_drop reason;
	__be16 type;

	if (!config || !(config->flags & NODE_F_TUNNELS) || off_bytes < sizeof(struct ethhdr) ||
	    off_bytes > PKT_OFF_MAX)
		return 0;
	outer = pkt_at(&pkt, outer_off_bytes, sizeof(*outer));
	if (!outer)
		return 0;
	if (inner_is_frontend4(&pkt, off_bytes))
		type = bpf_htons(ETH_P_IP);
	else if (inner_is_frontend6(&pkt, off_bytes))
		type = bpf_htons(ETH_P_IPV6);
	else
		return 0;
	reason = *(const __u8 *)outer >> 4 == 4 ? tunnel_refused4(&pkt, outer_off_bytes, config)
						: tunnel_refused6(&pkt, outer_off_bytes, config);
	if (!reason && (tos_of(outer) & ECN_MASK) == ECN_CE)
		reason = tunnel_mark(ctx, &pkt, off_bytes);
	if (reason)
		return -(int)reason;
	if (!tunnel_strip(ctx, off_bytes, type))
		return -DROP_BAD_TUNNEL;
	count_stat(STAT_PACKETS_DECAPSULATED);
	return 1;
}

#endif /* SLUICE_TUNNEL_BPF_H */
