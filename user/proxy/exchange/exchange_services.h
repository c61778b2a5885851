/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange_services.h - what all exchanges of a process share beyond the loop
 */
#ifndef SLUICE_PROXY_EXCHANGE_SERVICES_H
#define SLUICE_PROXY_EXCHANGE_SERVICES_H

#include "proxy/backend/http2_backend.h"
#include "proxy/backend/picker.h"
#include "proxy/backend/pool.h"
#include "proxy/exchange/access_log.h"
#include "proxy/exchange/exchange_splice.h"
#include "proxy/http/routing.h"
#include "proxy/http1/fault_log.h"
#include "proxy/http1/http1_forward.h"
#include "proxy/loop/turn.h"

struct tls_client;

struct exchange_services {
	/* set by the process that owns all parts, before exchange_services_init() of exchange.h */
	struct turn *turn;                     /* borrowed */
	struct picker *picker;                 /* borrowed */
	struct pool *pool;                     /* borrowed */
	struct http2_backends *http2_backends; /* borrowed */
	struct tls_client *tls_client;         /* borrowed */
	struct splice *splice;                 /* borrowed */

	struct routing *routing;           /* one reference; NULL before the first snapshot */
	struct slab exchanges;             /* struct exchange */
	struct buffer_pool response_heads; /* struct response_head */
	struct http1_id_source ids;
	struct access_log log;
	struct fault_log faults;
	struct splice_responses spliced;
#ifdef SLUICE_CHECK
	struct turn_hook check;
	struct exchange *live; /* all that are */
#endif
};

#endif /* SLUICE_PROXY_EXCHANGE_SERVICES_H */
