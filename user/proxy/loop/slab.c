// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/slab.h"

#include <stdlib.h>
#include <string.h>
#ifdef SLUICE_NO_POOLS
#include <sanitizer/asan_interface.h>
#endif

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
	slab->free = slab->settling = NULL;
	slab->used_count = 0;
}

static void push(struct slab_item **list, void *object)
{
	struct slab_item *item = object;

	item->next = *list;
	*list = item;
}

#ifdef SLUICE_NO_POOLS

/* What events of a turn still look at: the operations and the descriptor of a struct stream. */
#define LOOKED_AT_BYTES 24u

/* An object is a block of its own, so that a sanitizer knows when it begins and ends. */
static struct slab_item *take(struct slab *slab)
{
	struct slab_item *block = malloc(sizeof(*block) + slab->size);

	if (!block)
		return NULL;
	push(&slab->blocks, block);
	block->at = &slab->blocks;
	if (block->next)
		block->next->at = &block->next;
	return block + 1;
}

static void close_off(const struct slab *slab, void *object)
{
	ASAN_POISON_MEMORY_REGION((char *)object + LOOKED_AT_BYTES, slab->size - LOOKED_AT_BYTES);
}

static void give_back(struct slab *slab, struct slab_item *item)
{
	struct slab_item *block = item - 1;

	*block->at = block->next;
	if (block->next)
		block->next->at = block->at;
	ASAN_UNPOISON_MEMORY_REGION(item, slab->size);
	free(block);
}

#else

/* One more block: a link to the one before, then objects. */
static void grow(struct slab *slab)
{
	size_t count = BLOCK_BYTES / slab->size ? BLOCK_BYTES / slab->size : 1;
	char *block = malloc(sizeof(struct slab_item) + count * slab->size);

	if (!block)
		return;
	push(&slab->blocks, block);
	while (count-- > 0)
		push(&slab->free, block + sizeof(struct slab_item) + count * slab->size);
}

static struct slab_item *take(struct slab *slab)
{
	struct slab_item *item;

	if (!slab->free)
		grow(slab);
	item = slab->free;
	if (item)
		slab->free = item->next;
	return item;
}

static void close_off(const struct slab *slab, void *object)
{
	(void)slab;
	(void)object;
}

static void give_back(struct slab *slab, struct slab_item *item)
{
	push(&slab->free, item);
}

#endif

void *slab_get(struct slab *slab)
{
	struct slab_item *item = take(slab);

	if (!item)
		return NULL;
	slab->used_count++;
	return memset(item, 0, slab->size);
}

void slab_put(struct slab *slab, void *object)
{
	if (!object)
		return;
	slab->used_count--;
	push(&slab->settling, object);
	close_off(slab, object);
}

void slab_settle(struct slab *slab)
{
	while (slab->settling) {
		struct slab_item *item = slab->settling;

		slab->settling = item->next;
		give_back(slab, item);
	}
}
