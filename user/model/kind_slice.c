// SPDX-License-Identifier: Apache-2.0
/*
 * kind_slice.c - EndpointSlice
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/fields.h"
#include "model/kind.h"
#include "model/kind_slice.h"
#include "model/names.h"
#include "model/parts.h"

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

int slice_decode_ports(struct decode *d, const struct field *parent_at, const cJSON *json,
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
int slice_decode_addr(struct decode *d, const struct field *at, const char *text, bool want_v4,
		      bool want_v6, struct inet_addr *out)
{
	char quoted[QUOTED_MAX];
	struct inet_addr addr;
	bool multicast;

	if (inet_addr_parse(text, &addr))
		return decode_fault(d, at, "%s is not an IP address", quote_text(text, quoted));
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

int slice_decode_target(struct decode *d, const struct field *at, const cJSON *json,
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

void slice_endpoint_clear(struct slice_endpoint *endpoint)
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
		err = slice_decode_addr(d, &first_at, text, want_v4, want_v6, &endpoint->addr);
	if (!err)
		err = decode_conditions(d, at, json, endpoint);
	if (!err)
		err = slice_decode_target(d, at, json, endpoint);
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
		slice_endpoint_clear(endpoint);
		if (err == -EINVAL)
			err = decode_note_fault(d);
		if (err)
			return err;
	}
	return 0;
}

static int decode_slice(struct decode *d, const cJSON *json, struct object *object)
{
	struct endpoint_slice *slice = (struct endpoint_slice *)object;
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
	err = slice_decode_ports(d, NULL, json, slice);
	if (err)
		return err;
	if (!want_v4 && !want_v6)
		return decode_note(d, &type_at, "%s is not served; the endpoints are left out",
				   quote_text(type, quoted));
	return decode_endpoint_list(d, json, want_v4, want_v6, slice);
}

/* ---- copied, compared, freed ----------------------------------------------------------------- */

static void copy_slice(struct copier *c, struct object *object)
{
	struct endpoint_slice *slice = (struct endpoint_slice *)object;

	slice->service_name = copier_text(c, slice->service_name);
	slice->ports = copier_array(c, slice->ports, &slice->ports_count, sizeof(*slice->ports));
	for (size_t i = 0; i < slice->ports_count; i++)
		slice->ports[i].name = copier_text(c, slice->ports[i].name);
	slice->endpoints = copier_array(c, slice->endpoints, &slice->endpoints_count,
					sizeof(*slice->endpoints));
	for (size_t i = 0; i < slice->endpoints_count; i++) {
		slice->endpoints[i].node_name = copier_text(c, slice->endpoints[i].node_name);
		slice->endpoints[i].target_name = copier_text(c, slice->endpoints[i].target_name);
	}
}

static bool same_endpoint(const struct slice_endpoint *a, const struct slice_endpoint *b)
{
	return inet_addr_compare(&a->addr, &b->addr) == 0 && a->ready == b->ready &&
	       a->serving == b->serving && a->terminating == b->terminating &&
	       same_text(a->node_name, b->node_name) && same_text(a->target_name, b->target_name);
}

static bool same_slice(const struct object *left, const struct object *right)
{
	const struct endpoint_slice *a = (const struct endpoint_slice *)left;
	const struct endpoint_slice *b = (const struct endpoint_slice *)right;

	if (!same_text(a->service_name, b->service_name) ||
	    a->from_endpoints != b->from_endpoints || a->ports_count != b->ports_count ||
	    a->endpoints_count != b->endpoints_count)
		return false;
	for (size_t i = 0; i < a->ports_count; i++)
		if (!same_text(a->ports[i].name, b->ports[i].name) ||
		    a->ports[i].number != b->ports[i].number ||
		    a->ports[i].proto != b->ports[i].proto)
			return false;
	for (size_t i = 0; i < a->endpoints_count; i++)
		if (!same_endpoint(&a->endpoints[i], &b->endpoints[i]))
			return false;
	return true;
}

static void free_slice(struct object *object)
{
	struct endpoint_slice *slice = (struct endpoint_slice *)object;

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

const struct kind_ops kind_slice = {
	.resource = { "discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true },
	.size = sizeof(struct endpoint_slice),
	.check_name = name_check_subdomain,
	.decode = decode_slice,
	.clone = copy_slice,
	.equal = same_slice,
	.free = free_slice,
};
