// SPDX-License-Identifier: Apache-2.0
#include "kube/split.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES_FIRST 4096u
#define BUFFER_BYTES_KEPT  (256u << 10) /* a larger buffer is freed */

static int buffer_add(struct split_buffer *buffer, const char *bytes, size_t count)
{
	size_t need = buffer->count + count + 1;

	if (need > buffer->capacity) {
		size_t capacity = buffer->capacity ? buffer->capacity : BUFFER_BYTES_FIRST;
		char *grown;

		while (capacity < need)
			capacity *= 2;
		grown = realloc(buffer->bytes, capacity);
		if (!grown)
			return -ENOMEM;
		buffer->bytes = grown;
		buffer->capacity = capacity;
	}
	memcpy(buffer->bytes + buffer->count, bytes, count);
	buffer->count += count;
	buffer->bytes[buffer->count] = '\0';
	return 0;
}

static void buffer_free(struct split_buffer *buffer)
{
	free(buffer->bytes);
	memset(buffer, 0, sizeof(*buffer));
}

/* It may have held a private key. */
static void buffer_empty(struct split_buffer *buffer)
{
	if (buffer->count)
		explicit_bzero(buffer->bytes, buffer->count);
	buffer->count = 0;
	if (buffer->capacity > BUFFER_BYTES_KEPT)
		buffer_free(buffer);
}

static int line_end(struct split_lines *lines, split_fn *fn, void *ctx)
{
	struct split_buffer *line = &lines->line;
	int err = 0;

	if (lines->skipping)
		lines->too_long++;
	else if (line->count)
		err = fn(ctx, line->bytes, line->count);
	lines->skipping = false;
	buffer_empty(line);
	return err;
}

int split_lines_feed(struct split_lines *lines, const char *bytes, size_t count, split_fn *fn,
		     void *ctx)
{
	const char *end = bytes + count;
	int err = 0;

	while (bytes < end && !err) {
		const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
		size_t part = (size_t)((newline ? newline : end) - bytes);

		if (lines->line.count + part > SPLIT_PIECE_BYTES_MAX) {
			lines->skipping = true;
			buffer_empty(&lines->line);
		}
		if (!lines->skipping)
			err = buffer_add(&lines->line, bytes, part);
		bytes += part;
		if (newline && !err) {
			err = line_end(lines, fn, ctx);
			bytes++;
		}
	}
	return err;
}

void split_lines_reset(struct split_lines *lines)
{
	if (lines->line.count)
		explicit_bzero(lines->line.bytes, lines->line.count);
	buffer_free(&lines->line);
	memset(lines, 0, sizeof(*lines));
}

/* ---- lists ----------------------------------------------------------------------------------- */

/* The target of the byte: the current item, or the frame. */
static int list_keep(struct split_list *list, char byte)
{
	struct split_buffer *to = list->in_item ? &list->item : &list->frame;

	if (list->in_items && !list->in_item)
		return 0; /* commas and space between items */
	if (list->in_item && list->skipping)
		return 0;
	if (to->count >= SPLIT_PIECE_BYTES_MAX) {
		if (!list->in_item)
			return -EMSGSIZE;
		list->skipping = true;
		buffer_empty(to);
		return 0;
	}
	return buffer_add(to, &byte, 1);
}

static int item_end(struct split_list *list, split_fn *fn, void *ctx)
{
	int err = 0;

	if (list->skipping)
		list->too_long++;
	else
		err = fn(ctx, list->item.bytes, list->item.count);
	list->skipping = false;
	list->in_item = false;
	buffer_empty(&list->item);
	return err;
}

static int list_string_byte(struct split_list *list, char byte)
{
	int err = list_keep(list, byte);

	if (err)
		return err;
	if (list->escaped) {
		list->escaped = false;
	} else if (byte == '\\') {
		list->escaped = true;
	} else if (byte == '"') {
		list->in_string = false;
		return 0;
	}
	/* Only the names at the top matter, and none is this long. */
	if (list->depth == 1 && list->key.count < 64)
		return buffer_add(&list->key, &byte, 1);
	return 0;
}

static int list_open(struct split_list *list, char byte)
{
	int err;

	if (list->in_items && !list->in_item)
		list->in_item = true;
	err = list_keep(list, byte);
	if (list->depth == 1 && byte == '[' && list->key_is_items)
		list->in_items = true;
	list->key_is_items = false;
	list->depth++;
	return err;
}

static int list_close(struct split_list *list, char byte, split_fn *fn, void *ctx)
{
	int err;

	if (list->depth == 0)
		return -EINVAL;
	list->depth--;
	if (list->depth == 1 && list->in_items)
		list->in_items = false; /* the bracket itself belongs to the frame */
	err = list_keep(list, byte);
	if (!err && list->depth == 2 && list->in_item)
		err = item_end(list, fn, ctx);
	return err;
}

static int list_byte(struct split_list *list, char byte, split_fn *fn, void *ctx)
{
	if (list->in_string)
		return list_string_byte(list, byte);
	switch (byte) {
	case '"':
		list->in_string = true;
		if (list->depth == 1)
			buffer_empty(&list->key);
		break;
	case ':':
		if (list->depth == 1)
			list->key_is_items =
				list->key.count == 5 && memcmp(list->key.bytes, "items", 5) == 0;
		break;
	case ',':
		if (list->depth == 1)
			list->key_is_items = false;
		break;
	case '{':
	case '[':
		return list_open(list, byte);
	case '}':
	case ']':
		return list_close(list, byte, fn, ctx);
	default:
		break;
	}
	return list_keep(list, byte);
}

int split_list_feed(struct split_list *list, const char *bytes, size_t count, split_fn *fn,
		    void *ctx)
{
	int err = 0;

	for (size_t i = 0; i < count && !err; i++)
		err = list_byte(list, bytes[i], fn, ctx);
	return err;
}

const char *split_list_frame(const struct split_list *list)
{
	if (!list->frame.count || list->depth || list->in_string)
		return NULL;
	return list->frame.bytes;
}

void split_list_reset(struct split_list *list)
{
	if (list->item.count)
		explicit_bzero(list->item.bytes, list->item.count);
	buffer_free(&list->item);
	buffer_free(&list->frame);
	buffer_free(&list->key);
	memset(list, 0, sizeof(*list));
}
