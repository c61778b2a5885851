// SPDX-License-Identifier: Apache-2.0
#include "daemon/workers/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/workers/roots.h"
#include "handoff/certificates.h"
#include "handoff/tls_certificate.h"

#define TICKET_KEYS 2 /* one to encrypt, one that went before it */

struct keys {
	struct certificates_ticket_key tickets[TICKET_KEYS]; /* newest first */
	uint32_t tickets_count;
	struct roots roots;
};

/* The list being made. */
struct selection {
	const struct model *model;
	struct certificate *list; /* owned, with .name; PEM borrowed from the model */
	uint32_t count, capacity;
	uint32_t default_index; /* UINT32_MAX: none */
};

int keys_rotate(struct keys *keys)
{
	struct certificates_ticket_key fresh;
	ssize_t got;

	got = getrandom(&fresh, sizeof(fresh), 0);
	if (got < 0)
		return -errno;
	if (got != (ssize_t)sizeof(fresh))
		return -EIO;
	memmove(&keys->tickets[1], &keys->tickets[0], (TICKET_KEYS - 1) * sizeof(keys->tickets[0]));
	keys->tickets[0] = fresh;
	if (keys->tickets_count < TICKET_KEYS)
		keys->tickets_count++;
	explicit_bzero(&fresh, sizeof(fresh));
	return 0;
}

int keys_new(const char *ca_bundle, struct keys **out)
{
	struct keys *keys = calloc(1, sizeof(*keys));
	int err;

	if (!keys)
		return -ENOMEM;
	keys->roots.file = ca_bundle;
	err = keys_rotate(keys);
	if (err) {
		keys_free(keys);
		return err;
	}
	*out = keys;
	return 0;
}

void keys_free(struct keys *keys)
{
	if (!keys)
		return;
	roots_clear(&keys->roots);
	explicit_bzero(keys, sizeof(*keys));
	free(keys);
}

/* Index of a certificate that is in the list already; .count: not there. */
static uint32_t find(const struct selection *selection, const char *name)
{
	uint32_t i = 0;

	while (i < selection->count &&
	       (strcmp(selection->list[i].name, name) != 0 || selection->list[i].key_bytes == 0))
		i++;
	return i;
}

static int append(struct selection *selection, const struct certificate *certificate)
{
	if (selection->count == selection->capacity) {
		uint32_t capacity = selection->capacity ? 2 * selection->capacity : 16;
		struct certificate *grown;

		grown = reallocarray(selection->list, capacity, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		selection->list = grown;
		selection->capacity = capacity;
	}
	selection->list[selection->count++] = *certificate;
	return 0;
}

static void take_certificate(const struct secret *secret, struct certificate *out)
{
	out->chain = (const char *)secret->tls_crt;
	out->chain_bytes = secret->tls_crt_bytes;
	out->key = (const char *)secret->tls_key;
	out->key_bytes = secret->tls_key_bytes;
	out->ocsp = (const char *)secret->tls_ocsp;
	out->ocsp_bytes = secret->tls_ocsp_bytes;
}

const char *keys_inspect(const struct secret *secret, int64_t *end_unix_s)
{
	struct certificate pem = {};
	struct tls_certificate *certificate;
	const char *fault = NULL;
	int err;

	take_certificate(secret, &pem);
	pem.ocsp_bytes = 0; /* the helper reports it */
	err = tls_certificate_load(&pem, &certificate, &fault);
	if (err == -ENOMEM) {
		*end_unix_s = 0;
		return NULL; /* nothing is known against it */
	}
	if (err)
		return fault;
	*end_unix_s = tls_certificate_end_s(certificate);
	tls_certificate_put(certificate);
	return NULL;
}

static int add_secret(void *ctx, enum table_secret_use use, const char *namespace, const char *name)
{
	struct selection *selection = ctx;
	const struct secret *secret;
	struct certificate made = {};
	char *text;
	int length;

	secret = (const struct secret *)model_get(selection->model, OBJECT_SECRET, namespace, name);
	if (!secret)
		return 0; /* gone since the table was compiled: the next update reports it */
	length = asprintf(&text, "%s/%s", namespace, name);
	if (length < 0)
		return -ENOMEM;
	made.name = text;
	made.name_bytes = (size_t)length;
	if (use == TABLE_SECRET_CA) {
		made.chain = (const char *)secret->ca_crt;
		made.chain_bytes = secret->ca_crt_bytes;
	} else {
		take_certificate(secret, &made);
	}
	if (use == TABLE_SECRET_DEFAULT) {
		selection->default_index = find(selection, text);
		if (selection->default_index < selection->count) {
			free(text); /* some host is served with it as well */
			return 0;
		}
	} else if (use == TABLE_SECRET_CERTIFICATE && selection->default_index < selection->count &&
		   find(selection, text) < selection->count) {
		free(text);
		return 0;
	}
	if (made.chain_bytes && append(selection, &made) == 0)
		return 0;
	free(text);
	return made.chain_bytes ? -ENOMEM : 0;
}

/* The roots of the system go with every set. Return: 0; -ENOMEM. */
static int add_roots(struct selection *selection, struct roots *roots)
{
	struct certificate made = { .name_bytes = sizeof(CERTIFICATES_SYSTEM) - 1 };
	char *text;
	int err;

	roots_refresh(roots);
	if (!roots->pem)
		return 0;
	text = strdup(CERTIFICATES_SYSTEM);
	if (!text)
		return -ENOMEM;
	made.name = text;
	made.chain = roots->pem;
	made.chain_bytes = roots->pem_bytes;
	err = append(selection, &made);
	if (err)
		free(text);
	return err;
}

int keys_write(struct keys *keys, const struct table *table, const struct model *model, int *fd,
	       size_t *bytes, uint32_t *count)
{
	struct selection selection = { .model = model, .default_index = UINT32_MAX };
	int err;

	err = table_each_secret(table, add_secret, &selection);
	if (!err)
		err = add_roots(&selection, &keys->roots);
	if (!err)
		err = certificates_write(selection.list, selection.count, selection.default_index,
					 keys->tickets, keys->tickets_count, fd, bytes);
	if (!err)
		*count = selection.count;
	for (uint32_t i = 0; i < selection.count; i++)
		free((char *)(uintptr_t)selection.list[i].name);
	free(selection.list);
	return err;
}
