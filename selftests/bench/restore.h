/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore.h - what the bench tells the program that restores packets
 */
#ifndef SELFTESTS_BENCH_RESTORE_H
#define SELFTESTS_BENCH_RESTORE_H

#define RESTORE_BYTES 64 /* Ethernet, IPv4 or IPv6, ports */

struct restore_plan {
	__u64 words[RESTORE_BYTES / 8]; /* how each packet begins */
	__u32 packet_bytes;             /* at least RESTORE_BYTES */
	__u32 is_v6;
	__u32 flows_mask; /* flows - 1, a power of two minus one; 0: one flow */
	__u32 next_flow;
};

#endif /* SELFTESTS_BENCH_RESTORE_H */
