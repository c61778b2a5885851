// SPDX-License-Identifier: Apache-2.0
/*
 * compile_l4.c - the l4 frontends of a Service of type LoadBalancer, and its health check
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table/compile/compile.h"
#include "table/marks.h"

bool service_is_l4(const struct table *table, const struct service *service)
{
	return service && service->type == SERVICE_LOAD_BALANCER && service->load_balancer_class &&
	       strcmp(service->load_balancer_class, table->options.lb_class) == 0;
}

/* One Service being compiled. */
struct work {
	struct table *table;
	const struct service *service; /* borrowed from the model */
	struct service_entry *entry;
	struct problem_set *problems;
	struct problem_object object;
	struct inet_addr *addresses; /* owned; no two alike */
	size_t addresses_count;
	struct l4_compiled *out; /* borrowed */
};

static bool addr_is_usable(const struct inet_addr *addr)
{
	const uint8_t *b = addr->bytes;

	if (inet_addr_is_any(addr))
		return false;
	if (inet_addr_is_v4(addr))
		return b[12] != 127 && b[12] < 224; /* loopback; multicast and above */
	return b[0] != 0xff && !IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)b) &&
	       !(b[0] == 0xfe && (b[1] & 0xc0) == 0x80); /* fe80::/10 needs a zone */
}

static int add_addresses(struct work *work, const struct inet_addr *list, size_t count,
			 const char *field)
{
	char text[INET_ADDR_TEXT_MAX];
	int err = 0;

	for (size_t i = 0; i < count && !err; i++) {
		bool known = false;

		for (size_t j = 0; j < work->addresses_count && !known; j++)
			known = inet_addr_compare(&work->addresses[j], &list[i]) == 0;
		if (known)
			continue;
		if (addr_is_usable(&list[i]))
			work->addresses[work->addresses_count++] = list[i];
		else
			err = problems_add(work->problems, &work->object, PROBLEM_WARNING,
					   "InvalidAddress", field,
					   "%s can be no address of a frontend; left out",
					   inet_addr_format(&list[i], text));
	}
	return err;
}

static int find_addresses(struct work *work)
{
	const struct service *service = work->service;
	int err;

	work->addresses = calloc(service->load_balancer_ips_count + service->external_ips_count + 1,
				 sizeof(*work->addresses));
	if (!work->addresses)
		return -ENOMEM;
	err = add_addresses(work, service->load_balancer_ips, service->load_balancer_ips_count,
			    "spec.loadBalancerIP");
	if (!err)
		err = add_addresses(work, service->external_ips, service->external_ips_count,
				    "spec.externalIPs");
	if (!err && !work->addresses_count)
		err = problems_add(work->problems, &work->object, PROBLEM_NOTE, "NoAddress",
				   "spec.loadBalancerIP",
				   "no address yet: set spec.loadBalancerIP or spec.externalIPs");
	return err;
}

/* AF_INET or AF_INET6 if every frontend of the Service is of that family, else 0. */
static sa_family_t only_family(const struct work *work)
{
	size_t v4 = 0;

	if (work->service->wants_ipv4 && work->service->wants_ipv6)
		return 0;
	for (size_t i = 0; i < work->addresses_count; i++)
		v4 += inet_addr_is_v4(&work->addresses[i]);
	if (!work->addresses_count || (v4 && v4 != work->addresses_count))
		return 0;
	return v4 ? AF_INET : AF_INET6;
}

static uint8_t scope_of(const struct work *work, const struct inet_addr *addr, sa_family_t only)
{
	uint8_t scope = work->service->external_traffic_local ? SCOPE_NODE : SCOPE_ALL;

	if (only)
		return scope;
	return scope | (inet_addr_is_v4(addr) ? SCOPE_V4 : SCOPE_V6);
}

static int add_frontend(struct work *work, const struct inet_addr *addr,
			const struct service_port *port, sa_family_t only)
{
	struct frontend_claim *claim = &work->out->claims[work->out->claims_count];
	char text[INET_ADDR_TEXT_MAX];
	int err;

	claim->service = work->entry;
	work->out->claims_count++;
	err = upstream_acquire(work->table, work->entry, port->number, port->proto,
			       scope_of(work, addr, only), true, &claim->upstream);
	if (!err)
		err = frontend_claim_add(work->table, addr, port->number, port->proto, claim);
	if (err != -ENOSPC && err != -EINVAL)
		return err;
	frontend_claim_drop(work->table, claim);
	work->out->claims_count--;
	memset(claim, 0, sizeof(*claim));
	return problems_add(work->problems, &work->object, PROBLEM_WARNING, "TableFull",
			    "spec.ports", "%s port %u is not served: %s",
			    inet_addr_format(addr, text), port->number,
			    err == -ENOSPC ? "all ids are in use" : "the name is too long");
}

static int add_port(struct work *work, const struct service_port *port, size_t index,
		    sa_family_t only)
{
	char field[48];
	int err = 0;

	snprintf(field, sizeof(field), "spec.ports[%zu].protocol", index);
	if (port->proto != IPPROTO_TCP && port->proto != IPPROTO_UDP)
		return problems_add(
			work->problems, &work->object, PROBLEM_WARNING, "UnsupportedProtocol",
			field, "port %u is neither TCP nor UDP; it is not served", port->number);
	for (size_t i = 0; i < work->addresses_count && !err; i++)
		err = add_frontend(work, &work->addresses[i], port, only);
	return err;
}

/* The entries of the addresses themselves. */
static int add_address_entries(struct work *work)
{
	int err = 0;

	for (size_t i = 0; i < work->addresses_count && work->out->claims_count && !err; i++) {
		struct frontend_claim *claim = &work->out->claims[work->out->claims_count];

		claim->service = work->entry;
		err = frontend_claim_add(work->table, &work->addresses[i], 0, 0, claim);
		if (err == -ENOSPC) {
			err = 0;
			memset(claim, 0, sizeof(*claim));
			continue;
		}
		work->out->claims_count++;
	}
	return err;
}

static uint16_t flags_of(const struct service *service, const struct l4_policy *policy)
{
	return (uint16_t)((policy->has_ranges ? FRONTEND_F_SOURCE_RANGES : 0) |
			  (policy->affinity_s ? FRONTEND_F_AFFINITY : 0) |
			  (policy->mode == TABLE_L4_DSR ? FRONTEND_F_TUNNELS : 0) |
			  (service->external_traffic_local ? FRONTEND_F_LOCAL_ONLY : 0));
}

static int compile(struct work *work)
{
	const struct service *service = work->service;
	int err = find_addresses(work);

	if (err)
		return err;
	work->out->claims = calloc(work->addresses_count * (service->ports_count + 1) + 1,
				   sizeof(*work->out->claims));
	if (!work->out->claims)
		return -ENOMEM;
	work->entry->l4_family = only_family(work);
	for (size_t i = 0; i < service->ports_count && !err; i++)
		err = add_port(work, &service->ports[i], i, work->entry->l4_family);
	for (size_t i = 0; i < work->out->claims_count; i++)
		work->out->claims[i].flags = flags_of(service, &work->out->policy);
	return err ? err : add_address_entries(work);
}

int l4_compile(struct table *table, const struct service *service, struct service_entry *entry,
	       struct problem_set *problems, struct l4_compiled *out)
{
	struct work work = {
		.table = table,
		.service = service,
		.entry = entry,
		.problems = problems,
		.object = { OBJECT_SERVICE, entry->namespace, entry->name, service->meta.uid },
		.out = out,
	};
	int err = l4_policy_parse(service, &table->options, &out->policy, problems);

	if (err == -EINVAL)
		return 0; /* said by a problem: nothing is served */
	if (!err)
		err = compile(&work);
	free(work.addresses);
	return err;
}

void l4_compiled_clear(struct table *table, struct l4_compiled *compiled)
{
	for (size_t i = 0; i < compiled->claims_count; i++)
		frontend_claim_drop(table, &compiled->claims[i]);
	free(compiled->claims);
	l4_policy_clear(&compiled->policy);
	memset(compiled, 0, sizeof(*compiled));
}

/* ---- health checks --------------------------------------------------------------------------- */

void service_watch_health(struct table *table, struct service_entry *entry,
			  const struct service *service)
{
	bool wanted =
		entry->is_l4 && service->external_traffic_local && service->health_check_node_port;

	if (entry->health_check)
		LIST_REMOVE(entry, of_health_checks);
	if (wanted)
		LIST_INSERT_HEAD(&table->health_checks, entry, of_health_checks);
	entry->health_check = wanted;
}

/* Is the endpoint's address in an earlier place of the same slices? */
static bool is_counted(const struct object_list *slices, size_t slice, size_t endpoint)
{
	const struct endpoint_slice *own = (const struct endpoint_slice *)slices->items[slice];
	const struct inet_addr *addr = &own->endpoints[endpoint].addr;

	for (size_t i = 0; i <= slice; i++) {
		const struct endpoint_slice *other = (const void *)slices->items[i];
		size_t end = i == slice ? endpoint : other->endpoints_count;

		for (size_t j = 0; j < end; j++)
			if (inet_addr_compare(&other->endpoints[j].addr, addr) == 0)
				return true;
	}
	return false;
}

static uint32_t count_local(const struct table *table, const struct object_list *slices,
			    bool not_ready_too)
{
	uint32_t count = 0;

	for (size_t i = 0; slices && i < slices->count; i++) {
		const struct endpoint_slice *slice = (const void *)slices->items[i];

		for (size_t j = 0; j < slice->endpoints_count; j++) {
			const struct slice_endpoint *endpoint = &slice->endpoints[j];

			count += (endpoint->ready || not_ready_too) &&
				 node_is_here(table, endpoint->node_name) &&
				 !is_counted(slices, i, j);
		}
	}
	return count;
}

int table_each_health_check(const struct table *table, const struct model *model,
			    table_health_check_fn *fn, void *ctx)
{
	const struct service_entry *entry;
	int result = 0;

	LIST_FOREACH(entry, &table->health_checks, of_health_checks)
	{
		const struct service *service = (const struct service *)model_get(
			model, OBJECT_SERVICE, entry->namespace, entry->name);
		struct table_health_check check = { .namespace = entry->namespace,
						    .name = entry->name };

		if (!service || result)
			continue;
		check.port = service->health_check_node_port;
		check.local_endpoints =
			count_local(table, model_slices_of(model, entry->namespace, entry->name),
				    service->publish_not_ready);
		result = fn(ctx, &check);
	}
	return result;
}
