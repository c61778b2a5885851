// SPDX-License-Identifier: Apache-2.0
#include "proxy/picker.h"

#include <errno.h>
#include <stdlib.h>

/* 2^32 / golden ratio: spreads small worker numbers far apart (Knuth, TAOCP 3, 6.4). */
#define GOLDEN_RATIO_32 0x9e3779b1u

#define LISTS_MAX 4 /* looked at for one exchange, if they change under our eyes */

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

/* The next member of one list that is active, else one that is draining. */
static int pick_member(struct picker *picker, uint32_t upstream_id, uint64_t word,
		       const struct picker_tried *tried, struct backend_view *out)
{
	struct maps *maps = picker->maps;
	uint32_t offset = (uint32_t)(word >> 32), count = (uint32_t)word;
	struct backend_view view;
	bool found = false;
	uint32_t turn;

	if (count == 0 || offset >= maps->members_max || count > maps->members_max - offset)
		return -ENOENT;
	turn = picker->turns[upstream_id]++ + picker->turns[maps->upstreams_max];
	for (uint32_t i = 0; i < count; i++) {
		const uint64_t *member =
			mapped_array_at(&maps->members, offset + (turn + i) % count);
		uint32_t id = member ? (uint32_t)__atomic_load_n(member, __ATOMIC_RELAXED) : 0;

		if (was_tried(tried, id) || !maps_backend(maps, upstream_id, id, &view))
			continue;
		if (view.state == BACKEND_ACTIVE || (!found && view.state == BACKEND_DRAINING)) {
			*out = view;
			found = true;
		}
		if (view.state == BACKEND_ACTIVE)
			return 0;
	}
	return found ? 0 : -ENOENT;
}

/*
 * sluiced writes states, then lists: for a moment the list at hand names what drains already, or
 * what is down by the time we look. What drains still serves; and where nothing is left, there is
 * a new list.
 */
int picker_round_robin(struct picker *picker, uint32_t upstream_id,
		       const struct picker_tried *tried, struct backend_view *out)
{
	const struct upstream *upstream =
		upstream_id ? mapped_array_at(&picker->maps->upstreams, upstream_id) : NULL;
	uint64_t word, newer;

	if (!upstream)
		return -ENOENT;
	newer = __atomic_load_n(&upstream->members, __ATOMIC_ACQUIRE);
	for (int i = 0; i < LISTS_MAX; i++) {
		word = newer;
		if (pick_member(picker, upstream_id, word, tried, out) == 0)
			return 0;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		newer = __atomic_load_n(&upstream->members, __ATOMIC_ACQUIRE);
		if (newer == word)
			return -ENOENT;
	}
	return -ENOENT;
}
