// SPDX-License-Identifier: Apache-2.0
/*
 * flood - frames for flood.c: each one of another flow, sent by redirecting it into a device
 *
 * Runs in live mode of BPF_PROG_TEST_RUN, which gives it the same page again and again; so the
 * fields that a receiver may have changed are written each time.
 */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "flood.h"

struct flood_plan plan;

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	struct flood_frame *frame = (void *)(long)ctx->data;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	*frame = plan.frame;
	frame->sport = bpf_htons(FLOOD_PORT_MIN + (plan.next++ & plan.flows_mask));
	return bpf_redirect(plan.ifindex, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
