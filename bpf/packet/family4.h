/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * family4.h - the templates that follow are for IPv4; see family.bpf.h. Included more than once.
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

#define FAMILY        4
#define F(head, tail) head##4##tail

#define FLOW_KEY     struct F(flow, _key)
#define ENDS         struct F(ends, )
#define NAT          struct F(nat, )
#define IP_HEADER    struct iphdr
#define IP_PROTO(ip) ((ip)->protocol)
#define IP_TTL(ip)   ((ip)->ttl)

/* The value of an address in a header; whether two values are the same; a value into a field; the
 * difference of two for a checksum. */
#define HEADER_ADDR(field)     (field)
#define ADDR_EQUAL(a, b)       ((a) == (b))
#define ADDR_PUT(field, value) ((field) = (value))
#define ADDR_DIFF(from, to)    checksum_diff32(from, to)

/* The value of an address in 16 bytes, ::ffff:a.b.c.d; and a value into such bytes. */
#define ADDR_OF_16(bytes)        (*(const __be32 *)&(bytes)[12])
#define ADDR_TO_16(bytes, value) addr_from_v4(bytes, value)

/* Declares @name, a value that outlives the packet that @value may point into. */
#define ADDR_KEEP(name, value) addr4_t name = (value)
