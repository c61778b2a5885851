// SPDX-License-Identifier: Apache-2.0
#include "base/mapped_array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Pieces of a BPF array never merge into one mapping: large enough to be few, small enough to keep
 * a small set-up small. A multiple of every page size. */
#define PIECE_BYTES (64u * 1024u)

int mapped_array_open(struct mapped_array *array, int fd, uint32_t value_bytes,
		      uint32_t entries_max, bool writable)
{
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	struct mapped_array fresh = {
		.fd = fd,
		.entries_max = entries_max,
		.stride_bytes = (value_bytes + 7) / 8 * 8,
		.writable = writable,
	};

	fresh.bytes = (size_t)fresh.stride_bytes * entries_max;
	fresh.bytes = (fresh.bytes + page_bytes - 1) / page_bytes * page_bytes;
	fresh.pieces = calloc(fresh.bytes / PIECE_BYTES + 1, 1);
	if (!fresh.pieces)
		return -ENOMEM;
	fresh.base = mmap(NULL, fresh.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			  -1, 0);
	if (fresh.base == MAP_FAILED) {
		free(fresh.pieces);
		return -ENOMEM;
	}
	*array = fresh;
	return 0;
}

void mapped_array_close(struct mapped_array *array)
{
	if (array->base)
		munmap(array->base, array->bytes);
	free(array->pieces);
	memset(array, 0, sizeof(*array));
}

static int map_piece(struct mapped_array *array, size_t piece)
{
	size_t off_bytes = piece * PIECE_BYTES;
	size_t bytes = array->bytes - off_bytes;
	int prot = PROT_READ | (array->writable ? PROT_WRITE : 0);

	if (bytes > PIECE_BYTES)
		bytes = PIECE_BYTES;
	if (mmap(array->base + off_bytes, bytes, prot, MAP_SHARED | MAP_FIXED, array->fd,
		 (off_t)off_bytes) == MAP_FAILED)
		return -errno;
	array->pieces[piece] = 1;
	return 0;
}

void *mapped_array_at(struct mapped_array *array, uint32_t index)
{
	size_t off_bytes = (size_t)index * array->stride_bytes;
	size_t first = off_bytes / PIECE_BYTES;
	size_t last = (off_bytes + array->stride_bytes - 1) / PIECE_BYTES;

	if (index >= array->entries_max)
		return NULL;
	for (size_t piece = first; piece <= last; piece++) {
		if (!array->pieces[piece] && map_piece(array, piece))
			return NULL;
	}
	return array->base + off_bytes;
}
