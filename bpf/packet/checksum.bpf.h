/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * checksum.bpf.h - incremental Internet checksums (RFC 1624, equation 3)
 *
 * A difference is the ones' complement sum of ~old and new words. It is gathered in 64 bits in
 * whatever word size is at hand and folded once, when it is applied.
 */
#ifndef SLUICE_CHECKSUM_BPF_H
#define SLUICE_CHECKSUM_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

static __always_inline __u64 checksum_diff16(__be16 from, __be16 to)
{
	return (__u64)(__u16)~from + to;
}

static __always_inline __u64 checksum_diff32(__be32 from, __be32 to)
{
	return (__u64)(__u32)~from + to;
}

static __always_inline __u64 checksum_diff128(const __u32 from[4], const __u32 to[4])
{
	return checksum_diff32(from[0], to[0]) + checksum_diff32(from[1], to[1]) +
	       checksum_diff32(from[2], to[2]) + checksum_diff32(from[3], to[3]);
}

/* The checksum field after the words it covers have changed by @diff. */
static __always_inline __sum16 checksum_apply(__sum16 check, __u64 diff)
{
	__u64 sum = (__u64)(__u16)~check + diff;

	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/* UDP sends a sum of 0 as 0xffff, because 0 on the wire means "no checksum" (RFC 768). */
static __always_inline __sum16 checksum_apply_udp(__sum16 check, __u64 diff)
{
	__sum16 sum = checksum_apply(check, diff);

	return sum ? sum : 0xffff;
}

static __always_inline __sum16 checksum_finish(__u64 sum)
{
	return checksum_apply(0xffff, sum);
}

#endif /* SLUICE_CHECKSUM_BPF_H */
