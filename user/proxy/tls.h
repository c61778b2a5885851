/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h - TLS to clients: certificates by server name, sessions, streams
 *
 * Which certificate a name gets is said by the snapshot (snapshot_tls_of); the keys come from
 * sluiced as certificates.h says and live in this process only.
 */
#ifndef SLUICE_PROXY_TLS_H
#define SLUICE_PROXY_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/settings.h"
#include "proxy/stream.h"

struct routing;
struct tls; /* of one worker */

/**
 * tls_new - ready to serve TLS, with a self-signed certificate until sluiced sends one
 * @routing: borrowed: where the table in force is found, which says what certificate a name gets
 * Only where an HTTPS port is served: else *out is NULL.
 * Return: 0; -ENOMEM; -EIO with a log line if the library fails.
 */
int tls_new(const struct settings *settings, struct routing *const *routing, struct tls **out);
void tls_free(struct tls *tls); /* takes NULL */

/**
 * tls_set_certificates - replace all certificates and ticket keys
 * @fd: not kept; see certificates.h
 * A certificate that does not load is left out with a log line. Connections that stand keep theirs.
 * Return: 0; -EINVAL; -ENOMEM; -errno, nothing was changed.
 */
int tls_set_certificates(struct tls *tls, int fd, size_t bytes);

/**
 * tls_accept - make an open stream a TLS one, its handshake to be done as bytes come
 * Return: 0; -ENOMEM.
 */
int tls_accept(struct tls *tls, struct stream *stream);

/**
 * tls_handshake - go on with the handshake
 * Return: 0: done; -EAGAIN; -errno: the connection has to be closed.
 */
int tls_handshake(struct stream *stream);

/* After the handshake: HTTP/2 was agreed on. */
bool tls_speaks_http2(const struct stream *stream);

#endif /* SLUICE_PROXY_TLS_H */
