// SPDX-License-Identifier: Apache-2.0
#include "table/write/block_writer.h"

#include <errno.h>
#include <string.h>

#include "table/vec.h"

uint32_t block_put_zeros(struct block_writer *writer, size_t bytes, size_t align)
{
	size_t offset = (writer->count + align - 1) / align * align;

	if (!writer->err && offset + bytes > UINT32_MAX)
		writer->err = -ENOMEM;
	if (!writer->err)
		writer->err = vec_reserve(&writer->bytes, &writer->capacity, writer->count,
					  offset - writer->count + bytes, 1);
	if (writer->err)
		return 0;
	memset(writer->bytes + writer->count, 0, offset - writer->count + bytes);
	writer->count = offset + bytes;
	return (uint32_t)offset;
}

uint32_t block_put_text(struct block_writer *writer, const char *text)
{
	uint32_t offset;

	if (!text || !text[0])
		return 0;
	for (unsigned int i = 0; i < RECENT_TEXTS; i++)
		if (writer->recent[i].text && strcmp(writer->recent[i].text, text) == 0)
			return writer->recent[i].offset;
	offset = block_put_zeros(writer, strlen(text) + 1, 1);
	if (writer->err)
		return 0;
	memcpy(writer->bytes + offset, text, strlen(text));
	writer->recent[writer->recent_next % RECENT_TEXTS].text = text;
	writer->recent[writer->recent_next++ % RECENT_TEXTS].offset = offset;
	return offset;
}

uint32_t block_put_own_text(struct block_writer *writer, const char *text)
{
	uint32_t offset;

	memset(writer->recent, 0, sizeof(writer->recent));
	offset = block_put_text(writer, text);
	memset(writer->recent, 0, sizeof(writer->recent));
	return offset;
}

uint32_t block_put_array(struct block_writer *writer, const void *items, size_t count, size_t size,
			 size_t align)
{
	uint32_t offset;

	if (!count)
		return 0;
	offset = block_put_zeros(writer, count * size, align);
	if (!writer->err)
		memcpy(writer->bytes + offset, items, count * size);
	return offset;
}
