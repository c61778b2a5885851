// SPDX-License-Identifier: Apache-2.0
/*
 * decode_endpoints.c - a v1 Endpoints, read as slices
 */
#include "model/decode_endpoints.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/kind.h"
#include "model/kind_slice.h"

static int decode_address(struct decode *d, const struct field *at, const cJSON *json, bool ready,
			  struct slice_endpoint *endpoint)
{
	struct field ip_at = field_child(at, "ip");
	const char *text = "";
	int err = decode_expect_object(d, at, json);

	if (!err)
		err = decode_text(d, at, json, "ip", &text);
	if (!err)
		err = slice_decode_addr(d, &ip_at, text, true, true, &endpoint->addr);
	if (!err)
		err = slice_decode_target(d, at, json, endpoint);
	endpoint->ready = ready;
	endpoint->serving = ready;
	return err;
}

/* Appends the addresses of one of the two lists of a subset. */
static int decode_addresses_of(struct decode *d, const struct field *subset_at, const cJSON *subset,
			       const char *name, bool ready, struct endpoint_slice *slice)
{
	struct field list_at = field_child(subset_at, name);
	const cJSON *list = NULL, *item;
	struct slice_endpoint *grown;
	size_t index = 0;
	int err = decode_array(d, subset_at, subset, name, &list);

	if (err || !list || !list->child)
		return err;
	grown = realloc(slice->endpoints,
			(slice->endpoints_count + (size_t)cJSON_GetArraySize(list)) *
				sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	slice->endpoints = grown;
	cJSON_ArrayForEach (item, list) {
		struct field at = field_item(&list_at, index++);
		struct slice_endpoint endpoint = {};

		err = decode_address(d, &at, item, ready, &endpoint);
		if (!err) {
			slice->endpoints[slice->endpoints_count++] = endpoint;
			continue;
		}
		slice_endpoint_clear(&endpoint);
		if (err == -EINVAL)
			err = decode_note_fault(d);
		if (err)
			return err;
	}
	return 0;
}

/* A slice with the names of the Endpoints that it comes from. Return: NULL if there is no memory.
 */
static struct endpoint_slice *slice_of(const struct object *meta, size_t number)
{
	struct object *object = object_new(OBJECT_ENDPOINT_SLICE);
	struct endpoint_slice *slice = (struct endpoint_slice *)object;

	if (!object)
		return NULL;
	object->created_unix_s = meta->created_unix_s;
	object->generation = meta->generation;
	object->namespace = strdup(meta->namespace);
	object->uid = strdup(meta->uid);
	object->resource_version = strdup(meta->resource_version);
	slice->service_name = strdup(meta->name);
	slice->from_endpoints = true;
	if (asprintf(&object->name, "%s#%zu", meta->name, number) < 0)
		object->name = NULL;
	if (object->namespace && object->name && object->uid && object->resource_version &&
	    slice->service_name)
		return slice;
	object_free(object);
	return NULL;
}

static int decode_subset(struct decode *d, const struct field *at, const cJSON *json,
			 struct endpoint_slice *slice)
{
	int err = decode_expect_object(d, at, json);

	if (!err)
		err = slice_decode_ports(d, at, json, slice);
	if (!err)
		err = decode_addresses_of(d, at, json, "addresses", true, slice);
	if (!err)
		err = decode_addresses_of(d, at, json, "notReadyAddresses", false, slice);
	return err;
}

int decode_endpoints(struct decode *d, const cJSON *json, const struct object *meta,
		     struct object ***out, size_t *count)
{
	struct field list_at = field_child(NULL, "subsets");
	const cJSON *list = NULL, *item;
	int err = decode_array(d, NULL, json, "subsets", &list);

	if (err || !list || !list->child)
		return err;
	*out = calloc((size_t)cJSON_GetArraySize(list), sizeof(**out));
	if (!*out)
		return -ENOMEM;
	cJSON_ArrayForEach (item, list) {
		struct field at = field_item(&list_at, *count);
		struct endpoint_slice *slice = slice_of(meta, *count);

		if (!slice)
			return -ENOMEM;
		(*out)[(*count)++] = &slice->meta;
		d->object = &slice->meta; /* problems go where the part went */
		err = decode_subset(d, &at, item, slice);
		if (err == -EINVAL)
			err = decode_note_fault(d);
		if (err)
			return err;
	}
	return 0;
}
