// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/buffer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What was given back is handed out again; not where a sanitizer watches for uses of it. */
#ifdef SLUICE_NO_POOLS
static const bool keeps_free = false;
#else
static const bool keeps_free = true;
#endif

void buffer_pool_init(struct buffer_pool *pool, uint32_t size, size_t free_count_max)
{
	*pool = (struct buffer_pool){
		.size = size,
		.free_count_max = keeps_free ? free_count_max : 0,
	};
}

void buffer_pool_free(struct buffer_pool *pool)
{
	while (pool->free) {
		struct buffer *next = pool->free->next;

		free(pool->free);
		pool->free = next;
	}
	pool->free_count = 0;
}

struct buffer *buffer_new(uint32_t size)
{
	struct buffer *buffer = malloc(sizeof(*buffer) + size);

	if (!buffer)
		return NULL;
	buffer->next = NULL;
	buffer->size = size;
	buffer_reset(buffer);
	return buffer;
}

struct buffer *buffer_get(struct buffer_pool *pool)
{
	struct buffer *buffer = pool->free;

	if (buffer) {
		pool->free = buffer->next;
		pool->free_count--;
		buffer_reset(buffer);
	} else {
		buffer = buffer_new(pool->size);
	}
	if (buffer)
		pool->used_count++;
	return buffer;
}

struct buffer *buffer_get_bulk(struct buffer_pool *pool)
{
	struct buffer_pool *bulk = pool->bulk;

	return bulk && bulk->used_count < bulk->used_count_max ? buffer_get(bulk) : NULL;
}

void buffer_put(struct buffer_pool *pool, struct buffer *buffer)
{
	if (!buffer)
		return;
	if (pool->bulk && buffer->size == pool->bulk->size)
		pool = pool->bulk;
	if (buffer->size == pool->size)
		pool->used_count--;
	if (buffer->size != pool->size || pool->free_count >= pool->free_count_max) {
		free(buffer);
		return;
	}
	buffer->next = pool->free;
	pool->free = buffer;
	pool->free_count++;
}

void buffer_compact(struct buffer *buffer)
{
	size_t bytes = buffer_bytes(buffer);

	if (buffer->start == 0)
		return;
	memmove(buffer->data, buffer_head(buffer), bytes);
	buffer->start = 0;
	buffer->end = (uint32_t)bytes;
}
