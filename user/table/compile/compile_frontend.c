// SPDX-License-Identifier: Apache-2.0
/*
 * compile_frontend.c - who gets address, port and protocol: HTTP first, then the oldest Service
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table/compile/compile.h"
#include "table/marks.h"
#include "table/vec.h"

void frontend_key(const struct inet_addr *addr, uint16_t port, uint8_t proto,
		  char key[FRONTEND_KEY_MAX])
{
	int n = 0;

	for (int i = 0; i < 16; i++)
		n += snprintf(key + n, (size_t)(FRONTEND_KEY_MAX - n), "%02x", addr->bytes[i]);
	snprintf(key + n, (size_t)(FRONTEND_KEY_MAX - n), "/%u/%u", port, proto);
}

static int frontend_new(struct table *table, const char *key, struct frontend_entry **out)
{
	struct frontend_entry *frontend = calloc(1, sizeof(*frontend));
	int err = -ENOMEM;

	if (!frontend)
		return -ENOMEM;
	frontend->key = strdup(key);
	if (!frontend->key)
		goto out;
	err = ids_take(&table->frontend_ids, key, table->now_ms, &frontend->shown.id, NULL);
	if (err)
		goto out;
	err = strmap_put(&table->frontends, key, frontend, NULL);
	if (err) {
		ids_park(&table->frontend_ids, key, frontend->shown.id, table->now_ms);
		goto out;
	}
	*out = frontend;
	frontend = NULL;
out:
	frontend_free(frontend);
	return err;
}

int frontend_claim_add(struct table *table, const struct inet_addr *addr, uint16_t port,
		       uint8_t proto, struct frontend_claim *claim)
{
	struct frontend_entry *frontend;
	char key[FRONTEND_KEY_MAX];
	int err;

	frontend_key(addr, port, proto, key);
	frontend = strmap_get(&table->frontends, key);
	if (!frontend) {
		err = frontend_new(table, key, &frontend);
		if (err)
			return err;
		frontend->shown.addr = *addr;
		frontend->shown.port = port;
		frontend->shown.proto = proto;
	}
	claim->frontend = frontend;
	LIST_INSERT_HEAD(&frontend->claims, claim, of_frontend);
	mark_frontend(table, frontend);
	return 0;
}

void frontend_claim_drop(struct table *table, struct frontend_claim *claim)
{
	upstream_release(table, claim->upstream, true);
	claim->upstream = NULL;
	if (!claim->frontend)
		return;
	LIST_REMOVE(claim, of_frontend);
	mark_frontend(table, claim->frontend);
	claim->frontend = NULL;
}

void frontend_free(struct frontend_entry *frontend)
{
	if (!frontend)
		return;
	unmark(frontend);
	problems_clear(&frontend->problems);
	free(frontend->shown.owner);
	free((void *)(uintptr_t)frontend->shown.ranges);
	free(frontend->key);
	free(frontend);
}

/* HTTP before any Service; among Services the oldest. */
static bool claim_wins(const struct frontend_claim *a, const struct frontend_claim *b)
{
	if (!a->service || !b->service)
		return !a->service;
	return age_compare(a->service->created_unix_s, a->service->key, b->service->created_unix_s,
			   b->service->key) < 0;
}

static const struct frontend_claim *winner_of(const struct frontend_entry *frontend)
{
	const struct frontend_claim *claim, *winner = NULL;

	LIST_FOREACH(claim, &frontend->claims, of_frontend)
	{
		if (!winner || claim_wins(claim, winner))
			winner = claim;
	}
	return winner;
}

static bool contains(const struct inet_addr *list, size_t count, const struct inet_addr *addr)
{
	for (size_t i = 0; i < count; i++)
		if (inet_addr_compare(&list[i], addr) == 0)
			return true;
	return false;
}

/* Does the node live at this address, so that other things than frontends may listen there? */
static bool is_node_address(const struct table *table, const struct model *model,
			    const struct frontend_entry *frontend)
{
	const struct inet_addr *addr = &frontend->shown.addr;
	const struct frontend_claim *claim;
	const struct node *node;

	LIST_FOREACH(claim, &frontend->claims, of_frontend)
	{
		if (!claim->service)
			return true;
	}
	if (contains(table->node_addresses, table->node_addresses_count, addr))
		return true;
	node = (const struct node *)model_get(model, OBJECT_NODE, "", table->options.node_name);
	return node && (contains(node->internal_ips, node->internal_ips_count, addr) ||
			contains(node->external_ips, node->external_ips_count, addr));
}

/* One problem for each Service that another one, or HTTP, has kept from the frontend. */
static int report_losers(struct table *table, struct frontend_entry *frontend,
			 const struct frontend_claim *winner)
{
	const char *proto = frontend->shown.proto == IPPROTO_UDP ? "UDP" : "TCP";
	const char *by = winner->service ? winner->service->key : NULL;
	struct problem_set now = {};
	const struct frontend_claim *claim;
	char text[INET_ADDR_TEXT_MAX];
	int err = 0;

	inet_addr_format(&frontend->shown.addr, text);
	LIST_FOREACH(claim, &frontend->claims, of_frontend)
	{
		struct problem_object object;
		bool tie;

		if (!claim->service || claim == winner || err || !frontend->shown.port)
			continue;
		object = (struct problem_object){ OBJECT_SERVICE, claim->service->namespace,
						  claim->service->name, claim->service->uid };
		tie = by && winner->service->created_unix_s == claim->service->created_unix_s;
		err = problems_add(&now, &object, PROBLEM_WARNING, "Conflict", "spec.ports",
				   "%s port %u/%s is served for %s%s%s; not for this Service", text,
				   frontend->shown.port, proto,
				   !by   ? "HTTP"
				   : tie ? "Service "
					 : "the older Service ",
				   by ? by : "", tie ? ", as old and first by name" : "");
	}
	if (!err)
		err = problems_replace(&frontend->problems, &now, &table->changes.problems_added,
				       &table->changes.problems_cleared);
	problems_clear(&now);
	return err;
}

static int frontend_remove(struct table *table, struct frontend_entry *frontend)
{
	struct changes *changes = &table->changes;
	struct table_frontend *removed;
	struct problem_set none = {};
	int err = vec_reserve(&changes->frontends_removed, &changes->frontends_removed_capacity,
			      changes->frontends_removed_count, 1,
			      sizeof(*changes->frontends_removed));

	if (!err)
		err = problems_replace(&frontend->problems, &none, &changes->problems_added,
				       &changes->problems_cleared);
	if (err)
		return err;
	for (size_t i = 0; frontend->in_delta && i < changes->frontends_set_count; i++) {
		if (changes->frontends_set[i] != frontend)
			continue;
		changes->frontends_set[i] = changes->frontends_set[--changes->frontends_set_count];
		break;
	}
	removed = &changes->frontends_removed[changes->frontends_removed_count++];
	*removed = frontend->shown;
	removed->ranges = NULL;
	removed->ranges_count = 0;
	frontend->shown.owner = NULL; /* moved */
	ids_park(&table->frontend_ids, frontend->key, frontend->shown.id, table->now_ms);
	strmap_remove(&table->frontends, frontend->key);
	frontend_free(frontend);
	return 0;
}

static int owner_text(const struct frontend_entry *frontend, const struct frontend_claim *winner,
		      char **out)
{
	*out = NULL;
	if (!winner->service)
		*out = strdup("http");
	else if (asprintf(out, "Service %s", winner->service->key) < 0)
		*out = NULL;
	(void)frontend;
	return *out ? 0 : -ENOMEM;
}

/* What the Service asks for beyond the port. Ranges stay the Service's. */
static void take_policy(const struct frontend_claim *winner, struct table_frontend *shown)
{
	const struct l4_policy *policy = winner->service ? &winner->service->l4.policy : NULL;
	bool is_port = policy && shown->port;

	shown->affinity_s = is_port ? policy->affinity_s : 0;
	shown->rate_per_s = is_port ? policy->rate_per_s : 0;
	shown->ranges_id = is_port && policy->has_ranges ? shown->id : 0;
	shown->ranges = is_port ? policy->ranges : NULL;
	shown->ranges_count = is_port ? policy->ranges_count : 0;
}

static int copy_ranges(struct table_frontend *shown)
{
	struct inet_network *copy = NULL;

	if (shown->ranges_count) {
		copy = calloc(shown->ranges_count, sizeof(*copy));
		if (!copy)
			return -ENOMEM;
		memcpy(copy, shown->ranges, shown->ranges_count * sizeof(*copy));
	}
	shown->ranges = copy;
	return 0;
}

static bool same_shown(const struct table_frontend *a, const struct table_frontend *b)
{
	if (!a->owner || a->upstream_id != b->upstream_id || a->flags != b->flags ||
	    a->kind != b->kind || a->ranges_id != b->ranges_id || a->affinity_s != b->affinity_s ||
	    a->rate_per_s != b->rate_per_s || a->ranges_count != b->ranges_count ||
	    strcmp(a->owner, b->owner) != 0)
		return false;
	for (size_t i = 0; i < a->ranges_count; i++)
		if (inet_network_compare(&a->ranges[i], &b->ranges[i]))
			return false;
	return true;
}

int frontend_refresh(struct table *table, const struct model *model,
		     struct frontend_entry *frontend)
{
	const struct frontend_claim *winner = winner_of(frontend);
	struct table_frontend shown = frontend->shown;
	struct changes *changes = &table->changes;
	bool same;
	int err;

	if (!winner)
		return frontend_remove(table, frontend);
	shown.upstream_id = winner->upstream ? winner->upstream->shown.id : 0;
	shown.flags = winner->flags;
	shown.kind = winner->service ? FRONTEND_L4 : FRONTEND_HTTP;
	take_policy(winner, &shown);
	if (!shown.port) {
		shown.kind = FRONTEND_ADDRESS;
		shown.flags =
			is_node_address(table, model, frontend) ? FRONTEND_F_PASS_OTHER_PORTS : 0;
	}
	err = vec_reserve(&changes->frontends_set, &changes->frontends_set_capacity,
			  changes->frontends_set_count, 1, sizeof(*changes->frontends_set));
	if (!err)
		err = owner_text(frontend, winner, &shown.owner);
	if (err)
		return err;
	err = copy_ranges(&shown);
	if (err) {
		free(shown.owner);
		return err;
	}
	same = same_shown(&frontend->shown, &shown);
	free(frontend->shown.owner);
	free((void *)(uintptr_t)frontend->shown.ranges);
	frontend->shown = shown;
	if (!same && !frontend->in_delta) {
		frontend->in_delta = true;
		changes->frontends_set[changes->frontends_set_count++] = frontend;
	}
	return report_losers(table, frontend, winner);
}

/* Both ports of one address; the entry of the address itself unless it is the wildcard. */
static int add_http(struct table *table, const struct inet_addr *addr,
		    struct frontend_claim *claims, size_t *count)
{
	const struct table_options *options = &table->options;
	int err = 0;

	if (options->http_port)
		err = frontend_claim_add(table, addr, options->http_port, IPPROTO_TCP,
					 &claims[(*count)++]);
	if (!err && options->https_port) {
		claims[*count].flags = FRONTEND_F_TLS;
		err = frontend_claim_add(table, addr, options->https_port, IPPROTO_TCP,
					 &claims[(*count)++]);
	}
	if (!err && !inet_addr_is_any(addr) && (options->http_port || options->https_port))
		err = frontend_claim_add(table, addr, 0, 0, &claims[(*count)++]);
	return err;
}

int frontends_http(struct table *table)
{
	static const struct inet_addr any6 = {};
	const struct inet_addr any4 = inet_addr_from_v4(0);
	struct table_options *options = &table->options;
	struct frontend_claim *claims = calloc((options->addresses_count + 2) * 3, sizeof(*claims));
	size_t count = 0;
	int err = claims ? 0 : -ENOMEM;

	if (!err && table->http_everywhere) {
		err = add_http(table, &any4, claims, &count);
		if (!err)
			err = add_http(table, &any6, claims, &count);
	}
	for (size_t i = 0; i < options->addresses_count && !err; i++)
		if (!inet_addr_is_any(&options->addresses[i]) || !table->http_everywhere)
			err = add_http(table, &options->addresses[i], claims, &count);
	if (err) {
		for (size_t i = 0; i < count; i++)
			frontend_claim_drop(table, &claims[i]);
		free(claims);
		return err;
	}
	for (size_t i = 0; i < table->http_frontends_count; i++)
		frontend_claim_drop(table, &table->http_frontends[i]);
	free(table->http_frontends);
	table->http_frontends = claims;
	table->http_frontends_count = count;
	return 0;
}
