// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/routing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "handoff/regex.h"
#include "proxy/http/rewrite.h"

struct routing {
	unsigned int refs;
	struct snapshot *snapshot;     /* owned */
	struct regex **regexes;        /* owned, .regex_count; NULL where it did not compile */
	struct regex_matcher *matcher; /* owned, shared by all matches */
	uint32_t regex_count;
	uint32_t groups_count; /* of the last match, in .matcher */
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
	if (!routing->regexes || !routing->matcher)
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

static bool regex_matches(void *ctx, uint32_t index, const char *path, size_t path_bytes)
{
	struct routing *routing = ctx;
	uint32_t groups_count;

	if (index >= routing->regex_count || !routing->regexes[index])
		return false;
	groups_count = regex_match(routing->matcher, routing->regexes[index], path, path_bytes);
	if (!groups_count)
		return false;
	routing->groups_count = groups_count;
	return true;
}

const struct route *routing_match(struct routing *routing, const struct http_host *host,
				  struct http_slice path)
{
	return snapshot_match(routing->snapshot, host->name, http_host_route_bytes(host), path.data,
			      path.bytes, regex_matches, routing);
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

int routing_rewrite(const struct routing *routing, const struct route *route,
		    struct http_slice path, struct http_slice forwarded, char *out, size_t size)
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
	return rewrite_prefix(target, snapshot_text(routing->snapshot, route->path), forwarded, out,
			      size);
}
