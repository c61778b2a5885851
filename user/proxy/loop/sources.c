// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/sources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN   64u
#define NET6_BYTES  8                   /* of an IPv6 address that count: a /64 */
#define HASH_FACTOR 0x9e3779b97f4a7c15u /* 2^64 / golden ratio: Knuth, TAOCP 3, 6.4 */

void sources_init(struct sources *sources, uint64_t seed)
{
	*sources = (struct sources){ .seed = seed };
}

void sources_free(struct sources *sources)
{
	free(sources->slots);
	sources->slots = NULL;
	sources->mask = sources->used = 0;
}

static struct inet_addr key_of(const struct inet_addr *addr)
{
	struct inet_addr key = *addr;

	if (!inet_addr_is_v4(addr))
		memset(key.bytes + NET6_BYTES, 0, sizeof(key.bytes) - NET6_BYTES);
	return key;
}

static uint32_t home_of(const struct sources *sources, const struct inet_addr *key)
{
	uint64_t words[2], hash;

	memcpy(words, key->bytes, sizeof(words));
	hash = (words[0] ^ sources->seed) * HASH_FACTOR;
	hash = ((hash ^ hash >> 32) + words[1]) * HASH_FACTOR;
	return (uint32_t)(hash >> 32) & sources->mask;
}

/* The slot of this key, or the free one where it would go. */
static uint32_t find(const struct sources *sources, const struct inet_addr *key)
{
	uint32_t at = home_of(sources, key);

	while (sources->slots[at].conns &&
	       memcmp(sources->slots[at].addr.bytes, key->bytes, sizeof(key->bytes)) != 0)
		at = (at + 1) & sources->mask;
	return at;
}

/* At most half full, so that a search ends soon. Return: 0; -ENOMEM. */
static int make_room(struct sources *sources)
{
	struct sources larger = *sources;
	uint32_t slots = sources->slots ? (sources->mask + 1) * 2 : SLOTS_MIN;

	if (sources->slots && sources->used * 2 <= sources->mask)
		return 0;
	larger.slots = calloc(slots, sizeof(*larger.slots));
	if (!larger.slots)
		return -ENOMEM;
	larger.mask = slots - 1;
	for (uint32_t i = 0; sources->slots && i <= sources->mask; i++) {
		const struct source_count *old = &sources->slots[i];

		if (old->conns)
			larger.slots[find(&larger, &old->addr)] = *old;
	}
	free(sources->slots);
	*sources = larger;
	return 0;
}

int64_t sources_add(struct sources *sources, const struct inet_addr *addr)
{
	struct inet_addr key = key_of(addr);
	struct source_count *slot;
	int err = make_room(sources);

	if (err)
		return err;
	slot = &sources->slots[find(sources, &key)];
	sources->used += !slot->conns;
	slot->addr = key;
	return ++slot->conns;
}

/* Closes the gap: moves up later entries that would not be found any more. */
static void take_out(struct sources *sources, uint32_t gap)
{
	uint32_t at = gap;

	sources->used--;
	for (;;) {
		uint32_t home;

		at = (at + 1) & sources->mask;
		if (!sources->slots[at].conns)
			break;
		home = home_of(sources, &sources->slots[at].addr);
		if (((at - home) & sources->mask) < ((at - gap) & sources->mask))
			continue;
		sources->slots[gap] = sources->slots[at];
		gap = at;
	}
	sources->slots[gap].conns = 0;
}

void sources_remove(struct sources *sources, const struct inet_addr *addr)
{
	struct inet_addr key = key_of(addr);
	uint32_t at = find(sources, &key);

	if (sources->slots[at].conns && --sources->slots[at].conns == 0)
		take_out(sources, at);
}

uint32_t sources_conns(const struct sources *sources, const struct inet_addr *addr)
{
	struct inet_addr key = key_of(addr);

	return sources->slots ? sources->slots[find(sources, &key)].conns : 0;
}
