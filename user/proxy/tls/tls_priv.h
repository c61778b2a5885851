/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_internal.h - between tls.c, tls_client.c (settings, names, sessions) and tls_stream.c (bytes)
 */
#ifndef SLUICE_PROXY_TLS_INTERNAL_H
#define SLUICE_PROXY_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "handoff/certificates.h"
#include "proxy/tls/tls_client.h"

#define TLS_RECORD_BYTES 16384u /* RFC 8446 5.1 */

/* What all TLS streams of a worker share. */
struct tls_io {
	BIO_METHOD *bio_method;        /* owned */
	char record[TLS_RECORD_BYTES]; /* where pieces are put together for one record */
};

/* What makes a stream a TLS one. */
struct tls_conn {
	struct tls_io *io; /* borrowed */
	SSL *ssl;          /* owned, and the BIO with it */
	bool drained; /* the last read emptied the socket; the next edge says when to try again */
	bool stuffed; /* likewise for writes */
	bool ready;   /* the handshake is done, the peer is who it should be */
	struct tls_profile *profile; /* one reference; NULL: we are the server */
	struct tls_peer peer;        /* with .profile */
};

/* Return: 0 and conn->ssl is the socket of @stream, which is a TLS one now; -ENOMEM. */
int tls_stream_begin(struct tls_io *io, SSL_CTX *ctx, struct stream *stream);

#endif /* SLUICE_PROXY_TLS_INTERNAL_H */
