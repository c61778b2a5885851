// SPDX-License-Identifier: Apache-2.0
/*
 * ingress_shape.c - questions about an Ingress as it is written
 */
#include "table/compile/ingress_shape.h"

#include <string.h>

/* Reasons for what the decoder left out, by the field it names. */
const char *ingress_reason_of_field(const char *field)
{
	static const struct {
		const char *end, *reason;
	} reasons[] = {
		{ ".path", "InvalidPath" },         { ".pathType", "InvalidPathType" },
		{ ".host", "InvalidHost" },         { ".service.name", "InvalidBackend" },
		{ ".port", "InvalidBackend" },      { ".port.number", "InvalidBackend" },
		{ ".port.name", "InvalidBackend" }, { ".backend", "InvalidBackend" },
		{ ".service", "InvalidBackend" },   { ".resource", "ResourceBackend" },
	};
	size_t bytes = strlen(field);

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		size_t end = strlen(reasons[i].end);

		if (bytes >= end && strcmp(field + bytes - end, reasons[i].end) == 0)
			return reasons[i].reason;
	}
	return strncmp(field, "spec.tls", 8) == 0 ? "InvalidTLS" : "InvalidField";
}

bool ingress_has_tls_of(const struct ingress *ingress, const char *host)
{
	for (size_t i = 0; i < ingress->tls_count; i++) {
		const struct ingress_tls *tls = &ingress->tls[i];

		if (!tls->hosts_count)
			return true;
		for (size_t j = 0; j < tls->hosts_count; j++)
			if (strcmp(tls->hosts[j], host) == 0)
				return true;
	}
	return false;
}

/* Where connections of a passed-through host go: the path "/" if there is one, else the first, else
 * the default backend. */
const struct ingress_backend *ingress_passthrough_backend(const struct ingress *ingress,
							  const struct ingress_rule *rule)
{
	for (size_t i = 0; i < rule->paths_count; i++)
		if (!rule->paths[i].path[0] || strcmp(rule->paths[i].path, "/") == 0)
			return &rule->paths[i].backend;
	return rule->paths_count ? &rule->paths[0].backend : ingress->default_backend;
}

static size_t count_elements(const char *list)
{
	size_t count = list != NULL;

	for (; list && (list = strchr(list, ',')); list++)
		count++;
	return count;
}

size_t ingress_claims_max(const struct ingress *ingress, const struct policy *policy)
{
	size_t names = 1 + count_elements(policy->aliases);
	/* hosts, passthrough, app-root, www, TLS of hosts without an entry; the overall default */
	size_t count = 1 + 5 * ingress->rules_count;

	for (size_t i = 0; i < ingress->rules_count; i++)
		count += names * ingress->rules[i].paths_count;
	for (size_t i = 0; i < ingress->tls_count; i++)
		count += ingress->tls[i].hosts_count ? ingress->tls[i].hosts_count
						     : 1 + ingress->rules_count;
	return count;
}
