/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slab.h - objects of one size, handed out zeroed from blocks, given back to a list
 *
 * What was given back during a turn of the event loop stays untouched until slab_settle(): events
 * of the same turn may still point at it. Built with SLUICE_NO_POOLS each object is memory of its
 * own, and only what such events look at may be read after it was given back.
 */
#ifndef SLUICE_PROXY_SLAB_H
#define SLUICE_PROXY_SLAB_H

#include <stddef.h>

struct slab_item {
	struct slab_item *next;
	struct slab_item **at; /* what points at this block; with SLUICE_NO_POOLS only */
};

struct slab {
	size_t size;                /* of one object */
	struct slab_item *free;     /* may be handed out */
	struct slab_item *settling; /* given back in this turn */
	struct slab_item *blocks;   /* owned, of malloc() */
	size_t used_count;
	struct slab *next; /* in turn.slabs */
};

void slab_init(struct slab *slab, size_t size);
void slab_free(struct slab *slab); /* all objects end with it */

/* Return: zeroed object; NULL if there is no memory. */
void *slab_get(struct slab *slab);
void slab_put(struct slab *slab, void *object); /* takes NULL */
void slab_settle(struct slab *slab);

#endif /* SLUICE_PROXY_SLAB_H */
