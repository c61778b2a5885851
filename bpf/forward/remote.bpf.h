/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * remote.bpf.h - pods of other nodes: source NAT and its reply, tunnels and their end
 */
#ifndef SLUICE_REMOTE_BPF_H
#define SLUICE_REMOTE_BPF_H

#include "packet/fragment.bpf.h"
#include "forward/icmp.bpf.h"

#define ICMP_EXPIRED  (ICMP_TIME_EXCEEDED << 8)
#define ICMP_FRAG     (ICMP_UNREACHABLE << 8 | ICMP_FRAG_NEEDED)
#define ICMP6_EXPIRED (ICMP6_TIME_EXCEEDED << 8)
#define ICMP6_BIG     (ICMP6_TOO_BIG << 8)

/* ---- source NAT ------------------------------------------------------------------------------- */

/* Sends a parsed packet on with other ends, one hop less. */
static __always_inline int forward4_to(struct xdp_md *ctx, struct pkt *pkt, const struct ends4 *to)
{
	struct iphdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	struct hop hop = {};
	int how;

	if (!ip)
		return drop_packet(ctx, DROP_SHORT_L3);
	if (ip->ttl <= 1)
		return icmp4_send(ctx, pkt->l3_off_bytes, ICMP_EXPIRED, 0, DROP_TTL);
	addr_from_v4(hop.daddr, to->daddr);
	addr_from_v4(hop.saddr, to->saddr);
	hop.bytes = bpf_ntohs(ip->tot_len);
	how = hop_find(ctx, &hop);
	if (how < 0)
		return drop_packet(ctx, -how);
	if (how == HOP_TOO_BIG)
		return icmp4_send(ctx, pkt->l3_off_bytes, ICMP_FRAG, hop.mtu_bytes, DROP_TOO_BIG);
	if (unlikely(pkt->fragment) && !fragment4_renumber(pkt, ip))
		return drop_packet(ctx, DROP_FRAGMENT);
	if (!rewrite_forwarded4(ctx, pkt, to))
		return drop_packet(ctx, DROP_SHORT_L4);
	return send_to(ctx, &hop, how, pkt->l3_off_bytes);
}

static __always_inline int forward6_to(struct xdp_md *ctx, struct pkt *pkt, const struct ends6 *to)
{
	struct ipv6hdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	struct hop hop = {};
	int how;

	if (!ip)
		return drop_packet(ctx, DROP_SHORT_L3);
	if (ip->hop_limit <= 1)
		return icmp6_send(ctx, pkt->l3_off_bytes, ICMP6_EXPIRED, 0, DROP_TTL);
	__builtin_memcpy(hop.daddr, to->daddr, sizeof(hop.daddr));
	__builtin_memcpy(hop.saddr, to->saddr, sizeof(hop.saddr));
	hop.bytes = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	how = hop_find(ctx, &hop);
	if (how < 0)
		return drop_packet(ctx, -how);
	if (how == HOP_TOO_BIG)
		return icmp6_send(ctx, pkt->l3_off_bytes, ICMP6_BIG, hop.mtu_bytes, DROP_TOO_BIG);
	if (unlikely(pkt->fragment) && !fragment6_renumber(pkt, ip))
		return drop_packet(ctx, DROP_FRAGMENT);
	if (!rewrite_forwarded6(ctx, pkt, to))
		return drop_packet(ctx, DROP_SHORT_L4);
	return send_to(ctx, &hop, how, pkt->l3_off_bytes);
}

/* Parses again: a global function is given no packet pointers. False: it was whole a moment ago. */
static __always_inline bool pkt_again4(struct xdp_md *ctx, __u32 l3_off_bytes, struct pkt *pkt)
{
	const struct iphdr *ip;
	enum sluice_drop reason;
	enum parse_result result;

	*pkt = pkt_of(ctx, l3_off_bytes);
	ip = pkt_at(pkt, l3_off_bytes, sizeof(*ip));
	if (!ip)
		return false;
	result = pkt_parse4(pkt, ip, frame_bytes_from(ctx, pkt, ip), &reason);
	return result == PARSE_L4 || result == PARSE_LATER;
}

static __always_inline bool pkt_again6(struct xdp_md *ctx, __u32 l3_off_bytes, struct pkt *pkt)
{
	const struct ipv6hdr *ip;
	enum sluice_drop reason;
	enum parse_result result;

	*pkt = pkt_of(ctx, l3_off_bytes);
	ip = pkt_at(pkt, l3_off_bytes, sizeof(*ip));
	if (!ip)
		return false;
	result = pkt_parse6(pkt, ip, frame_bytes_from(ctx, pkt, ip), &reason);
	return result == PARSE_L4 || result == PARSE_LATER;
}

/**
 * snat4 - send a packet to a pod of another node, as if this node had sent it
 * @source_port: of the flow, network order
 * Return: verdict.
 */
__noinline int snat4(struct xdp_md *ctx, __u32 l3_off_bytes, __u32 backend_id, __u32 source_port)
{
	const struct node_config *config = node();
	const struct backend *backend = bpf_map_lookup_elem(&backends, &backend_id);
	struct ends4 to;
	struct pkt pkt;

	if (!config || !backend || !pkt_again4(ctx, l3_off_bytes, &pkt))
		return drop_packet(ctx, DROP_SHORT_L3);
	to.saddr = config->addr4;
	to.sport = source_port;
	__builtin_memcpy(&to.daddr, &backend->addr[12], sizeof(to.daddr));
	to.dport = backend->port;
	count_stat(STAT_PACKETS_SNAT);
	return forward4_to(ctx, &pkt, &to);
}

__noinline int snat6(struct xdp_md *ctx, __u32 l3_off_bytes, __u32 backend_id, __u32 source_port)
{
	const struct node_config *config = node();
	const struct backend *backend = bpf_map_lookup_elem(&backends, &backend_id);
	struct ends6 to;
	struct pkt pkt;

	if (!config || !backend || !pkt_again6(ctx, l3_off_bytes, &pkt))
		return drop_packet(ctx, DROP_SHORT_L3);
	to.saddr = config->addr6;
	to.sport = source_port;
	to.daddr = backend->addr;
	to.dport = backend->port;
	count_stat(STAT_PACKETS_SNAT);
	return forward6_to(ctx, &pkt, &to);
}

/**
 * unsnat4 - undo source NAT for a reply that came to the node's address
 * @ports: source port << 16 | destination port, both network order: of a later fragment too
 * Return: verdict.
 */
__noinline int unsnat4(struct xdp_md *ctx, __u32 l3_off_bytes, __u32 ports)
{
	struct flow4_key key = { .sport = ports >> 16, .dport = ports };
	const struct iphdr *ip;
	const struct nat4 *nat;
	struct ends4 to;
	struct pkt pkt;

	if (!pkt_again4(ctx, l3_off_bytes, &pkt))
		return drop_packet(ctx, DROP_SHORT_L3);
	ip = pkt_at(&pkt, l3_off_bytes, sizeof(*ip));
	if (!ip)
		return drop_packet(ctx, DROP_SHORT_L3);
	key.saddr = ip->saddr;
	key.daddr = ip->daddr;
	key.proto = pkt.proto;
	nat = bpf_map_lookup_elem(&nat4, &key);
	if (!nat)
		return drop_packet(ctx, DROP_SHORT_L3);
	to.saddr = nat->frontend_addr;
	to.sport = nat->frontend_port;
	to.daddr = nat->client_addr;
	to.dport = nat->client_port;
	count_reply(nat->frontend_id, nat->backend_id, pkt.bytes);
	return forward4_to(ctx, &pkt, &to);
}

__noinline int unsnat6(struct xdp_md *ctx, __u32 l3_off_bytes, __u32 ports)
{
	struct flow6_key key = { .sport = ports >> 16, .dport = ports };
	const struct ipv6hdr *ip;
	const struct nat6 *nat;
	struct ends6 to;
	struct pkt pkt;

	if (!pkt_again6(ctx, l3_off_bytes, &pkt))
		return drop_packet(ctx, DROP_SHORT_L3);
	ip = pkt_at(&pkt, l3_off_bytes, sizeof(*ip));
	if (!ip)
		return drop_packet(ctx, DROP_SHORT_L3);
	__builtin_memcpy(key.saddr, &ip->saddr, sizeof(key.saddr));
	__builtin_memcpy(key.daddr, &ip->daddr, sizeof(key.daddr));
	key.proto = pkt.proto;
	nat = bpf_map_lookup_elem(&nat6, &key);
	if (!nat)
		return drop_packet(ctx, DROP_SHORT_L3);
	to.saddr = nat->frontend_addr;
	to.sport = nat->frontend_port;
	to.daddr = nat->client_addr;
	to.dport = nat->client_port;
	count_reply(nat->frontend_id, nat->backend_id, pkt.bytes);
	return forward6_to(ctx, &pkt, &to);
}

#endif /* SLUICE_REMOTE_BPF_H */
