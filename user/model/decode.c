// SPDX-License-Identifier: Apache-2.0
/*
 * decode.c - kind, version and metadata of an object; the rest is in decode_<kind>.c
 */
#include "model/decode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/kinds.h"
#include "model/names.h"
#include "model/timestamp.h"

/* 2^53: above that a JSON number loses digits here; generations stay far below. */
#define GENERATION_MAX (INT64_C(1) << 53)

struct kind {
	const char *name, *version;
	enum object_kind kind;
	bool cluster_scoped;
	bool is_endpoints;
	const char *(*check_name)(const char *name);
};

static const struct kind kinds[] = {
	{ .name = "Ingress",
	  .version = "networking.k8s.io/v1",
	  .kind = OBJECT_INGRESS,
	  .check_name = name_check_subdomain },
	{ .name = "IngressClass",
	  .version = "networking.k8s.io/v1",
	  .kind = OBJECT_INGRESS_CLASS,
	  .cluster_scoped = true,
	  .check_name = name_check_subdomain },
	{ .name = "Service",
	  .version = "v1",
	  .kind = OBJECT_SERVICE,
	  .check_name = name_check_label },
	{ .name = "EndpointSlice",
	  .version = "discovery.k8s.io/v1",
	  .kind = OBJECT_ENDPOINT_SLICE,
	  .check_name = name_check_subdomain },
	{ .name = "Endpoints",
	  .version = "v1",
	  .kind = OBJECT_ENDPOINT_SLICE,
	  .is_endpoints = true,
	  .check_name = name_check_subdomain },
	{ .name = "Secret",
	  .version = "v1",
	  .kind = OBJECT_SECRET,
	  .check_name = name_check_subdomain },
	{ .name = "ConfigMap",
	  .version = "v1",
	  .kind = OBJECT_CONFIG_MAP,
	  .check_name = name_check_subdomain },
	{ .name = "Node",
	  .version = "v1",
	  .kind = OBJECT_NODE,
	  .cluster_scoped = true,
	  .check_name = name_check_subdomain },
	{ .name = "Lease",
	  .version = "coordination.k8s.io/v1",
	  .kind = OBJECT_LEASE,
	  .check_name = name_check_subdomain },
};

/* Return: 0; -EINVAL; -ENOTSUP with the fault remembered too, for the log. */
static int find_kind(struct decode *d, const cJSON *json, const char *hint, const struct kind **out)
{
	struct field kind_at = field_child(NULL, "kind");
	struct field version_at = field_child(NULL, "apiVersion");
	const char *name = hint, *version = NULL;
	char quoted[QUOTED_MAX];
	int err;

	if (!cJSON_IsObject(json))
		return decode_fault(d, NULL, "not an object");
	err = decode_text(d, NULL, json, "kind", &name);
	if (!err)
		err = decode_text(d, NULL, json, "apiVersion", &version);
	if (err)
		return err;
	if (!name || !*name)
		return decode_fault(d, &kind_at, "missing");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, name) != 0)
			continue;
		if (!version && !hint)
			return decode_fault(d, &version_at, "missing");
		if (version && strcmp(kinds[i].version, version) != 0)
			continue;
		*out = &kinds[i];
		return 0;
	}
	decode_fault(d, &kind_at, "%s of apiVersion '%.64s' is not one that is served",
		     quote_text(name, quoted), version ? version : "");
	return -ENOTSUP;
}

static int decode_names(struct decode *d, const struct field *at, const cJSON *meta,
			const struct kind *kind)
{
	struct field name_at = field_child(at, "name"), namespace_at = field_child(at, "namespace");
	const char *name = "", *namespace = "", *reason;
	char quoted[QUOTED_MAX];
	int err = decode_text(d, at, meta, "name", &name);

	if (!err)
		err = decode_text(d, at, meta, "namespace", &namespace);
	if (err)
		return err;
	if (!*name)
		return decode_fault(d, &name_at, "missing");
	reason = kind->check_name(name);
	if (reason)
		return decode_fault(d, &name_at, "%s %s", quote_text(name, quoted), reason);
	if (kind->cluster_scoped)
	namespace = "";
	else if (!*namespace) namespace = "default";
	reason = *namespace ? name_check_label(namespace) : NULL;
	if (reason)
		return decode_fault(d, &namespace_at, "%s %s", quote_text(namespace, quoted),
				    reason);
	d->object->name = strdup(name);
	d->object->namespace = strdup(namespace);
	return d->object->name && d->object->namespace ? 0 : -ENOMEM;
}

static int decode_created(struct decode *d, const struct field *at, const cJSON *meta)
{
	struct field created_at = field_child(at, "creationTimestamp");
	char quoted[QUOTED_MAX];
	const char *text = NULL;
	int err = decode_text(d, at, meta, "creationTimestamp", &text);

	if (err == -EINVAL)
		return decode_note_fault(d);
	if (err || !text)
		return err;
	if (timestamp_parse(text, &d->object->created_unix_s))
		return decode_note(d, &created_at, "%s is no RFC 3339 time",
				   quote_text(text, quoted));
	return 0;
}

static int decode_meta(struct decode *d, const cJSON *json, const struct kind *kind)
{
	struct field at = field_child(NULL, "metadata");
	struct object *object = d->object;
	const cJSON *meta = NULL;
	int err = decode_map(d, NULL, json, "metadata", &meta);

	if (!err)
		err = decode_names(d, &at, meta, kind);
	if (!err)
		err = decode_created(d, &at, meta);
	if (!err)
		err = decode_string(d, &at, meta, "uid", &object->uid);
	if (!err)
		err = decode_string(d, &at, meta, "resourceVersion", &object->resource_version);
	if (!err)
		err = decode_integer(d, &at, meta, "generation", 0, GENERATION_MAX,
				     &object->generation);
	if (!err)
		err = decode_key_values(d, &at, meta, "annotations", &object->annotations,
					&object->annotations_count);
	if (!err)
		err = decode_key_values(d, &at, meta, "labels", &object->labels,
					&object->labels_count);
	if (err)
		return err;
	if (!object->uid)
		object->uid = strdup("");
	if (!object->resource_version)
		object->resource_version = strdup("");
	return object->uid && object->resource_version ? 0 : -ENOMEM;
}

static int decode_parts(struct decode *d, const cJSON *json)
{
	struct object *object = d->object;

	switch (object->kind) {
	case OBJECT_INGRESS:
		return decode_ingress(d, json, (struct ingress *)object);
	case OBJECT_INGRESS_CLASS:
		return decode_ingress_class(d, json, (struct ingress_class *)object);
	case OBJECT_SERVICE:
		return decode_service(d, json, (struct service *)object);
	case OBJECT_ENDPOINT_SLICE:
		return decode_slice(d, json, (struct endpoint_slice *)object);
	case OBJECT_SECRET:
		return decode_secret(d, json, (struct secret *)object);
	case OBJECT_CONFIG_MAP:
		return decode_config_map(d, json, (struct config_map *)object);
	case OBJECT_NODE:
		return decode_node(d, json, (struct node *)object);
	case OBJECT_LEASE:
		return decode_lease(d, json, (struct lease *)object);
	case OBJECT_KINDS:
		break;
	}
	return -ENOTSUP;
}

static int result_of(struct object *object, struct decode_result *out)
{
	out->objects = malloc(sizeof(*out->objects));
	if (!out->objects)
		return -ENOMEM;
	out->objects[0] = object;
	out->count = 1;
	return 0;
}

int decode_object(const cJSON *json, const char *kind_hint, struct decode_result *out,
		  char error[DECODE_ERROR_MAX])
{
	struct decode_result result = {};
	const struct kind *kind = NULL;
	struct object *object = NULL;
	struct decode d = {};
	int err;

	err = find_kind(&d, json, kind_hint, &kind);
	if (err)
		goto out;
	object = object_new(kind->kind);
	if (!object) {
		err = -ENOMEM;
		goto out;
	}
	d.object = object;
	err = decode_meta(&d, json, kind);
	if (err)
		goto out;
	if (kind->is_endpoints) {
		err = decode_endpoints(&d, json, object, &result);
	} else {
		err = decode_parts(&d, json);
		if (!err)
			err = result_of(object, &result);
		if (!err)
			object = NULL; /* ownership moved to the result */
	}
	if (err)
		goto out;
	*out = result;
	result = (struct decode_result){};
out:
	if (err == -ENOMEM)
		snprintf(error, DECODE_ERROR_MAX, "out of memory");
	else if (err)
		snprintf(error, DECODE_ERROR_MAX, "%s%s%s", d.field, d.field[0] ? ": " : "",
			 d.message);
	decode_result_free(&result);
	object_free(object);
	return err;
}

void decode_result_free(struct decode_result *result)
{
	for (size_t i = 0; i < result->count; i++)
		object_free(result->objects[i]);
	free(result->objects);
	*result = (struct decode_result){};
}
