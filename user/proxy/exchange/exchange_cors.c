// SPDX-License-Identifier: Apache-2.0
/*
 * exchange_cors.c - which origin a request comes from, and what its response says of that
 *
 * Source: Fetch, "CORS protocol". The fields take the place of the backend's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/exchange/exchange_priv.h"

/* A star in the host of a pattern is one label. @pattern: a stretch of a list. */
static bool matches(const char *pattern, size_t pattern_bytes, const char *origin, size_t bytes)
{
	const char *star = memchr(pattern, '*', pattern_bytes);
	size_t before, after, label;

	if (!star)
		return pattern_bytes == bytes && strncasecmp(pattern, origin, bytes) == 0;
	before = (size_t)(star - pattern);
	after = pattern_bytes - before - 1;
	if (bytes <= before + after)
		return false;
	label = bytes - before - after;
	return strncasecmp(pattern, origin, before) == 0 &&
	       strncasecmp(star + 1, origin + bytes - after, after) == 0 &&
	       !memchr(origin + before, '.', label) && !memchr(origin + before, '/', label);
}

/* Is @origin in the list? *any: every one is. */
static bool is_allowed(const char *list, const char *origin, size_t bytes, bool *any)
{
	bool found = false;

	*any = false;
	while (*list) {
		size_t pattern_bytes = strcspn(list, ",");

		if (pattern_bytes == 1 && *list == '*')
			*any = true;
		else if (origin)
			found |= matches(list, pattern_bytes, origin, bytes);
		list += pattern_bytes + (list[pattern_bytes] == ',');
	}
	return found || *any;
}

bool exchange_read_origin(struct exchange *x)
{
	const char *list = snapshot_text(routing_snapshot(x->routing), x->route->cors_origins);
	const struct http_field *field = http_fields_find_name(&x->request.fields, "origin", 6);
	bool any;

	free(x->origin);
	x->origin = NULL;
	if (!is_allowed(list, field ? field->value : NULL, field ? field->value_bytes : 0, &any))
		return false;
	x->origin = any ? strdup("*") : strndup(field->value, field->value_bytes);
	return x->origin != NULL;
}

static struct http_slice text_of(const struct exchange *x, uint32_t offset)
{
	const char *text = snapshot_text(routing_snapshot(x->routing), offset);

	return (struct http_slice){ text, (uint32_t)strlen(text) };
}

void exchange_add_cors(const struct exchange *x, struct exchange_added *added)
{
	const struct route *route = x->route;
	int bytes;

	if (!x->origin)
		return;
	exchange_add(added, HTTP_SLICE("Access-Control-Allow-Origin"),
		     (struct http_slice){ x->origin, (uint32_t)strlen(x->origin) });
	if (strcmp(x->origin, "*") != 0)
		exchange_add(added, HTTP_SLICE("Vary"), HTTP_SLICE("Origin"));
	if (route->flags & ROUTE_F_CORS_CREDENTIALS)
		exchange_add(added, HTTP_SLICE("Access-Control-Allow-Credentials"),
			     HTTP_SLICE("true"));
	exchange_add(added, HTTP_SLICE("Access-Control-Allow-Methods"),
		     text_of(x, route->cors_methods));
	exchange_add(added, HTTP_SLICE("Access-Control-Allow-Headers"),
		     text_of(x, route->cors_headers));
	if (route->cors_exposed)
		exchange_add(added, HTTP_SLICE("Access-Control-Expose-Headers"),
			     text_of(x, route->cors_exposed));
	bytes = snprintf(added->max_age, sizeof(added->max_age), "%u", route->cors_max_age_s);
	exchange_add(added, HTTP_SLICE("Access-Control-Max-Age"),
		     (struct http_slice){ added->max_age, (uint32_t)bytes });
}
