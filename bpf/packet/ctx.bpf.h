/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ctx.bpf.h - what differs between a frame that XDP has in hand and one that TC has
 *
 * The stages of xdp_ingress are compiled twice: for XDP, and with SLUICE_TC for the TC program that
 * takes its place where XDP cannot be attached (tc_l4.bpf.c). They name their context struct xdp_md
 * and keep to verdicts of XDP; what they do to a frame as a whole goes through the names below.
 *
 * A frame of TC may be one that is split later (GSO), only its head may lie in one piece, its
 * outermost VLAN tag is not in its bytes, and the checksum of a local sender may be one that a
 * device is still to complete: only the pseudo header is in it.
 */
#ifndef SLUICE_CTX_BPF_H
#define SLUICE_CTX_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define VLAN_TAGS_MAX 2 /* 802.1ad outside, 802.1Q inside */

#ifndef SLUICE_TC

/* The device that the frame came in by. */
#define frame_ifindex(ctx) ((ctx)->ingress_ifindex)

#define frame_bytes(ctx) ((__u32)((ctx)->data_end - (ctx)->data))

/* Bytes from the IP header at @ip to the end of the frame. */
#define frame_bytes_from(ctx, pkt, ip) ((pkt)->data_end - (void *)(ip))

/* The length that an IP header states; @unstated: what it says where it does not. */
#define frame_l3_bytes(bytes, unstated, frame_bytes) (bytes)

#define frame_load(ctx, off_bytes, to, bytes)    bpf_xdp_load_bytes(ctx, off_bytes, to, bytes)
#define frame_store(ctx, off_bytes, from, bytes) bpf_xdp_store_bytes(ctx, off_bytes, from, bytes)

/* The same where no checksum makes up for what changes in the sum of the whole that a device has
 * made. */
#define frame_store_summed(ctx, off_bytes, from, bytes) \
	bpf_xdp_store_bytes(ctx, off_bytes, from, bytes)

/* Longer, or shorter, at its end. Return: 0; -errno. */
#define frame_resize(ctx, more_bytes) bpf_xdp_adjust_tail(ctx, more_bytes)

/* The frame back to where it came from, as it is. A verdict. */
#define frame_answer(ctx) XDP_TX

/* Is the checksum at @off_bytes one that a device is still to complete? */
#define frame_check_is_partial(ctx, off_bytes) ((void)(off_bytes), false)

/* Room for @more_bytes of outer headers before the packet, VLAN tags left behind. Return: 0;
 * -errno. */
#define frame_wrap(ctx, l3_off_bytes, more_bytes, outer_v4, gue) \
	bpf_xdp_adjust_head(ctx, (int)((l3_off_bytes) - sizeof(struct ethhdr)) - (int)(more_bytes))

/* Takes away what is between the Ethernet header and the packet of @type at @off_bytes. */
#define frame_unwrap(ctx, off_bytes, type) \
	bpf_xdp_adjust_head(ctx, (int)((off_bytes) - sizeof(struct ethhdr)))

/* Makes @bytes of room between the frame's own header, which moves, and what it holds. */
static __always_inline bool frame_grow(struct xdp_md *ctx, __u64 l3_off_bytes, __u32 bytes)
{
	__u8 head[sizeof(struct ethhdr) + VLAN_TAGS_MAX * sizeof(struct vlan_hdr)];

	asm volatile("" : "+r"(l3_off_bytes));
	if (l3_off_bytes < sizeof(struct ethhdr) || l3_off_bytes > sizeof(head))
		return false;
	__builtin_memset(head, 0, sizeof(head));
	return !bpf_xdp_load_bytes(ctx, 0, head, l3_off_bytes) &&
	       !bpf_xdp_adjust_head(ctx, -(int)bytes) &&
	       !bpf_xdp_store_bytes(ctx, 0, head, l3_off_bytes);
}

/* Cuts off what is behind the first @bytes. */
static __always_inline bool frame_cut(struct xdp_md *ctx, __u32 bytes)
{
	int less = (int)(bytes - (__u32)((void *)(long)ctx->data_end - (void *)(long)ctx->data));

	return less >= 0 || !bpf_xdp_adjust_tail(ctx, less);
}

#else

#define TC_ACT_REDIRECT 7

#define VLAN_POPS_MAX 3 /* one that is not in the bytes, and two that are */

#define frame_ifindex(ctx)             ((ctx)->ifindex)
#define frame_bytes(ctx)               ((ctx)->len)
#define frame_bytes_from(ctx, pkt, ip) ((ctx)->len - (pkt)->l3_off_bytes)

/* "BIG TCP": the stack has put together more than the field can say, and left it empty. */
#define frame_l3_bytes(bytes, unstated, frame_bytes) \
	((bytes) == (unstated) && (frame_bytes) > 0xffff ? (frame_bytes) : (bytes))

#define frame_load(ctx, off_bytes, to, bytes)    bpf_skb_load_bytes(ctx, off_bytes, to, bytes)
#define frame_store(ctx, off_bytes, from, bytes) bpf_skb_store_bytes(ctx, off_bytes, from, bytes, 0)

#define frame_store_summed(ctx, off_bytes, from, bytes) \
	bpf_skb_store_bytes(ctx, off_bytes, from, bytes, BPF_F_RECOMPUTE_CSUM)

static __always_inline long frame_resize(struct __sk_buff *skb, int more_bytes)
{
	return bpf_skb_change_tail(skb, skb->len + more_bytes, 0);
}

static __always_inline int frame_answer(struct __sk_buff *skb)
{
	return bpf_redirect(skb->ifindex, 0) == TC_ACT_REDIRECT ? XDP_TX : XDP_ABORTED;
}

/*
 * No field of the context says so; but a change of what the pseudo header does not cover leaves a
 * partial checksum alone, and no other.
 */
static __always_inline bool frame_check_is_partial(struct __sk_buff *skb, __u32 off_bytes)
{
	__sum16 before = 0, after = 0;

	if (bpf_skb_load_bytes(skb, off_bytes, &before, sizeof(before)) ||
	    bpf_l4_csum_replace(skb, off_bytes, 0, bpf_htons(1), sizeof(after)) ||
	    bpf_skb_load_bytes(skb, off_bytes, &after, sizeof(after)))
		return false;
	if (before == after)
		return true;
	bpf_skb_store_bytes(skb, off_bytes, &before, sizeof(before), 0);
	return false;
}

/* All tags off; the bytes after it begin with Ethernet and IP. */
static __always_inline long frame_untag(struct __sk_buff *skb, __u32 l3_off_bytes)
{
	long err = 0;

	for (int i = 0; i < VLAN_POPS_MAX && !err; i++) {
		if (!skb->vlan_present && (i || l3_off_bytes == sizeof(struct ethhdr)))
			break;
		err = bpf_skb_vlan_pop(skb);
	}
	return err;
}

static __always_inline long frame_wrap(struct __sk_buff *skb, __u32 l3_off_bytes, __u32 more_bytes,
				       bool outer_v4, bool gue)
{
	/* The parts of a frame keep their size: that they fit has been seen. */
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO |
		      (outer_v4 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV6) |
		      (gue ? BPF_F_ADJ_ROOM_ENCAP_L4_UDP : 0);
	long err = frame_untag(skb, l3_off_bytes);

	return err ? err : bpf_skb_adjust_room(skb, (__s32)more_bytes, BPF_ADJ_ROOM_MAC, flags);
}

/* Where the families differ, the stack's translation changes what it takes the frame for, and the
 * size of the header by their difference; before Linux 6.2 nothing else does. */
static __always_inline long frame_unwrap(struct __sk_buff *skb, __u32 off_bytes, __be16 type)
{
	__s32 less_bytes = (__s32)(off_bytes - sizeof(struct ethhdr));
	long err = 0;

	if (skb->protocol != type) {
		err = bpf_skb_change_proto(skb, type, 0);
		less_bytes += type == bpf_htons(0x86DD) ? 20 : -20;
	}
	return err ? err
		   : bpf_skb_adjust_room(skb, -less_bytes, BPF_ADJ_ROOM_MAC,
					 BPF_F_ADJ_ROOM_FIXED_GSO);
}

static __always_inline bool frame_grow(struct __sk_buff *skb, __u32 l3_off_bytes, __u32 bytes)
{
	return !bpf_skb_adjust_room(skb, (__s32)bytes, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO);
}

/* What is left is one packet, of one piece. */
static __always_inline bool frame_cut(struct __sk_buff *skb, __u32 bytes)
{
	return !bpf_skb_change_tail(skb, bytes, 0);
}

/* From here on the context of the stages is that of TC. */
#define xdp_md __sk_buff

#endif /* SLUICE_TC */

#endif /* SLUICE_CTX_BPF_H */
