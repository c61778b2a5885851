// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/slab.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 65536u

void slab_init(struct slab *slab, size_t size)
{
	*slab = (struct slab){ .size = (size + 15) & ~(size_t)15 };
}

void slab_free(struct slab *slab)
{
	while (slab->blocks) {
		struct slab_item *next = slab->blocks->next;

		free(slab->blocks);
		slab->blocks = next;
	}
	slab_init(slab, slab->size);
}

static void push(struct slab_item **list, void *object)
{
	struct slab_item *item = object;

	item->next = *list;
	*list = item;
}

/* One more block: a link to the one before, then objects. */
static void grow(struct slab *slab)
{
	size_t count = BLOCK_BYTES / slab->size ? BLOCK_BYTES / slab->size : 1;
	char *block = malloc(16 + count * slab->size);

	if (!block)
		return;
	push(&slab->blocks, block);
	while (count-- > 0)
		push(&slab->free, block + 16 + count * slab->size);
}

void *slab_get(struct slab *slab)
{
	struct slab_item *item;

	if (!slab->free)
		grow(slab);
	item = slab->free;
	if (!item)
		return NULL;
	slab->free = item->next;
	slab->used_count++;
	return memset(item, 0, slab->size);
}

void slab_put(struct slab *slab, void *object)
{
	if (!object)
		return;
	slab->used_count--;
	push(&slab->settling, object);
}

void slab_settle(struct slab *slab)
{
	while (slab->settling) {
		struct slab_item *item = slab->settling;

		slab->settling = item->next;
		push(&slab->free, item);
	}
}
