/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ids.h - numbers of upstreams, backends and frontends in the maps: stable, and slow to be reused
 *
 * An id is in use, parked or free. A thing that goes parks its id under the thing's name: should it
 * come back within the quarantine it gets the same id again, and flows that carry it live on. After
 * the quarantine the id may get another meaning, with a new generation.
 */
#ifndef SLUICE_TABLE_IDS_H
#define SLUICE_TABLE_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strmap.h"

struct id_slot {
	char *key;         /* owned; name under which it is parked, or NULL */
	uint64_t since_ms; /* parked at; IDS_ADOPTED until the first table_update() is over */
	uint32_t generation;
	uint32_t next, previous; /* ids in the queue of parked ones, oldest first; 0: end */
	bool parked;
};

#define IDS_ADOPTED UINT64_MAX

struct ids {
	struct id_slot *slots; /* owned; by id, [0] unused */
	size_t slots_capacity;
	uint32_t used;        /* ids 1..used have a slot with a meaning */
	uint32_t max;         /* greatest id */
	uint32_t first, last; /* of the queue */
	/* Greatest adopted generation: ids that the maps do not name any more may have had it. */
	uint32_t generation_floor;
	struct strmap parked; /* key -> id as a pointer */
};

void ids_init(struct ids *ids, uint32_t max);
void ids_free(struct ids *ids);

/**
 * ids_adopt - note that the maps of a previous process use @id for @key
 * Return: 0; -EINVAL for an id out of range or named twice; -ENOMEM.
 */
int ids_adopt(struct ids *ids, const char *key, uint32_t id, uint32_t generation);

/**
 * ids_take - an id for @key: its own parked one, else a new one, else one out of quarantine
 * When every id was used, the quarantine of the oldest is cut short: generations protect the flows.
 * @generation: out, may be NULL
 * Return: 0; -ENOSPC all are in use; -ENOMEM.
 */
int ids_take(struct ids *ids, const char *key, uint64_t now_ms, uint32_t *id, uint32_t *generation);

/* Puts @id in quarantine under @key. Cannot fail: without memory for the key only its being given
 * back to the same thing is lost. */
void ids_park(struct ids *ids, const char *key, uint32_t id, uint64_t now_ms);

bool ids_is_parked(const struct ids *ids, uint32_t id);

/* After the first table_update(): the quarantine of adopted ids that nothing uses begins. */
void ids_settle(struct ids *ids, uint64_t now_ms);

#endif /* SLUICE_TABLE_IDS_H */
