/* SPDX-License-Identifier: Apache-2.0 */
/*
 * denylist.h - networks whose packets are dropped: contents of denylist4 and denylist6
 *
 * The origin of an entry is a manifest, a command, or both. Entries of commands live as long as the
 * maps: they outlive sluiced, but not a reboot.
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
	struct denied *items; /* owned; ascending by network, equal to the maps */
	size_t count, capacity;
};

void denylist_free(struct denylist *list);

/* Reads the maps. @maps: descriptors by enum map_id. Return: 0; -errno. */
int denylist_adopt(struct denylist *list, const int *maps);

/* Which of NODE_F_DENYLIST4 and 6 must be set. */
__u32 denylist_flags(const struct denylist *list);

/**
 * denylist_origin_set - make @networks (ascending) the networks of @origin
 * Return: 0; -ENOSPC a map is full, the rest is in; -errno.
 */
int denylist_origin_set(struct denylist *list, const int *maps, enum sluice_deny_origin origin,
			const struct inet_network *networks, size_t count);

/*
 * Adds (or removes) one network of @origin. Return: 0; -EEXIST or -ENOENT if it was (not) there;
 * -errno.
 */
int denylist_add(struct denylist *list, const int *maps, enum sluice_deny_origin origin,
		 const struct inet_network *network);
int denylist_remove(struct denylist *list, const int *maps, enum sluice_deny_origin origin,
		    const struct inet_network *network);

/* Its origins: bits of enum sluice_deny_origin; 0: it is not listed. */
__u32 denylist_origin(const struct denylist *list, const struct inet_network *network);

#endif /* SLUICE_DATAPLANE_DENYLIST_H */
