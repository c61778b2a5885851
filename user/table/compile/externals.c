// SPDX-License-Identifier: Apache-2.0
/*
 * externals.c - the host names of ExternalName Services, and the addresses that they stand for
 *
 * Looking names up is not done here: whoever does it asks which ones there are, and tells what he
 * found.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table/compile/compile.h"
#include "table/marks.h"

static void external_free(struct external *external)
{
	if (external)
		free(external->addresses);
	free(external);
}

void externals_clear(struct table *table)
{
	const struct strmap_entry *at;
	size_t position = 0;

	while ((at = strmap_next(&table->externals, &position)))
		external_free(at->value);
	strmap_clear(&table->externals);
}

const struct external *external_find(const struct table *table, const char *host)
{
	return host ? strmap_get(&table->externals, host) : NULL;
}

int table_set_external(struct table *table, const char *host, const struct inet_addr *addresses,
		       size_t count)
{
	struct external *external = strmap_get(&table->externals, host);
	struct inet_addr *copy = malloc((count + 1) * sizeof(*copy));
	int err = 0;

	if (!copy)
		return -ENOMEM;
	if (count)
		memcpy(copy, addresses, count * sizeof(*copy));
	if (!external) {
		external = calloc(1, sizeof(*external));
		err = external ? strmap_put(&table->externals, host, external, NULL) : -ENOMEM;
	}
	if (err) {
		free(copy);
		free(external);
		return err;
	}
	free(external->addresses);
	external->addresses = copy;
	external->count = count;
	external->changed = true;
	table->externals_changed = true;
	return 0;
}

const struct service *external_service(const struct model *model, const struct service_entry *entry)
{
	const struct service *service = (const struct service *)model_get(
		model, OBJECT_SERVICE, entry->namespace, entry->name);

	return service && service->type == SERVICE_EXTERNAL_NAME ? service : NULL;
}

void externals_settle(struct table *table)
{
	const struct strmap_entry *at;
	size_t position = 0;

	while ((at = strmap_next(&table->externals, &position))) {
		struct external *external = at->value;

		external->changed = false;
		if (external->count)
			continue;
		external_free(external);
		strmap_remove(&table->externals, at->key);
	}
	table->externals_changed = false;
}

int table_each_external(const struct table *table, const struct model *model, table_external_fn *fn,
			void *ctx)
{
	const struct strmap_entry *at;
	struct inet_addr addr;
	size_t position = 0;
	int err = 0;

	if (!table->options.allow_external_name)
		return 0;
	while (!err && (at = strmap_next(&table->services, &position))) {
		const struct service_entry *entry = at->value;
		const struct service *service =
			LIST_EMPTY(&entry->targets) ? NULL : external_service(model, entry);

		if (service && service->external_name && service->external_name[0] &&
		    inet_addr_parse(service->external_name, &addr))
			err = fn(ctx, service->external_name);
	}
	return err;
}
