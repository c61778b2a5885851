// SPDX-License-Identifier: Apache-2.0
#include "model/fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* kubectl's copy of the whole object: large, changes with every save, and means nothing here. */
#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

static int add_key_value(struct decode *d, const struct field *map_at, const cJSON *item,
			 struct key_value *out)
{
	struct field at = field_key(map_at, item->string);
	const char *value;
	int err = decode_item_text(d, &at, item, &value);

	if (err)
		return err;
	out->key = strdup(item->string);
	out->value = strdup(value);
	if (out->key && out->value)
		return 0;
	free(out->key);
	free(out->value);
	*out = (struct key_value){};
	return -ENOMEM;
}

int decode_key_values(struct decode *d, const struct field *at, const cJSON *json, const char *name,
		      struct key_value **out, size_t *count_out)
{
	struct field map_at = field_child(at, name);
	const cJSON *map = NULL, *item;
	int err = decode_map(d, at, json, name, &map);

	if (err || !map || !map->child)
		return err;
	*out = calloc((size_t)cJSON_GetArraySize(map), sizeof(**out));
	if (!*out)
		return -ENOMEM;
	cJSON_ArrayForEach (item, map) {
		if (strcmp(item->string, LAST_APPLIED) == 0)
			continue;
		err = add_key_value(d, &map_at, item, &(*out)[*count_out]);
		if (!err)
			(*count_out)++;
		else if (err == -EINVAL)
			err = decode_note_fault(d);
		if (err)
			return err;
	}
	return 0;
}

int addresses_append(struct inet_addr **addresses, size_t *count, const struct inet_addr *addr)
{
	struct inet_addr *grown = realloc(*addresses, (*count + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	grown[(*count)++] = *addr;
	*addresses = grown;
	return 0;
}

static int add_address(struct decode *d, const struct field *at, const cJSON *item,
		       struct inet_addr **addresses, size_t *count)
{
	char quoted[QUOTED_MAX];
	struct inet_addr addr;
	const char *text;
	int err = decode_item_text(d, at, item, &text);

	if (err)
		return err;
	if (inet_addr_parse(text, &addr))
		return decode_fault(d, at, "%s is not an IP address", quote_text(text, quoted));
	return addresses_append(addresses, count, &addr);
}

int decode_addresses(struct decode *d, const struct field *at, const cJSON *json, const char *name,
		     struct inet_addr **addresses, size_t *count)
{
	struct field list_at = field_child(at, name);
	const cJSON *list = NULL, *item;
	size_t index = 0;
	int err = decode_array(d, at, json, name, &list);

	if (err)
		return err;
	cJSON_ArrayForEach (item, list) {
		struct field item_at = field_item(&list_at, index++);

		err = add_address(d, &item_at, item, addresses, count);
		if (err == -EINVAL)
			err = decode_note_fault(d);
		if (err)
			return err;
	}
	return 0;
}

static char *copy_of(const cJSON *json, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

	return text && *text ? strdup(text) : NULL;
}

int decode_status(struct decode *d, const cJSON *json, struct address_entry **out,
		  size_t *count_out)
{
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(json, "status");
	const cJSON *balancer = cJSON_GetObjectItemCaseSensitive(status, "loadBalancer");
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(balancer, "ingress");
	const cJSON *item;

	(void)d;
	if (!cJSON_IsArray(list) || !list->child)
		return 0;
	*out = calloc((size_t)cJSON_GetArraySize(list), sizeof(**out));
	if (!*out)
		return -ENOMEM;
	cJSON_ArrayForEach (item, list) {
		struct address_entry *entry = &(*out)[*count_out];

		entry->ip = copy_of(item, "ip");
		entry->hostname = copy_of(item, "hostname");
		if (entry->ip || entry->hostname)
			(*count_out)++;
	}
	return 0;
}
