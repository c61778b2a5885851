// SPDX-License-Identifier: Apache-2.0
/*
 * nginx_defaults.c - what counts for Ingresses of the nginx class where they say nothing: the
 * defaults of ingress-nginx, and its ConfigMap over them
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table/policy/nginx_policy.h"
#include "table/policy/policy_values.h"

#define BODY_BYTES     (1u << 20) /* proxy-body-size: 1m */
#define TIMEOUT_MS     60000u
#define CONNECT_MS     5000u
#define HSTS_SECONDS   31536000u
#define CORS_MAX_AGE_S 1728000u
#define CORS_METHODS   "GET, PUT, POST, DELETE, PATCH, OPTIONS"
#define CORS_HEADERS                                                                  \
	"DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control," \
	"Content-Type,Range,Authorization"
#define COOKIE_NAME "INGRESSCOOKIE"

/* Keys that mean what the annotation of the same name means. */
static const char *const same_keys[] = {
	"proxy-body-size", "proxy-read-timeout", "proxy-send-timeout",      "proxy-connect-timeout",
	"ssl-redirect",    "force-ssl-redirect", "whitelist-source-range",  "denylist-source-range",
	"load-balance",    "upstream-hash-by",   "preserve-trailing-slash",
};

/* Keys whose default is what is done here, or that change nothing here. */
static const char *const effectless_keys[] = {
	"allow-snippet-annotations",
	"annotations-risk-level",
	"strict-validate-path-type",
	"allow-cross-namespace-resources",
	"worker-processes",
	"worker-shutdown-timeout",
	"worker-cpu-affinity",
	"max-worker-connections",
	"max-worker-open-files",
	"use-gzip",
	"enable-brotli",
	"server-name-hash-bucket-size",
	"server-name-hash-max-size",
	"proxy-headers-hash-bucket-size",
	"proxy-headers-hash-max-size",
	"map-hash-bucket-size",
	"variables-hash-bucket-size",
	"variables-hash-max-size",
	"reuse-port",
	"use-http2",
	"enable-multi-accept",
	"proxy-buffer-size",
	"proxy-buffers-number",
	"proxy-buffering",
	"proxy-request-buffering",
	"client-body-buffer-size",
	"client-header-buffer-size",
	"nginx-status-ipv4-whitelist",
	"nginx-status-ipv6-whitelist",
	"generate-request-id",
	"ssl-buffer-size",
	"ssl-session-cache",
	"ssl-session-cache-size",
	"ssl-session-timeout",
};

static bool is_one_of(const char *key, const char *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(keys[i], key) == 0)
			return true;
	return false;
}

#define IS_ONE_OF(key, keys) is_one_of(key, keys, sizeof(keys) / sizeof((keys)[0]))

/* ---- HSTS ------------------------------------------------------------------------------------ */

static bool is_hsts(const char *key)
{
	return strcmp(key, "hsts") == 0 || strcmp(key, "hsts-max-age") == 0 ||
	       strcmp(key, "hsts-include-subdomains") == 0;
}

static int read_hsts(const char *key, const char *value, struct policy *out)
{
	bool truth = false;
	int err;

	if (strcmp(key, "hsts-max-age") == 0)
		return policy_parse_seconds(NULL, value, &out->hsts_max_age_s);
	err = policy_parse_truth(NULL, value, &truth);
	if (err)
		return err;
	if (strcmp(key, "hsts") == 0) {
		if (!truth)
			out->hsts_max_age_s = 0;
	} else {
		out->hsts_subdomains = truth;
	}
	return 0;
}

static const char *value_of(const struct config_map *config, const char *key)
{
	for (size_t i = 0; i < config->data_count; i++)
		if (strcmp(config->data[i].key, key) == 0)
			return config->data[i].value;
	return NULL;
}

/* The age first: "hsts" takes it away. */
static int read_all_hsts(const struct config_map *config, const struct problem_object *object,
			 struct policy *out, struct problem_set *problems)
{
	static const char *const keys[] = { "hsts-max-age", "hsts-include-subdomains", "hsts" };
	int err = 0;

	for (size_t i = 0; i < 3 && !err; i++) {
		const char *value = value_of(config, keys[i]);
		char field[64];

		if (!value)
			continue;
		err = read_hsts(keys[i], value, out);
		if (err != -EINVAL)
			continue;
		snprintf(field, sizeof(field), "data[%s]", keys[i]);
		err = problems_add(problems, object, PROBLEM_WARNING, "InvalidSetting", field,
				   "%s: \"%.64s\" is not a valid value; the default is in use",
				   keys[i], value);
	}
	return err;
}

/* ---- the ConfigMap --------------------------------------------------------------------------- */

/* The keys that are as annotations, read as those. */
static int read_same(const struct config_map *config, struct policy *out,
		     struct problem_set *problems)
{
	struct object object = config->meta;
	size_t count = 0;
	int err = 0;

	object.annotations = calloc(config->data_count + 1, sizeof(*object.annotations));
	if (!object.annotations)
		return -ENOMEM;
	for (size_t i = 0; i < config->data_count && !err; i++) {
		struct key_value *pair = &object.annotations[count];

		if (!IS_ONE_OF(config->data[i].key, same_keys))
			continue;
		if (asprintf(&pair->key, NGINX_PREFIX "%s", config->data[i].key) < 0) {
			pair->key = NULL;
			err = -ENOMEM;
			break;
		}
		pair->value = config->data[i].value;
		count++;
	}
	object.annotations_count = count;
	if (!err)
		err = nginx_policy_read(&object, out, problems);
	for (size_t i = 0; i < count; i++)
		free(object.annotations[i].key);
	free(object.annotations);
	return err;
}

static int tell_missing(const struct config_map *config, const struct problem_object *object,
			struct problem_set *problems)
{
	char names[512] = "";
	unsigned int count = 0;

	for (size_t i = 0; i < config->data_count; i++) {
		const char *key = config->data[i].key;
		size_t bytes = strlen(names);

		if (IS_ONE_OF(key, same_keys) || IS_ONE_OF(key, effectless_keys) || is_hsts(key))
			continue;
		snprintf(names + bytes, sizeof(names) - bytes, "%s%.64s", bytes ? ", " : "", key);
		count++;
	}
	if (!count)
		return 0;
	return problems_add(problems, object, PROBLEM_WARNING, "NotHonoured", "data",
			    "%u keys are not honoured: %s", count, names);
}

static int read_config(const struct config_map *config, struct policy *out,
		       struct problem_set *problems)
{
	const struct problem_object object = { OBJECT_CONFIG_MAP, config->meta.namespace,
					       config->meta.name, config->meta.uid };
	int err = read_same(config, out, problems);

	if (!err)
		err = read_all_hsts(config, &object, out, problems);
	return err ? err : tell_missing(config, &object, problems);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void give_number(struct policy *policy, enum policy_field id, uint32_t *field,
			uint32_t value)
{
	if (policy_has(policy, id))
		return;
	*field = value;
	policy_give(policy, id);
}

static void give_truth(struct policy *policy, enum policy_field id, bool *field, bool value)
{
	if (policy_has(policy, id))
		return;
	*field = value;
	policy_give(policy, id);
}

static int give_text(struct policy *policy, enum policy_field id, char **field, const char *value)
{
	int err;

	if (policy_has(policy, id))
		return 0;
	err = policy_keep_text(value, field);
	if (!err)
		policy_give(policy, id);
	return err;
}

int nginx_policy_defaults(const struct config_map *config, struct policy *out,
			  struct problem_set *problems)
{
	int err = 0;

	memset(out, 0, sizeof(*out));
	out->hsts_max_age_s = HSTS_SECONDS;
	out->hsts_subdomains = true;
	policy_give(out, POLICY_HSTS);
	policy_give(out, POLICY_HSTS_SUBDOMAINS);
	if (config)
		err = read_config(config, out, problems);
	if (!policy_has(out, POLICY_BODY_BYTES)) {
		out->body_bytes_max = BODY_BYTES;
		policy_give(out, POLICY_BODY_BYTES);
	}
	give_number(out, POLICY_CONNECT_TIMEOUT, &out->connect_timeout_ms, CONNECT_MS);
	give_number(out, POLICY_RESPONSE_TIMEOUT, &out->response_timeout_ms, TIMEOUT_MS);
	give_number(out, POLICY_IDLE_TIMEOUT, &out->idle_timeout_ms, TIMEOUT_MS);
	give_number(out, POLICY_CORS_MAX_AGE, &out->cors_max_age_s, CORS_MAX_AGE_S);
	give_truth(out, POLICY_CORS_CREDENTIALS, &out->cors_credentials, true);
	give_truth(out, POLICY_CUT_SLASH, &out->cut_slash, true);
	give_truth(out, POLICY_ORDERED, &out->ordered, true);
	give_truth(out, POLICY_REWRITE_WHOLE, &out->rewrite_whole, true);
	give_truth(out, POLICY_TLS_VERIFY, &out->tls_verify, false);
	if (!err)
		err = give_text(out, POLICY_COOKIE_NAME, &out->cookie_name, COOKIE_NAME);
	if (!err)
		err = give_text(out, POLICY_CORS_ORIGINS, &out->cors_origins, "*");
	if (!err)
		err = give_text(out, POLICY_CORS_METHODS, &out->cors_methods, CORS_METHODS);
	if (!err)
		err = give_text(out, POLICY_CORS_HEADERS, &out->cors_headers, CORS_HEADERS);
	return err;
}
