/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * protect.bpf.h - who may come: denylist, source ranges, new flows a second of one source
 */
#ifndef SLUICE_PROTECT_BPF_H
#define SLUICE_PROTECT_BPF_H

#include "maps.bpf.h"
#include "node/time.bpf.h"

#define BITS_OF(array) (8 * sizeof(array))

static __always_inline bool source4_is_denied(__be32 saddr)
{
	struct deny4_key key = { .prefix_bits = 32, .addr = saddr };

	return bpf_map_lookup_elem(&denylist4, &key) != NULL;
}

static __always_inline bool source6_is_denied(const struct in6_addr *saddr)
{
	struct deny6_key key = { .prefix_bits = BITS_OF(key.addr) };

	__builtin_memcpy(key.addr, saddr, sizeof(key.addr));
	return bpf_map_lookup_elem(&denylist6, &key) != NULL;
}

static __always_inline bool source4_is_in_range(__u32 ranges_id, __be32 saddr)
{
	struct source_range4_key key = {
		.prefix_bits = 32 + 32,
		.ranges_id = ranges_id,
		.addr = saddr,
	};

	return bpf_map_lookup_elem(&source_ranges4, &key) != NULL;
}

static __always_inline bool source6_is_in_range(__u32 ranges_id, const __u8 saddr[16])
{
	struct source_range6_key key = {
		.prefix_bits = 32 + BITS_OF(key.addr),
		.ranges_id = ranges_id,
	};

	__builtin_memcpy(key.addr, saddr, sizeof(key.addr));
	return bpf_map_lookup_elem(&source_ranges6, &key) != NULL;
}

/*
 * One new flow more at @now_ns. @full_at_ns: when the bucket would be full again; each flow moves it
 * by the time that one takes to refill, and it may lie one second ahead: that is the burst. The
 * result is to be stored; 0: refused.
 */
static __always_inline __u64 rate_take(__u64 full_at_ns, __u32 rate_per_s, __u64 now_ns)
{
	__u64 start_ns = full_at_ns > now_ns ? full_at_ns : now_ns;

	start_ns += NS_PER_S / rate_per_s;
	return start_ns - now_ns > NS_PER_S ? 0 : start_ns;
}

/* True if the source may begin another flow. Races between CPUs let a flow more or less through. */
static __always_inline bool rate4_allows(__be32 saddr, const struct frontend *frontend,
					 __u64 now_ns)
{
	struct source4_key key = { .addr = saddr, .upstream_id = frontend->upstream_id };
	struct rate *rate = bpf_map_lookup_elem(&rates4, &key);
	struct rate next = {
		.full_at_ns = rate_take(rate ? rate->full_at_ns : 0, frontend->rate_per_s, now_ns),
	};

	if (!next.full_at_ns)
		return false;
	if (rate)
		rate->full_at_ns = next.full_at_ns;
	else
		bpf_map_update_elem(&rates4, &key, &next, BPF_ANY);
	return true;
}

/* A client of IPv6 has a /64 to itself, so that is what counts as one source. */
static __always_inline bool rate6_allows(const __u8 saddr[16], const struct frontend *frontend,
					 __u64 now_ns)
{
	struct source6_key key = { .upstream_id = frontend->upstream_id };
	struct rate next, *rate;

	__builtin_memcpy(key.addr, saddr, sizeof(key.addr) / 2);
	rate = bpf_map_lookup_elem(&rates6, &key);
	next.full_at_ns = rate_take(rate ? rate->full_at_ns : 0, frontend->rate_per_s, now_ns);
	if (!next.full_at_ns)
		return false;
	if (rate)
		rate->full_at_ns = next.full_at_ns;
	else
		bpf_map_update_elem(&rates6, &key, &next, BPF_ANY);
	return true;
}

#endif /* SLUICE_PROTECT_BPF_H */
