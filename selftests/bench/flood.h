/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flood.h - what flood.c tells the program that makes frames
 */
#ifndef SELFTESTS_BENCH_FLOOD_H
#define SELFTESTS_BENCH_FLOOD_H

#define FLOOD_PORT_MIN      20000
#define FLOOD_PAYLOAD_BYTES 22 /* the frame has 64 bytes */

/* UDP over IPv4 without a checksum, as on the wire. */
struct flood_frame {
	__u8 dmac[6], smac[6];
	__be16 type;
	__u8 version, tos;
	__be16 total_bytes, id, fragment;
	__u8 ttl, proto;
	__be16 check;
	__u8 saddr[4], daddr[4];
	__be16 sport, dport, udp_bytes, udp_check;
	__u8 payload[FLOOD_PAYLOAD_BYTES];
} __attribute__((packed));

struct flood_plan {
	struct flood_frame frame;
	__u32 ifindex;
	__u32 flows_mask; /* flows - 1 */
	__u32 next;
};

#endif /* SELFTESTS_BENCH_FLOOD_H */
