// SPDX-License-Identifier: Apache-2.0
/*
 * decode_slice.c - EndpointSlice, and Endpoints as slices
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/kinds.h"

#define SERVICE_LABEL "kubernetes.io/service-name"

/* ports[]: the same in both kinds. */
static int decode_slice_port(struct decode *d, const struct field *at, const cJSON *json,
			     struct slice_port *port)
{
	const char *name = "";
	int err = decode_expect_object(d, at, json);

	if (!err)
		err = decode_text(d, at, json, "name", &name);
	if (!err)
		err = decode_port(d, at, json, "port", &port->number);
	if (!err)
		err = decode_protocol(d, at, json, &port->proto);
	if (err)
		return err;
	port->name = strdup(name);
	return port->name ? 0 : -ENOMEM;
}

static int decode_slice_ports(struct decode *d, const struct field *parent_at, const cJSON *json,
			      struct endpoint_slice *slice)
{
	struct field list_at = field_child(parent_at, "ports");
	const cJSON *list = NULL, *item;
	size_t index = 0;
	int err = decode_array(d, parent_at, json, "ports", &list);

	if (err || !list || !list->child)
		return err;
	slice->ports = calloc((size_t)cJSON_GetArraySize(list), sizeof(*slice->ports));
	if (!slice->ports)
		return -ENOMEM;
	cJSON_ArrayForEach (item, list) {
		struct field at = field_item(&list_at, index++);
		struct slice_port *port = &slice->ports[slice->ports_count];

		err = decode_slice_port(d, &at, item, port);
		if (!err) {
			slice->ports_count++;
			continue;
		}
		*port = (struct slice_port){};
		if (err == -EINVAL)
			err = decode_note_fault(d);
		if (err)
			return err;
	}
	return 0;
}

/* @want_v4, @want_v6: the families that the slice may hold */
static int decode_addr(struct decode *d, const struct field *at, const char *text, bool want_v4,
		       bool want_v6, struct inet_addr *out)
{
	char quoted[QUOTED_MAX];
	struct inet_addr addr;
	bool multicast;

	if (inet_addr_parse(text, &addr))
		return decode_fault(d, at, "%s is no IP address", quote_text(text, quoted));
	if (inet_addr_is_v4(&addr) ? !want_v4 : !want_v6)
		return decode_fault(d, at, "%s is not of the slice's addressType",
				    quote_text(text, quoted));
	multicast = inet_addr_is_v4(&addr) ? addr.bytes[12] >= 224 : addr.bytes[0] == 0xff;
	if (inet_addr_is_any(&addr) || multicast)
		return decode_fault(d, at, "%s is not the address of a single host",
				    quote_text(text, quoted));
	*out = addr;
	return 0;
}

static int decode_target(struct decode *d, const struct field *at, const cJSON *json,
			 struct slice_endpoint *endpoint)
{
	struct field target_at = field_child(at, "targetRef");
	const cJSON *target = NULL;
	int err = decode_string(d, at, json, "nodeName", &endpoint->node_name);

	if (!err)
		err = decode_map(d, at, json, "targetRef", &target);
	if (!err)
		err = decode_string(d, &target_at, target, "name", &endpoint->target_name);
	return err;
}

static void free_endpoint(struct slice_endpoint *endpoint)
{
	free(endpoint->node_name);
	free(endpoint->target_name);
	*endpoint = (struct slice_endpoint){};
}

static int decode_conditions(struct decode *d, const struct field *at, const cJSON *json,
			     struct slice_endpoint *endpoint)
{
	struct field conditions_at = field_child(at, "conditions");
	const cJSON *conditions = NULL;
	int err = decode_map(d, at, json, "conditions", &conditions);

	endpoint->ready = true;
	endpoint->serving = true;
	if (!err)
		err = decode_bool(d, &conditions_at, conditions, "ready", &endpoint->ready);
	if (!err)
		err = decode_bool(d, &conditions_at, conditions, "serving", &endpoint->serving);
	if (!err)
		err = decode_bool(d, &conditions_at, conditions, "terminating",
				  &endpoint->terminating);
	return err;
}

static int decode_endpoint(struct decode *d, const struct field *at, const cJSON *json,
			   bool want_v4, bool want_v6, struct slice_endpoint *endpoint)
{
	struct field list_at = field_child(at, "addresses"), first_at = field_item(&list_at, 0);
	const cJSON *list = NULL;
	const char *text;
	int err = decode_expect_object(d, at, json);

	if (!err)
		err = decode_array(d, at, json, "addresses", &list);
	if (!err && (!list || !list->child))
		err = decode_fault(d, &list_at, "is empty");
	if (!err)
		err = decode_item_text(d, &first_at, list->child, &text);
	if (!err)
		err = decode_addr(d, &first_at, text, want_v4, want_v6, &endpoint->addr);
	if (!err)
		err = decode_conditions(d, at, json, endpoint);
	if (!err)
		err = decode_target(d, at, json, endpoint);
	return err;
}

static int decode_endpoint_list(struct decode *d, const cJSON *json, bool want_v4, bool want_v6,
				struct endpoint_slice *slice)
{
	struct field list_at = field_child(NULL, "endpoints");
	const cJSON *list = NULL, *item;
	size_t index = 0;
	int err = decode_array(d, NULL, json, "endpoints", &list);

	if (err || !list || !list->child)
		return err;
	slice->endpoints = calloc((size_t)cJSON_GetArraySize(list), sizeof(*slice->endpoints));
	if (!slice->endpoints)
		return -ENOMEM;
	cJSON_ArrayForEach (item, list) {
		struct field at = field_item(&list_at, index++);
		struct slice_endpoint *endpoint = &slice->endpoints[slice->endpoints_count];

		err = decode_endpoint(d, &at, item, want_v4, want_v6, endpoint);
		if (!err) {
			slice->endpoints_count++;
			continue;
		}
		free_endpoint(endpoint);
		if (err == -EINVAL)
			err = decode_note_fault(d);
		if (err)
			return err;
	}
	return 0;
}

int decode_slice(struct decode *d, const cJSON *json, struct endpoint_slice *slice)
{
	struct field type_at = field_child(NULL, "addressType");
	const char *service = object_label(&slice->meta, SERVICE_LABEL);
	const char *type = "";
	char quoted[QUOTED_MAX];
	bool want_v4, want_v6;
	int err = decode_text(d, NULL, json, "addressType", &type);

	if (err)
		return err;
	slice->service_name = strdup(service ? service : "");
	if (!slice->service_name)
		return -ENOMEM;
	want_v4 = !*type || strcmp(type, "IPv4") == 0;
	want_v6 = !*type || strcmp(type, "IPv6") == 0;
	err = decode_slice_ports(d, NULL, json, slice);
	if (err)
		return err;
	if (!want_v4 && !want_v6)
		return decode_note(d, &type_at, "%s is not served; the endpoints are left out",
				   quote_text(type, quoted));
	return decode_endpoint_list(d, json, want_v4, want_v6, slice);
}

/* ---- Endpoints
 * ------------------------------------------------------------------------------------ */

static int decode_address(struct decode *d, const struct field *at, const cJSON *json, bool ready,
			  struct slice_endpoint *endpoint)
{
	struct field ip_at = field_child(at, "ip");
	const char *text = "";
	int err = decode_expect_object(d, at, json);

	if (!err)
		err = decode_text(d, at, json, "ip", &text);
	if (!err)
		err = decode_addr(d, &ip_at, text, true, true, &endpoint->addr);
	if (!err)
		err = decode_target(d, at, json, endpoint);
	endpoint->ready = ready;
	endpoint->serving = ready;
	return err;
}

/* Appends the addresses of one of the two lists of a subset. */
static int decode_address_list(struct decode *d, const struct field *subset_at, const cJSON *subset,
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
		free_endpoint(&endpoint);
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
		err = decode_slice_ports(d, at, json, slice);
	if (!err)
		err = decode_address_list(d, at, json, "addresses", true, slice);
	if (!err)
		err = decode_address_list(d, at, json, "notReadyAddresses", false, slice);
	return err;
}

int decode_endpoints(struct decode *d, const cJSON *json, const struct object *meta,
		     struct decode_result *out)
{
	struct field list_at = field_child(NULL, "subsets");
	const cJSON *list = NULL, *item;
	int err = decode_array(d, NULL, json, "subsets", &list);

	if (err || !list || !list->child)
		return err;
	out->objects = calloc((size_t)cJSON_GetArraySize(list), sizeof(*out->objects));
	if (!out->objects)
		return -ENOMEM;
	cJSON_ArrayForEach (item, list) {
		struct field at = field_item(&list_at, out->count);
		struct endpoint_slice *slice = slice_of(meta, out->count);

		if (!slice)
			return -ENOMEM;
		out->objects[out->count++] = &slice->meta;
		d->object = &slice->meta; /* problems go where the part went */
		err = decode_subset(d, &at, item, slice);
		if (err == -EINVAL)
			err = decode_note_fault(d);
		if (err)
			return err;
	}
	return 0;
}
