// SPDX-License-Identifier: Apache-2.0
#include "base/strmap.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define CAPACITY_MIN 16u

static char tombstone_mark;
#define STRMAP_TOMBSTONE (&tombstone_mark)

/* FNV-1a over a random start: enough against accidental and casual collisions; tables are rebuilt
 * with each process, and an attacker does not see their order. */
static size_t hash_of(const char *key)
{
	static uint64_t seed;
	uint64_t hash;

	if (!seed && getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = 0xcbf29ce484222325u; /* FNV offset basis */
	hash = seed | 1;
	for (const unsigned char *c = (const unsigned char *)key; *c; c++)
		hash = (hash ^ *c) * 0x100000001b3u; /* FNV prime, 64 bit */
	return (size_t)(hash ^ hash >> 32);
}

static struct strmap_entry *find(const struct strmap *map, const char *key, size_t hash)
{
	size_t mask = map->capacity - 1;

	if (!map->capacity)
		return NULL;
	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct strmap_entry *entry = &map->entries[i];

		if (!entry->key)
			return NULL;
		if (entry->key != STRMAP_TOMBSTONE && entry->hash == hash &&
		    strcmp(entry->key, key) == 0)
			return entry;
	}
}

static void place(struct strmap_entry *entries, size_t capacity, struct strmap_entry entry)
{
	size_t i = entry.hash & (capacity - 1);

	while (entries[i].key)
		i = (i + 1) & (capacity - 1);
	entries[i] = entry;
}

static int grow(struct strmap *map)
{
	size_t capacity = map->capacity ? map->capacity : CAPACITY_MIN;
	struct strmap_entry *entries;

	while (capacity < (map->count + 1) * 2)
		capacity *= 2;
	entries = calloc(capacity, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < map->capacity; i++)
		if (map->entries[i].key && map->entries[i].key != STRMAP_TOMBSTONE)
			place(entries, capacity, map->entries[i]);
	free(map->entries);
	map->entries = entries;
	map->capacity = capacity;
	map->used = map->count;
	return 0;
}

void *strmap_get(const struct strmap *map, const char *key)
{
	struct strmap_entry *entry = find(map, key, hash_of(key));

	return entry ? entry->value : NULL;
}

int strmap_put(struct strmap *map, const char *key, void *value, void **old)
{
	size_t hash = hash_of(key);
	struct strmap_entry *entry = find(map, key, hash);
	struct strmap_entry added = { .value = value, .hash = hash };
	int err;

	if (entry) {
		if (old)
			*old = entry->value;
		entry->value = value;
		return 0;
	}
	if ((map->used + 1) * 4 > map->capacity * 3) {
		err = grow(map);
		if (err)
			return err;
	}
	added.key = strdup(key);
	if (!added.key)
		return -ENOMEM;
	place(map->entries, map->capacity, added);
	map->count++;
	map->used++;
	if (old)
		*old = NULL;
	return 0;
}

void *strmap_remove(struct strmap *map, const char *key)
{
	struct strmap_entry *entry = find(map, key, hash_of(key));
	void *value;

	if (!entry)
		return NULL;
	value = entry->value;
	free(entry->key);
	entry->key = STRMAP_TOMBSTONE;
	entry->value = NULL;
	map->count--;
	return value;
}

const struct strmap_entry *strmap_next(const struct strmap *map, size_t *position)
{
	while (*position < map->capacity) {
		const struct strmap_entry *entry = &map->entries[(*position)++];

		if (entry->key && entry->key != STRMAP_TOMBSTONE)
			return entry;
	}
	return NULL;
}

void strmap_clear(struct strmap *map)
{
	for (size_t i = 0; i < map->capacity; i++)
		if (map->entries[i].key != STRMAP_TOMBSTONE)
			free(map->entries[i].key);
	free(map->entries);
	memset(map, 0, sizeof(*map));
}
