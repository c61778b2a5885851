// SPDX-License-Identifier: Apache-2.0
#include "table/ids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table/table.h"
#include "table/vec.h"

void ids_init(struct ids *ids, uint32_t max)
{
	memset(ids, 0, sizeof(*ids));
	ids->max = max;
}

void ids_free(struct ids *ids)
{
	for (uint32_t id = 1; id <= ids->used; id++)
		free(ids->slots[id].key);
	free(ids->slots);
	strmap_clear(&ids->parked);
	memset(ids, 0, sizeof(*ids));
}

/* Gives every id up to @id a slot. */
static int extend(struct ids *ids, uint32_t id)
{
	int err;

	if (id <= ids->used)
		return 0;
	err = vec_reserve(&ids->slots, &ids->slots_capacity, ids->used + 1u, id - ids->used,
			  sizeof(*ids->slots));
	if (err)
		return err;
	memset(&ids->slots[ids->used + 1], 0, (id - ids->used) * sizeof(*ids->slots));
	ids->used = id;
	return 0;
}

static void enqueue(struct ids *ids, uint32_t id)
{
	struct id_slot *slot = &ids->slots[id];

	slot->next = 0;
	slot->previous = ids->last;
	if (ids->last)
		ids->slots[ids->last].next = id;
	else
		ids->first = id;
	ids->last = id;
	slot->parked = true;
}

static void dequeue(struct ids *ids, uint32_t id)
{
	struct id_slot *slot = &ids->slots[id];

	if (slot->previous)
		ids->slots[slot->previous].next = slot->next;
	else
		ids->first = slot->next;
	if (slot->next)
		ids->slots[slot->next].previous = slot->previous;
	else
		ids->last = slot->previous;
	slot->parked = false;
	if (slot->key)
		strmap_remove(&ids->parked, slot->key);
	free(slot->key);
	slot->key = NULL;
}

static void remember(struct ids *ids, const char *key, uint32_t id)
{
	struct id_slot *slot = &ids->slots[id];
	void *old = NULL;

	slot->key = strdup(key);
	if (!slot->key)
		return;
	if (strmap_put(&ids->parked, key, (void *)(uintptr_t)id, &old)) {
		free(slot->key);
		slot->key = NULL;
		return;
	}
	if (old) { /* an older id of the same name: it just waits for its time */
		free(ids->slots[(uintptr_t)old].key);
		ids->slots[(uintptr_t)old].key = NULL;
	}
}

int ids_adopt(struct ids *ids, const char *key, uint32_t id, uint32_t generation)
{
	uint32_t before = ids->used;
	int err;

	if (!id || id > ids->max || (id <= before && ids->slots[id].key))
		return -EINVAL;
	err = extend(ids, id);
	if (err)
		return err;
	/* Ids between that nobody names may have been parked when the maps were left. */
	for (uint32_t gap = before + 1; gap <= id; gap++) {
		ids->slots[gap].since_ms = IDS_ADOPTED;
		enqueue(ids, gap);
	}
	ids->slots[id].generation = generation;
	if (generation > ids->generation_floor)
		ids->generation_floor = generation;
	remember(ids, key, id);
	return ids->slots[id].key ? 0 : -ENOMEM;
}

static bool is_reusable(const struct ids *ids, uint32_t id, uint64_t now_ms)
{
	uint64_t since_ms = ids->slots[id].since_ms;

	return since_ms != IDS_ADOPTED && since_ms + TABLE_QUARANTINE_MS <= now_ms;
}

int ids_take(struct ids *ids, const char *key, uint64_t now_ms, uint32_t *id, uint32_t *generation)
{
	uint32_t taken = (uint32_t)(uintptr_t)strmap_get(&ids->parked, key);
	bool was_named = taken != 0;
	int err;

	if (taken) {
		dequeue(ids, taken);
	} else if (ids->first && (is_reusable(ids, ids->first, now_ms) || ids->used == ids->max)) {
		taken = ids->first;
		dequeue(ids, taken);
		ids->slots[taken].generation++;
	} else if (ids->used < ids->max) {
		taken = ids->used + 1;
		err = extend(ids, taken);
		if (err)
			return err;
	} else {
		return -ENOSPC;
	}
	if (ids->slots[taken].generation <= 1 && !was_named)
		ids->slots[taken].generation = ids->generation_floor + 1;
	*id = taken;
	if (generation)
		*generation = ids->slots[taken].generation;
	return 0;
}

void ids_park(struct ids *ids, const char *key, uint32_t id, uint64_t now_ms)
{
	ids->slots[id].since_ms = now_ms;
	enqueue(ids, id);
	remember(ids, key, id);
}

bool ids_is_parked(const struct ids *ids, uint32_t id)
{
	return id && id <= ids->used && ids->slots[id].parked;
}

void ids_settle(struct ids *ids, uint64_t now_ms)
{
	for (uint32_t id = ids->first; id; id = ids->slots[id].next)
		if (ids->slots[id].since_ms == IDS_ADOPTED)
			ids->slots[id].since_ms = now_ms;
}
