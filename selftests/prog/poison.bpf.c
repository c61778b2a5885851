// SPDX-License-Identifier: Apache-2.0
/*
 * poison - gives the program under test a packet with rubbish before it
 *
 * On a device the head room holds what some packet of before left there; BPF_PROG_TEST_RUN clears
 * it. So the test hands over POISON_BYTES of rubbish and the packet, and this program takes the
 * former off: a program that reads or sends what it did not write there is found out.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#include "poison.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} subject SEC(".maps");

SEC("xdp")
int poison(struct xdp_md *ctx)
{
	if (bpf_xdp_adjust_head(ctx, POISON_BYTES))
		return XDP_ABORTED;
	bpf_tail_call(ctx, &subject, 0);
	return XDP_ABORTED;
}

char _license[] SEC("license") = "Dual BSD/GPL";
