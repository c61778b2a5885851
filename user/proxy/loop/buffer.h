/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buffer.h - the blocks of memory that bytes pass through
 *
 * A conn holds a buffer only while bytes wait in it. Free ones are kept on a list, last in first
 * out, so that a busy worker goes round in a few warm blocks, and an idle one gives memory back.
 */
#ifndef SLUICE_PROXY_BUFFER_H
#define SLUICE_PROXY_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
	struct buffer *next;      /* on the free list */
	uint32_t size;            /* of .data */
	uint32_t start;           /* first byte not consumed */
	uint32_t end;             /* first byte not filled */
	_Alignas(16) char data[]; /* a struct may lie in it */
};

struct buffer_pool {
	struct buffer *free; /* owned list */
	size_t free_count;
	size_t used_count;        /* handed out */
	uint32_t size;            /* bytes of .data in each */
	size_t free_count_max;    /* more go back to the allocator */
	struct buffer_pool *bulk; /* borrowed; NULL: none. Larger ones for long bodies: see below */
	size_t used_count_max;    /* of a bulk pool: then none is available */
};

void buffer_pool_init(struct buffer_pool *pool, uint32_t size, size_t free_count_max);
void buffer_pool_free(struct buffer_pool *pool);

/* Return: an empty buffer; NULL if there is no memory. */
struct buffer *buffer_get(struct buffer_pool *pool);

/* A large buffer for a body that is longer than one of the pool's own; NULL: none is available,
 * which only costs speed. Ended by buffer_put(pool). */
struct buffer *buffer_get_bulk(struct buffer_pool *pool);

/* Takes NULL. A buffer that is neither of the pool's size nor of its bulk pool's is simply freed. */
void buffer_put(struct buffer_pool *pool, struct buffer *buffer);

/* A buffer of a size of its own, for what outgrew the pool's; ended by buffer_put(). */
struct buffer *buffer_new(uint32_t size);

static inline size_t buffer_bytes(const struct buffer *buffer)
{
	return buffer->end - buffer->start;
}

static inline size_t buffer_room(const struct buffer *buffer)
{
	return buffer->size - buffer->end;
}

static inline char *buffer_head(struct buffer *buffer)
{
	return buffer->data + buffer->start;
}

static inline char *buffer_tail(struct buffer *buffer)
{
	return buffer->data + buffer->end;
}

static inline void buffer_reset(struct buffer *buffer)
{
	buffer->start = 0;
	buffer->end = 0;
}

/* Moves what is left to the front, so that all room is after it. */
void buffer_compact(struct buffer *buffer);

#endif /* SLUICE_PROXY_BUFFER_H */
