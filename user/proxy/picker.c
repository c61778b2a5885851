// SPDX-License-Identifier: Apache-2.0
#include "proxy/picker.h"

#include <errno.h>
#include <stdlib.h>

/* 2^32 / golden ratio: spreads small worker numbers far apart (Knuth, TAOCP 3, 6.4). */
#define GOLDEN_RATIO_32 0x9e3779b1u

int picker_init(struct picker *picker, struct maps *maps, uint32_t worker)
{
	/* calloc: pages of upstreams that nobody asks for are never touched. */
	uint32_t *turns = calloc(maps->upstreams_max + 1, sizeof(*turns));

	if (!turns)
		return -ENOMEM;
	turns[maps->upstreams_max] = worker * GOLDEN_RATIO_32;
	picker->maps = maps;
	picker->turns = turns;
	return 0;
}

void picker_free(struct picker *picker)
{
	free(picker->turns);
	picker->turns = NULL;
}

static bool was_tried(const struct picker_tried *tried, uint32_t id)
{
	for (uint32_t i = 0; tried && i < tried->count; i++)
		if (tried->ids[i] == id)
			return true;
	return false;
}

int picker_round_robin(struct picker *picker, uint32_t upstream_id,
		       const struct picker_tried *tried, struct backend_view *out)
{
	struct maps *maps = picker->maps;
	const struct upstream *upstream;
	uint32_t offset, count, turn;
	bool fallback;
	uint64_t word;

	upstream = upstream_id ? mapped_array_at(&maps->upstreams, upstream_id) : NULL;
	if (!upstream)
		return -ENOENT;
	word = __atomic_load_n(&upstream->members, __ATOMIC_ACQUIRE);
	fallback = __atomic_load_n(&upstream->flags, __ATOMIC_RELAXED) & UPSTREAM_F_FALLBACK;
	offset = (uint32_t)(word >> 32);
	count = (uint32_t)word;
	if (count == 0 || offset >= maps->members_max || count > maps->members_max - offset)
		return -ENOENT;
	turn = picker->turns[upstream_id]++ + picker->turns[maps->upstreams_max];
	for (uint32_t i = 0; i < count; i++) {
		const uint64_t *member =
			mapped_array_at(&maps->members, offset + (turn + i) % count);
		uint32_t id = member ? (uint32_t)__atomic_load_n(member, __ATOMIC_RELAXED) : 0;

		if (was_tried(tried, id) || !maps_backend(maps, upstream_id, id, out))
			continue;
		if (out->state == BACKEND_ACTIVE || (fallback && out->state == BACKEND_DRAINING))
			return 0;
	}
	return -ENOENT;
}
