/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * count.bpf.h - per-CPU counters; a miss costs a count, never a packet
 */
#ifndef SLUICE_COUNT_BPF_H
#define SLUICE_COUNT_BPF_H

#include "maps.bpf.h"

static __always_inline void count_stat(enum sluice_stat stat)
{
	__u32 key = stat;
	__u64 *value = bpf_map_lookup_elem(&stats, &key);

	if (value)
		*value += 1;
}

static __always_inline void count_drop(__u32 reason)
{
	__u32 key = reason;
	__u64 *value = bpf_map_lookup_elem(&drops, &key);

	if (value)
		*value += 1;
}

static __always_inline void count_frontend(__u32 frontend_id, __u32 bytes)
{
	struct traffic *traffic = bpf_map_lookup_elem(&frontend_stats, &frontend_id);

	if (traffic) {
		traffic->packets += 1;
		traffic->bytes += bytes;
	}
}

static __always_inline void count_backend(__u32 backend_id, __u32 bytes)
{
	struct traffic *traffic = bpf_map_lookup_elem(&backend_stats, &backend_id);

	if (traffic) {
		traffic->packets += 1;
		traffic->bytes += bytes;
	}
}

static __always_inline void count_reply(__u32 frontend_id, __u32 backend_id, __u32 bytes)
{
	count_stat(STAT_PACKETS_REPLY);
	count_frontend(frontend_id, bytes);
	count_backend(backend_id, bytes);
}

static __always_inline void count_flow_end(__u32 frontend_id, __u32 backend_id)
{
	struct traffic *traffic = bpf_map_lookup_elem(&frontend_stats, &frontend_id);

	if (traffic)
		traffic->flows_ended += 1;
	traffic = bpf_map_lookup_elem(&backend_stats, &backend_id);
	if (traffic)
		traffic->flows_ended += 1;
}

static __always_inline void count_flow(__u32 frontend_id, __u32 backend_id)
{
	struct traffic *traffic = bpf_map_lookup_elem(&frontend_stats, &frontend_id);

	if (traffic)
		traffic->flows += 1;
	traffic = bpf_map_lookup_elem(&backend_stats, &backend_id);
	if (traffic)
		traffic->flows += 1;
	count_stat(STAT_FLOWS_CREATED);
}

#endif /* SLUICE_COUNT_BPF_H */
