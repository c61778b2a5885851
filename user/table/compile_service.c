// SPDX-License-Identifier: Apache-2.0
/*
 * compile_service.c - annotations of a Service, and the l4 frontends of one of type LoadBalancer
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table/compile.h"

static int entry_new(const char *namespace, const char *name, struct service_entry **out)
{
	struct service_entry *service = calloc(1, sizeof(*service));

	if (!service)
		return -ENOMEM;
	service->key = key_of(namespace, name);
	service->namespace = strdup(namespace);
	service->name = strdup(name);
	service->uid = strdup("");
	service->created_unix_s = CREATED_NEVER;
	*out = service;
	return service->key && service->namespace && service->name && service->uid ? 0 : -ENOMEM;
}

int service_entry_get(struct table *table, const char *namespace, const char *name,
		      struct service_entry **out)
{
	struct service_entry *service = NULL;
	char *key = key_of(namespace, name);
	int err = -ENOMEM;

	if (!key)
		return -ENOMEM;
	*out = strmap_get(&table->services, key);
	free(key);
	if (*out)
		return 0;
	err = entry_new(namespace, name, &service);
	if (!err)
		err = strmap_put(&table->services, service->key, service, NULL);
	if (err) {
		service_free(table, service);
		return err;
	}
	mark_service_changed(table, service);
	*out = service;
	return 0;
}

bool service_is_l4(const struct table *table, const struct service *service)
{
	return service && service->type == SERVICE_LOAD_BALANCER && service->load_balancer_class &&
	       strcmp(service->load_balancer_class, table->options.lb_class) == 0;
}

/* ---- l4 frontends ----------------------------------------------------------------------------- */

/* One Service being compiled. */
struct work {
	struct table *table;
	const struct service *service; /* borrowed from the model */
	struct service_entry *entry;
	struct problem_set problems;
	struct problem_object object;
	struct inet_addr *addresses; /* owned; no two alike */
	size_t addresses_count;
	struct frontend_claim *claims; /* owned until they are moved into the entry */
	size_t claims_count;
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
			err = problems_add(&work->problems, &work->object, PROBLEM_WARNING,
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
		err = problems_add(&work->problems, &work->object, PROBLEM_NOTE, "NoAddress",
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
	struct frontend_claim *claim = &work->claims[work->claims_count];
	char text[INET_ADDR_TEXT_MAX];
	int err;

	claim->service = work->entry;
	work->claims_count++;
	err = upstream_acquire(work->table, work->entry, port->number, port->proto,
			       scope_of(work, addr, only), true, &claim->upstream);
	if (!err)
		err = frontend_claim_add(work->table, addr, port->number, port->proto, claim);
	if (err != -ENOSPC && err != -EINVAL)
		return err;
	frontend_claim_drop(work->table, claim);
	work->claims_count--;
	memset(claim, 0, sizeof(*claim));
	return problems_add(&work->problems, &work->object, PROBLEM_WARNING, "TableFull",
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
			&work->problems, &work->object, PROBLEM_WARNING, "UnsupportedProtocol",
			field, "port %u is neither TCP nor UDP; it is not served", port->number);
	for (size_t i = 0; i < work->addresses_count && !err; i++)
		err = add_frontend(work, &work->addresses[i], port, only);
	return err;
}

/* The entries of the addresses themselves. */
static int add_address_entries(struct work *work)
{
	int err = 0;

	for (size_t i = 0; i < work->addresses_count && work->claims_count && !err; i++) {
		struct frontend_claim *claim = &work->claims[work->claims_count];

		claim->service = work->entry;
		err = frontend_claim_add(work->table, &work->addresses[i], 0, 0, claim);
		if (err == -ENOSPC) {
			err = 0;
			memset(claim, 0, sizeof(*claim));
			continue;
		}
		work->claims_count++;
	}
	return err;
}

static int compile_l4(struct work *work)
{
	const struct service *service = work->service;
	int err;

	if (!service_is_l4(work->table, service))
		return 0;
	/* Serving all where the owner asked for some would open what is meant to be shut. */
	if (service->source_ranges_count)
		return problems_add(&work->problems, &work->object, PROBLEM_WARNING,
				    "SourceRangesNotSupported", "spec.loadBalancerSourceRanges",
				    "source ranges are not enforced here; the Service is not "
				    "served at all");
	err = find_addresses(work);
	if (err)
		return err;
	if (service->session_affinity_client_ip)
		err = problems_add(&work->problems, &work->object, PROBLEM_NOTE,
				   "SessionAffinityNotSupported", "spec.sessionAffinity",
				   "ClientIP: flows of one client may go to different backends");
	work->claims = calloc(work->addresses_count * (service->ports_count + 1) + 1,
			      sizeof(*work->claims));
	if (!work->claims)
		return -ENOMEM;
	work->entry->l4_family = only_family(work);
	for (size_t i = 0; i < service->ports_count && !err; i++)
		err = add_port(work, &service->ports[i], i, work->entry->l4_family);
	if (!err)
		err = add_address_entries(work);
	return err;
}

/* ---- the rest of a Service -------------------------------------------------------------------- */

/* What the decoder left out of an object, as problems. */
static int add_decoded(struct problem_set *set, const struct object *object)
{
	struct problem_object told = { object->kind, object->namespace, object->name, object->uid };
	int err = 0;

	for (size_t i = 0; i < object->problems_count && !err; i++)
		err = problems_add(set, &told, PROBLEM_WARNING, "InvalidField",
				   object->problems[i].field, "%s", object->problems[i].message);
	return err;
}

static int add_slices(struct work *work, const struct model *model)
{
	const struct object_list *slices =
		model_slices_of(model, work->entry->namespace, work->entry->name);
	int err = 0;

	for (size_t i = 0; slices && i < slices->count && !err; i++)
		err = add_decoded(&work->problems, slices->items[i]);
	return err;
}

static int replace_ca(struct work *work, const struct model *model, const struct policy *policy)
{
	struct service_entry *entry = work->entry;
	const char *fault;
	int err = 0;

	if (entry->ca.secret && (!policy->ca || strcmp(entry->ca.secret->name, policy->ca) != 0))
		secret_use_drop(work->table, &entry->ca);
	if (!policy->ca)
		return 0;
	if (!entry->ca.secret) {
		entry->ca = (struct secret_use){ .use = TABLE_SECRET_CA, .service = entry };
		err = secret_use_add(work->table, entry->namespace, policy->ca, &entry->ca);
	}
	if (err)
		return err;
	fault = secret_fault(model, &entry->ca);
	secret_use_judge(work->table, &entry->ca, !fault);
	if (!fault)
		return 0;
	return problems_add(&work->problems, &work->object, PROBLEM_WARNING, "SecretUnusable",
			    "metadata.annotations[" POLICY_PREFIX "backend-ca]",
			    "Secret %s/%s %s; its backends cannot be verified and are not used",
			    entry->namespace, policy->ca, fault);
}

static void drop_frontends(struct table *table, struct frontend_claim *claims, size_t count)
{
	for (size_t i = 0; i < count; i++)
		frontend_claim_drop(table, &claims[i]);
	free(claims);
}

/* Puts what was compiled in force. */
static int commit(struct work *work, struct policy *policy)
{
	struct service_entry *entry = work->entry;
	const struct object *object = work->service ? &work->service->meta : NULL;
	char *uid = strdup(object ? object->uid : "");
	struct upstream_entry *upstream;
	int err = uid ? 0 : -ENOMEM;

	if (!err)
		err = problems_replace(&entry->problems, &work->problems,
				       &work->table->changes.problems_added,
				       &work->table->changes.problems_cleared);
	if (err) {
		free(uid);
		return err;
	}
	free(entry->uid);
	entry->uid = uid;
	entry->created_unix_s = object ? object->created_unix_s : CREATED_NEVER;
	policy_clear(&entry->policy);
	entry->policy = *policy;
	memset(policy, 0, sizeof(*policy));
	drop_frontends(work->table, entry->frontends, entry->frontends_count);
	entry->frontends = work->claims;
	entry->frontends_count = work->claims_count;
	work->claims = NULL;
	work->claims_count = 0;
	for (size_t i = 0; i < entry->frontends_count; i++)
		mark_frontend(work->table, entry->frontends[i].frontend);
	LIST_FOREACH(upstream, &entry->upstreams, of_service)
	{
		mark_upstream(work->table, upstream);
	}
	return 0;
}

int service_refresh(struct table *table, const struct model *model, struct service_entry *service)
{
	struct object *object = model_get(model, OBJECT_SERVICE, service->namespace, service->name);
	struct work work = {
		.table = table,
		.service = (const struct service *)object,
		.entry = service,
		.object = { OBJECT_SERVICE, service->namespace, service->name,
			    object ? object->uid : "" },
	};
	struct policy policy = {};
	struct target *target;
	int err = 0;

	service->l4_family = 0;
	service->is_l4 = service_is_l4(table, work.service);
	if (object) {
		err = policy_parse(object, &policy, &work.problems);
		if (!err)
			err = add_decoded(&work.problems, object);
		if (!err)
			err = add_slices(&work, model);
		if (!err)
			err = compile_l4(&work);
	}
	if (!err)
		err = replace_ca(&work, model, &policy);
	if (!err)
		err = commit(&work, &policy);
	LIST_FOREACH(target, &service->targets, of_service)
	{
		mark_host(table, target->claim->host);
	}
	drop_frontends(table, work.claims, work.claims_count);
	problems_clear(&work.problems);
	policy_clear(&policy);
	free(work.addresses);
	if (!err)
		service->refresh = false;
	return err;
}

int service_collect(struct table *table, struct service_entry *service)
{
	struct problem_set none = {};
	int err;

	if (!LIST_EMPTY(&service->targets) || !LIST_EMPTY(&service->upstreams) ||
	    service->frontends_count || service->is_l4)
		return 0;
	err = problems_replace(&service->problems, &none, &table->changes.problems_added,
			       &table->changes.problems_cleared);
	if (err)
		return err;
	strmap_remove(&table->services, service->key);
	service_free(table, service);
	return 0;
}

void service_free(struct table *table, struct service_entry *service)
{
	if (!service)
		return;
	unmark(service);
	secret_use_drop(table, &service->ca);
	policy_clear(&service->policy);
	problems_clear(&service->problems);
	free(service->frontends);
	free(service->uid);
	free(service->name);
	free(service->namespace);
	free(service->key);
	free(service);
}
