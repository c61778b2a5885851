// SPDX-License-Identifier: Apache-2.0
/*
 * clone.c - deep copies of objects
 *
 * A struct is copied as it stands, then each pointer in it is replaced by a copy of its own. On
 * failure all that was not yet copied is NULL, so that object_free() fits.
 */
#include "model/clone.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/kinds.h"

struct copier {
	bool failed; /* out of memory once: everything after comes out as NULL */
};

static char *copy_text(struct copier *c, const char *text)
{
	char *copy = text && !c->failed ? strdup(text) : NULL;

	c->failed |= text && !copy;
	return copy;
}

/* @count: set to 0 with the array on failure */
static void *copy_array(struct copier *c, const void *array, size_t *count, size_t size)
{
	void *copy = array && *count && !c->failed ? malloc(*count * size) : NULL;

	c->failed |= array && *count && !copy;
	if (copy)
		memcpy(copy, array, *count * size);
	else
		*count = 0;
	return copy;
}

static void copy_pairs(struct copier *c, struct key_value **pairs, size_t *count)
{
	*pairs = copy_array(c, *pairs, count, sizeof(**pairs));
	for (size_t i = 0; i < *count; i++) {
		(*pairs)[i].key = copy_text(c, (*pairs)[i].key);
		(*pairs)[i].value = copy_text(c, (*pairs)[i].value);
	}
}

static void copy_status(struct copier *c, struct address_entry **entries, size_t *count)
{
	*entries = copy_array(c, *entries, count, sizeof(**entries));
	for (size_t i = 0; i < *count; i++) {
		(*entries)[i].ip = copy_text(c, (*entries)[i].ip);
		(*entries)[i].hostname = copy_text(c, (*entries)[i].hostname);
	}
}

static void copy_texts(struct copier *c, char ***texts, size_t *count)
{
	*texts = copy_array(c, *texts, count, sizeof(**texts));
	for (size_t i = 0; i < *count; i++)
		(*texts)[i] = copy_text(c, (*texts)[i]);
}

static void copy_meta(struct copier *c, struct object *object)
{
	object->namespace = copy_text(c, object->namespace);
	object->name = copy_text(c, object->name);
	object->uid = copy_text(c, object->uid);
	object->resource_version = copy_text(c, object->resource_version);
	copy_pairs(c, &object->annotations, &object->annotations_count);
	copy_pairs(c, &object->labels, &object->labels_count);
	object->problems =
		copy_array(c, object->problems, &object->problems_count, sizeof(*object->problems));
	for (size_t i = 0; i < object->problems_count; i++) {
		object->problems[i].field = copy_text(c, object->problems[i].field);
		object->problems[i].message = copy_text(c, object->problems[i].message);
	}
}

static void copy_backend(struct copier *c, struct ingress_backend *backend)
{
	backend->service = copy_text(c, backend->service);
	backend->port.name = copy_text(c, backend->port.name);
	backend->resource = copy_text(c, backend->resource);
}

static void copy_rule(struct copier *c, struct ingress_rule *rule)
{
	rule->host = copy_text(c, rule->host);
	rule->paths = copy_array(c, rule->paths, &rule->paths_count, sizeof(*rule->paths));
	for (size_t i = 0; i < rule->paths_count; i++) {
		rule->paths[i].path = copy_text(c, rule->paths[i].path);
		copy_backend(c, &rule->paths[i].backend);
	}
}

static void copy_ingress(struct copier *c, struct ingress *ingress)
{
	size_t one = 1;

	ingress->class_name = copy_text(c, ingress->class_name);
	ingress->default_backend =
		copy_array(c, ingress->default_backend, &one, sizeof(*ingress->default_backend));
	if (ingress->default_backend)
		copy_backend(c, ingress->default_backend);
	ingress->rules =
		copy_array(c, ingress->rules, &ingress->rules_count, sizeof(*ingress->rules));
	for (size_t i = 0; i < ingress->rules_count; i++)
		copy_rule(c, &ingress->rules[i]);
	ingress->tls = copy_array(c, ingress->tls, &ingress->tls_count, sizeof(*ingress->tls));
	for (size_t i = 0; i < ingress->tls_count; i++) {
		copy_texts(c, &ingress->tls[i].hosts, &ingress->tls[i].hosts_count);
		ingress->tls[i].secret_name = copy_text(c, ingress->tls[i].secret_name);
	}
	copy_status(c, &ingress->status, &ingress->status_count);
}

static void copy_service(struct copier *c, struct service *service)
{
	service->load_balancer_class = copy_text(c, service->load_balancer_class);
	service->external_name = copy_text(c, service->external_name);
	service->load_balancer_ips =
		copy_array(c, service->load_balancer_ips, &service->load_balancer_ips_count,
			   sizeof(*service->load_balancer_ips));
	service->external_ips = copy_array(c, service->external_ips, &service->external_ips_count,
					   sizeof(*service->external_ips));
	service->ports =
		copy_array(c, service->ports, &service->ports_count, sizeof(*service->ports));
	for (size_t i = 0; i < service->ports_count; i++) {
		service->ports[i].name = copy_text(c, service->ports[i].name);
		service->ports[i].app_protocol = copy_text(c, service->ports[i].app_protocol);
	}
	copy_texts(c, &service->source_ranges, &service->source_ranges_count);
	copy_status(c, &service->status, &service->status_count);
}

static void copy_slice(struct copier *c, struct endpoint_slice *slice)
{
	slice->service_name = copy_text(c, slice->service_name);
	slice->ports = copy_array(c, slice->ports, &slice->ports_count, sizeof(*slice->ports));
	for (size_t i = 0; i < slice->ports_count; i++)
		slice->ports[i].name = copy_text(c, slice->ports[i].name);
	slice->endpoints =
		copy_array(c, slice->endpoints, &slice->endpoints_count, sizeof(*slice->endpoints));
	for (size_t i = 0; i < slice->endpoints_count; i++) {
		slice->endpoints[i].node_name = copy_text(c, slice->endpoints[i].node_name);
		slice->endpoints[i].target_name = copy_text(c, slice->endpoints[i].target_name);
	}
}

/* A value that is there but empty stays there: NULL says absent. */
static uint8_t *copy_material(struct copier *c, const uint8_t *bytes, size_t *count)
{
	uint8_t *copy = bytes && !c->failed ? malloc(*count + 1) : NULL;

	c->failed |= bytes && !copy;
	if (copy)
		memcpy(copy, bytes, *count);
	else
		*count = 0;
	return copy;
}

static void copy_secret(struct copier *c, struct secret *secret)
{
	secret->type = copy_text(c, secret->type);
	secret->tls_crt = copy_material(c, secret->tls_crt, &secret->tls_crt_bytes);
	secret->tls_key = copy_material(c, secret->tls_key, &secret->tls_key_bytes);
	secret->ca_crt = copy_material(c, secret->ca_crt, &secret->ca_crt_bytes);
	secret->tls_ocsp = copy_material(c, secret->tls_ocsp, &secret->tls_ocsp_bytes);
}

static void copy_node(struct copier *c, struct node *node)
{
	node->internal_ips = copy_array(c, node->internal_ips, &node->internal_ips_count,
					sizeof(*node->internal_ips));
	node->external_ips = copy_array(c, node->external_ips, &node->external_ips_count,
					sizeof(*node->external_ips));
}

static void copy_parts(struct copier *c, struct object *object)
{
	struct ingress_class *class = (struct ingress_class *)object;
	struct config_map *map = (struct config_map *)object;
	struct lease *lease = (struct lease *)object;

	switch (object->kind) {
	case OBJECT_INGRESS:
		copy_ingress(c, (struct ingress *)object);
		break;
	case OBJECT_INGRESS_CLASS:
		class->controller = copy_text(c, class->controller);
		break;
	case OBJECT_SERVICE:
		copy_service(c, (struct service *)object);
		break;
	case OBJECT_ENDPOINT_SLICE:
		copy_slice(c, (struct endpoint_slice *)object);
		break;
	case OBJECT_SECRET:
		copy_secret(c, (struct secret *)object);
		break;
	case OBJECT_CONFIG_MAP:
		copy_pairs(c, &map->data, &map->data_count);
		break;
	case OBJECT_NODE:
		copy_node(c, (struct node *)object);
		break;
	case OBJECT_LEASE:
		lease->holder = copy_text(c, lease->holder);
		lease->renewed = copy_text(c, lease->renewed);
		break;
	case OBJECT_KINDS:
		break;
	}
}

int object_clone(const struct object *object, struct object **out)
{
	struct copier c = {};
	struct object *copy = object_new(object->kind);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, object, object_size(object->kind));
	copy_meta(&c, copy);
	copy_parts(&c, copy);
	if (c.failed) {
		object_free(copy);
		return -ENOMEM;
	}
	*out = copy;
	return 0;
}
