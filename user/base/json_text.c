// SPDX-License-Identifier: Apache-2.0
#include "base/json_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct json_text *json, size_t bytes)
{
	size_t room = json->room ? json->room : 1024;
	char *grown;

	if (json->failed)
		return false;
	while (room < json->used + bytes + 1)
		room *= 2;
	if (room == json->room)
		return true;
	grown = realloc(json->bytes, room);
	if (!grown) {
		json->failed = true;
		return false;
	}
	json->bytes = grown;
	json->room = room;
	return true;
}

static void put(struct json_text *json, const char *bytes, size_t count)
{
	if (!reserve(json, count))
		return;
	memcpy(json->bytes + json->used, bytes, count);
	json->used += count;
}

/* Source: RFC 8259, 7. Bytes above 0x7f are copied unchanged: all text here is UTF-8. */
static void put_quoted(struct json_text *json, const char *text)
{
	put(json, "\"", 1);
	while (*text) {
		size_t plain = 0;
		char escape[8];

		while ((unsigned char)text[plain] >= 0x20 && text[plain] != '"' &&
		       text[plain] != '\\')
			plain++;
		put(json, text, plain);
		text += plain;
		if (!*text)
			break;
		if (*text == '"' || *text == '\\')
			snprintf(escape, sizeof(escape), "\\%c", *text);
		else
			snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char)*text);
		put(json, escape, strlen(escape));
		text++;
	}
	put(json, "\"", 1);
}

static void put_key(struct json_text *json, const char *key)
{
	if (json->comma)
		put(json, ",", 1);
	json->comma = true;
	if (key) {
		put_quoted(json, key);
		put(json, ":", 1);
	}
}

void json_text_begin(struct json_text *json, const char *key, char bracket)
{
	put_key(json, key);
	put(json, &bracket, 1);
	json->comma = false;
}

void json_text_end(struct json_text *json, char bracket)
{
	put(json, &bracket, 1);
	json->comma = true;
}

void json_text_string(struct json_text *json, const char *key, const char *value)
{
	put_key(json, key);
	if (value)
		put_quoted(json, value);
	else
		put(json, "null", strlen("null"));
}

void json_text_number(struct json_text *json, const char *key, uint64_t value)
{
	char text[24];
	int bytes = snprintf(text, sizeof(text), "%" PRIu64, value);

	put_key(json, key);
	put(json, text, (size_t)bytes);
}

void json_text_bool(struct json_text *json, const char *key, bool value)
{
	put_key(json, key);
	put(json, value ? "true" : "false", value ? strlen("true") : strlen("false"));
}

void json_text_printf(struct json_text *json, const char *format, ...)
{
	va_list args;
	int bytes;

	va_start(args, format);
	bytes = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (bytes < 0 || !reserve(json, (size_t)bytes))
		return;
	va_start(args, format);
	vsnprintf(json->bytes + json->used, (size_t)bytes + 1, format, args);
	va_end(args);
	json->used += (size_t)bytes;
}

int json_text_finish(struct json_text *json, char **out, size_t *bytes_out)
{
	put(json, "\n", 1);
	if (json->failed) {
		free(json->bytes);
		*json = (struct json_text){};
		return -ENOMEM;
	}
	json->bytes[json->used] = '\0';
	*out = json->bytes;
	*bytes_out = json->used;
	*json = (struct json_text){};
	return 0;
}
