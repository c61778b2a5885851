// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/fields.h"
#include "model/ingress_parts.h"
#include "model/kind.h"
#include "model/names.h"

static int decode_port_ref(struct decode *d, const struct field *service_at, const cJSON *service,
			   struct service_port_ref *port)
{
	struct field at = field_child(service_at, "port"), name_at = field_child(&at, "name");
	const char *name = NULL, *reason;
	const cJSON *json = NULL;
	char quoted[QUOTED_MAX];
	int err = decode_map(d, service_at, service, "port", &json);

	if (!err)
		err = decode_text(d, &at, json, "name", &name);
	if (!err)
		err = decode_port(d, &at, json, "number", &port->number);
	if (err)
		return err;
	if (name && !*name)
		name = NULL;
	if (name && port->number)
		return decode_fault(d, &at, "has both name and number");
	if (!name)
		return port->number ? 0 : decode_fault(d, &at, "needs a name or a number");
	reason = name_check_port(name);
	if (reason)
		return decode_fault(d, &name_at, "%s %s", quote_text(name, quoted), reason);
	port->name = strdup(name);
	return port->name ? 0 : -ENOMEM;
}

static int decode_service_ref(struct decode *d, const struct field *backend_at,
			      const cJSON *service, struct ingress_backend *backend)
{
	struct field at = field_child(backend_at, "service"), name_at = field_child(&at, "name");
	const char *name = "", *reason;
	char quoted[QUOTED_MAX];
	int err = decode_text(d, &at, service, "name", &name);

	if (err)
		return err;
	reason = name_check_label(name);
	if (reason)
		return decode_fault(d, &name_at, "%s %s", quote_text(name, quoted), reason);
	backend->service = strdup(name);
	if (!backend->service)
		return -ENOMEM;
	return decode_port_ref(d, &at, service, &backend->port);
}

static int decode_resource_ref(struct decode *d, const struct field *backend_at,
			       const cJSON *resource, struct ingress_backend *backend)
{
	struct field at = field_child(backend_at, "resource");
	const char *group = "", *kind = "", *name = "";
	int err = decode_text(d, &at, resource, "apiGroup", &group);

	if (!err)
		err = decode_text(d, &at, resource, "kind", &kind);
	if (!err)
		err = decode_text(d, &at, resource, "name", &name);
	if (err)
		return err;
	if (asprintf(&backend->resource, "%s/%s/%s", group, kind, name) < 0) {
		backend->resource = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* @at: of the backend itself. What was allocated is in *backend also on failure. */
static int decode_backend(struct decode *d, const struct field *at, const cJSON *json,
			  struct ingress_backend *backend)
{
	const cJSON *service = NULL, *resource = NULL;
	int err = decode_map(d, at, json, "service", &service);

	if (!err)
		err = decode_map(d, at, json, "resource", &resource);
	if (err)
		return err;
	if (service && resource)
		return decode_fault(d, at, "has both service and resource");
	if (service)
		return decode_service_ref(d, at, service, backend);
	if (resource)
		return decode_resource_ref(d, at, resource, backend);
	return decode_fault(d, at, "names no service");
}

static int decode_path_type(struct decode *d, const struct field *at, const cJSON *json,
			    enum path_type *type)
{
	static const char *const names[] = {
		[PATH_EXACT] = "Exact",
		[PATH_PREFIX] = "Prefix",
		[PATH_IMPLEMENTATION_SPECIFIC] = "ImplementationSpecific",
	};
	struct field type_at = field_child(at, "pathType");
	char quoted[QUOTED_MAX];
	const char *text = "";
	int err = decode_text(d, at, json, "pathType", &text);

	if (err)
		return err;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], text) == 0) {
			*type = (enum path_type)i;
			return 0;
		}
	}
	if (!*text)
		return decode_fault(d, &type_at,
				    "missing; it is Exact, Prefix or ImplementationSpecific");
	return decode_fault(d, &type_at, "%s is none of Exact, Prefix, ImplementationSpecific",
			    quote_text(text, quoted));
}

static int decode_path(struct decode *d, const struct field *at, const cJSON *json,
		       struct ingress_path *path)
{
	struct field path_at = field_child(at, "path"), backend_at = field_child(at, "backend");
	const char *text = "", *reason;
	const cJSON *backend = NULL;
	char quoted[QUOTED_MAX];
	int err = decode_expect_object(d, at, json);

	if (!err)
		err = decode_path_type(d, at, json, &path->type);
	if (!err)
		err = decode_text(d, at, json, "path", &text);
	if (!err)
		err = decode_map(d, at, json, "backend", &backend);
	if (err)
		return err;
	reason = name_check_path(text, path->type);
	if (reason)
		return decode_fault(d, &path_at, "%s %s", quote_text(text, quoted), reason);
	if (!backend)
		return decode_fault(d, &backend_at, "missing");
	path->path = strdup(text);
	if (!path->path)
		return -ENOMEM;
	err = decode_backend(d, &backend_at, backend, &path->backend);
	if (err) {
		free(path->path);
		ingress_backend_clear(&path->backend);
	}
	return err;
}

static int decode_paths(struct decode *d, const struct field *http_at, const cJSON *http,
			struct ingress_rule *rule)
{
	struct field list_at = field_child(http_at, "paths");
	const cJSON *list = NULL, *item;
	size_t index = 0;
	int err = decode_array(d, http_at, http, "paths", &list);

	if (err || !list || !list->child)
		return err;
	rule->paths = calloc((size_t)cJSON_GetArraySize(list), sizeof(*rule->paths));
	if (!rule->paths)
		return -ENOMEM;
	cJSON_ArrayForEach (item, list) {
		struct field at = field_item(&list_at, index);
		struct ingress_path path = { .index = index };

		index++;
		err = decode_path(d, &at, item, &path);
		if (!err)
			rule->paths[rule->paths_count++] = path;
		else if (err == -EINVAL)
			err = decode_note_fault(d);
		if (err)
			return err;
	}
	return 0;
}

/**
 * decode_host - check one host and write it in lower case
 * @out: owned by the caller
 * Letters in upper case mean the same host, so they are taken with a note, not refused.
 */
static int decode_host(struct decode *d, const struct field *at, const char *text, char **out)
{
	char quoted[QUOTED_MAX], quoted_lower[QUOTED_MAX];
	const char *reason;
	char *host = strdup(text);
	int err = 0;

	if (!host)
		return -ENOMEM;
	for (char *c = host; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	reason = *host ? name_check_host(host) : NULL;
	if (reason)
		err = decode_fault(d, at, "%s %s", quote_text(text, quoted), reason);
	else if (strcmp(host, text) != 0)
		err = decode_note(d, at, "%s is taken as %s", quote_text(text, quoted),
				  quote_text(host, quoted_lower));
	if (err) {
		free(host);
		return err;
	}
	*out = host;
	return 0;
}

static int decode_rule(struct decode *d, const struct field *at, const cJSON *json,
		       struct ingress_rule *rule)
{
	struct field host_at = field_child(at, "host"), http_at = field_child(at, "http");
	const cJSON *http = NULL;
	const char *host = "";
	int err = decode_expect_object(d, at, json);

	if (!err)
		err = decode_text(d, at, json, "host", &host);
	if (!err)
		err = decode_map(d, at, json, "http", &http);
	if (!err)
		err = decode_host(d, &host_at, host, &rule->host);
	if (err || !http)
		return err;
	rule->has_http = true;
	return decode_paths(d, &http_at, http, rule);
}

static int decode_rules(struct decode *d, const struct field *spec_at, const cJSON *spec,
			struct ingress *ingress)
{
	struct field list_at = field_child(spec_at, "rules");
	const cJSON *list = NULL, *item;
	size_t index = 0;
	int err = decode_array(d, spec_at, spec, "rules", &list);

	if (err || !list || !list->child)
		return err;
	ingress->has_rules = true;
	ingress->rules = calloc((size_t)cJSON_GetArraySize(list), sizeof(*ingress->rules));
	if (!ingress->rules)
		return -ENOMEM;
	cJSON_ArrayForEach (item, list) {
		struct ingress_rule *rule = &ingress->rules[ingress->rules_count];
		struct field at = field_item(&list_at, index);

		*rule = (struct ingress_rule){ .index = index++ };
		err = decode_rule(d, &at, item, rule);
		if (err == -EINVAL) {
			/* Only the host is there: paths fault one by one, or before the first. */
			free(rule->host);
			*rule = (struct ingress_rule){};
			err = decode_note_fault(d);
		} else {
			ingress->rules_count++; /* also to be freed with the object */
		}
		if (err)
			return err;
	}
	return 0;
}

static int decode_tls_hosts(struct decode *d, const struct field *tls_at, const cJSON *json,
			    struct ingress_tls *tls)
{
	struct field list_at = field_child(tls_at, "hosts");
	const cJSON *list = NULL, *item;
	const char *text;
	size_t index = 0;
	int err = decode_array(d, tls_at, json, "hosts", &list);

	if (err || !list || !list->child)
		return err;
	tls->hosts = calloc((size_t)cJSON_GetArraySize(list), sizeof(*tls->hosts));
	if (!tls->hosts)
		return -ENOMEM;
	cJSON_ArrayForEach (item, list) {
		struct field at = field_item(&list_at, index++);

		err = decode_item_text(d, &at, item, &text);
		if (!err && !*text)
			err = decode_fault(d, &at, "is empty");
		if (!err)
			err = decode_host(d, &at, text, &tls->hosts[tls->hosts_count]);
		if (!err)
			tls->hosts_count++;
		else if (err == -EINVAL)
			err = decode_note_fault(d);
		if (err)
			return err;
	}
	/* No host left of those that were named must not come to mean "all hosts of the rules". */
	return tls->hosts_count ? 0 : decode_fault(d, &list_at, "none of the hosts is usable");
}

/* A bad secretName leaves the entry in use: its hosts are served with the default certificate. */
static int decode_tls_secret(struct decode *d, const struct field *tls_at, const cJSON *json,
			     struct ingress_tls *tls)
{
	struct field at = field_child(tls_at, "secretName");
	const char *text = "", *reason;
	char quoted[QUOTED_MAX];
	int err = decode_text(d, tls_at, json, "secretName", &text);

	if (err == -EINVAL)
		return decode_note_fault(d);
	if (err || !*text)
		return err;
	reason = name_check_subdomain(text);
	if (reason)
		return decode_note(d, &at, "%s %s", quote_text(text, quoted), reason);
	tls->secret_name = strdup(text);
	return tls->secret_name ? 0 : -ENOMEM;
}

static int decode_tls(struct decode *d, const struct field *spec_at, const cJSON *spec,
		      struct ingress *ingress)
{
	struct field list_at = field_child(spec_at, "tls");
	const cJSON *list = NULL, *item;
	size_t index = 0;
	int err = decode_array(d, spec_at, spec, "tls", &list);

	if (err || !list || !list->child)
		return err;
	ingress->tls = calloc((size_t)cJSON_GetArraySize(list), sizeof(*ingress->tls));
	if (!ingress->tls)
		return -ENOMEM;
	cJSON_ArrayForEach (item, list) {
		struct ingress_tls *tls = &ingress->tls[ingress->tls_count];
		struct field at = field_item(&list_at, index);

		*tls = (struct ingress_tls){ .index = index++ };
		err = decode_expect_object(d, &at, item);
		if (!err)
			err = decode_tls_hosts(d, &at, item, tls);
		if (!err)
			err = decode_tls_secret(d, &at, item, tls);
		if (err == -EINVAL) {
			free(tls->hosts); /* empty: a fault leaves none of them in */
			*tls = (struct ingress_tls){};
			err = decode_note_fault(d);
		} else {
			ingress->tls_count++;
		}
		if (err)
			return err;
	}
	return 0;
}

static int decode_default_backend(struct decode *d, const struct field *spec_at, const cJSON *spec,
				  struct ingress *ingress)
{
	struct field at = field_child(spec_at, "defaultBackend");
	const cJSON *json = NULL;
	int err = decode_map(d, spec_at, spec, "defaultBackend", &json);

	if (err == -EINVAL)
		return decode_note_fault(d);
	if (!json)
		return err;
	ingress->default_backend = calloc(1, sizeof(*ingress->default_backend));
	if (!ingress->default_backend)
		return -ENOMEM;
	err = decode_backend(d, &at, json, ingress->default_backend);
	if (err != -EINVAL)
		return err;
	ingress_backend_clear(ingress->default_backend);
	free(ingress->default_backend);
	ingress->default_backend = NULL;
	return decode_note_fault(d);
}

static int decode_ingress(struct decode *d, const cJSON *json, struct object *object)
{
	struct ingress *ingress = (struct ingress *)object;
	struct field at = field_child(NULL, "spec");
	const cJSON *spec = NULL;
	int err = decode_map(d, NULL, json, "spec", &spec);

	if (!err)
		err = decode_string(d, &at, spec, "ingressClassName", &ingress->class_name);
	if (!err)
		err = decode_default_backend(d, &at, spec, ingress);
	if (!err)
		err = decode_rules(d, &at, spec, ingress);
	if (!err)
		err = decode_tls(d, &at, spec, ingress);
	if (!err)
		err = decode_status(d, json, &ingress->status, &ingress->status_count);
	return err;
}

const struct kind_ops kind_ingress = {
	.resource = { "networking.k8s.io", "v1", "ingresses", "Ingress", true },
	.size = sizeof(struct ingress),
	.check_name = name_check_subdomain,
	.decode = decode_ingress,
	.clone = ingress_copy,
	.equal = ingress_equal,
	.free = ingress_free_parts,
};
