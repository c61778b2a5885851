// SPDX-License-Identifier: Apache-2.0
#include "daemon/removals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Takes @id out of the sorted list, if it is there. */
static void drop(uint32_t *ids, size_t *count, uint32_t id)
{
	uint32_t *at = *count ? bsearch(&id, ids, *count, sizeof(*ids), compare) : NULL;

	if (!at)
		return;
	memmove(at, at + 1, (size_t)(ids + *count - at - 1) * sizeof(*ids));
	(*count)--;
}

/* Appends, sorts. Return: 0; -ENOMEM, list as before. */
static int add(uint32_t **ids, size_t *count, const uint32_t *more, size_t more_count)
{
	uint32_t *grown;

	if (more_count == 0)
		return 0;
	grown = reallocarray(*ids, *count + more_count, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	memcpy(grown + *count, more, more_count * sizeof(*more));
	*ids = grown;
	*count += more_count;
	qsort(grown, *count, sizeof(*grown), compare);
	return 0;
}

int removals_hold(struct removals *removals, struct table_delta *delta)
{
	int err;

	for (size_t i = 0; i < delta->upstreams_set_count; i++)
		drop(removals->upstreams, &removals->upstreams_count, delta->upstreams_set[i].id);
	for (size_t i = 0; i < delta->backends_set_count; i++)
		drop(removals->backends, &removals->backends_count, delta->backends_set[i].id);
	err = add(&removals->upstreams, &removals->upstreams_count, delta->upstreams_removed,
		  delta->upstreams_removed_count);
	if (err)
		return err;
	delta->upstreams_removed_count = 0;
	err = add(&removals->backends, &removals->backends_count, delta->backends_removed,
		  delta->backends_removed_count);
	if (err)
		return err;
	delta->backends_removed_count = 0;
	return 0;
}

struct table_delta removals_delta(const struct removals *removals, uint64_t generation)
{
	return (struct table_delta){
		.upstreams_removed = removals->upstreams,
		.upstreams_removed_count = removals->upstreams_count,
		.backends_removed = removals->backends,
		.backends_removed_count = removals->backends_count,
		.generation = generation,
	};
}

void removals_clear(struct removals *removals)
{
	free(removals->upstreams);
	free(removals->backends);
	*removals = (struct removals){};
}
