/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * answer.bpf.h - an answer goes back by the device that the question came in by
 *
 * XDP can do that if the device is in tx_ports. Otherwise the frame goes up with a mark before
 * it, and tc_ingress sends it: XDP_TX on a veth whose peer has no program is lost without a word.
 */
#ifndef SLUICE_ANSWER_BPF_H
#define SLUICE_ANSWER_BPF_H

#include "node/event.bpf.h"
#include "packet/mark.bpf.h"

#ifndef SLUICE_TC

static __always_inline bool can_send_back(struct xdp_md *ctx)
{
	__u32 ifindex = ctx->ingress_ifindex;

	return bpf_map_lookup_elem(&tx_ports, &ifindex) != NULL;
}

/* Tells tc_ingress what to do. After it packet pointers are void. False: the driver has no room. */
static __always_inline bool frame_mark(struct xdp_md *ctx, __u32 magic)
{
	struct send_mark *mark;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*mark)))
		return false;
	mark = (void *)(long)ctx->data_meta;
	if ((void *)(mark + 1) > (void *)(long)ctx->data)
		return false;
	mark->magic = magic;
	return true;
}

/* Sends a frame whose addresses are those of the answer. The last thing that is done to it. */
static __always_inline int frame_send_back(struct xdp_md *ctx)
{
	if (can_send_back(ctx))
		return frame_answer(ctx);
	if (!frame_mark(ctx, BACK_MARK))
		return drop_packet(ctx, DROP_NO_TRANSMIT);
	count_stat(STAT_PACKETS_BY_STACK);
	return XDP_PASS;
}

#else /* SLUICE_TC */

static __always_inline bool can_send_back(struct __sk_buff *skb)
{
	return true;
}

static __always_inline int frame_send_back(struct __sk_buff *skb)
{
	return frame_answer(skb);
}

#endif /* SLUICE_TC */

#endif /* SLUICE_ANSWER_BPF_H */
