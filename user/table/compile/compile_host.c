// SPDX-License-Identifier: Apache-2.0
/*
 * compile_host.c - what is in force on one host: precedence, conflicts, default backend, TLS
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table/compile/compile.h"
#include "table/compile/rule_owner.h"
#include "table/marks.h"
#include "table/secrets.h"
#include "table/write/host_block.h"

/* Hosts of the first listener have their name as key; before others stands the number of theirs,
 * parted by what no name holds. */
static char *key_of_host(const struct listener *listener, const char *name)
{
	char *key;

	if (!listener->number)
		return strdup(name);
	return asprintf(&key, "%u\002%s", listener->number, name) < 0 ? NULL : key;
}

int host_entry_get(struct table *table, struct listener *listener, const char *name,
		   struct host_entry **out)
{
	char *key = key_of_host(listener, name);
	struct host_entry *host = key ? strmap_get(&table->hosts, key) : NULL;
	int err = -ENOMEM;

	if (host) {
		free(key);
		*out = host;
		return 0;
	}
	host = key ? calloc(1, sizeof(*host)) : NULL;
	if (!host) {
		free(key);
		return -ENOMEM;
	}
	host->key = key;
	host->name = key + strlen(key) - strlen(name);
	err = strmap_put(&table->hosts, key, host, NULL);
	if (err) {
		host_free(host);
		return err;
	}
	host->listener = listener;
	listener->hosts_count++;
	*out = host;
	return 0;
}

/* What was in force points to claims, and one of them comes or goes. The block stays: it is what
 * snapshots are made of until the host is compiled again. */
static void forget(struct table *table, struct host_entry *host)
{
	table->routes_count -= (uint32_t)host->routes_count;
	host->routes_count = 0;
	host->default_backend = NULL;
	host->tls = NULL;
	mark_host(table, host);
}

void host_attach(struct table *table, struct host_entry *host, struct claim *claim)
{
	claim->host = host;
	LIST_INSERT_HEAD(&host->claims, claim, of_host);
	host->claims_count++;
	forget(table, host);
}

void host_detach(struct table *table, struct claim *claim)
{
	struct host_entry *host = claim->host;

	if (!host)
		return;
	LIST_REMOVE(claim, of_host);
	host->claims_count--;
	claim->host = NULL;
	forget(table, host);
}

void host_free(struct host_entry *host)
{
	if (!host)
		return;
	unmark(host);
	problems_clear(&host->problems);
	free(host->routes);
	free(host->block);
	free(host->key);
	free(host);
}

/* ---- order ----------------------------------------------------------------------------------- */

/* Exact, then regular expressions, then prefixes. */
static int rank_of(const struct claim *claim)
{
	if (claim->regex)
		return 1;
	return claim->type == PATH_EXACT ? 0 : 2;
}

/* Older first; within one object the one that is written first. --default-backend comes last. */
static int claim_age(const struct claim *a, const struct claim *b)
{
	int order = 0;

	if (!a->owner || !b->owner)
		return !a->owner - !b->owner;
	if (a->owner != b->owner)
		return age_compare(a->owner->created_unix_s, a->owner->key,
				   b->owner->created_unix_s, b->owner->key);
	if (a->passthrough != b->passthrough)
		order = (int)b->passthrough - (int)a->passthrough;
	if (!order && a->rule != b->rule)
		order = a->rule < b->rule ? -1 : 1;
	if (!order && a->index != b->index)
		order = a->index < b->index ? -1 : 1;
	return order;
}

static size_t count_part(const struct claim *claim, enum snapshot_part part)
{
	size_t count = 0;

	for (size_t i = 0; i < claim->conditions_count; i++)
		count += claim->conditions[i].part == part;
	return count;
}

/* More conditions first: a method before any number of headers, headers before parameters. */
static int compare_conditions(const struct claim *a, const struct claim *b)
{
	for (int part = SNAPSHOT_METHOD; part <= SNAPSHOT_QUERY; part++) {
		size_t a_count = count_part(a, part), b_count = count_part(b, part);

		if (a_count != b_count)
			return a_count > b_count ? -1 : 1;
	}
	return 0;
}

/* Of the nginx class, in a host whose paths are all expressions. */
static bool is_caseless(const struct claim *claim)
{
	return claim->regex && claim->owner->nginx;
}

static int route_compare(const void *left, const void *right)
{
	const struct claim *a = *(struct claim *const *)left, *b = *(struct claim *const *)right;
	int order = rank_of(a) - rank_of(b);
	size_t a_bytes, b_bytes;

	if (order)
		return order;
	a_bytes = strlen(a->path);
	b_bytes = strlen(b->path);
	if (a_bytes != b_bytes)
		return a_bytes > b_bytes ? -1 : 1;
	order = strcmp(a->path, b->path);
	if (is_caseless(a))
		order = -order; /* as ingress-nginx: the text that sorts last first */
	if (!order && (a->conditions_count || b->conditions_count))
		order = compare_conditions(a, b);
	return order ? order : claim_age(a, b);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* They stand in one order, see rule_owner_condition(). */
static bool same_conditions(const struct claim *a, const struct claim *b)
{
	if (a->conditions_count != b->conditions_count)
		return false;
	for (size_t i = 0; i < a->conditions_count; i++) {
		const struct condition *one = &a->conditions[i], *other = &b->conditions[i];

		if (one->part != other->part || one->test != other->test ||
		    !same_text(one->name, other->name) || !same_text(one->value, other->value))
			return false;
	}
	return true;
}

static bool same_path(const struct claim *a, const struct claim *b)
{
	return rank_of(a) == rank_of(b) && strcmp(a->path, b->path) == 0;
}

/* ---- conflicts ------------------------------------------------------------------------------- */

struct work {
	struct table *table;
	const struct model *model;
	struct host_entry *host;
	struct problem_set problems;
	struct claim **routes; /* owned until it is moved into the host */
	size_t routes_count;
	struct claim *default_backend, *tls;
};

static const char *host_text(const struct host_entry *host)
{
	if (strcmp(host->name, DEFAULT_HOST) == 0)
		return "hosts without rules";
	return host->name[0] ? host->name : "rules without a host";
}

static int tell(struct work *work, const struct claim *loser, enum problem_severity severity,
		const char *field, const char *what, const struct claim *winner)
{
	struct problem_object object = rule_owner_object(loser->owner);
	const char *kind = object_kind_name(winner->owner->ops->kind);
	bool tie = winner->owner->created_unix_s == loser->owner->created_unix_s;

	if (winner->owner == loser->owner)
		return problems_add(&work->problems, &object, severity, "Conflict", field,
				    "%s of %s: taken by an earlier entry of this %s; left out here",
				    what, host_text(work->host), kind);
	return problems_add(&work->problems, &object, severity, "Conflict", field,
			    "%s of %s: taken by %s%s %s%s; left out here", what,
			    host_text(work->host), tie ? "" : "the older ", kind,
			    winner->owner->key, tie ? ", as old and first by name" : "");
}

static int tell_path(struct work *work, const struct claim *loser, const struct claim *winner)
{
	char field[96], *what;
	int err;

	snprintf(field, sizeof(field), "spec.rules[%u].http.paths[%u].path", loser->rule,
		 loser->index);
	if (asprintf(&what, "%s path \"%s\"",
		     loser->regex                ? "regular expression"
		     : loser->type == PATH_EXACT ? "Exact"
						 : "Prefix",
		     loser->path) < 0)
		return -ENOMEM;
	err = tell(work, loser, PROBLEM_WARNING, field, what, winner);
	free(what);
	return err;
}

/* Which of the first @kept routes is the same as @claim: those of one path stand together. */
static const struct claim *find_same(const struct work *work, size_t kept,
				     const struct claim *claim)
{
	while (kept-- && same_path(work->routes[kept], claim))
		if (same_conditions(work->routes[kept], claim))
			return work->routes[kept];
	return NULL;
}

/* One Ingress of the nginx class with expressions makes expressions of all paths of the host that
 * are of that class. Aliases give way to rules. */
static bool settle_paths(const struct host_entry *host)
{
	struct claim *claim;
	bool regex = false, ruled = false;

	LIST_FOREACH(claim, &host->claims, of_host)
	{
		regex |= claim->wants_regex;
		ruled |= claim->kind == CLAIM_HOST;
	}
	LIST_FOREACH(claim, &host->claims, of_host)
	{
		if (claim->kind != CLAIM_PATH || !claim->owner->nginx)
			continue;
		claim->regex = claim->pattern && (regex || !claim->normal);
		claim->path = claim->regex ? claim->pattern : claim->normal;
	}
	return ruled;
}

/* Paths in order of precedence, the oldest of those that are the same. */
static int order_routes(struct work *work)
{
	bool ruled = settle_paths(work->host);
	struct claim *claim;
	size_t count = 0, kept = 0;
	int err = 0;

	work->routes = calloc(work->host->claims_count + 1, sizeof(struct claim *));
	if (!work->routes)
		return -ENOMEM;
	LIST_FOREACH(claim, &work->host->claims, of_host)
	{
		if (claim->kind == CLAIM_PATH && !(ruled && claim->stands_in))
			work->routes[count++] = claim;
	}
	if (count)
		qsort(work->routes, count, sizeof(struct claim *), route_compare);
	for (size_t i = 0; i < count && !err; i++) {
		const struct claim *winner = find_same(work, kept, work->routes[i]);

		if (winner)
			err = tell_path(work, work->routes[i], winner);
		else
			work->routes[kept++] = work->routes[i];
	}
	work->routes_count = kept;
	return err;
}

/* Of the oldest owner that has one. */
static int choose_default(struct work *work)
{
	struct claim *claim, *oldest = NULL;
	int err = 0;

	LIST_FOREACH(claim, &work->host->claims, of_host)
	{
		if (claim->kind == CLAIM_HOST && claim->target.service &&
		    (!oldest || claim_age(claim, oldest) < 0))
			oldest = claim;
	}
	LIST_FOREACH(claim, &work->host->claims, of_host)
	{
		if (claim->kind == CLAIM_HOST && claim->target.service && claim->owner && !err &&
		    claim->owner != oldest->owner)
			err = tell(work, claim, PROBLEM_NOTE, "spec.defaultBackend",
				   "the default backend", oldest);
	}
	work->default_backend = oldest;
	return err;
}

/* ---- TLS ------------------------------------------------------------------------------------- */

static bool same_tls(const struct claim *a, const struct claim *b)
{
	if (a->passthrough || b->passthrough)
		return a->owner == b->owner; /* of one object: its own choice, no conflict */
	return a->secret.secret == b->secret.secret;
}

static void tls_field(const struct claim *claim, char field[96])
{
	if (claim->passthrough)
		snprintf(field, 96, "metadata.annotations[" POLICY_PREFIX "tls-passthrough]");
	else
		snprintf(field, 96, "spec.tls[%u].hosts[%u]", claim->rule, claim->index);
}

static int judge_certificate(struct work *work, struct claim *claim)
{
	struct problem_object object = rule_owner_object(claim->owner);
	const char *fault;
	char field[96];

	if (!claim->secret.secret)
		return 0;
	fault = secret_fault(work->table, work->model, &claim->secret);
	secret_use_judge(work->table, &claim->secret, !fault && claim == work->tls);
	if (!fault || claim != work->tls)
		return 0;
	snprintf(field, sizeof(field), "spec.tls[%u].secretName", claim->rule);
	return problems_add(&work->problems, &object, PROBLEM_WARNING, "SecretUnusable", field,
			    "Secret %s %s; the default certificate serves %s",
			    claim->secret.secret->key, fault, host_text(work->host));
}

static int choose_tls(struct work *work)
{
	struct claim *claim, *oldest = NULL;
	char field[96];
	int err = 0;

	LIST_FOREACH(claim, &work->host->claims, of_host)
	{
		if (claim->kind == CLAIM_TLS && (!oldest || claim_age(claim, oldest) < 0))
			oldest = claim;
	}
	work->tls = oldest;
	LIST_FOREACH(claim, &work->host->claims, of_host)
	{
		if (err || claim->kind != CLAIM_TLS)
			continue;
		err = judge_certificate(work, claim);
		if (err || same_tls(claim, oldest))
			continue;
		tls_field(claim, field);
		err = tell(work, claim, PROBLEM_WARNING, field, "TLS", oldest);
	}
	return err;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int host_remove(struct table *table, struct host_entry *host)
{
	struct problem_set none = {};
	int err = problems_replace(&host->problems, &none, &table->changes.problems_added,
				   &table->changes.problems_cleared);

	if (err)
		return err;
	if (host->block)
		table->changes.routes = true;
	strmap_remove(&table->hosts, host->key);
	host->listener->hosts_count--;
	host_free(host);
	return 0;
}

static bool block_equal(const void *a, const void *b)
{
	const struct snapshot_host *left = a, *right = b;

	return left && left->bytes == right->bytes && memcmp(a, b, left->bytes) == 0;
}

/* Puts what was compiled in force. */
static int commit(struct work *work)
{
	struct host_entry *host = work->host;
	struct table *table = work->table;
	void *block;
	int err = problems_replace(&host->problems, &work->problems, &table->changes.problems_added,
				   &table->changes.problems_cleared);

	if (err)
		return err;
	table->routes_count += (uint32_t)work->routes_count - (uint32_t)host->routes_count;
	free(host->routes);
	host->routes = work->routes;
	host->routes_count = work->routes_count;
	host->default_backend = work->default_backend;
	host->tls = work->tls;
	work->routes = NULL;
	err = host_block_build(table, host, &block);
	if (err)
		return err;
	if (!block_equal(host->block, block))
		table->changes.routes = true;
	free(host->block);
	host->block = block;
	return 0;
}

int host_refresh(struct table *table, const struct model *model, struct host_entry *host)
{
	struct work work = { .table = table, .model = model, .host = host };
	int err;

	if (LIST_EMPTY(&host->claims))
		return host_remove(table, host);
	err = order_routes(&work);
	if (!err)
		err = choose_default(&work);
	if (!err)
		err = choose_tls(&work);
	if (!err)
		err = commit(&work);
	problems_clear(&work.problems);
	free(work.routes);
	return err;
}
