/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_store.h - certificates and ticket keys of one worker, by name
 */
#ifndef SLUICE_PROXY_TLS_STORE_H
#define SLUICE_PROXY_TLS_STORE_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

#include "handoff/certificates.h"

struct tls_store;

/**
 * tls_store_new - a store that holds a self-signed certificate as default
 * Return: 0; -ENOMEM; -EIO.
 */
int tls_store_new(struct tls_store **out);
void tls_store_free(struct tls_store *store); /* takes NULL; keys are zeroed */

/**
 * tls_store_load - the store that a set of certificates makes
 * @before: certificates whose PEM has not changed are taken from it without parsing, and its
 *          self-signed certificate; continues to exist
 * A certificate that does not load is left out with a log line.
 * Return: 0; -ENOMEM.
 */
int tls_store_load(const struct certificates *set, const struct tls_store *before,
		   struct tls_store **out);

/**
 * tls_store_use - give a connection the certificate of a name, with its OCSP response if asked for
 * @name: "namespace/secret"; NULL or unknown: the default certificate
 * Return: 0; -EIO.
 */
int tls_store_use(const struct tls_store *store, const char *name, SSL *ssl);

/* SHA-256 of what a record holds, to tell whether it has changed. */
void tls_store_digest(const struct certificate *record, unsigned char out[32]);

/* Newest first; NULL if sluiced sent none. */
const struct certificates_ticket_key *tls_store_ticket_keys(const struct tls_store *store,
							    uint32_t *count);

#endif /* SLUICE_PROXY_TLS_STORE_H */
