// SPDX-License-Identifier: Apache-2.0
/*
 * path_form.c - the normal form of a path, for rules and requests
 */
#include "handoff/path_form.h"

#include <string.h>

#define ESCAPE_BYTES 3u /* "%2F" */

/* Return: 0 to 15; -1: no hexadecimal digit. */
static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static char upper_digit(char c)
{
	return c >= 'a' && c <= 'f' ? (char)(c - 'a' + 'A') : c;
}

bool path_form_escapes_valid(const char *text, size_t bytes)
{
	const char *end = text + bytes;
	const char *c = text;

	while (c < end && (c = memchr(c, '%', (size_t)(end - c)))) {
		if ((size_t)(end - c) < ESCAPE_BYTES || hex_value(c[1]) < 0 ||
		    hex_value(c[2]) < 0 || (c[1] == '0' && c[2] == '0'))
			return false;
		c += ESCAPE_BYTES;
	}
	return true;
}

bool path_form_is_plain(const char *path, size_t bytes)
{
	char before = '\0';

	for (size_t i = 0; i < bytes; i++) {
		if (path[i] == '%' || (before == '/' && (path[i] == '/' || path[i] == '.')))
			return false;
		before = path[i];
	}
	return true;
}

/* The characters that a path can hold unescaped, and whose escapes mean the same. */
static bool is_decoded(int c)
{
	return c > 0x20 && c < 0x7f && c != '/' && c != '%' && c != '?' && c != '#';
}

size_t path_form_decode(const char *raw, size_t bytes, char *out)
{
	size_t used = 0;

	for (size_t i = 0; i < bytes; i++) {
		int c = raw[i] == '%' ? hex_value(raw[i + 1]) << 4 | hex_value(raw[i + 2]) : -1;

		if (c < 0) {
			out[used++] = raw[i];
			continue;
		}
		if (is_decoded(c)) {
			out[used++] = (char)c;
		} else {
			out[used++] = '%';
			out[used++] = upper_digit(raw[i + 1]);
			out[used++] = upper_digit(raw[i + 2]);
		}
		i += ESCAPE_BYTES - 1;
	}
	return used;
}

/* How many dots, escaped or not, a text consists of; 0 if of anything else, or of over two. */
static unsigned int count_dots(const char *text, size_t bytes)
{
	unsigned int dots = 0;
	size_t i = 0;

	while (i < bytes && dots < 3) {
		if (text[i] == '.')
			i++;
		else if (bytes - i >= ESCAPE_BYTES && text[i] == '%' && text[i + 1] == '2' &&
			 upper_digit(text[i + 2]) == 'E')
			i += ESCAPE_BYTES;
		else
			return 0;
		dots++;
	}
	return dots < 3 ? dots : 0;
}

/* True if a decoded %2F would set a dot segment free. */
static bool hides_dots(const char *segment, size_t bytes)
{
	bool slash = false;
	size_t piece = 0;

	for (size_t i = 0; i + 2 < bytes; i++) {
		if (segment[i] != '%' || segment[i + 1] != '2' ||
		    upper_digit(segment[i + 2]) != 'F')
			continue;
		if (count_dots(segment + piece, i - piece))
			return true;
		slash = true;
		piece = i + ESCAPE_BYTES;
		i += ESCAPE_BYTES - 1;
	}
	return slash && count_dots(segment + piece, bytes - piece);
}

/* Takes the last segment that is not empty, and the empty ones after it, off the end. */
static bool drop_segment(const char *path, size_t *used)
{
	while (*used && path[*used - 1] == '/')
		(*used)--;
	if (!*used)
		return false;
	while (path[--*used] != '/')
		;
	return true;
}

/*
 * Each turn takes the slashes before a segment, and the segment. What is written never reaches what
 * is still to be read: a segment goes out with at most the slashes that it came in with.
 */
enum path_form_fault path_form_resolve(char *path, size_t *bytes, bool merge)
{
	size_t end = *bytes;
	size_t used = 0;
	size_t at = 0;

	while (at < end) {
		size_t slashes_at = at;
		size_t start, slashes, segment_bytes;
		const char *slash;
		unsigned int dots;

		while (at < end && path[at] == '/')
			at++;
		start = at;
		slash = memchr(path + start, '/', end - start);
		at = slash ? (size_t)(slash - path) : end;
		segment_bytes = at - start;
		if (hides_dots(path + start, segment_bytes))
			return PATH_FORM_ENCODED_SLASH;
		dots = count_dots(path + start, segment_bytes);
		slashes = merge ? 1 : start - slashes_at;
		if (dots && slashes > 1) { /* the last one belongs to the dots */
			memset(path + used, '/', slashes - 1);
			used += slashes - 1;
		}
		if (dots == 2 && !drop_segment(path, &used))
			return PATH_FORM_ABOVE_ROOT;
		if (dots && at < end)
			continue;
		if (dots)
			slashes = 1;
		memset(path + used, '/', slashes);
		used += slashes;
		if (dots)
			continue;
		memmove(path + used, path + start, segment_bytes);
		used += segment_bytes;
	}
	*bytes = used;
	return PATH_FORM_GOOD;
}
