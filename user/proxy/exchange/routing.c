// SPDX-License-Identifier: Apache-2.0
#include "proxy/exchange/routing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "handoff/expression.h"
#include "proxy/http/rewrite.h"

/* Bounds what one path may cost with a bad expression: about a millisecond. */
#define REGEX_MATCH_LIMIT 20000u
#define REGEX_HEAP_KB     1024u

struct routing {
	unsigned int refs;
	struct snapshot *snapshot;         /* owned */
	pcre2_code **regexes;              /* owned, .regex_count; NULL where it did not compile */
	pcre2_match_data *match;           /* owned, shared by all matches */
	pcre2_match_context *match_limits; /* owned */
	uint32_t regex_count;
	uint32_t groups_count; /* of the last match, in .match */
	bool passes_through;
};

static void compile(struct routing *routing, uint32_t index)
{
	const char *text = snapshot_regex(routing->snapshot, index);
	char fault[EXPRESSION_FAULT_MAX];

	routing->regexes[index] = expression_compile(text, fault);
	if (!routing->regexes[index])
		log_warn("proxy: path expression \"%s\" %s; it matches nothing", text, fault);
}

static int compile_all(struct routing *routing)
{
	routing->regex_count = snapshot_regex_count(routing->snapshot);
	if (!routing->regex_count)
		return 0;
	routing->regexes = calloc(routing->regex_count, sizeof(pcre2_code *));
	routing->match = pcre2_match_data_create(REWRITE_GROUPS, NULL);
	routing->match_limits = pcre2_match_context_create(NULL);
	if (!routing->regexes || !routing->match || !routing->match_limits)
		return -ENOMEM;
	pcre2_set_match_limit(routing->match_limits, REGEX_MATCH_LIMIT);
	pcre2_set_heap_limit(routing->match_limits, REGEX_HEAP_KB);
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
		pcre2_code_free(routing->regexes[i]);
	free(routing->regexes);
	pcre2_match_data_free(routing->match);
	pcre2_match_context_free(routing->match_limits);
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
	if (http_host_parse(server_name, bytes, &host) || host.port)
		return NULL;
	return snapshot_tls_of(routing->snapshot, host.name, http_host_route_bytes(&host));
}

static bool regex_matches(void *ctx, uint32_t index, const char *path, size_t path_bytes)
{
	struct routing *routing = ctx;
	int found;

	if (index >= routing->regex_count || !routing->regexes[index])
		return false;
	found = pcre2_match(routing->regexes[index], (PCRE2_SPTR)path, path_bytes, 0, 0,
			    routing->match, routing->match_limits);
	if (found < 0)
		return false;
	routing->groups_count = found ? (uint32_t)found : REWRITE_GROUPS; /* 0: more than fit */
	return true;
}

const struct route *routing_match(struct routing *routing, const struct http_host *host,
				  struct http_slice path)
{
	return snapshot_match(routing->snapshot, host->name, http_host_route_bytes(host), path.data,
			      path.bytes, regex_matches, routing);
}

/* PCRE2 sets only the groups up to the last that took part. */
static void read_groups(const struct routing *routing, const char *path,
			struct rewrite_match *match)
{
	const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(routing->match);

	memset(match, 0, sizeof(*match));
	for (uint32_t i = 0; i < routing->groups_count; i++)
		if (ends[2 * i] != PCRE2_UNSET && ends[2 * i] < ends[2 * i + 1])
			match->groups[i] =
				(struct http_slice){ path + ends[2 * i],
						     (uint32_t)(ends[2 * i + 1] - ends[2 * i]) };
}

int routing_rewrite(const struct routing *routing, const struct route *route,
		    struct http_slice path, char *out, size_t size)
{
	const char *target = snapshot_text(routing->snapshot, route->rewrite_target);
	struct rewrite_match match;

	if (!route->rewrite_target || (route->flags & ROUTE_F_DEFAULT_BACKEND))
		return -ENOENT;
	if (route->flags & ROUTE_F_REGEX) {
		read_groups(routing, path.data, &match);
		return rewrite_whole(target, &match, out, size);
	}
	if (route->flags & ROUTE_F_EXACT)
		return rewrite_whole(target, NULL, out, size);
	return rewrite_prefix(target, snapshot_text(routing->snapshot, route->path), path, out,
			      size);
}
