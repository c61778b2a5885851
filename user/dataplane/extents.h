/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extents.h - the free ranges of an array, first fit, with a quarantine
 *
 * A reader may still use a range that was just freed, so the range is reused only after a
 * quarantine.
 */
#ifndef SLUICE_DATAPLANE_EXTENTS_H
#define SLUICE_DATAPLANE_EXTENTS_H

#include <stddef.h>
#include <stdint.h>

#define EXTENTS_QUARANTINE_MS 2000u

struct extent {
	uint32_t offset, count;
};

struct quarantined_extent {
	struct extent extent;
	uint64_t freed_ms;
};

struct extents {
	struct extent *free; /* owned; ascending, no two touch */
	size_t free_count, free_capacity;
	struct quarantined_extent *quarantine; /* owned; oldest first */
	size_t quarantine_count, quarantine_capacity;
};

/* Begins with all of [0, count) free. Return: 0; -ENOMEM. */
int extents_init(struct extents *extents, uint32_t count);
void extents_free(struct extents *extents);

/**
 * extents_reserve - take a range that is known to be in use (adopted maps)
 * Return: 0; -EEXIST part of it is taken already; -ENOMEM.
 */
int extents_reserve(struct extents *extents, uint32_t offset, uint32_t count);

/* Return: 0 and the lowest offset with room; -ENOSPC; -ENOMEM. */
int extents_take(struct extents *extents, uint32_t count, uint64_t now_ms, uint32_t *offset);

/*
 * Frees a range, to be reused after the quarantine.
 * Return: 0; -ENOMEM (it stays taken).
 */
int extents_give(struct extents *extents, uint32_t offset, uint32_t count, uint64_t now_ms);

#endif /* SLUICE_DATAPLANE_EXTENTS_H */
