/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * todo.bpf.h - steps that xdp_ingress takes after it has decided
 *
 * The stack of a program and all it calls is 512 bytes. So what decides does not call what acts,
 * but returns one of these, and leaves the details in cpu_state.
 */
#ifndef SLUICE_TODO_BPF_H
#define SLUICE_TODO_BPF_H

#include "maps.bpf.h"

enum todo {
	/* 0 and above: a verdict of XDP */
	TODO_AGAIN = -1, /* a tunnel ended here: what was inside is the packet now */
	TODO_ICMP4 = -2,
	TODO_ICMP6 = -3,
	TODO_SNAT4 = -4,
	TODO_SNAT6 = -5,
	TODO_UNSNAT4 = -6,
	TODO_UNSNAT6 = -7,
	TODO_TUNNEL = -8,
	TODO_RESET4 = -9,
	TODO_RESET6 = -10,
	TODO_LOCAL4 = -11, /* TC alone: XDP has no call to make for it */
	TODO_LOCAL6 = -12,
	TODO_TUNNEL_ERROR = -13, /* offsets: of the outer header quoted, of what is inside */
	TODO_ERROR4 = -14, /* .backend_id: type and code, .word: MTU, .l4_off_bytes: the reason */
	TODO_ERROR6 = -15,
};

static __always_inline struct cpu_state *todo_state(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&cpu_state, &key);
}

/* Notes what is to be done, for the caller to return. */
static __always_inline int todo_later(enum todo what, __u32 l3_off_bytes, __u32 l4_off_bytes,
				      __u32 backend_id, __u32 word)
{
	struct cpu_state *state = todo_state();

	if (!state)
		return XDP_ABORTED;
	state->l3_off_bytes = l3_off_bytes;
	state->l4_off_bytes = l4_off_bytes;
	state->backend_id = backend_id;
	state->word = word;
	return what;
}

#endif /* SLUICE_TODO_BPF_H */
