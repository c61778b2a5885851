// SPDX-License-Identifier: Apache-2.0
#include "proxy/exchange/exchange_priv.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "proxy/backend/http2_backend.h"

static unsigned int status_of(int err)
{
	return err == -ETIMEDOUT ? 504 : 502;
}

static void on_ready(struct upstream_conn *u)
{
	struct exchange *x = u->owner;

	task_run(&x->yield);
}

static void attach(struct exchange *x, struct upstream_conn *u)
{
	x->upstream = u;
	x->turns.attached = true;
	u->on_ready = on_ready;
	u->owner = x;
	exchange_backend_taken(x);
	x->request_sink = u->ops->begin(u, &x->request_writer,
					x->request.flags & HTTP1_REQUEST_F_TE_TRAILERS);
	x->up = (struct relay){ .moved_bytes = x->up.moved_bytes }; /* they are kept */
	x->sending.done = false;
	x->sending.stopped = false;
	if (u->reused)
		exchange_await_head(x);
	else
		exchange_set_phase(x, EXCHANGE_CONNECT);
	splice_response_arm(x);
}

static void note_tried(struct exchange *x, uint32_t backend_id)
{
	if (x->retry.tried.count < PICKER_ATTEMPTS_MAX)
		x->retry.tried.ids[x->retry.tried.count++] = backend_id;
}

static const char *route_text(const struct exchange *x, uint32_t offset)
{
	return offset ? snapshot_text(routing_snapshot(x->routing), offset) : NULL;
}

/* A websocket is requested by Upgrade, which HTTP/2 does not have. */
static bool speaks_http2(const struct exchange *x)
{
	switch (x->route->protocol) {
	case ROUTE_H2C:
	case ROUTE_H2:
	case ROUTE_GRPC:
	case ROUTE_GRPCS:
		return !x->tunnel.asked;
	default:
		return false;
	}
}

/* How the route wants its backends to be spoken to. Return: 0; -errno: not as things are. */
static int choose_way(struct exchange *x, struct upstream_way *way)
{
	const struct route *route = x->route;
	bool http2 = speaks_http2(x);
	const struct tls_wish wish = {
		.service = route_text(x, route->upstream_name),
		.server_name = route_text(x, route->server_name),
		.ca_name = route_text(x, route->ca_name),
		.insecure = route->flags & ROUTE_F_BACKEND_TLS_INSECURE,
		.http2 = http2,
	};
	bool tls = route->protocol == ROUTE_HTTPS || route->protocol == ROUTE_H2 ||
		   route->protocol == ROUTE_GRPCS;
	int err = 0;

	if (tls && !x->tls)
		err = tls_client_profile(x->services->tls_client, &wish, &x->tls);
	*way = (struct upstream_way){
		.tls = x->tls,
		.http2 = http2,
		.proxy_protocol = route->proxy_protocol_out,
		.no_source = x->upload.wanted,
		.client_id = x->peer->id,
		.ends = { x->peer->addr, x->peer->local, x->peer->port, x->peer->local_port },
	};
	return err;
}

/* The kernel reported at once that the backend is unreachable, not that we lack resources. */
static void connect_refused(struct exchange *x, const struct backend_view *backend, int err)
{
	if (err == -ENOMEM || err == -EMFILE || err == -ENFILE || err == -EADDRNOTAVAIL)
		return;
	exchange_backend_refused(x, backend);
}

void exchange_connect(struct exchange *x)
{
	struct exchange_services *services = x->services;
	struct upstream_way way;
	int err;

	x->upload.wanted = x->request.framing != HTTP1_FRAMING_NONE && !x->tunnel.route &&
			   splice_upload_why_not(x) == SPLICE_WHY_NONE;
	err = choose_way(x, &way);

	if (err) {
		exchange_fail(x, 502, "no authority to trust the backends by");
		return;
	}
	err = -ENOENT;
	while (x->retry.tried.count < PICKER_ATTEMPTS_MAX) {
		struct upstream_conn *u = NULL;
		struct backend_view backend;

		if (exchange_pick(x, &backend))
			break;
		if (way.http2)
			err = http2_backend_get(services->http2_backends, &backend, &way,
						x->retry.fresh_only, &u);
		else if (!x->retry.fresh_only)
			u = pool_get(services->pool, &backend, &way);
		if (!u && !way.http2 && !x->retry.fresh_only && !x->upload.wanted &&
		    splice_response_reap(services, backend.id))
			u = pool_get(services->pool, &backend, &way);
		if (!u && !way.http2)
			err = pool_connect(services->pool, &backend, &way, &u);
		if (u) {
			attach(x, u);
			return;
		}
		x->turn->stats->upstream_connect_errors++;
		connect_refused(x, &backend, err);
		note_tried(x, backend.id);
		log_debug("proxy: connect to a backend of %s: %s; next one",
			  snapshot_text(routing_snapshot(x->routing), x->route->upstream_name),
			  strerror(-err));
	}
	if (!x->retry.tried.count)
		exchange_fail(x, 503, "no usable backend");
	else
		exchange_fail(x, status_of(x->retry.error), "no backend could be reached");
}

/* True if the request may be sent once more without being carried out twice. */
static bool may_repeat(const struct exchange *x)
{
	bool unsent = x->request_writer.sent_bytes == 0;
	bool kept = x->request_sink == &x->request_writer.sink && x->request_writer.keep_body;

	return !x->receiving.begun && (x->up.moved_bytes == 0 || kept) &&
	       (unsent || x->retry.idempotent);
}

static void note_failure(struct exchange *x)
{
	note_tried(x, x->upstream->backend_id);
	exchange_backend_failed(x, x->phase == EXCHANGE_CONNECT ? FAILURE_CONNECT : FAILURE_ANSWER);
}

void exchange_upstream_failed(struct exchange *x, int err, const char *doing)
{
	bool was_reused = x->upstream && x->upstream->reused;
	bool repeat;

	if (x->splice.armed && splice_response_stop(x)) {
		exchange_set_phase(x, EXCHANGE_ABORTED);
		return;
	}
	splice_upload_stop(x);
	repeat = may_repeat(x);
	x->retry.error = err;
	if (x->phase == EXCHANGE_CONNECT)
		x->turn->stats->upstream_connect_errors++;
	log_debug("proxy: %s, backend %u of %s: %s%s", doing,
		  x->upstream ? x->upstream->backend_id : 0,
		  snapshot_text(routing_snapshot(x->routing), x->route->upstream_name),
		  strerror(-err), repeat ? "; tried again" : "");
	if (was_reused)
		x->retry.fresh_only =
			true; /* it may have been closed for being idle: the backend lives */
	else if (x->upstream)
		note_failure(x);
	exchange_let_go(x, false);
	if (!repeat) {
		exchange_fail(x, status_of(err), doing);
		return;
	}
	x->turn->stats->upstream_retries++;
	exchange_connect(x);
}
