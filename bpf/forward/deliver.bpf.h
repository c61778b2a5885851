/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * deliver.bpf.h - up the stack to a pod of this node, and whether there is a short way there
 *
 * In TC the helpers that keep a partial checksum right need stack of their own, so that is a step
 * for later there; and no short way is taken, since what it saves is little of what such a packet
 * costs.
 */
#ifndef SLUICE_DELIVER_BPF_H
#define SLUICE_DELIVER_BPF_H

#include "forward/remote.bpf.h"
#include "flow/todo.bpf.h"

#ifndef SLUICE_TC

#include "forward/short.bpf.h"

#define HAS_SHORT_WAY 1

#include "packet/family4.h"
#include "forward/deliver.tmpl.h"
#include "packet/family6.h"
#include "forward/deliver.tmpl.h"

/* Does what deliver4() and deliver6() left to do. */
#define deliver_finish(ctx, what, l3_off_bytes, backend_id, source_port) (what)

#else /* SLUICE_TC */

#define HAS_SHORT_WAY 0
#define LONG_WAY      (-100)
#define short4(ctx)   LONG_WAY
#define short6(ctx)   LONG_WAY

#include "packet/family4.h"
#include "forward/deliver.tmpl.h"
#include "packet/family6.h"
#include "forward/deliver.tmpl.h"

static __always_inline int deliver_finish(struct __sk_buff *skb, int what, __u32 l3_off_bytes,
					  __u32 backend_id, __u32 source_port)
{
	if (what == TODO_LOCAL4)
		return local4(skb, l3_off_bytes, backend_id, source_port);
	if (what == TODO_LOCAL6)
		return local6(skb, l3_off_bytes, backend_id, source_port);
	return what;
}

#endif /* SLUICE_TC */

#endif /* SLUICE_DELIVER_BPF_H */
