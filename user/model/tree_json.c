// SPDX-License-Identifier: Apache-2.0
#include "model/tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/strmap.h"

#define MAP_SCAN_MAX 32 /* keys up to which comparing them all beats hashing */

static int fault(struct tree_error *error, const char *text, const char *at, const char *format,
		 ...) __attribute__((format(printf, 4, 5)));

static int fault(struct tree_error *error, const char *text, const char *at, const char *format,
		 ...)
{
	va_list args;

	error->line = 1;
	for (; text < at; text++)
		error->line += *text == '\n';
	va_start(args, format);
	vsnprintf(error->message, sizeof(error->message), format, args);
	va_end(args);
	return -EINVAL;
}

/* Return: length of the UTF-8 sequence at @at, 0 if it is none. Source: RFC 3629, 4. */
static size_t sequence_bytes(const unsigned char *at, size_t left)
{
	size_t bytes = at[0] < 0x80   ? 1
		       : at[0] < 0xc2 ? 0
		       : at[0] < 0xe0 ? 2
		       : at[0] < 0xf0 ? 3
				      : 4;

	if (at[0] > 0xf4 || bytes > left)
		return 0;
	for (size_t i = 1; i < bytes; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
	    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return bytes;
}

/*
 * Faults that cJSON accepts: bytes that are not UTF-8, and NUL, raw or as \u0000, at which its
 * strings would end.
 */
static int check_text(const char *text, size_t bytes, struct tree_error *error)
{
	size_t i = 0;

	while (i < bytes) {
		size_t step = sequence_bytes((const unsigned char *)text + i, bytes - i);

		if (!step)
			return fault(error, text, text + i, "not UTF-8");
		if (!text[i])
			return fault(error, text, text + i, "a NUL character");
		if (text[i] == '\\' && bytes - i >= 6 && memcmp(text + i, "\\u0000", 6) == 0)
			return fault(error, text, text + i, "a NUL character in a string");
		/* A backslash takes the next character with it, be that one a backslash too. */
		i += text[i] == '\\' && i + 1 < bytes && text[i + 1] == '\\' ? 2 : step;
	}
	return 0;
}

/* Return: 0; -EINVAL; -ENOMEM. */
static int check_map(const cJSON *map, const char *text, const char *at, struct tree_error *error)
{
	struct strmap seen = {};
	const cJSON *item;
	void *old = NULL;
	int err = 0;

	cJSON_ArrayForEach (item, map) {
		err = strmap_put(&seen, item->string, &seen, &old);
		if (!err && old)
			err = fault(error, text, at, "key '%.64s' appears twice in a map",
				    item->string);
		if (err)
			break;
	}
	strmap_clear(&seen);
	return err;
}

/*
 * Searches the whole tree for a duplicate key. cJSON keeps no places, so the line is the one where
 * the document begins. Depth is bounded by cJSON's own limit.
 */
static int check_keys(const cJSON *node, const char *text, const char *at, struct tree_error *error)
{
	const cJSON *item, *other;
	size_t count = 0;
	int err = 0;

	cJSON_ArrayForEach (item, node) {
		if (!cJSON_IsObject(node) || ++count > MAP_SCAN_MAX)
			continue;
		for (other = node->child; other != item; other = other->next)
			if (strcmp(other->string, item->string) == 0)
				return fault(error, text, at, "key '%.64s' appears twice in a map",
					     item->string);
	}
	if (count > MAP_SCAN_MAX)
		err = check_map(node, text, at, error);
	cJSON_ArrayForEach (item, node) {
		if (!err)
			err = check_keys(item, text, at, error);
	}
	return err;
}

int tree_read_json(const char *text, size_t bytes, tree_document_fn *fn, void *ctx,
		   struct tree_error *error)
{
	const char *at = text, *end = text + bytes, *counted = text;
	unsigned int line = 1;
	int err = check_text(text, bytes, error);

	while (!err) {
		const char *stop = NULL;
		cJSON *document;

		while (at < end && strchr(" \t\r\n", *at))
			at++;
		if (at == end)
			break;
		document = cJSON_ParseWithLengthOpts(at, (size_t)(end - at), &stop, false);
		if (!document)
			return fault(error, text, stop && stop >= at && stop <= end ? stop : at,
				     "not JSON");
		err = check_keys(document, text, at, error);
		for (; counted < at; counted++)
			line += *counted == '\n';
		if (!err)
			error->line = line;
		if (!err && !cJSON_IsNull(document))
			err = fn(ctx, document);
		cJSON_Delete(document);
		at = stop;
	}
	if (!err)
		error->line = 0;
	return err;
}
