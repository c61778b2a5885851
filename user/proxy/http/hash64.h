/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash64.h - a hash without a key: the same in every worker and on every node
 *
 * Not for tables that a client could fill with collisions.
 */
#ifndef SLUICE_PROXY_HASH64_H
#define SLUICE_PROXY_HASH64_H

#include <stddef.h>
#include <stdint.h>

#define HASH64_SEED 0xcbf29ce484222325u /* FNV-1a, 64 bit */

static inline uint64_t hash64_more(uint64_t hash, const void *data, size_t bytes)
{
	const uint8_t *at = data;

	for (size_t i = 0; i < bytes; i++)
		hash = (hash ^ at[i]) * 0x100000001b3u;
	return hash;
}

/* Spreads every bit over all (SplitMix64; Steele, Lea, Flood: OOPSLA'14). */
static inline uint64_t hash64_end(uint64_t hash)
{
	hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9u;
	hash = (hash ^ hash >> 27) * 0x94d049bb133111ebu;
	return hash ^ hash >> 31;
}

/* The next number of a sequence that repeats after 2^64; not secret. */
static inline uint64_t hash64_next(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15u;
	return hash64_end(*state);
}

#endif /* SLUICE_PROXY_HASH64_H */
