/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ranges.h - source ranges of frontends: contents of source_ranges4 and source_ranges6
 *
 * The ranges are written before the frontend's flag is set, and removed after it is cleared.
 */
#ifndef SLUICE_DATAPLANE_RANGES_H
#define SLUICE_DATAPLANE_RANGES_H

#include <stddef.h>
#include <stdint.h>

#include "base/inet.h"

struct range_set {
	struct inet_network *items; /* owned; ascending: everything that the maps may hold */
	size_t count;
};

struct ranges {
	struct range_set *sets; /* owned; by frontend id */
	size_t count;
};

void ranges_free(struct ranges *ranges);

/* Records the contents of adopted maps. @maps: descriptors by enum map_id. Return: 0; -errno. */
int ranges_adopt(struct ranges *ranges, const int *maps);

/* Adds the ranges of @items that the maps do not have. Return: 0; -ENOSPC; -errno. */
int ranges_add(struct ranges *ranges, const int *maps, uint32_t id,
	       const struct inet_network *items, size_t count);

/* Removes the ranges that @items (ascending) does not have. Return: 0; -errno. */
int ranges_trim(struct ranges *ranges, const int *maps, uint32_t id,
		const struct inet_network *items, size_t count);

#endif /* SLUICE_DATAPLANE_RANGES_H */
