/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_client.h - TLS to backends: whom to trust, by which name, and sessions to continue with
 *
 * How the backends of a route are spoken to is a profile: authorities, server name, protocols.
 * Connections of one profile may serve each other's routes; a profile whose authorities were
 * replaced is not given out again, so that connections which trusted the old ones run out.
 *
 * The authorities come from sluiced with the certificates (certificates.h): records without a key.
 */
#ifndef SLUICE_PROXY_TLS_CLIENT_H
#define SLUICE_PROXY_TLS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handoff/certificates.h"
#include "proxy/loop/stream.h"
#include "proxy/tls/tls_profile.h"

struct tls_client; /* of one worker */
struct tls_io;     /* tls_priv.h */

struct tls_wish {
	const char *service;     /* "namespace/service:port", as the snapshot's upstream_name */
	const char *server_name; /* NULL or "": the names of the service, or the address dialled */
	const char *ca_name;     /* "namespace/secret"; NULL or "": the roots of the system */
	bool insecure;           /* take any certificate */
	bool http2;              /* offer h2 alone, instead of http/1.1 */
};

/* @io: borrowed. Return: 0; -ENOMEM. */
int tls_client_new(struct tls_io *io, struct tls_client **out);
void tls_client_free(struct tls_client *client); /* takes NULL; all profiles were put before */

/**
 * tls_client_load - take the authorities of a set of certificates, in place of the previous ones
 * They are parsed when they are first needed. Return: 0; -ENOMEM, nothing was changed.
 */
int tls_client_load(struct tls_client *client, const struct certificates *set);

/**
 * tls_client_profile - the profile of a wish
 * Return: 0 with one reference; -ENOENT: there is no such authority, or no certificate in it (told
 * in the log); -ENOMEM.
 */
int tls_client_profile(struct tls_client *client, const struct tls_wish *wish,
		       struct tls_profile **out);

/**
 * tls_connect - make an open, maybe still connecting stream a TLS one
 * The handshake is done by tls_handshake(), which fails with -EKEYREJECTED if the backend's
 * certificate is not to be trusted or is not of a name that was wished.
 * @profile: referenced as long as the stream is
 * Return: 0; -ENOMEM.
 */
int tls_connect(struct tls_profile *profile, const struct tls_peer *peer, struct stream *stream);

#endif /* SLUICE_PROXY_TLS_CLIENT_H */
