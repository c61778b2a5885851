// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/rewrite.h"

#include <errno.h>
#include <string.h>

#include "proxy/http/http_chars.h"
#include "proxy/http1/http1_output.h"

static bool is_group(const char *text)
{
	return text[0] == '$' && text[1] >= '0' && text[1] <= '9';
}

/* RFC 3986 3.3: the unescaped characters of a path. '%' begins an escape that was kept. */
static bool stands_in_path(char c)
{
	return http_char_is(c, HTTP_CHAR_UNRESERVED) || (c && strchr("/%!$&'()*+,;=:@", c));
}

/* Groups are of the normal form, in which more is decoded than a backend may take. */
static void put_group(struct http1_output *out, struct http_slice group)
{
	static const char digits[] = "0123456789ABCDEF";

	for (uint32_t i = 0; i < group.bytes; i++) {
		const char c = group.data[i];
		const char escape[] = { '%', digits[(uint8_t)c >> 4], digits[c & 15] };

		if (stands_in_path(c))
			http1_output_text(out, &c, 1);
		else
			http1_output_text(out, escape, sizeof(escape));
	}
}

static void put_target(struct http1_output *out, const char *target, size_t bytes,
		       const struct rewrite_match *match)
{
	for (size_t i = 0; i < bytes; i++) {
		if (i + 1 < bytes && is_group(target + i)) {
			i++;
			if (match)
				put_group(out, match->groups[target[i] - '0']);
		} else {
			http1_output_text(out, target + i, 1);
		}
	}
}

int rewrite_whole(const char *target, const struct rewrite_match *match, char *out, size_t size)
{
	struct http1_output o = { out, out + size, false };

	put_target(&o, target, strlen(target), match);
	return http1_output_end(&o, out);
}

static size_t without_slash(const char *text)
{
	size_t bytes = strlen(text);

	return bytes && text[bytes - 1] == '/' ? bytes - 1 : bytes;
}

/* Offset after as many elements of @path as @prefix has, and after the slashes there but one. */
static size_t skip_elements(const char *prefix, struct http_slice path)
{
	uint32_t at = 0;

	for (size_t i = 0; i < without_slash(prefix); i++) {
		if (prefix[i] != '/')
			continue;
		while (at < path.bytes && path.data[at] == '/')
			at++;
		while (at < path.bytes && path.data[at] != '/')
			at++;
	}
	while (at + 1 < path.bytes && path.data[at] == '/' && path.data[at + 1] == '/')
		at++;
	return at;
}

int rewrite_prefix(const char *target, const char *prefix, struct http_slice path, char *out,
		   size_t size)
{
	struct http1_output o = { out, out + size, false };
	size_t matched = skip_elements(prefix, path);
	size_t rest = path.bytes - matched;

	put_target(&o, target, rest ? without_slash(target) : strlen(target), NULL);
	if (rest)
		http1_output_text(&o, path.data + matched, rest);
	return http1_output_end(&o, out);
}
