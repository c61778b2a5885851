// SPDX-License-Identifier: Apache-2.0
#include "kube/holders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/strmap.h"
#include "kube/leader.h"
#include "kube/texts.h"

#define REVIEW_MS 20u /* changes within this time are handled together */

/* A Lease as last seen. */
struct member {
	char *node;       /* owned; "" when it was released */
	char *renewed;    /* owned; the time in it only distinguishes renewals */
	uint64_t dead_ms; /* loop_now_ms() from which it counts as dead without a renewal */
	bool present;     /* in the current review */
};

struct holders {
	struct loop *loop;         /* borrowed */
	struct api *api;           /* borrowed */
	const struct model *model; /* borrowed */
	struct holders_options options;
	char *namespace, *node_name; /* owned */
	struct leader *lease;        /* owned: our own; NULL while this node takes no part */
	uint64_t until_ms;           /* other nodes count us as alive until then */
	struct loop_timer *review;   /* owned */
	bool review_waits;
	struct strmap members; /* name of the Lease -> struct member *, owned */
	struct texts alive;    /* other nodes with a valid Lease */
	struct strmap local;   /* address -> struct texts *, owned: nodes that may have it */
};

uint64_t holders_rank(const char *node_name, const struct inet_addr *addr)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

	for (const char *c = node_name; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 0x100000001b3u;
	for (size_t i = 0; i < sizeof(addr->bytes); i++)
		hash = (hash ^ addr->bytes[i]) * 0x100000001b3u;
	/* The high bits of FNV are weak after few bytes: finalizer of SplitMix64. */
	hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
	hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
	return hash ^ (hash >> 31);
}

static void member_free(struct member *member)
{
	if (!member)
		return;
	free(member->node);
	free(member->renewed);
	free(member);
}

/* ---- who is alive ---------------------------------------------------------------------------- */

static struct member *member_of(struct holders *holders, const char *lease_name)
{
	struct member *member = strmap_get(&holders->members, lease_name);

	if (member)
		return member;
	member = calloc(1, sizeof(*member));
	if (member && strmap_put(&holders->members, lease_name, member, NULL)) {
		free(member);
		return NULL;
	}
	return member;
}

/* Our own clock judges expiry, from the last change of the Lease that was seen. */
static int take_lease(struct holders *holders, const struct lease *lease)
{
	struct member *member = member_of(holders, lease->meta.name);
	char *node, *renewed;

	if (!member)
		return -ENOMEM;
	member->present = true;
	if (member->renewed && strcmp(member->renewed, lease->renewed) == 0 &&
	    strcmp(member->node, lease->holder) == 0)
		return 0;
	node = strdup(lease->holder);
	renewed = strdup(lease->renewed);
	if (!node || !renewed) {
		free(node);
		free(renewed);
		return -ENOMEM;
	}
	free(member->node);
	free(member->renewed);
	member->node = node;
	member->renewed = renewed;
	member->dead_ms = loop_now_ms() + (uint64_t)lease->duration_s * 1000;
	return 0;
}

static int read_leases(struct holders *holders)
{
	const struct strmap *leases = &holders->model->objects[OBJECT_LEASE];
	const size_t prefix_bytes = sizeof(HOLDERS_LEASE_PREFIX) - 1;
	const struct strmap_entry *entry;
	size_t position = 0;
	int err = 0;

	while (!err && (entry = strmap_next(leases, &position))) {
		const struct lease *lease = entry->value;

		if (strncmp(lease->meta.name, HOLDERS_LEASE_PREFIX, prefix_bytes) == 0)
			err = take_lease(holders, lease);
	}
	return err;
}

/* Fills .alive, and arms a timer for the next possible death. */
static int find_alive(struct holders *holders)
{
	uint64_t now_ms = loop_now_ms(), next_ms = UINT64_MAX;
	const struct strmap_entry *entry;
	size_t position = 0;
	int err = 0;

	texts_free(&holders->alive);
	while (!err && (entry = strmap_next(&holders->members, &position))) {
		struct member *member = entry->value;

		if (!member->present) {
			strmap_remove(&holders->members, entry->key);
			member_free(member);
			continue;
		}
		member->present = false;
		if (!*member->node || strcmp(member->node, holders->node_name) == 0 ||
		    member->dead_ms <= now_ms)
			continue;
		err = texts_add(&holders->alive, member->node);
		if (member->dead_ms < next_ms)
			next_ms = member->dead_ms;
	}
	if (next_ms != UINT64_MAX)
		loop_timer_arm(holders->review, next_ms - now_ms);
	return err;
}

/* ---- externalTrafficPolicy Local ------------------------------------------------------------- */

static void forget_local(struct holders *holders)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	while ((entry = strmap_next(&holders->local, &position))) {
		texts_free(entry->value);
		free(entry->value);
	}
	strmap_clear(&holders->local);
}

static int add_ready_nodes(const struct holders *holders, const struct service *service,
			   struct texts *nodes)
{
	const struct object_list *slices =
		model_slices_of(holders->model, service->meta.namespace, service->meta.name);
	int err = 0;

	for (size_t i = 0; slices && i < slices->count; i++) {
		const struct endpoint_slice *slice =
			(const struct endpoint_slice *)slices->items[i];

		for (size_t k = 0; k < slice->endpoints_count && !err; k++)
			if (slice->endpoints[k].ready && slice->endpoints[k].node_name)
				err = texts_add(nodes, slice->endpoints[k].node_name);
	}
	return err;
}

static int add_local(struct holders *holders, const struct service *service,
		     const struct inet_addr *addr)
{
	char text[INET_ADDR_TEXT_MAX];
	struct texts *nodes = strmap_get(&holders->local, inet_addr_format(addr, text));
	int err;

	if (!nodes) {
		nodes = calloc(1, sizeof(*nodes));
		if (!nodes)
			return -ENOMEM;
		err = strmap_put(&holders->local, text, nodes, NULL);
		if (err) {
			free(nodes);
			return err;
		}
	}
	return add_ready_nodes(holders, service, nodes);
}

static int find_local(struct holders *holders)
{
	const struct strmap *services = &holders->model->objects[OBJECT_SERVICE];
	const struct strmap_entry *entry;
	size_t position = 0;
	int err = 0;

	forget_local(holders);
	while (!err && (entry = strmap_next(services, &position))) {
		const struct service *service = entry->value;

		if (!service->external_traffic_local)
			continue;
		for (size_t i = 0; i < service->load_balancer_ips_count && !err; i++)
			err = add_local(holders, service, &service->load_balancer_ips[i]);
		for (size_t i = 0; i < service->external_ips_count && !err; i++)
			err = add_local(holders, service, &service->external_ips[i]);
	}
	return err;
}

/* ---- who has it ------------------------------------------------------------------------------ */

static void review(void *ctx)
{
	struct holders *holders = ctx;
	int err = read_leases(holders);

	holders->review_waits = false;
	if (!err)
		err = find_alive(holders);
	if (!err)
		err = find_local(holders);
	if (err) {
		log_warn("kube: holders of addresses: %s; trying again", strerror(-err));
		loop_timer_arm(holders->review, 1000);
		return;
	}
	holders->options.changed(holders->options.ctx);
}

void holders_review_soon(struct holders *holders)
{
	if (!holders || holders->review_waits)
		return;
	holders->review_waits = true;
	loop_timer_arm(holders->review, REVIEW_MS);
}

bool holders_holds(const struct holders *holders, const struct inet_addr *addr, uint64_t *until_ms)
{
	char text[INET_ADDR_TEXT_MAX];
	const struct texts *local = strmap_get(&holders->local, inet_addr_format(addr, text));
	uint64_t own = holders_rank(holders->node_name, addr);

	if (holders->until_ms <= loop_now_ms() || (local && !texts_have(local, holders->node_name)))
		return false;
	for (size_t i = 0; i < holders->alive.count; i++) {
		const char *node = holders->alive.items[i];
		uint64_t rank = holders_rank(node, addr);

		if (local && !texts_have(local, node))
			continue;
		if (rank > own || (rank == own && strcmp(node, holders->node_name) > 0))
			return false;
	}
	*until_ms = holders->until_ms;
	return true;
}

static void on_alive(void *ctx, bool alive)
{
	struct holders *holders = ctx;

	if (!alive)
		holders->until_ms = 0;
	loop_timer_arm(holders->review, 0);
}

static void on_renewed(void *ctx, uint64_t until_ms)
{
	struct holders *holders = ctx;

	holders->until_ms = until_ms;
	loop_timer_arm(holders->review, 0);
}

/* ---- start and stop -------------------------------------------------------------------------- */

int holders_new(struct loop *loop, struct api *api, const struct model *model,
		const struct holders_options *options, struct holders **out)
{
	struct holders *holders = calloc(1, sizeof(*holders));
	int err = -ENOMEM;

	if (!holders)
		return -ENOMEM;
	holders->loop = loop;
	holders->api = api;
	holders->model = model;
	holders->options = *options;
	holders->namespace = strdup(options->namespace);
	holders->node_name = strdup(options->node_name);
	if (holders->namespace && holders->node_name)
		err = loop_timer_new(loop, review, holders, &holders->review);
	if (err) {
		holders_free(holders);
		return err;
	}
	*out = holders;
	return 0;
}

int holders_join(struct holders *holders)
{
	struct leader_options lease = {
		.namespace = holders->namespace,
		.identity = holders->node_name,
		.duration_s = holders->options.duration_s,
		.title = "announcing addresses",
		.changed = on_alive,
		.renewed = on_renewed,
		.ctx = holders,
	};
	char *name;
	int err;

	if (holders->lease)
		return 0;
	if (asprintf(&name, HOLDERS_LEASE_PREFIX "%s", holders->node_name) < 0)
		return -ENOMEM;
	lease.name = name;
	err = leader_start(holders->loop, holders->api, &lease, &holders->lease);
	free(name);
	return err;
}

void holders_leave(struct holders *holders)
{
	if (!holders->lease)
		return;
	holders->until_ms = 0;
	leader_stop(holders->lease);
	holders->lease = NULL;
}

void holders_free(struct holders *holders)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	if (!holders)
		return;
	holders_leave(holders);
	while ((entry = strmap_next(&holders->members, &position)))
		member_free(entry->value);
	strmap_clear(&holders->members);
	forget_local(holders);
	strmap_clear(&holders->local);
	texts_free(&holders->alive);
	loop_timer_free(holders->review);
	free(holders->namespace);
	free(holders->node_name);
	free(holders);
}
