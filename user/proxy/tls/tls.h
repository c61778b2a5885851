/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h - TLS to clients: certificates by server name, sessions, streams (to backends:
 * tls_client.h)
 *
 * Which certificate a name gets is said by the snapshot (snapshot_tls_of); the keys come from
 * sluiced as certificates.h says and live in this process only.
 */
#ifndef SLUICE_PROXY_TLS_H
#define SLUICE_PROXY_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/options/settings.h"
#include "proxy/loop/stream.h"

struct routing;
struct tls;          /* of one worker */
struct certificates; /* certificates.h */
struct tls_io;       /* what all TLS streams of a worker share */

/* Readies the library, while files can still be opened. Return: 0; -ENOMEM. */
int tls_io_new(struct tls_io **out);
void tls_io_free(struct tls_io *io); /* takes NULL */

/**
 * tls_new - ready to serve TLS, with a self-signed certificate until sluiced sends one
 * @io: borrowed
 * @routing: borrowed: where the table in use is found, which says what certificate a name gets
 * Only where an HTTPS port is served: else *out is NULL.
 * Return: 0; -ENOMEM; -EIO with a log line if the library fails.
 */
int tls_new(const struct settings *settings, struct tls_io *io, struct routing *const *routing,
	    struct tls **out);
void tls_free(struct tls *tls); /* takes NULL */

/**
 * tls_load - replace all certificates and ticket keys
 * A certificate that does not load is left out with a log line. Connections that stand keep theirs.
 * Return: 0; -ENOMEM, nothing was changed.
 */
int tls_load(struct tls *tls, const struct certificates *set);

/**
 * tls_accept - make an open stream a TLS one, its handshake to be done as bytes come
 * Return: 0; -ENOMEM.
 */
int tls_accept(struct tls *tls, struct stream *stream);

/**
 * tls_handshake - continue with the handshake, of either side
 * Return: 0: done; -EAGAIN; -errno: the connection must be closed.
 */
int tls_handshake(struct stream *stream);

/* After the handshake: it continued with a session from before. */
bool tls_resumed(const struct stream *stream);

/* After the handshake: HTTP/2 was agreed on. */
bool tls_speaks_http2(const struct stream *stream);

/* After the handshake: the server name that the client gave; NULL: none. Borrowed. */
const char *tls_server_name(const struct stream *stream);

#endif /* SLUICE_PROXY_TLS_H */
