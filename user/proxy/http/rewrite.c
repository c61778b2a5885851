// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/rewrite.h"

#include <errno.h>
#include <string.h>

#include "proxy/http1/http1_output.h"

static bool is_group(const char *text)
{
	return text[0] == '$' && text[1] >= '0' && text[1] <= '9';
}

static void put_target(struct http1_output *out, const char *target, size_t bytes,
		       const struct rewrite_match *match)
{
	for (size_t i = 0; i < bytes; i++) {
		if (i + 1 < bytes && is_group(target + i)) {
			i++;
			if (match)
				http1_output_slice(out, match->groups[target[i] - '0']);
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

int rewrite_prefix(const char *target, const char *prefix, struct http_slice path, char *out,
		   size_t size)
{
	struct http1_output o = { out, out + size, false };
	size_t matched = without_slash(prefix);
	size_t rest = path.bytes > matched ? path.bytes - matched : 0;

	put_target(&o, target, rest ? without_slash(target) : strlen(target), NULL);
	if (rest)
		http1_output_text(&o, path.data + matched, rest);
	return http1_output_end(&o, out);
}
