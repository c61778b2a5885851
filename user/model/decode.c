// SPDX-License-Identifier: Apache-2.0
/*
 * decode.c - kind, version and metadata of an object; the rest is in kind_<name>.c
 */
#include "model/decode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/fields.h"
#include "model/kind.h"
#include "model/decode_endpoints.h"
#include "model/names.h"
#include "model/timestamp.h"

/* 2^53: above that a JSON number loses digits here; generations stay far below. */
#define GENERATION_MAX (INT64_C(1) << 53)

/* What an object is read as. */
struct form {
	const struct kind_resource *resource; /* as which it is written */
	enum object_kind kind;                /* that comes of it */
	bool is_endpoints;
};

static const struct kind_resource endpoints = { "", "v1", "endpoints", "Endpoints", true };

/* False: no such kind exists. */
static bool form_of_name(const char *name, struct form *out)
{
	*out = (struct form){ .kind = kind_of_name(name) };
	if (strcmp(name, endpoints.name) == 0)
		*out = (struct form){ &endpoints, OBJECT_ENDPOINT_SLICE, true };
	else if (out->kind < OBJECT_KINDS)
		out->resource = kind_resource(out->kind);
	return out->resource;
}

/* Return: 0; -EINVAL; -ENOTSUP with the fault remembered too, for the log. */
static int find_form(struct decode *d, const cJSON *json, const char *hint, struct form *out)
{
	struct field kind_at = field_child(NULL, "kind");
	struct field version_at = field_child(NULL, "apiVersion");
	const char *name = hint, *version = NULL;
	char quoted[QUOTED_MAX], wanted[KIND_API_VERSION_MAX];
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
	if (form_of_name(name, out)) {
		if (!version && !hint)
			return decode_fault(d, &version_at, "missing");
		if (!version || strcmp(kind_api_version(out->resource, wanted), version) == 0)
			return 0;
	}
	decode_fault(d, &kind_at, "%s of apiVersion '%.64s' is not one that is served",
		     quote_text(name, quoted), version ? version : "");
	return -ENOTSUP;
}

static int decode_names(struct decode *d, const struct field *at, const cJSON *meta,
			const struct form *form)
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
	reason = kind_ops(form->kind)->check_name(name);
	if (reason)
		return decode_fault(d, &name_at, "%s %s", quote_text(name, quoted), reason);
	if (!form->resource->namespaced)
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
		return decode_note(d, &created_at, "%s is not an RFC 3339 time",
				   quote_text(text, quoted));
	return 0;
}

static int decode_meta(struct decode *d, const cJSON *json, const struct form *form)
{
	struct field at = field_child(NULL, "metadata");
	struct object *object = d->object;
	const cJSON *meta = NULL;
	int err = decode_map(d, NULL, json, "metadata", &meta);

	if (!err)
		err = decode_names(d, &at, meta, form);
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
	struct form form = {};
	struct object *object = NULL;
	struct decode d = {};
	int err;

	err = find_form(&d, json, kind_hint, &form);
	if (err)
		goto out;
	object = object_new(form.kind);
	if (!object) {
		err = -ENOMEM;
		goto out;
	}
	d.object = object;
	err = decode_meta(&d, json, &form);
	if (err)
		goto out;
	if (form.is_endpoints) {
		err = decode_endpoints(&d, json, object, &result.objects, &result.count);
	} else {
		err = kind_ops(form.kind)->decode(&d, json, object);
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
