// SPDX-License-Identifier: Apache-2.0
/*
 * compile_service.c - annotations of a Service, what its slices say, and what follows from both
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table/compile/compile.h"
#include "table/marks.h"
#include "table/secrets.h"

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

/* One Service being compiled. */
struct work {
	struct table *table;
	const struct service *service; /* borrowed from the model */
	struct service_entry *entry;
	struct problem_set problems;
	struct problem_object object;
	struct l4_compiled l4; /* owned until it is moved into the entry */
};

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
	for (size_t i = 0; slices && i < slices->count && !err; i++)
		err = l4_policy_check_slice((const struct endpoint_slice *)slices->items[i],
					    &work->problems);
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
	fault = secret_fault(work->table, model, &entry->ca);
	secret_use_judge(work->table, &entry->ca, !fault);
	if (!fault)
		return 0;
	return problems_add(&work->problems, &work->object, PROBLEM_WARNING, "SecretUnusable",
			    "metadata.annotations[" POLICY_PREFIX "backend-ca]",
			    "Secret %s/%s %s; its backends cannot be verified and are not used",
			    entry->namespace, policy->ca, fault);
}

/* Puts what was compiled in use. */
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
	l4_compiled_clear(work->table, &entry->l4);
	entry->l4 = work->l4;
	memset(&work->l4, 0, sizeof(work->l4));
	for (size_t i = 0; i < entry->l4.claims_count; i++)
		mark_frontend(work->table, entry->l4.claims[i].frontend);
	service_watch_health(work->table, entry, work->service);
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
		if (!err && service->is_l4)
			err = l4_compile(table, work.service, service, &work.problems, &work.l4);
	}
	if (!err)
		err = replace_ca(&work, model, &policy);
	if (!err)
		err = commit(&work, &policy);
	LIST_FOREACH(target, &service->targets, of_service)
	{
		mark_host(table, target->claim->host);
	}
	l4_compiled_clear(table, &work.l4);
	problems_clear(&work.problems);
	policy_clear(&policy);
	if (!err)
		service->refresh = false;
	return err;
}

int service_collect(struct table *table, struct service_entry *service)
{
	struct problem_set none = {};
	int err;

	if (!LIST_EMPTY(&service->targets) || !LIST_EMPTY(&service->upstreams) ||
	    service->l4.claims_count || service->is_l4)
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
	free(service->l4.claims); /* frontends and upstreams are gone, or never were */
	l4_policy_clear(&service->l4.policy);
	if (service->health_check)
		LIST_REMOVE(service, of_health_checks);
	free(service->uid);
	free(service->name);
	free(service->namespace);
	free(service->key);
	free(service);
}
