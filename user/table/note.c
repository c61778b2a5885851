// SPDX-License-Identifier: Apache-2.0
/*
 * note.c - what a change of the model marks for work
 */
#include "table/note.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table/compile/compile.h"
#include "table/marks.h"
#include "table/policy/nginx_policy.h"
#include "table/secrets.h"

int note_service(struct table *table, const struct model *model, const char *namespace,
		 const char *name)
{
	const struct service *object =
		(const struct service *)model_get(model, OBJECT_SERVICE, namespace, name);
	char *key = key_of(namespace, name);
	struct service_entry *service;
	struct target *target;
	int err = 0;

	if (!key)
		return -ENOMEM;
	service = strmap_get(&table->services, key);
	free(key);
	if (!service && !service_is_l4(table, object))
		return 0;
	if (!service)
		err = service_entry_get(table, namespace, name, &service);
	if (err)
		return err;
	mark_service_changed(table, service);
	LIST_FOREACH(target, &service->targets, of_service)
	{
		if (target->claim->owner)
			mark_owner(table, target->claim->owner);
		else
			table->default_marked = true;
	}
	return 0;
}

static int note_slice(struct table *table, const char *namespace, const struct object *object)
{
	const struct endpoint_slice *slice = (const struct endpoint_slice *)object;
	struct upstream_entry *upstream;
	struct service_entry *service;
	uint16_t weight;
	char *key;

	if (!slice || !slice->service_name[0])
		return 0;
	key = key_of(namespace, slice->service_name);
	if (!key)
		return -ENOMEM;
	service = strmap_get(&table->services, key);
	free(key);
	if (!service)
		return 0;
	LIST_FOREACH(upstream, &service->upstreams, of_service)
	{
		mark_upstream(table, upstream);
	}
	if (object->problems_count || l4_policy_weight(slice, &weight) ||
	    service->problems.count) /* it may tell of the slice's */
		mark_service_changed(table, service);
	return 0;
}

static bool same_addresses(const struct node *a, const struct node *b)
{
	return a && b && a->internal_ips_count == b->internal_ips_count &&
	       (!a->internal_ips_count ||
		memcmp(a->internal_ips, b->internal_ips,
		       a->internal_ips_count * sizeof(*a->internal_ips)) == 0);
}

static void note_node(struct table *table, const struct object *old, const struct object *now,
		      const char *name)
{
	const struct strmap_entry *at;
	size_t position = 0;

	if (strcmp(name, table->options.node_name) == 0)
		table->addresses_changed = true;
	if (same_addresses((const struct node *)old, (const struct node *)now))
		return;
	while ((at = strmap_next(&table->upstreams, &position)))
		mark_upstream(table, at->value);
}

/* What counts for Ingresses of the nginx class where they say nothing. */
static int compile_nginx(struct table *table, const struct model *model)
{
	const char *key = table->options.nginx_config_map;
	const char *slash = key ? strchr(key, '/') : NULL;
	const struct config_map *config = NULL;
	struct problem_set now = {};
	struct policy defaults;
	char namespace[256];
	int err;

	if (!table->options.nginx_class)
		return 0;
	if (slash) {
		snprintf(namespace, sizeof(namespace), "%.*s", (int)(slash - key), key);
		config = (const struct config_map *)model_get(model, OBJECT_CONFIG_MAP, namespace,
							      slash + 1);
	}
	err = nginx_policy_defaults(config, &defaults, &now);
	if (!err)
		err = problems_replace(&table->nginx.problems, &now, &table->changes.problems_added,
				       &table->changes.problems_cleared);
	problems_clear(&now);
	if (err) {
		policy_clear(&defaults);
		return err;
	}
	policy_clear(&table->nginx.defaults);
	table->nginx.defaults = defaults;
	return 0;
}

/* Is it the ConfigMap that --nginx-configmap names? */
static bool is_nginx_config(const struct table *table, const struct model_change *change)
{
	const char *key = table->options.nginx_config_map;
	size_t bytes = strlen(change->namespace);

	return key && strncmp(key, change->namespace, bytes) == 0 && key[bytes] == '/' &&
	       strcmp(key + bytes + 1, change->name) == 0;
}

static int compile_all_ingresses(struct table *table, const struct model *model)
{
	const struct strmap_entry *at;
	size_t position = 0;
	int err = 0;

	while (!err && (at = strmap_next(&model->objects[OBJECT_INGRESS], &position))) {
		const struct object *object = at->value;

		err = ingress_compile(table, model, object->namespace, object->name);
	}
	return err;
}

/* Everything but Ingresses, which are compiled when all else is marked. */
static int note_change(struct table *table, const struct model *model,
		       const struct model_change *change, bool *classes_changed)
{
	const struct object *now = model_get(model, change->kind, change->namespace, change->name);
	int err = 0;

	switch (change->kind) {
	case OBJECT_INGRESS_CLASS:
		*classes_changed = true;
		break;
	case OBJECT_SERVICE:
		err = note_service(table, model, change->namespace, change->name);
		break;
	case OBJECT_ENDPOINT_SLICE:
		err = note_slice(table, change->namespace, change->old);
		if (!err)
			err = note_slice(table, change->namespace, now);
		break;
	case OBJECT_SECRET:
		err = secret_changed(table, change->namespace, change->name);
		break;
	case OBJECT_CONFIG_MAP:
		table->denylist_marked |= strcmp(change->name, CONFIG_MAP_DENYLIST) == 0;
		if (is_nginx_config(table, change)) {
			err = compile_nginx(table, model);
			*classes_changed = true;
		}
		break;
	case OBJECT_NODE:
		note_node(table, change->old, now, change->name);
		break;
	default:
		break;
	}
	return err;
}

int note_changes(struct table *table, const struct model *model)
{
	bool classes_changed = false;
	int err = 0;

	for (size_t i = 0; i < model->changes_count && !err; i++)
		err = note_change(table, model, &model->changes[i], &classes_changed);
	for (size_t i = 0; i < model->changes_count && !err && !classes_changed; i++)
		if (model->changes[i].kind == OBJECT_INGRESS)
			err = ingress_compile(table, model, model->changes[i].namespace,
					      model->changes[i].name);
	for (size_t i = 0; i < model->changes_count && !err && classes_changed; i++)
		if (model->changes[i].kind == OBJECT_INGRESS &&
		    !model_get(model, OBJECT_INGRESS, model->changes[i].namespace,
			       model->changes[i].name))
			err = ingress_compile(table, model, model->changes[i].namespace,
					      model->changes[i].name);
	if (!err && classes_changed)
		err = compile_all_ingresses(table, model);
	return err;
}

int note_all(struct table *table, const struct model *model)
{
	const struct strmap_entry *at;
	size_t position = 0;
	int err = compile_nginx(table, model);

	while (!err && (at = strmap_next(&model->objects[OBJECT_SERVICE], &position))) {
		const struct object *object = at->value;

		err = note_service(table, model, object->namespace, object->name);
	}
	return err ? err : compile_all_ingresses(table, model);
}

int note_externals(struct table *table, const struct model *model)
{
	const struct strmap_entry *at;
	size_t position = 0;
	int err = 0;

	if (!table->externals_changed)
		return 0;
	while (!err && (at = strmap_next(&table->services, &position))) {
		const struct service_entry *entry = at->value;
		const struct service *service = external_service(model, entry);
		const struct external *external =
			service ? external_find(table, service->external_name) : NULL;

		if (external && external->changed)
			err = note_service(table, model, entry->namespace, entry->name);
	}
	if (!err)
		externals_settle(table);
	return err;
}
