/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_format.h - how the bytes of a snapshot lie
 *
 *   header | slots by host | texts of regular expressions | host block | host block | ... | NUL
 *
 * Offsets in the header, in the slots, in struct route and in struct snapshot_tls count from the
 * start of the snapshot; all others, inside a host block, from the start of that block, so that the
 * writer keeps a block as it is while its host does not change and copies it into each snapshot.
 * Offset 0 means none (at 0 there is always a header). Every hash table is open-addressed with
 * linear probing and a power of two of slots, fewer used than there are.
 */
#ifndef SLUICE_TABLE_SNAPSHOT_FORMAT_H
#define SLUICE_TABLE_SNAPSHOT_FORMAT_H

#include <stdint.h>

#include "handoff/snapshot.h"

#define SNAPSHOT_MAGIC   0x504e5345554c53u /* "SLUESNP" */
#define SNAPSHOT_VERSION 1u
#define SNAPSHOT_ALIGN   8u

/* Seals that the writer sets and the reader insists on: nothing can change under a mapping. */
#define SNAPSHOT_SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

struct snapshot_header {
	uint64_t magic;
	uint32_t version;
	uint32_t bytes; /* of the whole */
	uint64_t generation;
	uint32_t slots, slots_count;     /* struct snapshot_slot[] */
	uint32_t any_host;               /* block of the rules without a host */
	uint32_t default_route;          /* struct route: what no host takes */
	uint32_t regexes, regexes_count; /* uint32_t[]: text offsets */
	uint32_t hosts_count;
	uint32_t hash_seed;
	uint32_t checks_count; /* routes that have a .check_path */
	uint32_t pad;
};

struct snapshot_slot {
	uint32_t hash;
	uint32_t host; /* struct snapshot_host; 0: slot empty */
};

enum snapshot_host_flag {
	SNAPSHOT_HOST_F_RULES = 1 << 0, /* has rules: no other host answers for it */
	SNAPSHOT_HOST_F_TLS = 1 << 1,   /* .tls is in use */
};

struct snapshot_host {
	uint32_t bytes; /* of the block */
	uint32_t flags; /* enum snapshot_host_flag */
	uint32_t name, name_bytes;
	uint32_t routes, routes_count; /* struct route[] */
	uint32_t exact, exact_slots;   /* struct snapshot_path[] */
	uint32_t prefix, prefix_slots; /* struct snapshot_path[] */
	uint32_t prefix_bytes_max;     /* longest text in .prefix */
	uint32_t regexes,
		regexes_count;   /* uint32_t[]: struct route offsets, in order of precedence */
	uint32_t regex_first;    /* number of the first among all of the snapshot */
	uint32_t default_route;  /* struct route or 0 */
	struct snapshot_tls tls; /* offsets from the start of the snapshot */
};

/*
 * Exact: .text is the path and .here its route. Prefix: .text is the path without a trailing slash
 * ("" for "/"); .here is the route of the path that is .text, .below of those that continue with
 * '/' (they differ when both "/foo" and "/foo/" are given).
 */
struct snapshot_path {
	uint32_t hash;
	uint32_t text, text_bytes;
	uint32_t here, below; /* struct route; both 0: slot empty */
};

/* FNV-1a, 32 bit, from a seed; can be extended by bytes (a prefix of a path, '*' before a host). */
static inline uint32_t snapshot_hash_more(uint32_t hash, const char *text, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		hash = (hash ^ (uint8_t)text[i]) * 0x01000193u;
	return hash;
}

/* Spreads what FNV leaves in the high bits over the low ones, which choose the slot. */
static inline uint32_t snapshot_hash_end(uint32_t hash)
{
	hash = (hash ^ hash >> 16) * 0x85ebca6bu; /* murmur3's finaliser */
	return hash ^ hash >> 13;
}

#endif /* SLUICE_TABLE_SNAPSHOT_FORMAT_H */
