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

#endif /* SLUICE_NODE_BPF_H */
