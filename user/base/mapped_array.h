/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mapped_array.h - a large mmapable array in shared memory; only used parts are mapped
 *
 * Mapping a BPF array makes each of its pages resident at once. So this reserves room for the
 * whole, and maps a piece when an entry in it is first requested: pointers stay valid, and memory
 * depends on the entries in use. An element of a BPF array is at a multiple of 8 bytes.
 */
#ifndef SLUICE_BASE_MAPPED_ARRAY_H
#define SLUICE_BASE_MAPPED_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapped_array {
	int fd;               /* borrowed */
	uint32_t entries_max; /* 0: not open */
	uint32_t stride_bytes;
	bool writable;
	uint8_t *base;   /* owned: address space for the whole */
	uint8_t *pieces; /* owned: one byte a piece, 1 when it is mapped */
	size_t bytes;    /* of the whole, in full pages */
};

/**
 * mapped_array_open - reserve room, map nothing yet
 * @fd: must outlive the array
 * @value_bytes: as in the map's definition; the distance of elements is that, rounded up to 8
 * Return: 0; -ENOMEM.
 */
int mapped_array_open(struct mapped_array *array, int fd, uint32_t value_bytes,
		      uint32_t entries_max, bool writable);
void mapped_array_close(struct mapped_array *array); /* a zeroed or closed one is fine */

/* Entry @index, mapped if it was not; NULL if there is no such entry or mmap failed (errno). */
void *mapped_array_at(struct mapped_array *array, uint32_t index);

#endif /* SLUICE_BASE_MAPPED_ARRAY_H */
