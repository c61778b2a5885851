/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * family6.h - the templates that follow are for IPv6; see family.bpf.h. Included more than once.
 */
#include "packet/family.bpf.h"

#undef FAMILY
#undef F
#undef IP_HEADER
#undef FLOW_KEY
#undef ENDS
#undef NAT
#undef IP_PROTO
#undef IP_TTL
#undef HEADER_ADDR
#undef ADDR_EQUAL
#undef ADDR_PUT
#undef ADDR_DIFF
#undef ADDR_OF_16
#undef ADDR_TO_16
#undef ADDR_KEEP

#define FAMILY        6
#define F(head, tail) head##6##tail

#define FLOW_KEY     struct F(flow, _key)
#define ENDS         struct F(ends, )
#define NAT          struct F(nat, )
#define IP_HEADER    struct ipv6hdr
#define IP_PROTO(ip) ((ip)->nexthdr)
#define IP_TTL(ip)   ((ip)->hop_limit)

#define HEADER_ADDR(field)     ((const __u8 *)&(field))
#define ADDR_EQUAL(a, b)       addr_equal(a, b)
#define ADDR_PUT(field, value) __builtin_memcpy(&(field), value, sizeof(struct in6_addr))
#define ADDR_DIFF(from, to)    checksum_diff128((const __u32 *)(from), (const __u32 *)(to))

#define ADDR_OF_16(bytes)        (bytes)
#define ADDR_TO_16(bytes, value) __builtin_memcpy(bytes, value, sizeof(struct in6_addr))

#define ADDR_KEEP(name, value)              \
	__u8 name[sizeof(struct in6_addr)]; \
	__builtin_memcpy(name, value, sizeof(name))
