/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * node.bpf.h - what the programs know of this node
 */
#ifndef SLUICE_NODE_BPF_H
#define SLUICE_NODE_BPF_H

#include "maps.bpf.h"

static __always_inline const struct node_config *node(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&node_config, &key);
}

/* To be read before a frontend is looked up: what changes meanwhile has another one. */
static __always_inline __u32 frontends_epoch(const struct node_config *config)
{
	return *(const volatile __u32 *)&config->frontends_epoch;
}

#endif /* SLUICE_NODE_BPF_H */
