// SPDX-License-Identifier: Apache-2.0
/*
 * restore - makes the next packet of a run, then goes on to the program that is measured
 *
 * BPF_PROG_TEST_RUN gives each repeat the packet as the one before left it. This program undoes
 * what NAT and encapsulation did: length, then all header bytes, from a template that the bench
 * fills. Each packet can be given another source address and port, to be another flow.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#include "restore.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} subject SEC(".maps");

/* The last four bytes of the source address, behind Ethernet. */
#define SADDR4_OFF_BYTES (14 + 12)
#define SADDR6_OFF_BYTES (14 + 8 + 12)

struct restore_plan plan;

static __always_inline int restore_length(struct xdp_md *ctx)
{
	long bytes = (void *)(long)ctx->data_end - (void *)(long)ctx->data;
	long more = bytes - plan.packet_bytes;

	return more ? bpf_xdp_adjust_head(ctx, (int)more) : 0;
}

SEC("xdp")
int restore(struct xdp_md *ctx)
{
	__u64 *words;
	__u32 flow;

	if (restore_length(ctx))
		return XDP_ABORTED;
	/* Else clang 14 computes addresses inside the context, which the verifier refuses. */
	asm volatile("" : "+r"(ctx));
	words = (void *)(long)ctx->data;
	if ((void *)words + RESTORE_BYTES > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	for (int i = 0; i < RESTORE_BYTES / 8; i++)
		words[i] = plan.words[i];
	if (plan.flows_mask) {
		__u8 *saddr = (__u8 *)words + (plan.is_v6 ? SADDR6_OFF_BYTES : SADDR4_OFF_BYTES);

		flow = plan.next_flow++ & plan.flows_mask;
		saddr[1] = flow >> 16;
		saddr[2] = flow >> 8;
		saddr[3] = flow;
	}
	bpf_tail_call(ctx, &subject, 0);
	return XDP_ABORTED;
}

/* What the harness itself costs. */
SEC("xdp")
int nothing(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
