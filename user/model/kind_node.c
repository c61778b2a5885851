// SPDX-License-Identifier: Apache-2.0
/*
 * kind_node.c - Node: its addresses, and whether it is ready
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/fields.h"
#include "model/kind.h"
#include "model/names.h"
#include "model/parts.h"

static int decode_node_addresses(struct decode *d, const struct field *status_at,
				 const cJSON *status, struct node *node)
{
	struct field list_at = field_child(status_at, "addresses");
	const cJSON *list = NULL, *item;
	size_t index = 0;
	int err = decode_array(d, status_at, status, "addresses", &list);

	if (err)
		return err;
	cJSON_ArrayForEach (item, list) {
		struct field at = field_item(&list_at, index++);
		const char *type = "", *text = "";
		struct inet_addr addr;

		err = decode_expect_object(d, &at, item);
		if (!err)
			err = decode_text(d, &at, item, "type", &type);
		if (!err)
			err = decode_text(d, &at, item, "address", &text);
		if (err == -EINVAL)
			err = decode_note_fault(d);
		else if (strcmp(type, "InternalIP") == 0 && !inet_addr_parse(text, &addr))
			err = addresses_append(&node->internal_ips, &node->internal_ips_count,
					       &addr);
		else if (strcmp(type, "ExternalIP") == 0 && !inet_addr_parse(text, &addr))
			err = addresses_append(&node->external_ips, &node->external_ips_count,
					       &addr);
		if (err)
			return err;
	}
	return 0;
}

/* A node without a Ready condition, as one written by hand, counts as ready. */
static bool is_ready(const cJSON *status)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(status, "conditions")) {
		const char *type =
			cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "type"));
		const char *value =
			cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "status"));

		if (type && strcmp(type, "Ready") == 0)
			return value && strcmp(value, "True") == 0;
	}
	return true;
}

static int decode_node(struct decode *d, const cJSON *json, struct object *object)
{
	struct node *node = (struct node *)object;
	struct field at = field_child(NULL, "status");
	const cJSON *status = NULL;
	int err = decode_map(d, NULL, json, "status", &status);

	if (!err)
		err = decode_node_addresses(d, &at, status, node);
	node->ready = is_ready(status);
	return err;
}

static void copy_node(struct copier *c, struct object *object)
{
	struct node *node = (struct node *)object;

	node->internal_ips = copier_array(c, node->internal_ips, &node->internal_ips_count,
					  sizeof(*node->internal_ips));
	node->external_ips = copier_array(c, node->external_ips, &node->external_ips_count,
					  sizeof(*node->external_ips));
}

static bool same_node(const struct object *left, const struct object *right)
{
	const struct node *a = (const struct node *)left;
	const struct node *b = (const struct node *)right;

	return a->ready == b->ready &&
	       same_addresses(a->internal_ips, a->internal_ips_count, b->internal_ips,
			      b->internal_ips_count) &&
	       same_addresses(a->external_ips, a->external_ips_count, b->external_ips,
			      b->external_ips_count);
}

static void free_node(struct object *object)
{
	struct node *node = (struct node *)object;

	free(node->internal_ips);
	free(node->external_ips);
}

const struct kind_ops kind_node = {
	.resource = { "", "v1", "nodes", "Node", false },
	.size = sizeof(struct node),
	.check_name = name_check_subdomain,
	.decode = decode_node,
	.clone = copy_node,
	.equal = same_node,
	.free = free_node,
};
