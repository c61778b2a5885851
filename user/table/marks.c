// SPDX-License-Identifier: Apache-2.0
/*
 * marks.c - what is marked for work, and the two things that all entries share: key and age
 */
#include "table/marks.h"

#include <stdlib.h>
#include <string.h>

void mark_owner(struct table *table, struct rule_owner *owner)
{
	mark_entry(table, marked_owners, owner);
}

void mark_service(struct table *table, struct service_entry *service)
{
	mark_entry(table, marked_services, service);
}

void mark_service_changed(struct table *table, struct service_entry *service)
{
	service->refresh = true;
	mark_service(table, service);
}

void mark_upstream(struct table *table, struct upstream_entry *upstream)
{
	mark_entry(table, marked_upstreams, upstream);
}

void mark_host(struct table *table, struct host_entry *host)
{
	mark_entry(table, marked_hosts, host);
}

void mark_frontend(struct table *table, struct frontend_entry *frontend)
{
	mark_entry(table, marked_frontends, frontend);
}

/* Of two keys: by namespace, then by name. What ends a namespace comes before all that goes on. */
static int compare_keys(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	if (*a == *b)
		return 0;
	if (*a == '/' || *b == '/')
		return *a == '/' ? -1 : 1;
	return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

int age_compare(int64_t a_created_unix_s, const char *a_key, int64_t b_created_unix_s,
		const char *b_key)
{
	if (a_created_unix_s != b_created_unix_s)
		return a_created_unix_s < b_created_unix_s ? -1 : 1;
	return compare_keys(a_key, b_key);
}

char *key_of(const char *namespace, const char *name)
{
	size_t first = strlen(namespace), second = strlen(name);
	char *key = malloc(first + second + 2);

	if (!key)
		return NULL;
	memcpy(key, namespace, first);
	key[first] = '/';
	memcpy(key + first + 1, name, second + 1);
	return key;
}
