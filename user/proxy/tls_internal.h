/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_internal.h - between tls.c (settings, names, tickets) and tls_stream.c (bytes)
 */
#ifndef SLUICE_PROXY_TLS_INTERNAL_H
#define SLUICE_PROXY_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "proxy/tls_store.h"

#define TLS_RECORD_BYTES 16384u /* RFC 8446 5.1 */

struct tls {
	SSL_CTX *ctx;                                  /* owned */
	BIO_METHOD *bio_method;                        /* owned */
	struct tls_store *store;                       /* owned */
	struct routing *const *routing;                /* borrowed */
	struct certificates_ticket_key own_ticket_key; /* until sluiced sends some */
	char record[TLS_RECORD_BYTES]; /* where pieces are put together for one record */
};

BIO_METHOD *tls_stream_bio_method(void); /* NULL if there is no memory */

#endif /* SLUICE_PROXY_TLS_INTERNAL_H */
