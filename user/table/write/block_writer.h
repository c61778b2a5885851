/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block_writer.h - bytes of a host's block, one after the other; for write/ only
 */
#ifndef SLUICE_TABLE_BLOCK_WRITER_H
#define SLUICE_TABLE_BLOCK_WRITER_H

#include "table/table_priv.h"

/* Texts that follow one another are often the same: Ingress, Service. */
#define RECENT_TEXTS 8u

struct block_writer {
	const struct table *table; /* borrowed */
	char *bytes;               /* owned */
	size_t count, capacity;
	struct {
		const char *text; /* borrowed */
		uint32_t offset;
	} recent[RECENT_TEXTS];
	unsigned int recent_next;
	int err; /* first failure; later calls do nothing */
};

/* Appends @bytes of zeros at @align. Return: their offset. */
uint32_t block_put_zeros(struct block_writer *writer, size_t bytes, size_t align);
/* A copy of @count items of @size. Return: its offset; 0 for none. */
uint32_t block_put_array(struct block_writer *writer, const void *items, size_t count, size_t size,
			 size_t align);
/* A text once. Return: its offset; 0 for NULL and "". */
uint32_t block_put_text(struct block_writer *writer, const char *text);
/* As block_put_text(), of a text that goes. */
uint32_t block_put_own_text(struct block_writer *writer, const char *text);

#endif /* SLUICE_TABLE_BLOCK_WRITER_H */
