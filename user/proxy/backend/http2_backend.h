/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http2_backend.h - connections to backends that speak HTTP/2
 *
 * One connection to a backend serves many exchanges, each by a stream; more are made as streams
 * outgrow it. To an exchange a stream is an upstream_conn like any other: heads come by its reader,
 * as text, bodies by its source.
 */
#ifndef SLUICE_PROXY_HTTP2_BACKEND_H
#define SLUICE_PROXY_HTTP2_BACKEND_H

#include "proxy/backend/http2_backends.h"
#include "proxy/backend/maps.h"
#include "proxy/backend/upstream.h"

/* Borrows all it gets. Return: 0; -ENOMEM. */
int http2_backends_init(struct http2_backends *all, struct pool *pool, struct http2_memory *memory,
			struct fault_log *faults);
void http2_backends_free(struct http2_backends *all);

/* Ends all connections, and with them what still runs on them. */
void http2_backends_drop(struct http2_backends *all);

/**
 * http2_backend_get - a stream to a backend, on a connection that stands or a new one
 * @again: the exchange failed on one that stood before: this one counts as an attempt
 * Return: 0 and *out, owned by the caller until let go; -errno as upstream_connect().
 */
int http2_backend_get(struct http2_backends *all, const struct backend_view *backend,
		      const struct upstream_way *way, bool again, struct upstream_conn **out);

#endif /* SLUICE_PROXY_HTTP2_BACKEND_H */
