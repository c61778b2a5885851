/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strmap.h - hash table from a string to a pointer, in user-space memory
 *
 * Keys are copied, values are borrowed. Open addressing with linear probing; the hash is keyed with
 * random bytes at start (keys come from tenants of a cluster).
 */
#ifndef SLUICE_BASE_STRMAP_H
#define SLUICE_BASE_STRMAP_H

#include <stddef.h>

struct strmap {
	struct strmap_entry *entries; /* owned */
	size_t capacity;              /* power of two or 0 */
	size_t count;
	size_t used; /* count + tombstones */
};

struct strmap_entry {
	char *key; /* owned; NULL: empty, STRMAP_TOMBSTONE: removed */
	void *value;
	size_t hash;
};

/* A zeroed struct strmap is an empty table. */
void *strmap_get(const struct strmap *map, const char *key);

/**
 * strmap_put - add or replace
 * @old: out, the previous value or NULL; may be NULL
 * Return: 0; -ENOMEM, table unchanged.
 */
int strmap_put(struct strmap *map, const char *key, void *value, void **old);

/* Returns the previous value, or NULL. Keeps a running strmap_next() valid. */
void *strmap_remove(struct strmap *map, const char *key);

/**
 * strmap_next - walk in no particular order
 * @position: starts at 0, advanced by each call
 * Return: an entry, NULL at the end. No strmap_put() during a walk.
 */
const struct strmap_entry *strmap_next(const struct strmap *map, size_t *position);

/* Frees keys and table, not the values. */
void strmap_clear(struct strmap *map);

#endif /* SLUICE_BASE_STRMAP_H */
