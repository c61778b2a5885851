// SPDX-License-Identifier: Apache-2.0
/*
 * http2_memory.c - what all sessions of a process share, and how much of it is in use
 */
#include "proxy/http2/http2_stream.h"
#include "proxy/options/settings.h"

#define FRAMES_FREE_MAX 64u

/* In buffers of 17 KB. A stream and its exchange are 8.4 KB: docs/http2.md. */
#define BUFFERS_OF_BULK    4u
#define BUFFERS_OF_FRAMES  2u
#define STREAMS_OF_BUFFER  2u
#define REPLIES_ROOM_SHIFT 3 /* an eighth above the limit is for answers of 503 */
#define REPLIES_ROOM_MIN   8u

void http2_memory_init(struct http2_memory *memory, struct turn *turn)
{
	turn_slab(turn, &memory->streams, sizeof(struct http2_stream));
	buffer_pool_init(&memory->frames, HTTP2_FRAMES_BYTES, FRAMES_FREE_MAX);
}

void http2_memory_free(struct http2_memory *memory)
{
	slab_free(&memory->streams);
	buffer_pool_free(&memory->frames);
}

size_t http2_memory_buffers(const struct http2_memory *memory, const struct turn *turn)
{
	return turn->buffers.used_count + turn->bulk_buffers.used_count * BUFFERS_OF_BULK +
	       memory->frames.used_count * BUFFERS_OF_FRAMES +
	       memory->streams.used_count / STREAMS_OF_BUFFER;
}

bool http2_memory_is_full(const struct http2_memory *memory, const struct turn *turn)
{
	size_t most = turn->settings->buffers_max;

	return most && http2_memory_buffers(memory, turn) >
			       most + (most >> REPLIES_ROOM_SHIFT) + REPLIES_ROOM_MIN;
}
