/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h - what the workers need to speak TLS: the Secrets that routes name, ticket keys, roots
 */
#ifndef SLUICE_DAEMON_KEYS_H
#define SLUICE_DAEMON_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "model/model.h"
#include "table/table.h"

struct keys;

/* How long the newest ticket key is used for new tickets; the one before is honoured as long. */
#define KEYS_ROTATE_MS (12ull * 60 * 60 * 1000)

/* @ca_bundle: file with the roots for TLS to backends, borrowed; NULL: the system's.
 * Return: 0 with a first ticket key; -ENOMEM; -errno of getrandom(). */
int keys_new(const char *ca_bundle, struct keys **out);
void keys_free(struct keys *keys); /* takes NULL; zeroes */

/* A new ticket key; the oldest is forgotten. Return: 0; -errno, keys as before. */
int keys_rotate(struct keys *keys);

/* For struct table_options: can the helper serve this certificate? */
const char *keys_inspect(const struct secret *secret, int64_t *end_unix_s);

/**
 * keys_write - the set of certificates for the workers (handoff/certificates.h)
 * @table: names the Secrets; @model: holds them
 * Return: 0 with *fd owned by the caller; -errno.
 */
int keys_write(struct keys *keys, const struct table *table, const struct model *model, int *fd,
	       size_t *bytes, uint32_t *count);

#endif /* SLUICE_DAEMON_KEYS_H */
