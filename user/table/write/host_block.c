// SPDX-License-Identifier: Apache-2.0
/*
 * host_block.c - serialises what is in force on one host, as snapshot_format.h says
 *
 * Offsets of texts in routes, in .tls and of the paths of rules count from the block here;
 * snapshot_write.c moves them when it knows where the block will lie.
 */
#include "table/write/host_block.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table/vec.h"
#include "table/write/route_fields.h"

/* A block being written. The arrays are gathered first, for nobody knows their lengths before. */
struct block {
	struct block_writer writer;
	const struct host_entry *host; /* borrowed */
	struct rule *rules;            /* owned */
	size_t rules_count;
	struct route *routes;                /* owned */
	const struct target **route_targets; /* owned array of borrowed: what each route is of */
	size_t routes_count, routes_capacity, route_targets_capacity;
	struct snapshot_target *targets; /* owned; .route is a number here */
	size_t targets_count, targets_capacity;
	struct snapshot_condition *conditions; /* owned */
	size_t conditions_count, conditions_capacity;
	uint32_t *regexes; /* owned: texts */
	size_t regexes_count, regexes_capacity;
	uint32_t rules_offset;
};

static struct snapshot_host *header_of(struct block *block)
{
	return (struct snapshot_host *)(void *)block->writer.bytes;
}

static uint32_t offset_of_rule(const struct block *block, size_t i)
{
	return block->rules_offset + (uint32_t)(i * sizeof(struct rule));
}

/* Room for one more item; false: the block has failed. */
#define has_room(block, items)                                                            \
	(!(block)->writer.err &&                                                          \
	 !((block)->writer.err = vec_reserve(&(block)->items, &(block)->items##_capacity, \
					     (block)->items##_count, 1, sizeof(*(block)->items))))

/* ---- routes and targets ---------------------------------------------------------------------- */

/* How many of the newest routes are looked through for one that does the same. */
#define RECENT_ROUTES 16u

static bool same_route(const struct target *a, const struct target *b)
{
	return a->claim->owner == b->claim->owner && a->service == b->service &&
	       a->claim->redirect_host == b->claim->redirect_host && a->upstream == b->upstream &&
	       (a->upstream || strcmp(a->name, b->name) == 0);
}

/* Number of the route of a target: what does the same is written once. */
static uint32_t put_route(struct block *block, const struct target *target)
{
	size_t oldest =
		block->routes_count > RECENT_ROUTES ? block->routes_count - RECENT_ROUTES : 0;
	size_t route_targets_count = block->routes_count;

	for (size_t i = block->routes_count; i-- > oldest;)
		if (same_route(block->route_targets[i], target))
			return (uint32_t)i;
	if (!has_room(block, routes))
		return 0;
	block->writer.err = vec_reserve(&block->route_targets, &block->route_targets_capacity,
					route_targets_count, 1, sizeof(*block->route_targets));
	if (block->writer.err)
		return 0;
	route_fields_put(&block->writer, block->host, target->claim->owner, target,
			 &block->routes[block->routes_count]);
	block->route_targets[block->routes_count] = target;
	return (uint32_t)block->routes_count++;
}

static void put_target(struct block *block, const struct target *target)
{
	uint32_t route = put_route(block, target);

	if (has_room(block, targets))
		block->targets[block->targets_count++] =
			(struct snapshot_target){ .route = route, .weight = target->weight };
}

/* ---- rules ----------------------------------------------------------------------------------- */

/* Number of an expression in the host. */
static uint32_t put_regex(struct block *block, uint32_t text)
{
	if (!has_room(block, regexes))
		return 0;
	block->regexes[block->regexes_count] = text;
	return (uint32_t)block->regexes_count++;
}

static void put_condition(struct block *block, const struct condition *condition)
{
	struct snapshot_condition written = {
		.part = (uint16_t)condition->part,
		.test = (uint16_t)condition->test,
		.name = block_put_text(&block->writer, condition->name),
		.value = block_put_text(&block->writer, condition->value),
	};

	if (condition->test == SNAPSHOT_REGEX)
		written.regex = put_regex(block, written.value);
	if (has_room(block, conditions))
		block->conditions[block->conditions_count++] = written;
}

static void put_rule(struct block *block, const struct claim *claim)
{
	struct rule *rule = &block->rules[block->rules_count++];

	rule->path = block_put_text(&block->writer, claim->path);
	if (claim->kind == CLAIM_HOST) {
		rule->flags = RULE_F_DEFAULT_BACKEND;
	} else if (claim->regex) {
		rule->flags = RULE_F_REGEX;
		rule->regex = put_regex(block, rule->path);
	} else if (claim->type == PATH_EXACT) {
		rule->flags = RULE_F_EXACT;
	}
	rule->conditions = (uint32_t)block->conditions_count;
	for (size_t i = 0; i < claim->conditions_count; i++)
		put_condition(block, &claim->conditions[i]);
	rule->conditions_count = (uint32_t)block->conditions_count - rule->conditions;
	rule->targets = (uint32_t)block->targets_count;
	put_target(block, &claim->target);
	for (size_t i = 0; i < claim->others_count; i++)
		put_target(block, &claim->others[i]);
	rule->targets_count = (uint32_t)block->targets_count - rule->targets;
}

/* Is this one a further candidate for the path of the one before? */
static bool is_next(const struct host_entry *host, size_t i)
{
	const struct claim *claim = host->routes[i], *before = i ? host->routes[i - 1] : NULL;

	return before && before->regex == claim->regex && before->type == claim->type &&
	       strcmp(before->path, claim->path) == 0;
}

/* The arrays that were gathered, and what refers to them by offset. */
static void put_arrays(struct block *block)
{
	struct block_writer *writer = &block->writer;
	uint32_t routes, targets, conditions, regexes;

	routes = block_put_array(writer, block->routes, block->routes_count, sizeof(*block->routes),
				 SNAPSHOT_ALIGN);
	for (size_t i = 0; i < block->targets_count; i++)
		block->targets[i].route = routes + block->targets[i].route * sizeof(struct route);
	targets = block_put_array(writer, block->targets, block->targets_count,
				  sizeof(*block->targets), sizeof(uint32_t));
	conditions = block_put_array(writer, block->conditions, block->conditions_count,
				     sizeof(*block->conditions), sizeof(uint32_t));
	regexes = block_put_array(writer, block->regexes, block->regexes_count,
				  sizeof(*block->regexes), sizeof(uint32_t));
	if (writer->err)
		return;
	header_of(block)->routes = routes;
	header_of(block)->routes_count = (uint32_t)block->routes_count;
	header_of(block)->targets = targets;
	header_of(block)->targets_count = (uint32_t)block->targets_count;
	header_of(block)->conditions = conditions;
	header_of(block)->conditions_count = (uint32_t)block->conditions_count;
	header_of(block)->regexes = regexes;
	header_of(block)->regexes_count = (uint32_t)block->regexes_count;
}

/* All rules in order of precedence, the default backend last. */
static void put_rules(struct block *block)
{
	const struct host_entry *host = block->host;
	size_t count = host->routes_count + (host->default_backend ? 1 : 0);

	block->rules = calloc(count + 1, sizeof(*block->rules));
	if (!block->rules) {
		block->writer.err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < count; i++)
		put_rule(block, i < host->routes_count ? host->routes[i] : host->default_backend);
	put_arrays(block);
	block->rules_offset = block_put_zeros(&block->writer, count * sizeof(*block->rules),
					      _Alignof(struct rule));
	for (size_t i = 1; i < host->routes_count; i++)
		if (is_next(host, i))
			block->rules[i - 1].next = offset_of_rule(block, i);
	if (block->writer.err)
		return;
	if (count)
		memcpy(block->writer.bytes + block->rules_offset, block->rules,
		       count * sizeof(*block->rules));
	header_of(block)->rules = block->rules_offset;
	header_of(block)->rules_count = (uint32_t)count;
	if (host->default_backend)
		header_of(block)->default_rule = offset_of_rule(block, host->routes_count);
}

/* ---- tables of paths ------------------------------------------------------------------------- */

/* A power of two, at most two thirds full. */
static uint32_t slots_for(size_t count)
{
	uint32_t slots = 2;

	while (slots * 2u < count * 3u)
		slots *= 2;
	return count ? slots : 0;
}

/* The slot of a text, or the empty one where it belongs. */
static struct snapshot_path *slot_of(struct block *block, uint32_t table, uint32_t slots,
				     uint32_t hash, const char *text, uint32_t bytes)
{
	struct snapshot_path *paths = (void *)(block->writer.bytes + table);

	for (uint32_t i = hash & (slots - 1);; i = (i + 1) & (slots - 1)) {
		struct snapshot_path *path = &paths[i];

		if (!path->here && !path->below)
			return path;
		if (path->hash == hash && path->text_bytes == bytes &&
		    memcmp(block->writer.bytes + path->text, text, bytes) == 0)
			return path;
	}
}

static size_t count_type(const struct host_entry *host, enum path_type type)
{
	size_t count = 0;

	for (size_t i = 0; i < host->routes_count; i++)
		count += !host->routes[i]->regex && host->routes[i]->type == type;
	return count;
}

static void put_prefix(struct snapshot_path *slot, uint32_t rule, bool slash)
{
	/* "/foo" beside "/foo/": the first for the path itself, the second for what is below. */
	if (!slot->here || !slash)
		slot->here = rule;
	if (!slot->below || slash)
		slot->below = rule;
}

static void put_path(struct block *block, size_t i, uint32_t table, uint32_t slots,
		     uint32_t *bytes_max)
{
	const struct claim *claim = block->host->routes[i];
	uint32_t bytes = (uint32_t)strlen(claim->path), hash;
	struct snapshot_path *slot;
	bool slash = claim->type == PATH_PREFIX && claim->path[bytes - 1] == '/';

	bytes -= slash;
	*bytes_max = bytes > *bytes_max ? bytes : *bytes_max;
	hash = snapshot_hash_end(
		snapshot_hash_more(block->writer.table->hash_seed, claim->path, bytes));
	slot = slot_of(block, table, slots, hash, claim->path, bytes);
	slot->hash = hash;
	slot->text = block->rules[i].path;
	slot->text_bytes = bytes;
	if (claim->type == PATH_EXACT)
		slot->here = offset_of_rule(block, i);
	else
		put_prefix(slot, offset_of_rule(block, i), slash);
}

/* Each prefix leads to the next shorter one that there is. */
static void put_ups(struct block *block, uint32_t table, uint32_t slots)
{
	struct snapshot_path *paths = (void *)(block->writer.bytes + table);

	for (uint32_t i = 0; i < slots; i++) {
		const char *text = block->writer.bytes + paths[i].text;
		uint32_t hash = block->writer.table->hash_seed;

		if (!paths[i].here && !paths[i].below)
			continue;
		for (uint32_t n = 0; n < paths[i].text_bytes; n++) {
			struct snapshot_path *shorter;

			if (text[n] == '/') {
				shorter = slot_of(block, table, slots, snapshot_hash_end(hash),
						  text, n);
				if (shorter->here || shorter->below)
					paths[i].up = table +
						      (uint32_t)(shorter - paths) * sizeof(*paths);
			}
			hash = snapshot_hash_more(hash, &text[n], 1);
		}
	}
}

static void put_paths(struct block *block, enum path_type type)
{
	const struct host_entry *host = block->host;
	uint32_t slots = slots_for(count_type(host, type)), bytes_max = 0;
	uint32_t table = block_put_zeros(&block->writer, slots * sizeof(struct snapshot_path), 4);

	if (block->writer.err)
		return;
	for (size_t i = 0; i < host->routes_count; i++)
		if (!host->routes[i]->regex && host->routes[i]->type == type && !is_next(host, i))
			put_path(block, i, table, slots, &bytes_max);
	if (type == PATH_EXACT) {
		header_of(block)->exact = table;
		header_of(block)->exact_slots = slots;
		return;
	}
	put_ups(block, table, slots);
	header_of(block)->prefix = table;
	header_of(block)->prefix_slots = slots;
	header_of(block)->prefix_bytes_max = bytes_max;
}

static void put_regex_rules(struct block *block)
{
	const struct host_entry *host = block->host;
	size_t count = 0, written = 0;
	uint32_t table, *rules;

	for (size_t i = 0; i < host->routes_count; i++)
		count += host->routes[i]->regex && !is_next(host, i);
	table = block_put_zeros(&block->writer, count * sizeof(*rules), sizeof(*rules));
	if (block->writer.err)
		return;
	rules = (void *)(block->writer.bytes + table);
	for (size_t i = 0; i < host->routes_count; i++)
		if (host->routes[i]->regex && !is_next(host, i))
			rules[written++] = offset_of_rule(block, i);
	header_of(block)->regex_rules = table;
	header_of(block)->regex_rules_count = (uint32_t)count;
}

/* ---- TLS and the whole ----------------------------------------------------------------------- */

static void put_tls(struct block *block)
{
	struct block_writer *writer = &block->writer;
	const struct claim *claim = block->host->tls;
	struct snapshot_tls tls = {};
	struct policy policy;

	if (!claim)
		return;
	if (claim->passthrough) {
		policy_merge(&claim->owner->policy, &claim->target.service->policy, &policy);
		tls.flags = SNAPSHOT_TLS_F_PASSTHROUGH;
		tls.upstream_id = claim->target.upstream ? claim->target.upstream->shown.id : 0;
		tls.upstream_name = block_put_text(writer, target_upstream_name(&claim->target));
		tls.proxy_protocol_out = (uint8_t)policy.proxy_protocol;
		tls.connect_timeout_ms = policy.connect_timeout_ms;
		tls.tunnel_idle_timeout_ms = policy.tunnel_idle_timeout_ms;
	} else {
		const struct policy *own = &claim->owner->policy;

		if (claim->secret.usable)
			tls.secret_name = block_put_text(writer, claim->secret.secret->key);
		if (block->writer.table->options.https_port &&
		    !policy_denies(own, SSL_REDIRECT, ssl_redirect))
			tls.flags = SNAPSHOT_TLS_F_REDIRECT;
	}
	if (writer->err)
		return;
	header_of(block)->tls = tls;
	header_of(block)->flags |= SNAPSHOT_HOST_F_TLS;
}

static bool has_rules(const struct host_entry *host)
{
	const struct claim *claim;

	LIST_FOREACH(claim, &host->claims, of_host)
	{
		if (claim->kind == CLAIM_HOST || claim->stands_in)
			return true;
	}
	return false;
}

static void free_arrays(struct block *block)
{
	free(block->rules);
	free(block->routes);
	free(block->route_targets);
	free(block->targets);
	free(block->conditions);
	free(block->regexes);
}

int host_block_build(const struct table *table, const struct host_entry *host, void **out)
{
	struct block block = { .writer = { .table = table }, .host = host };
	struct block_writer *writer = &block.writer;
	void *smaller;
	uint32_t name;

	block_put_zeros(writer, sizeof(struct snapshot_host), 1);
	name = block_put_text(writer, host->name);
	if (!writer->err) {
		header_of(&block)->name = name;
		header_of(&block)->name_bytes = (uint32_t)strlen(host->name);
		header_of(&block)->flags = has_rules(host) ? SNAPSHOT_HOST_F_RULES : 0;
		header_of(&block)->listener = host->listener->number;
	}
	put_rules(&block);
	put_paths(&block, PATH_EXACT);
	put_paths(&block, PATH_PREFIX);
	put_regex_rules(&block);
	put_tls(&block);
	block_put_zeros(writer, 0, SNAPSHOT_ALIGN);
	free_arrays(&block);
	if (writer->err) {
		free(writer->bytes);
		return writer->err;
	}
	header_of(&block)->bytes = (uint32_t)writer->count;
	*out = writer->bytes;
	smaller = realloc(*out, writer->count); /* gives back what is left over */
	if (smaller)
		*out = smaller;
	return 0;
}
