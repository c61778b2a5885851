// SPDX-License-Identifier: Apache-2.0
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

#include "model/kinds.h"

const char *object_kind_name(enum object_kind kind)
{
	static const char *const names[OBJECT_KINDS] = {
		[OBJECT_INGRESS] = "Ingress", [OBJECT_INGRESS_CLASS] = "IngressClass",
		[OBJECT_SERVICE] = "Service", [OBJECT_ENDPOINT_SLICE] = "EndpointSlice",
		[OBJECT_SECRET] = "Secret",   [OBJECT_CONFIG_MAP] = "ConfigMap",
		[OBJECT_NODE] = "Node",       [OBJECT_LEASE] = "Lease",
	};

	return (unsigned int)kind < OBJECT_KINDS ? names[kind] : "?";
}

size_t object_size(enum object_kind kind)
{
	static const size_t sizes[OBJECT_KINDS] = {
		[OBJECT_INGRESS] = sizeof(struct ingress),
		[OBJECT_INGRESS_CLASS] = sizeof(struct ingress_class),
		[OBJECT_SERVICE] = sizeof(struct service),
		[OBJECT_ENDPOINT_SLICE] = sizeof(struct endpoint_slice),
		[OBJECT_SECRET] = sizeof(struct secret),
		[OBJECT_CONFIG_MAP] = sizeof(struct config_map),
		[OBJECT_NODE] = sizeof(struct node),
		[OBJECT_LEASE] = sizeof(struct lease),
	};

	return sizes[kind];
}

struct object *object_new(enum object_kind kind)
{
	struct object *object = calloc(1, object_size(kind));

	if (object) {
		object->kind = kind;
		object->created_unix_s = CREATED_NEVER;
	}
	return object;
}

static const char *value_of(const struct key_value *pairs, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(pairs[i].key, key) == 0)
			return pairs[i].value;
	return NULL;
}

const char *object_annotation(const struct object *object, const char *key)
{
	return value_of(object->annotations, object->annotations_count, key);
}

const char *object_label(const struct object *object, const char *key)
{
	return value_of(object->labels, object->labels_count, key);
}

static void free_key_values(struct key_value *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(pairs[i].key);
		free(pairs[i].value);
	}
	free(pairs);
}

static void free_status(struct address_entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(entries[i].ip);
		free(entries[i].hostname);
	}
	free(entries);
}

static void free_backend(struct ingress_backend *backend)
{
	free(backend->service);
	free(backend->port.name);
	free(backend->resource);
}

static void free_ingress(struct ingress *ingress)
{
	free(ingress->class_name);
	if (ingress->default_backend)
		free_backend(ingress->default_backend);
	free(ingress->default_backend);
	for (size_t i = 0; i < ingress->rules_count; i++) {
		struct ingress_rule *rule = &ingress->rules[i];

		for (size_t j = 0; j < rule->paths_count; j++) {
			free(rule->paths[j].path);
			free_backend(&rule->paths[j].backend);
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
	free_status(ingress->status, ingress->status_count);
}

static void free_service(struct service *service)
{
	free(service->load_balancer_class);
	free(service->external_name);
	free(service->load_balancer_ips);
	free(service->external_ips);
	for (size_t i = 0; i < service->ports_count; i++) {
		free(service->ports[i].name);
		free(service->ports[i].app_protocol);
	}
	free(service->ports);
	for (size_t i = 0; i < service->source_ranges_count; i++)
		free(service->source_ranges[i]);
	free(service->source_ranges);
	free_status(service->status, service->status_count);
}

static void free_slice(struct endpoint_slice *slice)
{
	free(slice->service_name);
	for (size_t i = 0; i < slice->ports_count; i++)
		free(slice->ports[i].name);
	free(slice->ports);
	for (size_t i = 0; i < slice->endpoints_count; i++) {
		free(slice->endpoints[i].node_name);
		free(slice->endpoints[i].target_name);
	}
	free(slice->endpoints);
}

static void free_material(uint8_t *bytes, size_t count)
{
	if (bytes)
		explicit_bzero(bytes, count);
	free(bytes);
}

static void free_secret(struct secret *secret)
{
	free(secret->type);
	free_material(secret->tls_crt, secret->tls_crt_bytes);
	free_material(secret->tls_key, secret->tls_key_bytes);
	free_material(secret->ca_crt, secret->ca_crt_bytes);
	free_material(secret->tls_ocsp, secret->tls_ocsp_bytes);
}

static void free_node(struct node *node)
{
	free(node->internal_ips);
	free(node->external_ips);
}

static void free_lease(struct lease *lease)
{
	free(lease->holder);
	free(lease->renewed);
}

static void free_parts(struct object *object)
{
	struct config_map *map;

	switch (object->kind) {
	case OBJECT_INGRESS:
		free_ingress((struct ingress *)object);
		break;
	case OBJECT_INGRESS_CLASS:
		free(((struct ingress_class *)object)->controller);
		break;
	case OBJECT_SERVICE:
		free_service((struct service *)object);
		break;
	case OBJECT_ENDPOINT_SLICE:
		free_slice((struct endpoint_slice *)object);
		break;
	case OBJECT_SECRET:
		free_secret((struct secret *)object);
		break;
	case OBJECT_CONFIG_MAP:
		map = (struct config_map *)object;
		free_key_values(map->data, map->data_count);
		break;
	case OBJECT_NODE:
		free_node((struct node *)object);
		break;
	case OBJECT_LEASE:
		free_lease((struct lease *)object);
		break;
	case OBJECT_KINDS:
		break;
	}
}

void object_free(struct object *object)
{
	if (!object)
		return;
	free_parts(object);
	free(object->namespace);
	free(object->name);
	free(object->uid);
	free(object->resource_version);
	free_key_values(object->annotations, object->annotations_count);
	free_key_values(object->labels, object->labels_count);
	for (size_t i = 0; i < object->problems_count; i++) {
		free(object->problems[i].field);
		free(object->problems[i].message);
	}
	free(object->problems);
	free(object);
}
