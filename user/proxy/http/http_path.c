// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http_path.h"

#include <string.h>

#include "proxy/http/http_chars.h"

/* True if some step may change the path: an escape, "//", or a segment that begins with a dot. */
static bool suspicious(const char *path, size_t bytes)
{
	char before = '\0';

	for (size_t i = 0; i < bytes; i++) {
		if (path[i] == '%' || (before == '/' && (path[i] == '/' || path[i] == '.')))
			return true;
		before = path[i];
	}
	return false;
}

/* First step: escapes of unreserved characters. Source and target may be the same memory. */
static size_t decode_unreserved(const char *raw, size_t bytes, char *out)
{
	size_t used = 0;

	for (size_t i = 0; i < bytes; i++) {
		if (raw[i] == '%') {
			char c = (char)(http_hex_value(raw[i + 1]) << 4 |
					http_hex_value(raw[i + 2]));

			if (http_char_is(c, HTTP_CHAR_UNRESERVED)) {
				out[used++] = c;
				i += 2;
				continue;
			}
		}
		out[used++] = raw[i];
	}
	return used;
}

static bool is_dots(const char *text, size_t bytes)
{
	return (bytes == 1 && text[0] == '.') || (bytes == 2 && text[0] == '.' && text[1] == '.');
}

/* True if a decoded %2F would set a dot segment free. */
static bool hides_dots(const char *segment, size_t bytes)
{
	bool slash = false;
	size_t piece = 0;

	for (size_t i = 0; i + 2 < bytes; i++) {
		if (segment[i] != '%' || segment[i + 1] != '2' || (segment[i + 2] | 0x20) != 'f')
			continue;
		if (is_dots(segment + piece, i - piece))
			return true;
		slash = true;
		piece = i + 3;
		i += 2;
	}
	return slash && is_dots(segment + piece, bytes - piece);
}

/*
 * Second and third step, in place: each turn takes the slashes before a segment, and the segment.
 * What is written never reaches what is still to be read: a segment goes out with one slash, and
 * came in with at least one.
 */
static enum http1_fault_reason merge_segments(char *path, size_t *bytes)
{
	size_t end = *bytes;
	size_t used = 0;
	size_t at = 0;

	while (at < end) {
		size_t start = at;
		const char *slash;
		size_t segment_bytes;
		bool dots;

		while (start < end && path[start] == '/')
			start++;
		slash = memchr(path + start, '/', end - start);
		at = slash ? (size_t)(slash - path) : end;
		segment_bytes = at - start;
		if (hides_dots(path + start, segment_bytes))
			return HTTP1_FAULT_PATH_ENCODED_SLASH;
		dots = is_dots(path + start, segment_bytes);
		if (dots && segment_bytes == 2) {
			if (used == 0)
				return HTTP1_FAULT_PATH_ABOVE_ROOT;
			while (path[--used] != '/')
				;
		}
		if (dots && at < end)
			continue;
		path[used++] = '/';
		if (dots)
			continue;
		memmove(path + used, path + start, segment_bytes);
		used += segment_bytes;
	}
	*bytes = used;
	return HTTP1_FAULT_NONE;
}

enum http1_fault_reason http_path_normalize(struct http_slice raw, char *scratch,
					    struct http_slice *out)
{
	enum http1_fault_reason reason;
	size_t bytes;

	if (raw.bytes == 0) {
		*out = HTTP_SLICE("/");
		return HTTP1_FAULT_NONE;
	}
	if (raw.data[0] != '/' || memchr(raw.data, '?', raw.bytes) ||
	    http_run(raw.data, 0, raw.bytes, HTTP_CHAR_TARGET) != raw.bytes)
		return HTTP1_FAULT_TARGET;
	if (!suspicious(raw.data, raw.bytes)) {
		*out = raw;
		return HTTP1_FAULT_NONE;
	}
	if (!http_escapes_valid(raw.data, raw.bytes))
		return HTTP1_FAULT_TARGET_ESCAPE;
	bytes = decode_unreserved(raw.data, raw.bytes, scratch);
	reason = merge_segments(scratch, &bytes);
	if (reason)
		return reason;
	*out = (struct http_slice){ scratch, (uint32_t)bytes };
	return HTTP1_FAULT_NONE;
}
