/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http2_backends.h - all connections of a worker to backends that speak HTTP/2
 */
#ifndef SLUICE_PROXY_HTTP2_BACKENDS_H
#define SLUICE_PROXY_HTTP2_BACKENDS_H

#include <stdint.h>

#include "proxy/loop/slab.h"
#include "proxy/loop/timers.h"
#include "proxy/loop/turn.h"

struct fault_log;
struct http2_backend;
struct http2_memory;
struct pool;

struct http2_backends {
	struct turn *turn;           /* borrowed */
	struct pool *pool;           /* borrowed: makes the connections */
	struct http2_memory *memory; /* borrowed */
	struct fault_log *faults;    /* borrowed */
	/* Ends a connection, and with it what still runs on it. */
	void (*lose)(struct http2_backend *backend, int err);
	struct turn_hook hook;
	struct slab backends, calls;
	struct http2_backend **by_id;          /* owned array by backend id: lists, borrowed */
	struct http2_backend *newest, *oldest; /* owned list of all */
	struct timer sweep;
	uint32_t backends_max;
};

#endif /* SLUICE_PROXY_HTTP2_BACKENDS_H */
