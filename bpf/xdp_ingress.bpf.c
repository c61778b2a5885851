// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * xdp_ingress - every packet that arrives on an interface of Sluice
 *
 * One load tells that a destination is no frontend; such a packet passes untouched, whatever it is.
 * Packets to an l4 frontend get the address of a pod of this node and go up the stack, or are
 * sent to the node of their pod; those to an http frontend go up as they are, to be steered by
 * sk_lookup.
 *
 *   packet.bpf.h   where the headers are        flow.bpf.h      which backend, which source port
 *   fragment.bpf.h ports of later fragments     remote.bpf.h    source NAT, and its undoing
 *   protect.bpf.h  who may come                 tunnel.bpf.h    encapsulation, and its end
 *   icmp_in.bpf.h  pings and errors             reset.bpf.h     flows whose backend has gone
 *   tunnel_error.bpf.h  a tunnel that does not fit on its way
 *   judge.bpf.h    what a packet comes to       todo.bpf.h      what is left to do then
 *   deliver.bpf.h  up the stack to a pod        short.bpf.h     what nearly every packet takes
 *   ctx.bpf.h      what is otherwise in TC                      instead of all of it
 *   family.bpf.h   how a template serves both families       ingress.tmpl.h  the way of a packet
 */
#include "node/announce.bpf.h"
#include "forward/deliver.bpf.h"
#include "packet/flow_key.bpf.h"
#include "packet/fragment.bpf.h"
#include "forward/icmp_in.bpf.h"
#include "flow/judge.bpf.h"
#include "forward/reset.bpf.h"

/* A packet of a tunnel protocol. Return: TODO_AGAIN; XDP_PASS it is none of ours; a drop. */
static __always_inline int tunnel_end(struct xdp_md *ctx, __u32 outer_off_bytes, __u32 off_bytes)
{
	int opened = tunnel_open(ctx, outer_off_bytes, off_bytes);

	if (opened < 0)
		return drop_packet(ctx, -opened);
	return opened ? TODO_AGAIN : pass_not_ours();
}

#include "packet/family4.h"
#include "ingress.tmpl.h"
#include "packet/family6.h"
#include "ingress.tmpl.h"

static __always_inline int ingress(struct xdp_md *ctx, __u32 flags)
{
	struct pkt pkt = {
		.data = (void *)(long)ctx->data,
		.data_end = (void *)(long)ctx->data_end,
	};
	__be16 type = pkt_parse_ethernet(&pkt);

	if (type == bpf_htons(ETH_P_IP)) {
		const struct iphdr *ip = pkt_at(&pkt, pkt.l3_off_bytes, sizeof(*ip));
		__u32 address[4] = {};

		if (!ip)
			return pass_not_ours();
		address[2] = bpf_htonl(0xffff);
		address[3] = ip->daddr;
		if (!filter_has(address))
			return pass_not_ours();
		if (HAS_SHORT_WAY && !flags && likely(pkt.l3_off_bytes == sizeof(struct ethhdr))) {
			int verdict = short4(ctx);

			if (likely(verdict != LONG_WAY))
				return verdict;
		}
		return ingress4(ctx, pkt.l3_off_bytes, flags);
	}
	if (type == bpf_htons(ETH_P_IPV6)) {
		const struct ipv6hdr *ip = pkt_at(&pkt, pkt.l3_off_bytes, sizeof(*ip));

		if (!ip)
			return pass_not_ours();
		if (unlikely(ip->nexthdr == NEXTHDR_ICMPV6)) {
			int verdict = announce_nd(ctx, pkt.l3_off_bytes);

			if (verdict >= 0)
				return verdict;
			/* A global function may have moved the packet, as far as is known. */
			pkt.data = (void *)(long)ctx->data;
			pkt.data_end = (void *)(long)ctx->data_end;
			ip = pkt_at(&pkt, pkt.l3_off_bytes, sizeof(*ip));
			if (!ip)
				return pass_not_ours();
		}
		if (!filter_has((const __u32 *)&ip->daddr))
			return pass_not_ours();
		if (HAS_SHORT_WAY && !flags && likely(pkt.l3_off_bytes == sizeof(struct ethhdr))) {
			int verdict = short6(ctx);

			if (likely(verdict != LONG_WAY))
				return verdict;
		}
		return ingress6(ctx, pkt.l3_off_bytes, flags);
	}
	if (type == bpf_htons(ETH_P_ARP) && announce_is_on())
		return announce_arp(ctx, pkt.l3_off_bytes);
	return XDP_PASS;
}

/* Does what was left to do. Returns the verdict, or what is left then. */
static __always_inline int finish_step(struct xdp_md *ctx, const struct cpu_state *state, int what)
{
	__u32 l3_off_bytes = state->l3_off_bytes, backend_id = state->backend_id;
	__u32 word = state->word;

	switch (what) {
	case TODO_SNAT4:
		return snat4(ctx, l3_off_bytes, backend_id, word);
	case TODO_SNAT6:
		return snat6(ctx, l3_off_bytes, backend_id, word);
	case TODO_UNSNAT4:
		return unsnat4(ctx, l3_off_bytes, word);
	case TODO_UNSNAT6:
		return unsnat6(ctx, l3_off_bytes, word);
	case TODO_TUNNEL:
		return tunnel_send(ctx, l3_off_bytes, backend_id, word);
	case TODO_TUNNEL_ERROR:
		return tunnel_error(ctx, l3_off_bytes, state->l4_off_bytes, word);
	case TODO_RESET4:
		return reset4(ctx, l3_off_bytes);
	case TODO_RESET6:
		return reset6(ctx, l3_off_bytes);
	default:
		return deliver_finish(ctx, what, l3_off_bytes, backend_id, word);
	}
}

static __always_inline int finish(struct xdp_md *ctx, int what)
{
	const struct cpu_state *state = todo_state();

	if (!state)
		return XDP_ABORTED;
	if (what == TODO_ICMP4)
		what = icmp4_in(ctx, state->l3_off_bytes, state->l4_off_bytes, state->word);
	else if (what == TODO_ICMP6)
		what = icmp6_in(ctx, state->l3_off_bytes, state->l4_off_bytes, state->word);
	what = finish_step(ctx, state, what);
	if (what == TODO_ERROR4)
		return icmp4_send(ctx, state->l3_off_bytes, state->backend_id, state->word,
				  state->l4_off_bytes);
	if (what == TODO_ERROR6)
		return icmp6_send(ctx, state->l3_off_bytes, state->backend_id, state->word,
				  state->l4_off_bytes);
	return what;
}

#ifndef SLUICE_TC /* else the program is in tc_l4.bpf.c */

SEC("xdp")
int xdp_ingress(struct xdp_md *ctx)
{
	int verdict = ingress(ctx, 0);

	if (likely(verdict >= 0))
		return verdict;
	if (verdict == TODO_AGAIN)
		verdict = ingress(ctx, PICK_F_LOCAL);
	return verdict >= 0 ? verdict : finish(ctx, verdict);
}

#endif /* SLUICE_TC */

char _license[] SEC("license") = "Dual BSD/GPL";
