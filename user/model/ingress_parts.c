// SPDX-License-Identifier: Apache-2.0
/*
 * ingress_parts.c - the parts of an Ingress: copied, compared, freed
 */
#include "model/ingress_parts.h"

#include <stdlib.h>

static void copy_backend(struct copier *c, struct ingress_backend *backend)
{
	backend->service = copier_text(c, backend->service);
	backend->port.name = copier_text(c, backend->port.name);
	backend->resource = copier_text(c, backend->resource);
}

static void copy_rule(struct copier *c, struct ingress_rule *rule)
{
	rule->host = copier_text(c, rule->host);
	rule->paths = copier_array(c, rule->paths, &rule->paths_count, sizeof(*rule->paths));
	for (size_t i = 0; i < rule->paths_count; i++) {
		rule->paths[i].path = copier_text(c, rule->paths[i].path);
		copy_backend(c, &rule->paths[i].backend);
	}
}

void ingress_copy(struct copier *c, struct object *object)
{
	struct ingress *ingress = (struct ingress *)object;
	size_t one = 1;

	ingress->class_name = copier_text(c, ingress->class_name);
	ingress->default_backend =
		copier_array(c, ingress->default_backend, &one, sizeof(*ingress->default_backend));
	if (ingress->default_backend)
		copy_backend(c, ingress->default_backend);
	ingress->rules =
		copier_array(c, ingress->rules, &ingress->rules_count, sizeof(*ingress->rules));
	for (size_t i = 0; i < ingress->rules_count; i++)
		copy_rule(c, &ingress->rules[i]);
	ingress->tls = copier_array(c, ingress->tls, &ingress->tls_count, sizeof(*ingress->tls));
	for (size_t i = 0; i < ingress->tls_count; i++) {
		copier_texts(c, &ingress->tls[i].hosts, &ingress->tls[i].hosts_count);
		ingress->tls[i].secret_name = copier_text(c, ingress->tls[i].secret_name);
	}
	copier_addresses(c, &ingress->status, &ingress->status_count);
}

void ingress_backend_clear(struct ingress_backend *backend)
{
	free(backend->service);
	free(backend->port.name);
	free(backend->resource);
}

static bool same_backend(const struct ingress_backend *a, const struct ingress_backend *b)
{
	if (!a || !b)
		return a == b;
	return same_text(a->service, b->service) && same_text(a->port.name, b->port.name) &&
	       a->port.number == b->port.number && same_text(a->resource, b->resource);
}

static bool same_rule(const struct ingress_rule *a, const struct ingress_rule *b)
{
	if (!same_text(a->host, b->host) || a->has_http != b->has_http || a->index != b->index ||
	    a->paths_count != b->paths_count)
		return false;
	for (size_t i = 0; i < a->paths_count; i++)
		if (!same_text(a->paths[i].path, b->paths[i].path) ||
		    a->paths[i].type != b->paths[i].type ||
		    a->paths[i].index != b->paths[i].index ||
		    !same_backend(&a->paths[i].backend, &b->paths[i].backend))
			return false;
	return true;
}

static bool same_tls(const struct ingress_tls *a, const struct ingress_tls *b)
{
	if (!same_text(a->secret_name, b->secret_name) || a->index != b->index ||
	    a->hosts_count != b->hosts_count)
		return false;
	for (size_t i = 0; i < a->hosts_count; i++)
		if (!same_text(a->hosts[i], b->hosts[i]))
			return false;
	return true;
}

bool ingress_equal(const struct object *left, const struct object *right)
{
	const struct ingress *a = (const struct ingress *)left;
	const struct ingress *b = (const struct ingress *)right;

	if (!same_text(a->class_name, b->class_name) ||
	    !same_backend(a->default_backend, b->default_backend) || a->has_rules != b->has_rules ||
	    a->rules_count != b->rules_count || a->tls_count != b->tls_count)
		return false;
	for (size_t i = 0; i < a->rules_count; i++)
		if (!same_rule(&a->rules[i], &b->rules[i]))
			return false;
	for (size_t i = 0; i < a->tls_count; i++)
		if (!same_tls(&a->tls[i], &b->tls[i]))
			return false;
	return true;
}

void ingress_free_parts(struct object *object)
{
	struct ingress *ingress = (struct ingress *)object;

	free(ingress->class_name);
	if (ingress->default_backend)
		ingress_backend_clear(ingress->default_backend);
	free(ingress->default_backend);
	for (size_t i = 0; i < ingress->rules_count; i++) {
		struct ingress_rule *rule = &ingress->rules[i];

		for (size_t j = 0; j < rule->paths_count; j++) {
			free(rule->paths[j].path);
			ingress_backend_clear(&rule->paths[j].backend);
		}
		free(rule->paths);
		free(rule->host);
	}
	free(ingress->rules);
	for (size_t i = 0; i < ingress->tls_count; i++) {
		for (size_t j = 0; j < ingress->tls[i].hosts_count; j++)
			free(ingress->tls[i].hosts[j]);
		free(ingress->tls[i].hosts);
		free(ingress->tls[i].secret_name);
	}
	free(ingress->tls);
	address_entries_free(ingress->status, ingress->status_count);
}
