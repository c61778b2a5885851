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

#include "proxy/backend/maps.h"
#include "proxy/loop/timers.h"
#include "proxy/backend/upstream.h"

struct http2_backend;
struct worker;

struct http2_backends {
	struct http2_backend **by_id;          /* owned array by backend id: lists, borrowed */
	struct http2_backend *newest, *oldest; /* owned list of all */
	struct timer sweep;
	uint32_t backends_max;
};

int http2_backends_init(struct worker *worker); /* Return: 0; -ENOMEM. */
void http2_backends_free(struct worker *worker);

/**
 * http2_backend_get - a stream to a backend, on a connection that stands or a new one
 * @again: the exchange failed on one that stood before: this one counts as an attempt
 * Return: 0 and *out, owned by the caller until let go; -errno as upstream_connect().
 */
int http2_backend_get(struct worker *worker, const struct backend_view *backend,
		      const struct upstream_way *way, bool again, struct upstream_conn **out);

/* Sizes for the slabs of the worker. */
extern const size_t http2_backend_bytes, http2_call_bytes;

#endif /* SLUICE_PROXY_HTTP2_BACKEND_H */
