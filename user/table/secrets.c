// SPDX-License-Identifier: Apache-2.0
/*
 * secrets.c - which Secrets are named, by whom, and whether they can be used
 */
#include "table/secrets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table/marks.h"

static void entry_free(struct secret_entry *entry)
{
	if (!entry)
		return;
	free(entry->key);
	free(entry->namespace);
	free(entry->name);
	free(entry);
}

static int entry_get(struct table *table, const char *namespace, const char *name,
		     struct secret_entry **out)
{
	char *key = key_of(namespace, name);
	struct secret_entry *entry = NULL;
	int err = -ENOMEM;

	if (!key)
		return -ENOMEM;
	*out = strmap_get(&table->secrets, key);
	if (*out) {
		free(key);
		return 0;
	}
	entry = calloc(1, sizeof(*entry));
	if (!entry) {
		free(key);
		return -ENOMEM;
	}
	entry->key = key;
	entry->namespace = strdup(namespace);
	entry->name = strdup(name);
	if (entry->namespace && entry->name)
		err = strmap_put(&table->secrets, key, entry, NULL);
	if (err)
		goto out;
	*out = entry;
	entry = NULL;
out:
	entry_free(entry);
	return err;
}

int secret_use_add(struct table *table, const char *namespace, const char *name,
		   struct secret_use *use)
{
	int err = entry_get(table, namespace, name, &use->secret);

	if (!err)
		LIST_INSERT_HEAD(&use->secret->uses, use, of_secret);
	return err;
}

void secret_use_drop(struct table *table, struct secret_use *use)
{
	struct secret_entry *entry = use->secret;

	if (!entry)
		return;
	secret_use_judge(table, use, false);
	LIST_REMOVE(use, of_secret);
	use->secret = NULL;
	if (!LIST_EMPTY(&entry->uses))
		return;
	strmap_remove(&table->secrets, entry->key);
	entry_free(entry);
}

void secret_use_judge(struct table *table, struct secret_use *use, bool usable)
{
	uint32_t *count = &use->secret->usable[use->use];

	if (use->usable == usable)
		return;
	use->usable = usable;
	if (usable ? (*count)++ == 0 : --*count == 0)
		table->changes.certificates = true;
}

static bool has_bytes(const uint8_t *data, size_t bytes, const char *text)
{
	return data && memmem(data, bytes, text, strlen(text));
}

/* What the certificate itself is judged to be, once a change of the Secret. */
static const char *certificate_fault(const struct table *table, const struct secret *secret,
				     struct secret_entry *entry)
{
	if (!table->options.inspect)
		return NULL;
	if (!entry->inspected)
		entry->fault = table->options.inspect(secret, &entry->end_unix_s);
	entry->inspected = true;
	return entry->fault;
}

const char *secret_fault(const struct table *table, const struct model *model,
			 const struct secret_use *use)
{
	const struct secret *secret = (const struct secret *)model_get(
		model, OBJECT_SECRET, use->secret->namespace, use->secret->name);

	if (!secret)
		return "does not exist";
	if (use->use == TABLE_SECRET_CA)
		return has_bytes(secret->ca_crt, secret->ca_crt_bytes, "-----BEGIN CERTIFICATE")
			       ? NULL
			       : "has no PEM certificate in ca.crt";
	if (!secret->type || strcmp(secret->type, "kubernetes.io/tls") != 0)
		return "is not of type kubernetes.io/tls";
	if (!has_bytes(secret->tls_crt, secret->tls_crt_bytes, "-----BEGIN CERTIFICATE"))
		return "has no PEM certificate in tls.crt";
	if (!has_bytes(secret->tls_key, secret->tls_key_bytes, "PRIVATE KEY-----"))
		return "has no PEM private key in tls.key";
	return certificate_fault(table, secret, use->secret);
}

int secret_changed(struct table *table, const char *namespace, const char *name)
{
	char *key = key_of(namespace, name);
	struct secret_entry *entry;
	struct secret_use *use;

	if (!key)
		return -ENOMEM;
	entry = strmap_get(&table->secrets, key);
	free(key);
	if (!entry)
		return 0;
	table->changes.certificates = true;
	entry->inspected = false;
	LIST_FOREACH(use, &entry->uses, of_secret)
	{
		if (use->claim)
			mark_host(table, use->claim->host);
		else if (use->owner)
			mark_owner(table, use->owner);
		else if (use->service)
			mark_service_changed(table, use->service);
		else
			table->default_marked = true;
	}
	return 0;
}

int table_each_certificate(const struct table *table, table_certificate_fn *fn, void *ctx)
{
	const struct strmap_entry *at;
	size_t position = 0;
	int result = 0;

	while (!result && (at = strmap_next(&table->secrets, &position))) {
		const struct secret_entry *entry = at->value;

		if (entry->inspected && !entry->fault &&
		    (entry->usable[TABLE_SECRET_CERTIFICATE] ||
		     entry->usable[TABLE_SECRET_DEFAULT]))
			result = fn(ctx, entry->key, entry->end_unix_s);
	}
	return result;
}

int table_each_secret(const struct table *table, table_secret_fn *fn, void *ctx)
{
	const struct strmap_entry *at;
	size_t position = 0;
	int result;

	while ((at = strmap_next(&table->secrets, &position))) {
		const struct secret_entry *entry = at->value;

		for (int use = 0; use <= TABLE_SECRET_CA; use++) {
			if (!entry->usable[use])
				continue;
			result = fn(ctx, use, entry->namespace, entry->name);
			if (result)
				return result;
		}
	}
	return 0;
}
