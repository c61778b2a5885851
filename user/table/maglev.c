// SPDX-License-Identifier: Apache-2.0
#include "table/maglev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sluice_schema.h"

/* Two independent hashes come from one function with two seeds (any two odd numbers do). */
#define SEED_OFFSET 0x9e3779b97f4a7c15u
#define SEED_SKIP   0xc2b2ae3d27d4eb4fu

/* A member's own order of preference over the slots: offset, offset + skip, offset + 2 skip, ...
 * The number of slots is prime, so that each member's walk visits all of them. */
struct walk {
	uint32_t next;
	uint32_t skip;
};

/* So many slots that the change of one of up to 90 members moves at most 1.5 times its share (seen:
 * 1.4 at 40 in 16,381 slots, 1.5 at 90 in 65,537, 6 at 600, which is one slot in a hundred). */
static const struct {
	size_t members_max;
	uint32_t slots;
} sizes[] = {
	{ 1, SLUICE_RING_SLOTS_MIN },        { 5, 2039 }, { 20, 8191 }, { 40, 16381 },
	{ SIZE_MAX, SLUICE_RING_SLOTS_MAX },
};

uint32_t maglev_slots(size_t members_count)
{
	size_t i = 0;

	while (members_count > sizes[i].members_max)
		i++;
	return sizes[i].slots;
}

/* splitmix64's finaliser (Steele et al., OOPSLA'14). */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* Byte order of the address is that of the network, read as two little-endian words on any host. */
static uint64_t hash_of(const struct maglev_member *member, uint64_t seed)
{
	uint64_t hash = seed + member->port;

	for (int half = 0; half < 2; half++) {
		uint64_t word = 0;

		for (int i = 7; i >= 0; i--)
			word = word << 8 | member->addr.bytes[half * 8 + i];
		hash = mix(hash ^ word);
	}
	return hash;
}

int maglev_fill(uint32_t *slots, uint32_t slots_count, const struct maglev_member *members,
		size_t count)
{
	uint32_t filled = 0;
	struct walk *walks;

	if (!count || slots_count < 2 || count > slots_count)
		return -EINVAL;
	walks = malloc(count * sizeof(*walks));
	if (!walks)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		walks[i].next = hash_of(&members[i], SEED_OFFSET) % slots_count;
		walks[i].skip = hash_of(&members[i], SEED_SKIP) % (slots_count - 1) + 1;
	}
	memset(slots, 0, slots_count * sizeof(*slots));
	while (filled < slots_count) {
		for (size_t i = 0; i < count && filled < slots_count; i++) {
			struct walk *walk = &walks[i];

			while (slots[walk->next])
				walk->next = (walk->next + walk->skip) % slots_count;
			slots[walk->next] = members[i].id;
			filled++;
		}
	}
	free(walks);
	return 0;
}
