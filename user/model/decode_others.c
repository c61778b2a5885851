// SPDX-License-Identifier: Apache-2.0
/*
 * decode_others.c - IngressClass, Secret, ConfigMap, Node, Lease
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/base64.h"
#include "model/kinds.h"

#define DEFAULT_CLASS "ingressclass.kubernetes.io/is-default-class"
#define TLS_TYPE      "kubernetes.io/tls"

int decode_ingress_class(struct decode *d, const cJSON *json, struct ingress_class *class)
{
	struct field at = field_child(NULL, "spec");
	const char *is_default = object_annotation(&class->meta, DEFAULT_CLASS);
	const char *controller = "";
	const cJSON *spec = NULL;
	int err = decode_map(d, NULL, json, "spec", &spec);

	if (!err)
		err = decode_text(d, &at, spec, "controller", &controller);
	if (err)
		return err;
	class->is_default = is_default && strcmp(is_default, "true") == 0;
	class->controller = strdup(controller);
	return class->controller ? 0 : -ENOMEM;
}

/*
 * One value of a Secret: stringData as it stands, else data from base64. What cannot be read is
 * left out with a problem that names the field and never the value.
 */
static int decode_material(struct decode *d, const cJSON *data, const cJSON *string_data,
			   const char *name, uint8_t **out, size_t *bytes_out)
{
	struct field data_at = field_child(NULL, "data"), at = field_key(&data_at, name);
	const cJSON *plain = cJSON_GetObjectItemCaseSensitive(string_data, name);
	const cJSON *encoded = cJSON_GetObjectItemCaseSensitive(data, name);
	int err;

	if (cJSON_IsString(plain)) {
		*out = (uint8_t *)strdup(plain->valuestring);
		if (!*out)
			return -ENOMEM;
		*bytes_out = strlen(plain->valuestring);
		return 0;
	}
	if (!encoded || cJSON_IsNull(encoded))
		return 0;
	if (!cJSON_IsString(encoded))
		return decode_note(d, &at, "expected base64 in a string");
	err = base64_decode(encoded->valuestring, out, bytes_out);
	return err == -EINVAL ? decode_note(d, &at, "is no valid base64") : err;
}

int decode_secret(struct decode *d, const cJSON *json, struct secret *secret)
{
	const cJSON *data = NULL, *string_data = NULL;
	const char *type = "Opaque";
	int err = decode_text(d, NULL, json, "type", &type);

	if (!err)
		err = decode_map(d, NULL, json, "data", &data);
	if (!err)
		err = decode_map(d, NULL, json, "stringData", &string_data);
	if (err)
		return err;
	secret->type = strdup(type);
	if (!secret->type)
		return -ENOMEM;
	err = decode_material(d, data, string_data, "ca.crt", &secret->ca_crt,
			      &secret->ca_crt_bytes);
	if (err || strcmp(type, TLS_TYPE) != 0)
		return err;
	err = decode_material(d, data, string_data, "tls.crt", &secret->tls_crt,
			      &secret->tls_crt_bytes);
	if (!err)
		err = decode_material(d, data, string_data, "tls.key", &secret->tls_key,
				      &secret->tls_key_bytes);
	if (!err)
		err = decode_material(d, data, string_data, "tls.ocsp", &secret->tls_ocsp,
				      &secret->tls_ocsp_bytes);
	return err;
}

int decode_config_map(struct decode *d, const cJSON *json, struct config_map *map)
{
	return decode_key_values(d, NULL, json, "data", &map->data, &map->data_count);
}

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

int decode_node(struct decode *d, const cJSON *json, struct node *node)
{
	struct field at = field_child(NULL, "status");
	const cJSON *status = NULL;
	int err = decode_map(d, NULL, json, "status", &status);

	if (!err)
		err = decode_node_addresses(d, &at, status, node);
	node->ready = is_ready(status);
	return err;
}

int decode_lease(struct decode *d, const cJSON *json, struct lease *lease)
{
	struct field at = field_child(NULL, "spec");
	const char *holder = "", *renewed = "";
	const cJSON *spec = NULL;
	int64_t duration_s = 0;
	int err = decode_map(d, NULL, json, "spec", &spec);

	if (!err)
		err = decode_text(d, &at, spec, "holderIdentity", &holder);
	if (!err)
		err = decode_text(d, &at, spec, "renewTime", &renewed);
	if (!err)
		err = decode_integer(d, &at, spec, "leaseDurationSeconds", 0, INT32_MAX,
				     &duration_s);
	if (err)
		return err;
	lease->duration_s = (uint32_t)duration_s;
	lease->holder = strdup(holder);
	lease->renewed = strdup(renewed);
	return lease->holder && lease->renewed ? 0 : -ENOMEM;
}
