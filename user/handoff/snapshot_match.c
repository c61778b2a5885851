// SPDX-License-Identifier: Apache-2.0
/*
 * snapshot_match.c - the rule of a request, and one of its targets
 */
#include "handoff/snapshot_priv.h"

#include <string.h>

/* A request being looked up within one host. */
struct lookup {
	const struct snapshot_host *host;
	const struct snapshot_request *request;
	uint32_t hash_seed;
	const struct rule *rule; /* that matches; NULL: none yet */
};

static bool run_regex(const struct lookup *lookup, uint32_t number, const char *text, size_t bytes,
		      bool path)
{
	const struct snapshot_asked *asked = lookup->request->asked;

	return asked && asked->regex &&
	       asked->regex(asked->ctx, lookup->host->regex_first + number, text, bytes, path);
}

static bool condition_holds(const struct lookup *lookup, const struct snapshot_condition *condition)
{
	const struct snapshot_asked *asked = lookup->request->asked;
	const char *value, *wanted = in_block(lookup->host, condition->value);
	size_t bytes;

	if (!asked || !asked->value ||
	    !asked->value(asked->ctx, condition->part, in_block(lookup->host, condition->name),
			  &value, &bytes))
		return false;
	switch (condition->test) {
	case SNAPSHOT_PRESENT:
		return true;
	case SNAPSHOT_REGEX:
		return run_regex(lookup, condition->regex, value, bytes, false);
	default:
		return strlen(wanted) == bytes && memcmp(wanted, value, bytes) == 0;
	}
}

/* The first of the candidates from @offset on whose conditions hold. Return: is there one? */
static bool try_rules(struct lookup *lookup, uint32_t offset)
{
	const struct snapshot_condition *conditions =
		in_block(lookup->host, lookup->host->conditions);

	while (offset) {
		const struct rule *rule = in_block(lookup->host, offset);
		uint32_t i = 0;

		while (i < rule->conditions_count &&
		       condition_holds(lookup, &conditions[rule->conditions + i]))
			i++;
		if (i == rule->conditions_count) {
			lookup->rule = rule;
			return true;
		}
		offset = rule->next;
	}
	return false;
}

static const struct snapshot_path *find_path(const struct snapshot_host *host, uint32_t table,
					     uint32_t slots, uint32_t hash, const char *path,
					     uint32_t path_bytes)
{
	const struct snapshot_path *paths = in_block(host, table);

	hash = snapshot_hash_end(hash);
	for (uint32_t i = 0; i < slots; i++) {
		const struct snapshot_path *found = &paths[(hash + i) & (slots - 1)];

		if (!found->here && !found->below)
			return NULL;
		if (found->hash == hash && found->text_bytes == path_bytes &&
		    memcmp(in_block(host, found->text), path, path_bytes) == 0)
			return found;
	}
	return NULL;
}

/* Goes through the path once, asking at the end of each element; the last answer is the longest.
 * From there the shorter ones are known. */
static bool match_prefix(struct lookup *lookup)
{
	const struct snapshot_host *host = lookup->host;
	const char *path = lookup->request->path;
	uint32_t path_bytes = (uint32_t)lookup->request->path_bytes;
	const struct snapshot_path *longest = NULL;
	uint32_t hash = lookup->hash_seed;

	if (!host->prefix_slots)
		return false;
	for (uint32_t i = 0; i <= path_bytes && i <= host->prefix_bytes_max; i++) {
		const struct snapshot_path *found;

		if (i == path_bytes || path[i] == '/') {
			found = find_path(host, host->prefix, host->prefix_slots, hash, path, i);
			if (found)
				longest = found;
		}
		if (i < path_bytes)
			hash = snapshot_hash_more(hash, &path[i], 1);
	}
	while (longest) {
		if (try_rules(lookup,
			      longest->text_bytes == path_bytes ? longest->here : longest->below))
			return true;
		longest = longest->up ? in_block(host, longest->up) : NULL;
	}
	return false;
}

/* Within one host: exact, then regular expressions in their order, then the longest prefix, then
 * the default backend. */
static bool match_path(struct lookup *lookup)
{
	const struct snapshot_host *host = lookup->host;
	const uint32_t *regex_rules = in_block(host, host->regex_rules);
	const char *path = lookup->request->path;
	uint32_t path_bytes = (uint32_t)lookup->request->path_bytes;

	if (host->exact_slots) {
		uint32_t hash = snapshot_hash_more(lookup->hash_seed, path, path_bytes);
		const struct snapshot_path *found =
			find_path(host, host->exact, host->exact_slots, hash, path, path_bytes);

		if (found && try_rules(lookup, found->here))
			return true;
	}
	for (uint32_t i = 0; i < host->regex_rules_count; i++) {
		const struct rule *rule = in_block(host, regex_rules[i]);

		if (run_regex(lookup, rule->regex, path, path_bytes, true) &&
		    try_rules(lookup, regex_rules[i]))
			return true;
	}
	return match_prefix(lookup) || try_rules(lookup, host->default_rule);
}

/* Exact host, then wildcard, then the rules without a host; none falls through to the next. */
static const struct snapshot_host *host_of(const struct snapshot *snapshot,
					   const struct snapshot_listener *listener,
					   const char *host, size_t host_bytes)
{
	const struct snapshot_host *found =
		snapshot_find_exact(snapshot, listener->number, host, host_bytes);

	if (found && found->flags & SNAPSHOT_HOST_F_RULES)
		return found;
	found = snapshot_find_wildcard(snapshot, listener, host, host_bytes);
	if (found && found->flags & SNAPSHOT_HOST_F_RULES)
		return found;
	if (!listener->any_host)
		return NULL;
	found = snapshot_at(snapshot, listener->any_host);
	return found->flags & SNAPSHOT_HOST_F_RULES ? found : NULL;
}

/* One of the targets, by weight. */
static const struct route *choose_target(const struct lookup *lookup)
{
	const struct snapshot_asked *asked = lookup->request->asked;
	const struct snapshot_host *host = lookup->host;
	const struct snapshot_target *targets = in_block(host, host->targets);
	uint64_t weights = 0, drawn = 0;
	uint32_t i = 0;

	targets += lookup->rule->targets;
	for (uint32_t n = 0; n < lookup->rule->targets_count; n++)
		weights += targets[n].weight;
	if (!weights)
		return NULL;
	if (lookup->rule->targets_count > 1 && asked && asked->draw)
		drawn = asked->draw(asked->ctx) % weights;
	while (drawn >= targets[i].weight)
		drawn -= targets[i++].weight;
	return in_block(host, targets[i].route);
}

const struct route *snapshot_match(const struct snapshot *snapshot,
				   const struct snapshot_request *request, const struct rule **rule)
{
	const struct snapshot_listener *listener =
		request->listener ? request->listener : snapshot_first_listener(snapshot);
	struct lookup lookup = { .request = request, .hash_seed = snapshot->header->hash_seed };
	bool matched = false;

	if (request->path_bytes > INT32_MAX)
		return NULL;
	lookup.host = host_of(snapshot, listener, request->host, request->host_bytes);
	if (lookup.host)
		matched = match_path(&lookup);
	if (!matched && listener->default_host) {
		lookup.host = snapshot_at(snapshot, listener->default_host);
		matched = try_rules(&lookup, lookup.host->default_rule);
	}
	if (rule)
		*rule = lookup.rule;
	return matched ? choose_target(&lookup) : NULL;
}
