// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/routing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "handoff/regex.h"
#include "proxy/http/rewrite.h"

struct routing {
	unsigned int refs;
	struct snapshot *snapshot;     /* owned */
	struct regex **regexes;        /* owned, .regex_count; NULL where it did not compile */
	struct regex_matcher *matcher; /* owned, shared by all matches */
	uint32_t regex_count;
	/* Of the last match: its groups are in .matcher. */
	uint32_t groups_count;
	const struct rule *rule;     /* borrowed from .snapshot */
	struct regex_matcher *other; /* owned: for conditions, whose groups are not needed */
	struct regex_budget budget;  /* of the last request */
	uint64_t random;             /* xorshift64, never 0 */
	bool passes_through;
};

static void compile(struct routing *routing, uint32_t index)
{
	const char *text = snapshot_regex(routing->snapshot, index);
	char fault[REGEX_FAULT_MAX];

	routing->regexes[index] = regex_new(text, fault);
	if (!routing->regexes[index])
		log_warn("proxy: path expression \"%s\" %s; it matches nothing", text, fault);
}

static int compile_all(struct routing *routing)
{
	routing->regex_count = snapshot_regex_count(routing->snapshot);
	if (!routing->regex_count)
		return 0;
	routing->regexes = calloc(routing->regex_count, sizeof(struct regex *));
	routing->matcher = regex_matcher_new(REWRITE_GROUPS);
	routing->other = regex_matcher_new(1);
	if (!routing->regexes || !routing->matcher || !routing->other)
		return -ENOMEM;
	for (uint32_t i = 0; i < routing->regex_count; i++)
		compile(routing, i);
	return 0;
}

int routing_open(int fd, struct routing **out)
{
	struct routing *routing = calloc(1, sizeof(*routing));
	int err;

	if (!routing)
		return -ENOMEM;
	routing->refs = 1;
	if (getrandom(&routing->random, sizeof(routing->random), GRND_NONBLOCK) < 0 ||
	    !routing->random)
		routing->random = 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio */
	err = snapshot_open(fd, &routing->snapshot);
	if (err)
		goto out;
	err = compile_all(routing);
	if (err)
		goto out;
	routing->passes_through = snapshot_passes_through(routing->snapshot);
	*out = routing;
	routing = NULL;
out:
	routing_put(routing);
	return err;
}

struct routing *routing_get(struct routing *routing)
{
	routing->refs++;
	return routing;
}

void routing_put(struct routing *routing)
{
	if (!routing || --routing->refs)
		return;
	for (uint32_t i = 0; routing->regexes && i < routing->regex_count; i++)
		regex_free(routing->regexes[i]);
	free(routing->regexes);
	regex_matcher_free(routing->matcher);
	regex_matcher_free(routing->other);
	snapshot_close(routing->snapshot);
	free(routing);
}

const struct snapshot *routing_snapshot(const struct routing *routing)
{
	return routing->snapshot;
}

bool routing_passes_through(const struct routing *routing)
{
	return routing && routing->passes_through;
}

const struct snapshot_tls *routing_tls_of(const struct routing *routing, const char *server_name,
					  size_t bytes)
{
	struct http_host host;

	if (!routing)
		return NULL;
	if (!bytes)
		return snapshot_tls_of(routing->snapshot, "", 0);
	if (http_host_parse(server_name, bytes, &host) || server_name[bytes - 1] == ':' ||
	    host.port)
		return NULL;
	return snapshot_tls_of(routing->snapshot, host.name, http_host_route_bytes(&host));
}

/* ---- what a lookup asks ---------------------------------------------------------------------- */

/* A request being looked up. */
struct asking {
	struct routing *routing;
	const struct routing_request *request;
};

static bool regex_matches(void *ctx, uint32_t index, const char *text, size_t bytes, bool path)
{
	const struct asking *asking = ctx;
	struct routing *routing = asking->routing;
	uint32_t groups_count;

	if (index >= routing->regex_count || !routing->regexes[index])
		return false;
	groups_count = regex_match(path ? routing->matcher : routing->other,
				   routing->regexes[index], text, bytes, &routing->budget);
	if (groups_count && path)
		routing->groups_count = groups_count;
	return groups_count;
}

/* The first parameter of that name, as it was sent. */
static bool find_parameter(struct http_slice query, const char *name, const char **value,
			   size_t *bytes)
{
	const char *at = query.data, *end = query.data + query.bytes;
	size_t name_bytes = strlen(name);

	if (at < end)
		at++; /* '?' */
	while (at < end) {
		const char *next = memchr(at, '&', (size_t)(end - at));
		const char *stop = next ? next : end;
		const char *equal = memchr(at, '=', (size_t)(stop - at));
		const char *name_end = equal ? equal : stop;

		if ((size_t)(name_end - at) == name_bytes && memcmp(at, name, name_bytes) == 0) {
			*value = equal ? equal + 1 : stop;
			*bytes = (size_t)(stop - *value);
			return true;
		}
		at = next ? next + 1 : end;
	}
	return false;
}

static bool find_value(void *ctx, enum snapshot_part part, const char *name, const char **value,
		       size_t *bytes)
{
	const struct routing_request *request = ((const struct asking *)ctx)->request;
	const struct http_field *field;

	switch (part) {
	case SNAPSHOT_METHOD:
		*value = request->method.data;
		*bytes = request->method.bytes;
		return true;
	case SNAPSHOT_HEADER:
		field = http_fields_find_name(request->fields, name, strlen(name));
		if (!field)
			return false;
		*value = field->value;
		*bytes = field->value_bytes;
		return true;
	case SNAPSHOT_QUERY:
		return find_parameter(request->query, name, value, bytes);
	}
	return false;
}

static uint64_t draw(void *ctx)
{
	struct routing *routing = ((const struct asking *)ctx)->routing;

	/* Marsaglia, "Xorshift RNGs", 2003; its low bits are the weak ones. */
	routing->random ^= routing->random << 13;
	routing->random ^= routing->random >> 7;
	routing->random ^= routing->random << 17;
	return routing->random >> 11;
}

const struct route *routing_match(struct routing *routing, const struct routing_request *request)
{
	struct asking asking = { routing, request };
	struct snapshot_asked asked = {
		.regex = regex_matches,
		.value = find_value,
		.draw = draw,
		.ctx = &asking,
	};
	struct snapshot_request wanted = {
		.listener = snapshot_listener_of(routing->snapshot, request->local,
						 request->local_port),
		.host = request->host->name,
		.host_bytes = http_host_route_bytes(request->host),
		.path = request->path.data,
		.path_bytes = request->path.bytes,
		.asked = &asked,
	};

	routing->budget = (struct regex_budget){ 0 };
	return snapshot_match(routing->snapshot, &wanted, &routing->rule);
}

bool routing_gave_up(const struct routing *routing)
{
	return routing->budget.spent;
}

/* Only the groups up to the last that took part are set. */
static void read_groups(const struct routing *routing, const char *path,
			struct rewrite_match *match)
{
	const size_t *ends = regex_groups(routing->matcher);

	memset(match, 0, sizeof(*match));
	for (uint32_t i = 0; i < routing->groups_count; i++)
		if (ends[2 * i] != REGEX_UNSET && ends[2 * i] < ends[2 * i + 1])
			match->groups[i] =
				(struct http_slice){ path + ends[2 * i],
						     (uint32_t)(ends[2 * i + 1] - ends[2 * i]) };
}

const struct rule *routing_rule(const struct routing *routing)
{
	return routing->rule;
}

/* Does the target say what the path of the rule says? Then nothing is rewritten. */
static bool changes_nothing(const struct routing *routing, const char *target)
{
	const struct rule *rule = routing->rule;
	const char *path = rule->path ? snapshot_text(routing->snapshot, rule->path) : "/";

	if (strncmp(path, "(?i)", 4) == 0)
		path += 4;
	return strcmp(path, target) == 0;
}

/* The target in place of all of the path; one that begins with a group may need a '/'. */
static int rewrite_all(const struct routing *routing, const char *target, const char *path,
		       char *out, size_t size)
{
	struct rewrite_match match;
	int bytes;

	memset(&match, 0, sizeof(match));
	if (routing->rule->flags & RULE_F_REGEX)
		read_groups(routing, path, &match);
	bytes = rewrite_whole(target, &match, out + 1, size - 1);
	if (bytes <= 0)
		return bytes ? bytes : -ENODATA;
	if (out[1] == '/' || strncmp(target, "http", 4) == 0) {
		memmove(out, out + 1, (size_t)bytes);
		return bytes;
	}
	out[0] = '/';
	return bytes + 1;
}

int routing_rewrite(const struct routing *routing, const struct route *route,
		    struct http_slice path, struct http_slice forwarded, bool *whole, char *out,
		    size_t size)
{
	const char *target = snapshot_text(routing->snapshot, route->rewrite_target);
	const struct rule *rule = routing->rule;
	struct rewrite_match match;

	if (route->rewrite_target && route->flags & ROUTE_F_REWRITE_WHOLE) {
		*whole = true;
		return changes_nothing(routing, target)
			       ? -ENOENT
			       : rewrite_all(routing, target, path.data, out, size);
	}
	if (!route->rewrite_target || (rule->flags & RULE_F_DEFAULT_BACKEND))
		return -ENOENT;
	*whole = rule->flags & (RULE_F_REGEX | RULE_F_EXACT);
	if (rule->flags & RULE_F_REGEX) {
		read_groups(routing, path.data, &match);
		return rewrite_whole(target, &match, out, size);
	}
	if (rule->flags & RULE_F_EXACT)
		return rewrite_whole(target, NULL, out, size);
	return rewrite_prefix(target, snapshot_text(routing->snapshot, rule->path), forwarded, out,
			      size);
}
