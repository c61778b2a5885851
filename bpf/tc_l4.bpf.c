// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tc_l4 - all of xdp_ingress, for an interface that no XDP program can be attached to
 *
 * It takes the place of tc_ingress there. The stages are those of xdp_ingress, compiled over
 * ctx.bpf.h for TC. What it passes goes on to other programs of TC, then up the stack.
 */
#define SLUICE_TC

/* Nothing of the kernel's own is read here; and an offset to be relocated, kept in a register, is
 * one that the verifier does not let be added to the context. */
#define BPF_NO_PRESERVE_ACCESS_INDEX

#include "packet/ctx.bpf.h"
#include "packet/tc_rewrite.bpf.h"
#include "xdp_ingress.bpf.c"

/* What of a packet is made to lie in one piece: Ethernet, tags, a tunnel, and in it IPv6 with
 * options or an error with what it quotes. */
#define HEAD_BYTES_MAX 256

static __always_inline int verdict_of(int verdict)
{
	switch (verdict) {
	case XDP_PASS:
		return TC_ACT_UNSPEC;
	case XDP_TX:
	case XDP_REDIRECT:
		return TC_ACT_REDIRECT;
	default:
		return TC_ACT_SHOT;
	}
}

SEC("tc")
int tc_l4(struct __sk_buff *skb)
{
	struct pkt pkt = {};
	int verdict;

	if (!pkt_open_skb(skb, &pkt, HEAD_BYTES_MAX))
		return TC_ACT_UNSPEC;
	verdict = ingress(skb, 0);
	if (verdict == TODO_AGAIN) {
		if (!pkt_open_skb(skb, &pkt, HEAD_BYTES_MAX))
			return verdict_of(drop_packet(skb, DROP_SHORT_L3));
		verdict = ingress(skb, PICK_F_LOCAL);
	}
	return verdict_of(verdict >= 0 ? verdict : finish(skb, verdict));
}
