// SPDX-License-Identifier: Apache-2.0
/*
 * endpoints.c - the backends that EndpointSlices name for one upstream
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table/compile/compile.h"
#include "table/marks.h"
#include "table/vec.h"

struct candidate {
	struct table_backend backend;
	bool serving; /* serves while it terminates */
};

struct candidates {
	struct candidate *items; /* owned */
	size_t count, capacity;
};

/* In the order of backends; duplicates with the best state first, so that the first one stays. */
static int candidate_compare(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;
	int order = inet_addr_compare(&a->backend.addr, &b->backend.addr);

	if (!order)
		order = (int)a->backend.port - (int)b->backend.port;
	if (!order) /* BACKEND_ACTIVE < BACKEND_DRAINING */
		order = (int)a->backend.state - (int)b->backend.state;
	if (!order)
		order = (int)b->serving - (int)a->serving;
	if (!order)
		order = (int)b->backend.flags - (int)a->backend.flags;
	if (!order)
		order = (int)a->backend.terminating - (int)b->backend.terminating;
	if (!order)
		order = (int)b->backend.weight - (int)a->backend.weight;
	return order ? order : inet_addr_compare(&a->backend.node_addr, &b->backend.node_addr);
}

static bool is_unset(const struct inet_addr *addr)
{
	static const struct inet_addr unset;

	return inet_addr_compare(addr, &unset) == 0;
}

/* The node's address that tunnels to it use: of the endpoint's family if there is one. */
static struct inet_addr node_address(const struct model *model, const char *node_name,
				     const struct inet_addr *endpoint)
{
	const struct node *node = (const struct node *)model_get(model, OBJECT_NODE, "", node_name);
	struct inet_addr none = {};

	if (!node || !node->internal_ips_count)
		return none;
	for (size_t i = 0; i < node->internal_ips_count; i++)
		if (inet_addr_is_v4(&node->internal_ips[i]) == inet_addr_is_v4(endpoint))
			return node->internal_ips[i];
	return node->internal_ips[0];
}

bool node_is_here(const struct table *table, const char *node_name)
{
	return !node_name || !table->options.node_name[0] ||
	       strcmp(node_name, table->options.node_name) == 0;
}

static bool in_scope(const struct upstream_entry *upstream, const struct inet_addr *addr,
		     bool local)
{
	bool v4 = inet_addr_is_v4(addr);

	if ((upstream->scope & SCOPE_V4 && !v4) || (upstream->scope & SCOPE_V6 && v4))
		return false;
	/* An l4 frontend cannot reach the other family, and a Service of one family has none. */
	if (upstream->service->l4_family && (upstream->service->l4_family == AF_INET) != v4)
		return false;
	return local || !(upstream->scope & SCOPE_NODE);
}

static int add(struct candidates *list, const struct candidate *candidate)
{
	int err = vec_reserve(&list->items, &list->capacity, list->count, 1, sizeof(*list->items));

	if (!err)
		list->items[list->count++] = *candidate;
	return err;
}

/* The number that the slice gives to the Service port of this name; 0: none. */
static uint16_t port_in_slice(const struct endpoint_slice *slice, const char *name, uint8_t proto)
{
	for (size_t i = 0; i < slice->ports_count; i++)
		if (slice->ports[i].proto == proto && strcmp(slice->ports[i].name, name) == 0)
			return slice->ports[i].number;
	return 0;
}

/* How packets reach a pod of another node. Without the node's address it cannot be encapsulated. */
static void set_remote(const struct model *model, const struct upstream_entry *upstream,
		       const char *node_name, struct table_backend *backend)
{
	const struct l4_policy *policy = &upstream->service->l4.policy;

	backend->node_addr = node_address(model, node_name, &backend->addr);
	if (policy->mode != TABLE_L4_DSR || is_unset(&backend->node_addr))
		return;
	backend->flags |= BACKEND_F_DSR;
	if (policy->encapsulation == TABLE_L4_GUE)
		backend->flags |= BACKEND_F_GUE;
}

static int add_slice(const struct table *table, const struct model *model,
		     const struct upstream_entry *upstream, const struct service *service,
		     const char *port_name, const struct endpoint_slice *slice,
		     struct candidates *list)
{
	uint16_t port = port_in_slice(slice, port_name, upstream->proto), weight;
	int err = 0;

	(void)l4_policy_weight(slice, &weight); /* a wrong one is told of with the Service */
	for (size_t i = 0; port && i < slice->endpoints_count && !err; i++) {
		const struct slice_endpoint *endpoint = &slice->endpoints[i];
		bool ready = endpoint->ready || service->publish_not_ready;
		bool local = node_is_here(table, endpoint->node_name);
		struct candidate candidate = {
			.backend = {
				.upstream_id = upstream->shown.id,
				.addr = endpoint->addr,
				.port = port,
				.state = ready ? BACKEND_ACTIVE : BACKEND_DRAINING,
				.flags = local ? BACKEND_F_LOCAL : 0,
			},
			.serving = endpoint->serving && endpoint->terminating,
		};

		if (!in_scope(upstream, &endpoint->addr, local))
			continue;
		candidate.backend.weight = weight;
		candidate.backend.terminating = !ready && endpoint->terminating;
		if (!local)
			set_remote(model, upstream, endpoint->node_name, &candidate.backend);
		err = add(list, &candidate);
	}
	return err;
}

/* An external name needs no slices. */
static int add_external(const struct table *table, const struct upstream_entry *upstream,
			const struct service *service, struct candidates *list)
{
	struct candidate candidate = {
		.backend = {
			.upstream_id = upstream->shown.id,
			.port = upstream->port,
			.state = BACKEND_ACTIVE,
			.flags = BACKEND_F_LOCAL,
			.weight = 1,
		},
	};
	const struct external *external;
	int err = 0;

	if (service->type != SERVICE_EXTERNAL_NAME || !service->external_name)
		return 0;
	if (inet_addr_parse(service->external_name, &candidate.backend.addr) == 0)
		return add(list, &candidate);
	external = external_find(table, service->external_name);
	for (size_t i = 0; external && i < external->count && !err; i++) {
		candidate.backend.addr = external->addresses[i];
		err = add(list, &candidate);
	}
	return err;
}

/* Is there a slice that was written as one? A v1 Endpoints is read only where there is none: the
 * API server mirrors it into slices. */
static bool has_slices(const struct object_list *slices)
{
	for (size_t i = 0; slices && i < slices->count; i++)
		if (!((const struct endpoint_slice *)slices->items[i])->from_endpoints)
			return true;
	return false;
}

static int collect(const struct table *table, const struct model *model,
		   const struct upstream_entry *upstream, struct candidates *list)
{
	const struct service_entry *entry = upstream->service;
	const struct service *service = (const struct service *)model_get(
		model, OBJECT_SERVICE, entry->namespace, entry->name);
	const struct object_list *slices = model_slices_of(model, entry->namespace, entry->name);
	bool only_slices = has_slices(slices);
	const char *port_name = "";
	int err;

	if (!service)
		return 0;
	for (size_t i = 0; i < service->ports_count; i++)
		if (service->ports[i].number == upstream->port &&
		    service->ports[i].proto == upstream->proto)
			port_name = service->ports[i].name;
	err = add_external(table, upstream, service, list);
	for (size_t i = 0; slices && i < slices->count && !err; i++) {
		const struct endpoint_slice *slice = (const void *)slices->items[i];

		if (!slice->from_endpoints || !only_slices)
			err = add_slice(table, model, upstream, service, port_name, slice, list);
	}
	return err;
}

int endpoints_collect(const struct table *table, const struct model *model,
		      const struct upstream_entry *upstream, struct table_backend **out,
		      size_t *count, bool **serving)
{
	struct table_backend *backends = NULL;
	struct candidates list = {};
	bool *may_serve = NULL;
	size_t kept = 0;
	int err = collect(table, model, upstream, &list);

	if (err)
		goto out;
	if (list.count)
		qsort(list.items, list.count, sizeof(*list.items), candidate_compare);
	backends = malloc((list.count + 1) * sizeof(*backends));
	may_serve = malloc((list.count + 1) * sizeof(*may_serve));
	if (!backends || !may_serve) {
		err = -ENOMEM;
		goto out;
	}
	for (size_t i = 0; i < list.count; i++) {
		const struct table_backend *backend = &list.items[i].backend;

		if (kept && backends[kept - 1].port == backend->port &&
		    inet_addr_compare(&backends[kept - 1].addr, &backend->addr) == 0)
			continue;
		may_serve[kept] = list.items[i].serving;
		backends[kept++] = *backend;
	}
	*out = backends;
	*serving = may_serve;
	*count = kept;
	backends = NULL;
	may_serve = NULL;
out:
	free(list.items);
	free(backends);
	free(may_serve);
	return err;
}
