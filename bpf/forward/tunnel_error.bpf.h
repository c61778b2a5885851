/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tunnel_error.bpf.h - a tunnel did not fit on its way: what the client is told
 *
 * A router between the nodes writes to the node that packed. The client gets its word about the packet
 * that was inside, in the frontend's name, with what is left of the MTU.
 */
#ifndef SLUICE_TUNNEL_ERROR_BPF_H
#define SLUICE_TUNNEL_ERROR_BPF_H

#include "flow/todo.bpf.h"
#include "forward/tunnel.bpf.h"

#define IPV4_MTU_MIN 68   /* RFC 791 */
#define IPV6_MTU_MIN 1280 /* RFC 8200, 5 */

/* ---- is it about a tunnel of ours? -------------------------------------------------------------- */

/* The bytes of GUE's header if UDP at @off_bytes is for its port, -1 if not. */
static __always_inline int tunnel_error_gue(const struct pkt *pkt, const struct node_config *config,
					    __u32 off_bytes)
{
	const struct udphdr *udp = pkt_at(pkt, off_bytes, sizeof(*udp));

	return udp && udp->dest == config->gue_port ? (int)sizeof(*udp) : -1;
}

/* @outer_off_bytes: of the quoted header, @bytes: of it, @proto: behind it, @mtu_bytes: as told. */
static __always_inline int tunnel_error_note(const struct pkt *pkt,
					     const struct node_config *config,
					     __u32 outer_off_bytes, __u32 bytes, __u8 proto,
					     __u32 mtu_bytes)
{
	int more_bytes = 0;

	if (proto == IPPROTO_UDP)
		more_bytes = tunnel_error_gue(pkt, config, outer_off_bytes + bytes);
	else if (proto != IPPROTO_IPIP && proto != IPPROTO_IPV6)
		more_bytes = -1;
	if (more_bytes < 0)
		return 0;
	return todo_later(TODO_TUNNEL_ERROR, outer_off_bytes, outer_off_bytes + bytes + more_bytes,
			  0, mtu_bytes);
}

/**
 * tunnel_error4 - see whether an error may be about the outer header of a tunnel
 * @pkt: of the error, .l4_off_bytes is that of its ICMP header
 * Return: TODO_TUNNEL_ERROR; 0 it is not.
 */
static __always_inline int tunnel_error4(const struct pkt *pkt, const struct icmp_head *icmp,
					 const struct node_config *config)
{
	__u32 outer_off_bytes = pkt->l4_off_bytes + sizeof(*icmp);
	const struct iphdr *outer = pkt_at(pkt, outer_off_bytes, sizeof(*outer));

	if (icmp->type != ICMP_UNREACHABLE || icmp->code != ICMP_FRAG_NEEDED || !outer ||
	    *(const __u8 *)outer != 0x45 || !config->addr4 || outer->saddr != config->addr4)
		return 0;
	return tunnel_error_note(pkt, config, outer_off_bytes, sizeof(*outer), outer->protocol,
				 bpf_ntohl(icmp->rest) & 0xffff);
}

static __always_inline int tunnel_error6(const struct pkt *pkt, const struct icmp_head *icmp,
					 const struct node_config *config)
{
	__u32 outer_off_bytes = pkt->l4_off_bytes + sizeof(*icmp);
	const struct ipv6hdr *outer = pkt_at(pkt, outer_off_bytes, sizeof(*outer));

	if (icmp->type != ICMP6_TOO_BIG || !outer || !(config->flags & NODE_F_SNAT6) ||
	    !addr_equal((const __u8 *)&outer->saddr, config->addr6))
		return 0;
	return tunnel_error_note(pkt, config, outer_off_bytes, sizeof(*outer), outer->nexthdr,
				 bpf_ntohl(icmp->rest));
}

/* ---- and whose packet was inside? --------------------------------------------------------------- */

enum tunnel_error_match {
	MATCH_SHORT = -1, /* too little is quoted to know */
	MATCH_NONE = 0,   /* no packet of a flow of ours */
	MATCH_IPV4 = 4,   /* what was inside is of this family */
	MATCH_IPV6 = 6,
};

/* Was a packet to @backend sent to the node that the header at @outer_off_bytes names? */
static __always_inline bool tunnel_error_is_to(struct pkt *pkt, __u32 outer_off_bytes,
					       __u32 backend_id)
{
	const struct backend *backend = bpf_map_lookup_elem(&backends, &backend_id);
	const struct iphdr *outer = pkt_at(pkt, outer_off_bytes, sizeof(*outer));
	const struct ipv6hdr *outer6;
	__u8 addr[16];

	if (!backend || !backend_id || !outer || !(backend->flags & BACKEND_F_DSR))
		return false;
	if (*(const __u8 *)outer >> 4 == 4) {
		addr_from_v4(addr, outer->daddr);
		return addr_equal(backend->node_addr, addr);
	}
	outer6 = pkt_at(pkt, outer_off_bytes, sizeof(*outer6));
	return outer6 && addr_equal(backend->node_addr, (const __u8 *)&outer6->daddr);
}

/* The backend of the packet inside, 0: none; MATCH_SHORT. */
static __always_inline int tunnel_error_backend4(struct pkt *pkt)
{
	const struct iphdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	struct frontend4_key address = {};
	const struct frontend *frontend;
	struct flow4_key key = {};
	const struct udphdr *ports;
	__be16 source_port;

	if (!ip)
		return MATCH_SHORT;
	ports = pkt_at(pkt, pkt->l3_off_bytes + (*(const __u8 *)ip & 0x0f) * 4, sizeof(*ports));
	if (!ports || ip->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET))
		return MATCH_SHORT;
	key.saddr = ip->saddr;
	key.daddr = address.addr = ip->daddr;
	key.sport = ports->source;
	key.dport = address.port = ports->dest;
	key.proto = address.proto = ip->protocol;
	frontend = bpf_map_lookup_elem(&frontends4, &address);
	if (!frontend || frontend->kind != FRONTEND_L4)
		return 0;
	return flow4_of_error(&key, frontend, &source_port);
}

static __always_inline int tunnel_error_backend6(struct pkt *pkt)
{
	const struct ipv6hdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	struct frontend6_key address = {};
	const struct frontend *frontend;
	struct flow6_key key = {};
	const struct udphdr *ports;
	__be16 source_port;

	ports = pkt_at(pkt, pkt->l3_off_bytes + sizeof(*ip), sizeof(*ports));
	if (!ip || !ports)
		return MATCH_SHORT;
	__builtin_memcpy(key.saddr, &ip->saddr, sizeof(key.saddr));
	__builtin_memcpy(key.daddr, &ip->daddr, sizeof(key.daddr));
	__builtin_memcpy(address.addr, &ip->daddr, sizeof(address.addr));
	key.sport = ports->source;
	key.dport = address.port = ports->dest;
	key.proto = address.proto = ip->nexthdr;
	frontend = bpf_map_lookup_elem(&frontends6, &address);
	if (!frontend || frontend->kind != FRONTEND_L4)
		return 0;
	return flow6_of_error(&key, frontend, &source_port);
}

/* Finds the flow of the packet at @inner_off_bytes. Returns enum tunnel_error_match. */
__noinline int tunnel_error_match(struct xdp_md *ctx, __u32 outer_off_bytes, __u32 inner_off_bytes)
{
	struct pkt pkt = pkt_of(ctx, inner_off_bytes);
	const __u8 *version = pkt_at(&pkt, inner_off_bytes, sizeof(*version));
	int backend_id, family;

	if (!version)
		return MATCH_SHORT;
	family = *version >> 4;
	if (family == MATCH_IPV4)
		backend_id = tunnel_error_backend4(&pkt);
	else if (family == MATCH_IPV6)
		backend_id = tunnel_error_backend6(&pkt);
	else
		return MATCH_NONE;
	if (backend_id < 0)
		return MATCH_SHORT;
	return tunnel_error_is_to(&pkt, outer_off_bytes, backend_id) ? family : MATCH_NONE;
}

/* ---- what the client is told ----------------------------------------------------------------------- */

/* Puts @head_bytes of headers and @quoted bytes of the packet inside into the frame, and sends it. */
static __always_inline int tunnel_error_send(struct xdp_md *ctx, struct hop *hop,
					     __u32 inner_off_bytes, void *head, __u32 head_bytes,
					     __u32 quoted, __be16 type)
{
	struct pkt pkt = pkt_of(ctx, 0);
	struct ethhdr *eth;
	int how;

	hop->bytes = head_bytes + quoted;
	how = hop_find(ctx, hop);
	if (how < 0 || how == HOP_TOO_BIG)
		return drop_packet(ctx, how < 0 ? -how : DROP_TOO_BIG);
	if (how == HOP_STACK && !hop_keep_macs(&pkt, hop))
		return drop_packet(ctx, DROP_SHORT_L3);
	/* What is taken away is longer than the new headers are: the error had an IP header of its own,
	 * and quoted one. */
	if (!frame_cut(ctx, inner_off_bytes + quoted) ||
	    frame_unwrap(ctx, inner_off_bytes - head_bytes, type) ||
	    frame_store(ctx, sizeof(*eth), head, head_bytes))
		return drop_packet(ctx, DROP_NO_TRANSMIT);
	/* Else the compiler shares the loads of frame_cut(), by an offset that it keeps in a register. */
	asm volatile("" : "+r"(ctx));
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return drop_packet(ctx, DROP_NO_TRANSMIT);
	__builtin_memcpy(eth->h_dest, hop->dmac, sizeof(eth->h_dest));
	__builtin_memcpy(eth->h_source, hop->smac, sizeof(eth->h_source));
	eth->h_proto = type;
	count_stat(STAT_ICMP_TRANSLATED);
	return send_to(ctx, hop, how, sizeof(*eth));
}

/**
 * tunnel_error_tell4 - make an error about a tunnel one about the packet inside, and send it
 * @mtu_bytes: for that packet
 * Return: verdict.
 */
__noinline int tunnel_error_tell4(struct xdp_md *ctx, __u32 inner_off_bytes, __u32 mtu_bytes)
{
	struct pkt pkt = pkt_of(ctx, inner_off_bytes);
	const struct iphdr *old = pkt_at(&pkt, inner_off_bytes, sizeof(*old));
	struct {
		struct iphdr ip;
		struct icmp_head icmp;
	} head = {};
	__u8 quote[ICMP_QUOTE_MAX];
	struct hop hop = {};
	__u32 bytes, quoted;

	if (!old || inner_off_bytes < sizeof(struct ethhdr) + sizeof(head))
		return drop_packet(ctx, DROP_SHORT_L3);
	*(__u8 *)&head.ip = 0x45;
	head.ip.tos = ICMP_TOS;
	head.ip.ttl = ICMP_TTL;
	head.ip.protocol = IPPROTO_ICMP;
	head.ip.saddr = old->daddr;
	head.ip.daddr = old->saddr;
	addr_from_v4(hop.saddr, old->daddr);
	addr_from_v4(hop.daddr, old->saddr);
	bytes = pkt.data_end - (void *)old;
	quoted = bpf_ntohs(old->tot_len);
	quoted = quote_load(ctx, inner_off_bytes, quoted < bytes ? quoted : bytes, quote);
	if (!quoted)
		return drop_packet(ctx, DROP_SHORT_L3);
	head.ip.tot_len = bpf_htons(sizeof(head) + quoted);
	head.ip.check =
		checksum_finish(bpf_csum_diff(NULL, 0, (__be32 *)&head.ip, sizeof(head.ip), 0));
	head.icmp.type = ICMP_UNREACHABLE;
	head.icmp.code = ICMP_FRAG_NEEDED;
	head.icmp.rest = bpf_htonl(mtu_bytes);
	head.icmp.check = checksum_finish(
		bpf_csum_diff(NULL, 0, (__be32 *)quote, sizeof(quote),
			      bpf_csum_diff(NULL, 0, (__be32 *)&head.icmp, sizeof(head.icmp), 0)));
	return tunnel_error_send(ctx, &hop, inner_off_bytes, &head, sizeof(head), quoted,
				 bpf_htons(ETH_P_IP));
}

/* As tunnel_error_tell4(), for IPv6. */
__noinline int tunnel_error_tell6(struct xdp_md *ctx, __u32 inner_off_bytes, __u32 mtu_bytes)
{
	struct pkt pkt = pkt_of(ctx, inner_off_bytes);
	const struct ipv6hdr *old = pkt_at(&pkt, inner_off_bytes, sizeof(*old));
	struct {
		struct ipv6hdr ip;
		struct icmp_head icmp;
	} head = {};
	__u8 quote[ICMP_QUOTE_MAX];
	struct hop hop = {};
	__u32 bytes, quoted;
	__s64 sum;

	if (!old || inner_off_bytes < sizeof(struct ethhdr) + sizeof(head))
		return drop_packet(ctx, DROP_SHORT_L3);
	*(__u8 *)&head.ip = 0x60;
	head.ip.nexthdr = NEXTHDR_ICMPV6;
	head.ip.hop_limit = ICMP_TTL;
	head.ip.saddr = old->daddr;
	head.ip.daddr = old->saddr;
	__builtin_memcpy(hop.saddr, &old->daddr, sizeof(hop.saddr));
	__builtin_memcpy(hop.daddr, &old->saddr, sizeof(hop.daddr));
	bytes = pkt.data_end - (void *)old;
	quoted = bpf_ntohs(old->payload_len) + sizeof(*old);
	quoted = quote_load(ctx, inner_off_bytes, quoted < bytes ? quoted : bytes, quote);
	if (!quoted)
		return drop_packet(ctx, DROP_SHORT_L3);
	head.ip.payload_len = bpf_htons(sizeof(head.icmp) + quoted);
	head.icmp.type = ICMP6_TOO_BIG;
	head.icmp.rest = bpf_htonl(mtu_bytes);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&head.ip.saddr, 32,
			    bpf_htons(sizeof(head.icmp) + quoted) + bpf_htons(NEXTHDR_ICMPV6));
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&head.icmp, sizeof(head.icmp), sum);
	head.icmp.check =
		checksum_finish(bpf_csum_diff(NULL, 0, (__be32 *)quote, sizeof(quote), sum));
	return tunnel_error_send(ctx, &hop, inner_off_bytes, &head, sizeof(head), quoted,
				 bpf_htons(ETH_P_IPV6));
}

/**
 * tunnel_error - answer for a tunnel that did not fit
 * @outer_off_bytes: of the outer header that the error quotes, @inner_off_bytes: of what is inside
 * @mtu_bytes: that the error tells, for the outer packet
 * Return: verdict.
 */
static __always_inline int tunnel_error(struct xdp_md *ctx, __u32 outer_off_bytes,
					__u32 inner_off_bytes, __u32 mtu_bytes)
{
	__u32 more_bytes = inner_off_bytes - outer_off_bytes;
	int family = tunnel_error_match(ctx, outer_off_bytes, inner_off_bytes);

	if (family == MATCH_NONE)
		return XDP_PASS;
	/* RFC 1191, 3: a router of old tells no MTU. */
	if (family == MATCH_SHORT || mtu_bytes < more_bytes + IPV4_MTU_MIN) {
		count_stat(STAT_TUNNEL_ERRORS_UNREAD);
		return XDP_PASS;
	}
	mtu_bytes -= more_bytes;
	if (family == MATCH_IPV4)
		return tunnel_error_tell4(ctx, inner_off_bytes, mtu_bytes);
	return tunnel_error_tell6(ctx, inner_off_bytes,
				  mtu_bytes > IPV6_MTU_MIN ? mtu_bytes : IPV6_MTU_MIN);
}

#endif /* SLUICE_TUNNEL_ERROR_BPF_H */
