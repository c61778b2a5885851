/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ranges.h - source ranges of frontends: what source_ranges4 and source_ranges6 hold, by frontend
 *
 * A frontend's ranges are written before it says that they count, and taken out after it says that
 * they do not.
 */
#ifndef SLUICE_DATAPLANE_RANGES_H
#define SLUICE_DATAPLANE_RANGES_H

#include <stddef.h>
#include <stdint.h>

#include "base/inet.h"

struct range_set {
	struct inet_network *items; /* owned; ascending: all that the maps may hold */
	size_t count;
};

struct ranges {
	struct range_set *sets; /* owned; by frontend id */
	size_t count;
};

void ranges_free(struct ranges *ranges);

/* Notes what adopted maps hold. @maps: descriptors by enum map_id. Return: 0; -errno. */
int ranges_adopt(struct ranges *ranges, const int *maps);

/* Adds to the maps what @items has and they have not. Return: 0; -ENOSPC; -errno. */
int ranges_add(struct ranges *ranges, const int *maps, uint32_t id,
	       const struct inet_network *items, size_t count);

/* Takes out of the maps what @items (ascending) has not. Return: 0; -errno. */
int ranges_trim(struct ranges *ranges, const int *maps, uint32_t id,
		const struct inet_network *items, size_t count);

#endif /* SLUICE_DATAPLANE_RANGES_H */
