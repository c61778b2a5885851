/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_text.h - JSON (and any other text) written front to back into one growing buffer
 *
 * There is no tree: all text is written in its final form at once. If memory runs out, only
 * json_text_finish() reports it.
 */
#ifndef SLUICE_BASE_JSON_TEXT_H
#define SLUICE_BASE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A zeroed struct is an empty text. */
struct json_text {
	char *bytes; /* owned */
	size_t used, room;
	bool failed;
	bool comma; /* the next member or item has one before it */
};

/* @key of each: name of the member; NULL for an item of an array or the document itself. */
void json_text_begin(struct json_text *json, const char *key, char bracket);       /* '{' or '[' */
void json_text_end(struct json_text *json, char bracket);                          /* '}' or ']' */
void json_text_string(struct json_text *json, const char *key, const char *value); /* NULL: null */
void json_text_number(struct json_text *json, const char *key, uint64_t value);
void json_text_bool(struct json_text *json, const char *key, bool value);

/* Copies text unchanged: for other formats in the same buffer. */
void json_text_printf(struct json_text *json, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * json_text_finish - a newline at the end, then the whole text
 * @out: owned by the caller, NUL-terminated
 * Return: 0; -ENOMEM, all is freed.
 */
int json_text_finish(struct json_text *json, char **out, size_t *bytes_out);

#endif /* SLUICE_BASE_JSON_TEXT_H */
