// SPDX-License-Identifier: Apache-2.0
/*
 * xdp_bad - reads beyond the packet: no verifier may take it, and whoever loads it has to say so
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_bad(struct xdp_md *ctx)
{
	const __u8 *data = (void *)(long)ctx->data;

	return data[64] ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "Apache-2.0";
