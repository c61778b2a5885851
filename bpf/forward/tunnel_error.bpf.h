/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tunnel_error.bpf.h - a tunnel did not fit on its way: what the client is told
 *
 * A router between the nodes writes to the node that packed. The client gets its word about the
 * packet that was inside, in the frontend's name, with what is left of the MTU.
 */
#ifndef SLUICE_TUNNEL_ERROR_BPF_H
#define SLUICE_TUNNEL_ERROR_BPF_H

#include "flow/todo.bpf.h"
#include "forward/tunnel.bpf.h"

#define IPV4_MTU_MIN 68   /* RFC 791 */
#define IPV6_MTU_MIN 1280 /* RFC 8200, 5 */

/* ---- is it about a tunnel of ours? ----------------------------------------------------------- */

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

/* Whether an error says that a packet was too big, about an outer header without options. */
static __always_inline bool tunnel_error4_is_size(const struct icmp_head *icmp,
						  const struct iphdr *outer)
{
	return icmp->type == ICMP4_UNREACHABLE && icmp->code == ICMP4_FRAG_NEEDED &&
	       *(const __u8 *)outer == 0x45;
}

static __always_inline bool tunnel_error6_is_size(const struct icmp_head *icmp,
						  const struct ipv6hdr *outer)
{
	return icmp->type == ICMP6_TOO_BIG;
}

/* What it says of the MTU: IPv4 has 16 bits for it. */
#define ICMP4_MTU_MASK 0xffff
#define ICMP6_MTU_MASK 0xffffffff

/* ---- and whose packet was inside? ------------------------------------------------------------ */

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

#include "packet/family4.h"
#include "forward/tunnel_error.tmpl.h"
#include "packet/family6.h"
#include "forward/tunnel_error.tmpl.h"

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

/* ---- what the client is told ----------------------------------------------------------------- */

/* Puts @head_bytes of headers and @quoted bytes of the packet inside into the frame, and sends
 * it. */
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
	/* What is taken away is longer than the new headers are: the error had an IP header of
	 * its own, and quoted one. */
	if (!frame_cut(ctx, inner_off_bytes + quoted) ||
	    frame_unwrap(ctx, inner_off_bytes - head_bytes, type) ||
	    frame_store(ctx, sizeof(*eth), head, head_bytes))
		return drop_packet(ctx, DROP_NO_TRANSMIT);
	/* Else the compiler shares the loads of frame_cut(), by an offset that it keeps in a
	 * register. */
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

#include "packet/family4.h"
#include "forward/tunnel_tell.tmpl.h"
#include "packet/family6.h"
#include "forward/tunnel_tell.tmpl.h"

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
