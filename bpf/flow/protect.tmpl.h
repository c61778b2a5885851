/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * protect.tmpl.h - who may come, of one family
 */

static __always_inline bool F(source, _is_denied)(F(addr, _t) saddr)
{
	struct F(deny, _key) key = { .prefix_bits = BITS_OF(key.addr) };

	ADDR_PUT(key.addr, saddr);
	return bpf_map_lookup_elem(&F(denylist, ), &key) != NULL;
}

static __always_inline bool F(source, _is_in_range)(__u32 ranges_id, F(addr, _t) saddr)
{
	struct F(source_range, _key) key = {
		.prefix_bits = BITS_OF(key.ranges_id) + BITS_OF(key.addr),
		.ranges_id = ranges_id,
	};

	ADDR_PUT(key.addr, saddr);
	return bpf_map_lookup_elem(&F(source_ranges, ), &key) != NULL;
}

/* True if the source may begin another flow. Races between CPUs let a flow more or less through. */
static __always_inline bool F(rate, _allows)(F(addr, _t) saddr, const struct frontend *frontend,
					     __u64 now_ns)
{
	struct F(source, _key) key = F(rate, _key)(saddr, frontend->upstream_id);
	struct rate *rate = bpf_map_lookup_elem(&F(rates, ), &key);
	struct rate next = {
		.full_at_ns = rate_take(rate ? rate->full_at_ns : 0, frontend->rate_per_s, now_ns),
	};

	if (!next.full_at_ns)
		return false;
	if (rate)
		rate->full_at_ns = next.full_at_ns;
	else
		bpf_map_update_elem(&F(rates, ), &key, &next, BPF_ANY);
	return true;
}
