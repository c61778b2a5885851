// SPDX-License-Identifier: Apache-2.0
/*
 * exchange_tunnel.c - connections that are handed to a backend as they are
 *
 * They are exchanges without a request: a backend is picked and dialled, the next one where that
 * fails, and both directions are relayed as those of any tunnel.
 */
#include <errno.h>
#include <stdlib.h>

#include "proxy/exchange/exchange_priv.h"

void exchange_pass_through(struct exchange *x, const struct snapshot_tls *settings,
			   struct http_slice name)
{
	struct exchange_services *services = x->services;
	struct route *route = calloc(1, sizeof(*route));

	x->started_us = x->turn->now_us;
	if (services->log.form != ACCESS_LOG_OFF)
		x->record = access_record_new_passed(name);
	if (!route) {
		exchange_set_phase(x, EXCHANGE_ABORTED);
		return;
	}
	*route = (struct route){
		.upstream_id = settings->upstream_id,
		.upstream_name = settings->upstream_name,
		.proxy_protocol_out = settings->proxy_protocol_out,
		.connect_timeout_ms = settings->connect_timeout_ms,
		.tunnel_idle_timeout_ms = settings->tunnel_idle_timeout_ms,
	};
	x->tunnel.route = route;
	x->route = route;
	x->routing = routing_get(services->routing);
	exchange_set_phase(x, EXCHANGE_CONNECT);
	if (!route->upstream_id)
		exchange_fail(x, 503, "passthrough: no upstream");
}

void exchange_begin_tunnel(struct exchange *x)
{
	struct upstream_conn *u = x->upstream;

	http1_reader_body(&u->reader, HTTP1_FRAMING_CLOSE, 0, 0);
	if (http1_writer_begin(&x->request_writer, &u->stream, &x->turn->buffers, NULL,
			       HTTP1_FRAMING_CLOSE)) {
		exchange_set_phase(x, EXCHANGE_ABORTED);
		return;
	}
	x->request_sink = &x->request_writer.sink;
	x->request_writer.shut_when_done = true;
	x->up = (struct relay){ 0 };
	x->sending.done = false;
	exchange_set_phase(x, EXCHANGE_TUNNEL);
	if (x->tunnel.route)
		x->status = 200; /* for the access log: it was handed over */
	splice_tunnel_begin(x);
}
