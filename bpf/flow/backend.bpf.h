/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * backend.bpf.h - what is asked of a backend, and how often a flow's entry is written at most
 */
#ifndef SLUICE_BACKEND_BPF_H
#define SLUICE_BACKEND_BPF_H

#include "maps.bpf.h"
#include "node/time.bpf.h"

#define FLOW_TOUCH_NS (1 * NS_PER_S) /* how often last_seen_ns is written at most */

static __always_inline bool backend_is_up(const struct backend *backend)
{
	return backend->state == BACKEND_ACTIVE || backend->state == BACKEND_DRAINING;
}

#endif /* SLUICE_BACKEND_BPF_H */
