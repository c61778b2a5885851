/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_priv.h - between tls.c, tls_client.c (settings, names, sessions) and tls_stream.c (bytes)
 */
#ifndef SLUICE_PROXY_TLS_PRIV_H
#define SLUICE_PROXY_TLS_PRIV_H

#include <openssl/ssl.h>

#include "handoff/certificates.h"
#include "proxy/loop/stream.h"
#include "proxy/tls/tls_profile.h"

#define TLS_RECORD_BYTES 16384u /* RFC 8446 5.1 */

/* What all TLS streams of a worker share. */
struct tls_io {
	BIO_METHOD *bio_method;        /* owned */
	char record[TLS_RECORD_BYTES]; /* where pieces are put together for one record */
};

struct tls_conn;

/* What the end that began a handshake asks of its own rules. */
struct tls_conn_ops {
	/* The chain was verified: is it of a name that was wished? Return: 0; -EKEYREJECTED. */
	int (*verify)(const struct tls_conn *conn);
	/* Logs why the handshake failed; not each time if it continues. */
	void (*failed)(struct tls_conn *conn, const char *why);
};

/* What makes a stream a TLS one. */
struct tls_conn {
	struct tls_io *io; /* borrowed */
	SSL *ssl;          /* owned, and the BIO with it */
	bool drained; /* the last read emptied the socket; the next edge says when to try again */
	bool stuffed; /* likewise for writes */
	bool ready;   /* the handshake is done, the peer is who it should be */
	const struct tls_conn_ops *ops; /* NULL: we are the server */
	struct tls_profile *profile;    /* one reference; NULL likewise */
	struct tls_peer peer;           /* with .profile */
};

/* Return: 0 and conn->ssl is the socket of @stream, which is a TLS one now; -ENOMEM. */
int tls_stream_begin(struct tls_io *io, SSL_CTX *ctx, struct stream *stream);

#endif /* SLUICE_PROXY_TLS_PRIV_H */
