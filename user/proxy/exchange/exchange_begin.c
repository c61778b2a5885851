// SPDX-License-Identifier: Apache-2.0
/*
 * exchange_begin.c - the head of a request is whole: what becomes of it
 */
#include <errno.h>
#include <stdio.h>

#include "proxy/exchange/exchange_priv.h"

/* RFC 9110 6.5.1: a recipient that wants trailers asks for them; otherwise a later hop may drop or
 * misread them. */
struct http_field *exchange_request_trailers(struct exchange *x)
{
	const uint32_t wanted = HTTP1_REQUEST_F_TE_TRAILERS;

	return (x->request.flags & (wanted | HTTP1_REQUEST_F_NO_TRAILERS)) == wanted
		       ? x->fields + HTTP1_TRAILERS_MAX
		       : NULL;
}

/* The client speaks TLS: to us, or to a trusted peer that ended it. */
static bool is_https(const struct exchange *x)
{
	const struct http_field *proto =
		x->peer->trusted
			? http_fields_find_only(&x->request.fields, HTTP_FIELD_X_FORWARDED_PROTO)
			: NULL;

	return x->peer->tls ||
	       (proto && http_text_is(proto->value, proto->value_bytes, "https", 5));
}

/* Builds the head that the backend will read. Return: 0; -errno. */
static int build_head(struct exchange *x, struct http_slice path)
{
	const struct settings *settings = x->turn->settings;
	struct http1_forward_request how = {
		.path = path,
		.client = x->peer->addr,
		.local = x->peer->local,
		.local_port = x->peer->local_port,
		.flags = (x->peer->tls ? HTTP1_FORWARD_F_TLS : 0u) |
			 (x->peer->trusted ? HTTP1_FORWARD_F_TRUSTED_PEER : 0u) |
			 (settings->underscores ? HTTP1_FORWARD_F_UNDERSCORES : 0u),
		.ids = &x->services->ids,
	};
	struct exchange_sent sent;
	size_t most = http1_forward_request_max(&x->request) + path.bytes; /* it may have grown */
	struct buffer *head;
	int bytes;

	if (exchange_sent_fields(x, &sent)) {
		how.extra = sent.fields;
		how.extra_count = sent.count;
		how.host = sent.host;
		most += sent.bytes;
	}
	head = most <= x->turn->buffers.size ? buffer_get(&x->turn->buffers)
					     : buffer_new((uint32_t)most);
	if (!head)
		return -ENOMEM;
	bytes = http1_forward_request(&x->request, &how, head->data, head->size);
	if (bytes < 0) {
		buffer_put(&x->turn->buffers, head);
		return bytes;
	}
	head->end = (uint32_t)bytes;
	if (x->record)
		access_record_request_id(x->record, how.request_id);
	return http1_writer_begin(&x->request_writer, NULL, &x->turn->buffers, head,
				  x->request.framing);
}

static void forward_path(struct exchange *x, struct http_slice path)
{
	int err;

	if (x->request.framing == HTTP1_FRAMING_LENGTH &&
	    x->request.content_length_bytes > exchange_body_bytes_max(x)) {
		exchange_refuse(x, &(struct http1_fault){ .reason = HTTP1_FAULT_BODY_LONG });
		return;
	}
	exchange_read_balance(x);
	err = build_head(x, path);
	if (err) {
		exchange_fail(x, 500, "no memory for a request head");
		return;
	}
	/* Until the response begins, it may be sent again. */
	x->request_writer.keep_head = true;
	x->request_writer.keep_body =
		x->retry.idempotent &&
		x->request.content_length_bytes <= buffer_room(x->request_writer.head);
	exchange_set_phase(x, EXCHANGE_CONNECT);
}

static void forward(struct exchange *x, struct exchange_path *path)
{
	enum http1_fault_reason reason;
	struct buffer *buffer;

	if (!x->route->rewrite_target) {
		forward_path(x, path->forwarded);
		return;
	}
	buffer = buffer_get(&x->turn->buffers);
	if (!buffer) {
		exchange_fail(x, 500, "no memory for a path");
		return;
	}
	reason = exchange_rewrite(x, buffer, path);
	if (reason == HTTP1_FAULT_NONE)
		forward_path(x, path->forwarded);
	else if (reason == HTTP1_FAULT_COUNT)
		exchange_fail(x, 500, "nothing is left of the path");
	else
		exchange_refuse(x, &(struct http1_fault){ reason, x->request.target });
	buffer_put(&x->turn->buffers, buffer);
}

static const struct route *find_route(const struct exchange *x, struct http_slice path)
{
	struct routing_request request = {
		.local = &x->peer->local,
		.local_port = x->peer->local_port,
		.host = &x->request.host,
		.path = path,
		.method = x->request.method,
		.query = x->request.query,
		.fields = &x->request.fields,
	};

	return routing_match(x->routing, &request);
}

/* The route of a request, and what it leads to. */
static void decide(struct exchange *x, struct exchange_path *path)
{
	struct exchange_services *services = x->services;

	if (!services->routing) {
		exchange_fail(x, 503, "no routing table yet");
		return;
	}
	x->routing = routing_get(services->routing);
	x->route = find_route(x, path->matched);
	x->rule = routing_rule(x->routing);
	if (routing_gave_up(x->routing)) {
		exchange_fail(x, 500, "path expressions cost too much");
		return;
	}
	if (x->route && (x->route->flags & ROUTE_F_ACTS)) {
		if (!exchange_act(x, path))
			forward(x, path);
		return;
	}
	if (x->route && (x->route->flags & ROUTE_F_SOURCES) && !exchange_is_admitted(x))
		exchange_fail(x, 403, "the route does not let this source in");
	else if (exchange_redirects_to_https(x, path))
		exchange_redirect_to_https(x, path->forwarded);
	else if (!x->route)
		exchange_fail(x, 404, "no route");
	else if (!x->route->upstream_id)
		exchange_fail(x, 503, "the route has no upstream");
	else
		forward(x, path);
}

void exchange_begin(struct exchange *x)
{
	struct exchange_services *services = x->services;
	enum http1_fault_reason reason;
	struct exchange_path path;

	x->started_us = x->turn->now_us;
	x->method_id = x->request.method_id;
	x->retry.idempotent = http1_request_idempotent(&x->request);
	x->tunnel.asked = x->request.flags & HTTP1_REQUEST_F_WEBSOCKET;
	x->https = is_https(x);
	x->turn->stats->requests++;
	if (services->log.form != ACCESS_LOG_OFF)
		x->record = access_record_new(&x->request);
	if ((x->request.flags & HTTP1_REQUEST_F_ASTERISK) ||
	    !http1_request_count_hop(&x->request)) {
		exchange_reply(x, &(struct http1_reply){ .status = 200, .keep_alive = true });
		return;
	}
	reason = exchange_path_read(&x->turn->buffers, x->request.path, &path);
	if (reason == HTTP1_FAULT_COUNT)
		exchange_fail(x, 500, "no memory for a path");
	else if (reason)
		exchange_refuse(x, &(struct http1_fault){ reason, x->request.target });
	else
		decide(x, &path);
	exchange_path_end(&x->turn->buffers, &path);
}
