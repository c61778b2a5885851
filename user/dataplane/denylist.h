/* SPDX-License-Identifier: Apache-2.0 */
/*
 * denylist.h - networks whose packets are dropped: what denylist4 and denylist6 hold
 *
 * An entry is there because of a manifest, of a command, or of both. Those of commands live as long
 * as the maps do: they outlive sluiced, not the node.
 */
#ifndef SLUICE_DATAPLANE_DENYLIST_H
#define SLUICE_DATAPLANE_DENYLIST_H

#include <stddef.h>

#include "base/inet.h"
#include "sluice_schema.h"

struct denied {
	struct inet_network network;
	struct deny value;
};

struct denylist {
	struct denied *items; /* owned; ascending by network, as the maps hold it */
	size_t count, capacity;
};

void denylist_free(struct denylist *list);

/* Reads what maps hold. @maps: descriptors by enum map_id. Return: 0; -errno. */
int denylist_adopt(struct denylist *list, const int *maps);

/* Which of NODE_F_DENYLIST4 and 6 are due. */
__u32 denylist_flags(const struct denylist *list);

/**
 * denylist_origin_set - make @networks (ascending) the ones that are there because of @origin
 * Return: 0; -ENOSPC a map is full, the rest is in; -errno.
 */
int denylist_origin_set(struct denylist *list, const int *maps, enum sluice_deny_origin origin,
			const struct inet_network *networks, size_t count);

/*
 * One network comes (or goes) because of @origin.
 * Return: 0; -EEXIST, -ENOENT it was (not); -errno.
 */
int denylist_add(struct denylist *list, const int *maps, enum sluice_deny_origin origin,
		 const struct inet_network *network);
int denylist_remove(struct denylist *list, const int *maps, enum sluice_deny_origin origin,
		    const struct inet_network *network);

/* Why it is there: bits of enum sluice_deny_origin; 0: it is not. */
__u32 denylist_origin(const struct denylist *list, const struct inet_network *network);

#endif /* SLUICE_DATAPLANE_DENYLIST_H */
