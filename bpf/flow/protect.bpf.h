/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * protect.bpf.h - who may come: denylist, source ranges, new flows a second of one source
 */
#ifndef SLUICE_PROTECT_BPF_H
#define SLUICE_PROTECT_BPF_H

#include "maps.bpf.h"
#include "node/time.bpf.h"
#include "packet/family.bpf.h"

#define BITS_OF(field) (8 * sizeof(field))

/*
 * One new flow more at @now_ns. @full_at_ns: when the bucket would be full again; each flow moves
 * it by the time that one takes to refill, and it may lie one second ahead: that is the burst.
 * The result is to be stored; 0: refused.
 */
static __always_inline __u64 rate_take(__u64 full_at_ns, __u32 rate_per_s, __u64 now_ns)
{
	__u64 start_ns = full_at_ns > now_ns ? full_at_ns : now_ns;

	start_ns += NS_PER_S / rate_per_s;
	return start_ns - now_ns > NS_PER_S ? 0 : start_ns;
}

/* What counts as one source: a client of IPv6 has a /64 to itself. */
static __always_inline struct source4_key rate4_key(addr4_t saddr, __u32 upstream_id)
{
	return (struct source4_key){ .addr = saddr, .upstream_id = upstream_id };
}

static __always_inline struct source6_key rate6_key(addr6_t saddr, __u32 upstream_id)
{
	struct source6_key key = { .upstream_id = upstream_id };

	__builtin_memcpy(key.addr, saddr, sizeof(key.addr) / 2);
	return key;
}

#include "packet/family4.h"
#include "flow/protect.tmpl.h"
#include "packet/family6.h"
#include "flow/protect.tmpl.h"

#endif /* SLUICE_PROTECT_BPF_H */
