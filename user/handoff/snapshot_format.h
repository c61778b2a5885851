/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_format.h - how the bytes of a snapshot lie
 *
 *   header | listeners | slots by host | texts of regular expressions | host block | ... | NUL
 *
 * Offsets in the header, in listeners and slots, in struct route, in struct snapshot_tls and of
 * rule.path count from the start of the snapshot; all others, inside a host block, from the start
 * of that block, so that the writer keeps a block as it is while its host does not change and
 * copies it into each snapshot. Offset 0 means none (at 0 there is always a header). Every hash
 * table is open-addressed with linear probing and a power of two of slots, fewer used than there
 * are.
 */
#ifndef SLUICE_TABLE_SNAPSHOT_FORMAT_H
#define SLUICE_TABLE_SNAPSHOT_FORMAT_H

#include <stdint.h>

#include "handoff/snapshot.h"

#define SNAPSHOT_MAGIC   0x504e5345554c53u /* "SLUESNP" */
#define SNAPSHOT_VERSION 3u
#define SNAPSHOT_ALIGN   8u

/* Seals that the writer sets and the reader insists on: nothing can change under a mapping. */
#define SNAPSHOT_SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

struct snapshot_header {
	uint64_t magic;
	uint32_t version;
	uint32_t bytes; /* of the whole */
	uint64_t generation;
	uint32_t listeners, listeners_count; /* struct snapshot_listener[], from 1 */
	uint32_t slots, slots_count;         /* struct snapshot_slot[] */
	uint32_t regexes, regexes_count;     /* uint32_t[]: text offsets */
	uint32_t hosts_count;
	uint32_t hash_seed;
	uint32_t checks_count; /* routes that have a .check_path */
	uint32_t pad;
};

enum snapshot_listener_flag {
	SNAPSHOT_LISTENER_F_SUFFIX = 1 << 0, /* a wildcard host covers any number of labels */
};

/* Where clients dial. The first is that of all Ingresses: it takes what no other takes. The others
 * are ascending by (addr, port). */
struct snapshot_listener {
	struct inet_addr addr; /* zero: every address */
	uint16_t port;         /* host order; 0: every port */
	uint16_t flags;        /* enum snapshot_listener_flag */
	uint32_t number;       /* hosts are hashed with it; the same for all addresses of one */
	uint32_t any_host;     /* block of the rules without a host; 0: none */
	uint32_t default_host; /* block with the rule for what no host takes; 0: none */
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
	uint32_t bytes;    /* of the block */
	uint32_t flags;    /* enum snapshot_host_flag */
	uint32_t listener; /* number */
	uint32_t name, name_bytes;
	uint32_t rules, rules_count;             /* struct rule[], in order of precedence */
	uint32_t routes, routes_count;           /* struct route[] */
	uint32_t conditions, conditions_count;   /* struct snapshot_condition[] */
	uint32_t targets, targets_count;         /* struct snapshot_target[] */
	uint32_t exact, exact_slots;             /* struct snapshot_path[] */
	uint32_t prefix, prefix_slots;           /* struct snapshot_path[] */
	uint32_t prefix_bytes_max;               /* longest text in .prefix */
	uint32_t regexes, regexes_count;         /* uint32_t[]: texts, of paths and of conditions */
	uint32_t regex_first;                    /* number of the first among all of the snapshot */
	uint32_t regex_rules, regex_rules_count; /* uint32_t[]: struct rule offsets, in order */
	uint32_t default_rule;                   /* struct rule or 0 */
	struct snapshot_tls tls;                 /* offsets from the start of the snapshot */
};

/*
 * Exact: .text is the path and .here its first rule. Prefix: .text is the path without a trailing
 * slash ("" for "/"); .here is the first rule of the path that is .text, .below of those that
 * continue with '/' (they differ when both "/foo" and "/foo/" are given).
 */
struct snapshot_path {
	uint32_t hash;
	uint32_t text, text_bytes;
	uint32_t here, below; /* struct rule; both 0: slot empty */
	uint32_t up;          /* prefix: struct snapshot_path of the next shorter one; 0: none */
};

/* How a condition compares. */
enum snapshot_test { SNAPSHOT_EQUAL, SNAPSHOT_PRESENT, SNAPSHOT_REGEX };

struct snapshot_condition {
	uint16_t part;  /* enum snapshot_part */
	uint16_t test;  /* enum snapshot_test */
	uint32_t name;  /* text; of a header in lower case */
	uint32_t value; /* text, with SNAPSHOT_EQUAL */
	uint32_t regex; /* number in the host, with SNAPSHOT_REGEX */
};

struct snapshot_target {
	uint32_t route; /* struct route */
	uint32_t weight;
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

/* Where the hash of a host begins: hosts of two listeners are two hosts. */
static inline uint32_t snapshot_hash_listener(uint32_t seed, uint32_t number)
{
	return seed ^ number * 0x9e3779b9u; /* 2^32 / golden ratio: spreads small numbers */
}

#endif /* SLUICE_TABLE_SNAPSHOT_FORMAT_H */
