// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http_cookie.h"

#include <string.h>

static void trim(const char **from, const char **to)
{
	while (*from < *to && (**from == ' ' || **from == '\t'))
		(*from)++;
	while (*from < *to && ((*to)[-1] == ' ' || (*to)[-1] == '\t'))
		(*to)--;
}

/* The value of "name=value" if it is that name's. */
static bool take_pair(const char *from, const char *to, const char *name, size_t name_bytes,
		      struct http_slice *value)
{
	trim(&from, &to);
	if ((size_t)(to - from) <= name_bytes || from[name_bytes] != '=' ||
	    memcmp(from, name, name_bytes) != 0)
		return false;
	from += name_bytes + 1;
	if (to - from >= 2 && *from == '"' && to[-1] == '"') {
		from++;
		to--;
	}
	*value = (struct http_slice){ from, (uint32_t)(to - from) };
	return true;
}

bool http_cookie_find(const struct http_fields *fields, const char *name, size_t name_bytes,
		      struct http_slice *value)
{
	const struct http_field *field = http_fields_find(fields, HTTP_FIELD_COOKIE, 0);

	while (field) {
		const char *at = field->value, *end = field->value + field->value_bytes;

		while (at < end) {
			const char *semicolon = memchr(at, ';', (size_t)(end - at));
			const char *to = semicolon ? semicolon : end;

			if (take_pair(at, to, name, name_bytes, value))
				return true;
			at = semicolon ? semicolon + 1 : end;
		}
		field = http_fields_find(fields, HTTP_FIELD_COOKIE,
					 (uint32_t)(field - fields->items) + 1);
	}
	return false;
}
