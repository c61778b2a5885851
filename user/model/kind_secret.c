// SPDX-License-Identifier: Apache-2.0
/*
 * kind_secret.c - Secret: only the material that Ingresses use
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/base64.h"
#include "model/fields.h"
#include "model/kind.h"
#include "model/names.h"
#include "model/parts.h"

#define TLS_TYPE "kubernetes.io/tls"

/*
 * One value of a Secret: stringData unchanged, else data from base64. An unreadable value is left
 * out, with a problem that names the field and never the value.
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
	return err == -EINVAL ? decode_note(d, &at, "is not valid base64") : err;
}

static int decode_secret(struct decode *d, const cJSON *json, struct object *object)
{
	struct secret *secret = (struct secret *)object;
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

/* An empty value stays: NULL means absent. */
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

static void copy_secret(struct copier *c, struct object *object)
{
	struct secret *secret = (struct secret *)object;

	secret->type = copier_text(c, secret->type);
	secret->tls_crt = copy_material(c, secret->tls_crt, &secret->tls_crt_bytes);
	secret->tls_key = copy_material(c, secret->tls_key, &secret->tls_key_bytes);
	secret->ca_crt = copy_material(c, secret->ca_crt, &secret->ca_crt_bytes);
	secret->tls_ocsp = copy_material(c, secret->tls_ocsp, &secret->tls_ocsp_bytes);
}

static bool same_secret(const struct object *left, const struct object *right)
{
	const struct secret *a = (const struct secret *)left;
	const struct secret *b = (const struct secret *)right;

	return same_text(a->type, b->type) &&
	       same_bytes(a->tls_crt, a->tls_crt_bytes, b->tls_crt, b->tls_crt_bytes) &&
	       same_bytes(a->tls_key, a->tls_key_bytes, b->tls_key, b->tls_key_bytes) &&
	       same_bytes(a->ca_crt, a->ca_crt_bytes, b->ca_crt, b->ca_crt_bytes) &&
	       same_bytes(a->tls_ocsp, a->tls_ocsp_bytes, b->tls_ocsp, b->tls_ocsp_bytes);
}

static void free_material(uint8_t *bytes, size_t count)
{
	if (bytes)
		explicit_bzero(bytes, count);
	free(bytes);
}

static void free_secret(struct object *object)
{
	struct secret *secret = (struct secret *)object;

	free(secret->type);
	free_material(secret->tls_crt, secret->tls_crt_bytes);
	free_material(secret->tls_key, secret->tls_key_bytes);
	free_material(secret->ca_crt, secret->ca_crt_bytes);
	free_material(secret->tls_ocsp, secret->tls_ocsp_bytes);
}

const struct kind_ops kind_secret = {
	.resource = { "", "v1", "secrets", "Secret", true },
	.size = sizeof(struct secret),
	.check_name = name_check_subdomain,
	.decode = decode_secret,
	.clone = copy_secret,
	.equal = same_secret,
	.free = free_secret,
};
