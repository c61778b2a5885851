// SPDX-License-Identifier: Apache-2.0
#include "proxy/exchange/exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "proxy/http/http_path.h"

#define STATUS_CLIENT_GONE 499 /* in the log only, as nginx writes it */
#define RETRY_AFTER_S      1u
#define CONTINUE_WAIT_MS   1000u /* for the backend's 100: as long as curl waits, too */

static void on_timer(struct timer *timer);
static void on_yield(struct task *task);

struct exchange *exchange_new(struct exchange_services *services)
{
	struct exchange *x = slab_get(&services->exchanges);
	struct turn *turn = services->turn;

	if (!x)
		return NULL;
	if (turn_timer_room(turn)) {
		slab_put(&services->exchanges, x);
		return NULL;
	}
	x->turn = turn;
	x->services = services;
	x->timer.fn = on_timer;
	x->yield.fn = on_yield;
	x->request_writer.pool = &turn->buffers;
	http1_request_begin(&x->request, x->fields, turn->settings->fields_max);
	return x;
}

/* RFC 9110 6.5.1: a recipient that wants trailers says so; without it nobody knows that they are
 * not dropped or taken for something else further on. */
struct http_field *exchange_request_trailers(struct exchange *x)
{
	const uint32_t wanted = HTTP1_REQUEST_F_TE_TRAILERS;

	return (x->request.flags & (wanted | HTTP1_REQUEST_F_NO_TRAILERS)) == wanted
		       ? x->fields + HTTP1_TRAILERS_MAX
		       : NULL;
}

void exchange_discard(struct exchange *x)
{
	struct exchange_services *services = x->services;

	splice_response_forget(x);
	exchange_let_go(x, false);
	http1_writer_release(&x->request_writer);
	buffer_put(&services->response_heads, x->response_buffer);
	task_cancel(&x->yield);
	turn_timer_drop(x->turn, &x->timer);
	access_record_free(x->record);
	tls_profile_put(x->tls);
	routing_put(x->routing);
	free(x->tunnel_route);
	slab_put(&services->exchanges, x);
}

/* ---- deciding ----------------------------------------------------------------------------------- */

static bool redirects_to_https(const struct exchange *x, struct http_slice path)
{
	const struct http_host *host = &x->request.host;

	return !x->peer->tls &&
	       snapshot_redirects(routing_snapshot(x->routing), x->route, host->name,
				  http_host_route_bytes(host), path.data, path.bytes);
}

static void redirect(struct exchange *x, struct http_slice path)
{
	const struct settings *settings = x->turn->settings;
	const struct http_host *host = &x->request.host;
	bool v6 = host->kind == HTTP_HOST_IPV6;
	uint16_t port = settings->https_ports_count ? settings->https_ports[0] : 443;
	struct buffer *text = buffer_get(&x->turn->buffers);
	char port_text[8] = "";
	int bytes;

	if (port != 443)
		snprintf(port_text, sizeof(port_text), ":%u", port);
	bytes = text ? snprintf(text->data, text->size, "https://%s%.*s%s%s%.*s%.*s", v6 ? "[" : "",
				host->name_bytes, host->name, v6 ? "]" : "", port_text,
				(int)path.bytes, path.data, (int)x->request.query.bytes,
				x->request.query.data ? x->request.query.data : "")
		     : -1;
	if (bytes < 0 || (uint32_t)bytes >= text->size)
		exchange_fail(x, 500, "no memory for a redirect");
	else
		exchange_reply(x, &(struct http1_reply){
					  .status = 308,
					  .location = { text->data, (uint32_t)bytes },
					  .keep_alive = true,
				  });
	buffer_put(&x->turn->buffers, text);
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
	size_t most = http1_forward_request_max(&x->request) + path.bytes; /* it may have grown */
	struct buffer *head = most <= x->turn->buffers.size ? buffer_get(&x->turn->buffers)
							    : buffer_new((uint32_t)most);
	int bytes;

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

static uint64_t body_bytes_max(const struct exchange *x)
{
	uint64_t most = x->turn->settings->body_bytes_max;

	if (x->route && x->route->body_bytes_max)
		most = x->route->body_bytes_max;
	else if (x->route && (x->route->flags & ROUTE_F_BODY_UNLIMITED))
		most = 0;

	return most ? most : UINT64_MAX;
}

static void forward_path(struct exchange *x, struct http_slice path)
{
	int err;

	if (x->request.framing == HTTP1_FRAMING_LENGTH &&
	    x->request.content_length_bytes > body_bytes_max(x)) {
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
	x->request_writer.keep_body = x->idempotent && x->request.content_length_bytes <=
							       buffer_room(x->request_writer.head);
	x->phase = EXCHANGE_CONNECT;
}

static void forward(struct exchange *x, struct http_slice path)
{
	struct buffer *buffer;

	if (!x->route->rewrite_target) {
		forward_path(x, path);
		return;
	}
	buffer = buffer_get(&x->turn->buffers);
	if (!buffer)
		exchange_fail(x, 500, "no memory for a path");
	else if (exchange_rewrite(x, buffer, &path) == 0)
		forward_path(x, path);
	buffer_put(&x->turn->buffers, buffer);
}

void exchange_begin(struct exchange *x)
{
	struct exchange_services *services = x->services;
	enum http1_fault_reason reason;
	struct http_slice path;

	x->started_us = x->turn->now_us;
	x->method_id = x->request.method_id;
	x->idempotent = http1_request_idempotent(&x->request);
	x->upgrade = x->request.flags & HTTP1_REQUEST_F_WEBSOCKET;
	x->turn->stats->requests++;
	if (services->log.form != ACCESS_LOG_OFF)
		x->record = access_record_new(&x->request);
	if ((x->request.flags & HTTP1_REQUEST_F_ASTERISK) ||
	    !http1_request_count_hop(&x->request)) {
		exchange_reply(x, &(struct http1_reply){ .status = 200, .keep_alive = true });
		return;
	}
	reason = http_path_normalize(x->request.path, (char *)(uintptr_t)x->request.path.data,
				     &path);
	if (reason != HTTP1_FAULT_NONE) {
		exchange_refuse(x, &(struct http1_fault){ reason, x->request.target });
		return;
	}
	if (!services->routing) {
		exchange_fail(x, 503, "no routing table yet");
		return;
	}
	x->routing = routing_get(services->routing);
	x->route = routing_match(x->routing, &x->request.host, path);
	if (x->route && (x->route->flags & ROUTE_F_SOURCES) && !exchange_is_admitted(x))
		exchange_fail(x, 403, "the route does not let this source in");
	else if (redirects_to_https(x, path))
		redirect(x, path);
	else if (!x->route)
		exchange_fail(x, 404, "no route");
	else if (!x->route->upstream_id)
		exchange_fail(x, 503, "the route has no upstream");
	else
		forward(x, path);
}

/* ---- answers of our own -------------------------------------------------------------------------- */

void exchange_reply(struct exchange *x, const struct http1_reply *reply)
{
	struct http1_reply full = *reply;

	if (x->splicing && splice_response_stop(x)) { /* the kernel was faster */
		x->phase = EXCHANGE_ABORTED;
		return;
	}
	full.date = turn_date(x->turn);
	full.hsts_max_age_s = x->peer->tls && x->route ? x->route->hsts_max_age_s : 0;
	full.head_only = x->method_id == HTTP_METHOD_HEAD;
	/* Who waits for a 100 may or may not send the body now: the next request is not to be found. */
	full.keep_alive = reply->keep_alive && !x->turn->draining &&
			  (x->request.flags & HTTP1_REQUEST_F_KEEP_ALIVE) &&
			  !exchange_awaits_continue(x);
	full.confirm_keep_alive = x->request.flags & HTTP1_REQUEST_F_KEEP_ALIVE_SAID;
	exchange_let_go(x, false);
	x->status = (uint16_t)reply->status;
	x->turn->stats->own_replies++;
	x->phase = EXCHANGE_REPLY;
	if (x->client->reply(x, &full))
		x->phase = EXCHANGE_ABORTED;
}

void exchange_fail(struct exchange *x, unsigned int status, const char *why)
{
	log_debug("proxy: answered %u: %s", status, why);
	if (x->record)
		access_record_note(x->record, why);
	if (status == 408 || status == 504)
		x->turn->stats->timeouts++;
	if (x->tunnel_route || (x->phase != EXCHANGE_CONNECT && x->phase != EXCHANGE_HEAD)) {
		if (x->tunnel_route)
			x->status = (uint16_t)status;
		x->phase = EXCHANGE_ABORTED;
		return;
	}
	exchange_reply(x, &(struct http1_reply){
				  .status = status,
				  .retry_after_s = status == 503 ? RETRY_AFTER_S : 0,
				  .keep_alive = status == 403 || status == 404 || status >= 502,
			  });
}

/* Requests that no HTTP can be made of; what is over a limit or too slow is none of them. */
static bool is_malformed(enum http1_fault_reason reason)
{
	return reason < HTTP1_FAULT_HEAD_TIME;
}

void exchange_refuse(struct exchange *x, const struct http1_fault *fault)
{
	struct exchange_services *services = x->services;
	unsigned int status = http1_fault_status(fault->reason);

	fault_log_request(&services->faults, &x->peer->addr, fault);
	x->turn->stats->bad_requests += is_malformed(fault->reason);
	x->turn->stats->timeouts += status == 408;
	if (!x->started_us) {
		x->started_us = x->turn->now_us;
		x->turn->stats->requests++;
		if (services->log.form != ACCESS_LOG_OFF)
			x->record = access_record_new(&x->request);
	}
	if (x->record)
		access_record_note(x->record, http1_fault_name(fault->reason));
	if (x->phase != EXCHANGE_CONNECT && x->phase != EXCHANGE_HEAD) {
		x->phase = EXCHANGE_ABORTED;
		return;
	}
	exchange_reply(x, &(struct http1_reply){
				  .status = status,
				  .retry_after_s = status == 503 ? RETRY_AFTER_S : 0,
			  });
}

/* ---- end ---------------------------------------------------------------------------------------- */

static void count(struct exchange *x)
{
	struct worker_stats *stats = x->turn->stats;
	__u64 *classes[] = { &stats->responses_1xx, &stats->responses_2xx, &stats->responses_3xx,
			     &stats->responses_4xx, &stats->responses_5xx };
	const unsigned int buckets = sizeof(stats->latency_bucket) / sizeof(uint64_t);
	uint64_t latency_us = exchange_end_us(x) - x->started_us;
	unsigned int bucket = 0;

	if (x->status >= 100 && x->status < 600)
		(*classes[x->status / 100 - 1])++;
	while (bucket < buckets - 1 && latency_us >= 64ull << bucket)
		bucket++;
	stats->latency_bucket[bucket]++;
	stats->latency_sum_us += latency_us;
}

/* What the backend has of the request, or of a tunnel, must not pass for the whole. */
static bool is_cut(const struct exchange *x)
{
	const struct upstream_conn *u = x->upstream;

	if (!u || u->source != &u->reader.source) /* a stream of HTTP/2 is reset by itself */
		return false;
	return x->tunnel || (x->request.framing != HTTP1_FRAMING_NONE && !x->request_done);
}

/* The exchange is over; frees it. */
static void end(struct exchange *x, bool aborted)
{
	if (aborted && !x->status)
		x->status = STATUS_CLIENT_GONE;
	splice_tunnel_count(x);
	if (!x->tunnel_route) /* it is no request */
		count(x);
	if (aborted && is_cut(x))
		stream_reset_on_close(&x->upstream->stream);
	exchange_let_go(x, false);
	if (x->record)
		access_log_exchange(&x->services->log, x, aborted);
	x->client->ended(x, aborted);
	exchange_discard(x);
}

void exchange_end(struct exchange *x)
{
	end(x, false);
}

void exchange_abort(struct exchange *x, const char *why)
{
	if (x->record)
		access_record_note(x->record, why);
	end(x, true);
}

/* ---- time --------------------------------------------------------------------------------------- */

static uint64_t either(uint32_t of_route_ms, uint64_t ms)
{
	return of_route_ms ? of_route_ms : ms;
}

static uint64_t body_timeout_ms(const struct exchange *x)
{
	return either(x->route ? x->route->idle_timeout_ms : 0, x->turn->settings->body_timeout_ms);
}

static uint64_t timeout_ms(const struct exchange *x)
{
	static const struct route none;
	const struct settings *settings = x->turn->settings;
	const struct route *route = x->route ? x->route : &none;

	switch (x->phase) {
	case EXCHANGE_CONNECT:
		if (x->held)
			return body_timeout_ms(x);
		return either(route->connect_timeout_ms, settings->connect_timeout_ms);
	case EXCHANGE_HEAD:
		if (exchange_awaits_continue(x))
			return CONTINUE_WAIT_MS;
		return x->request_done
			       ? either(route->response_timeout_ms, settings->response_timeout_ms)
			       : body_timeout_ms(x);
	case EXCHANGE_TUNNEL:
		return either(route->tunnel_idle_timeout_ms, settings->tunnel_idle_timeout_ms);
	default:
		return body_timeout_ms(x);
	}
}

void exchange_arm(struct exchange *x)
{
	turn_arm(x->turn, &x->timer, timeout_ms(x));
}

bool exchange_awaits_continue(const struct exchange *x)
{
	return (x->request.flags & HTTP1_REQUEST_F_EXPECT_CONTINUE) && !x->continued &&
	       !x->request_done && !x->up.moved_bytes;
}

static void no_answer(struct exchange *x)
{
	exchange_backend_failed(x, FAILURE_ANSWER);
	exchange_fail(x, 504, "no response in time");
}

/* The kernel moves the bytes, and what it saw last counts. Return: true if nothing is overdue. */
static bool kernel_is_busy(struct exchange *x)
{
	uint64_t last_ms = x->splicing                   ? splice_response_last_ms(x)
			   : x->uploading                ? splice_upload_last_ms(x)
			   : x->phase == EXCHANGE_TUNNEL ? splice_tunnel_last_ms(x)
							 : 0;
	uint64_t limit_ms = x->splicing ? body_timeout_ms(x) : timeout_ms(x);

	if (!last_ms || last_ms + limit_ms <= x->turn->now_ms)
		return false;
	timers_arm(&x->turn->timers, &x->timer, last_ms + limit_ms);
	return true;
}

static void on_timer(struct timer *timer)
{
	struct exchange *x = (struct exchange *)((char *)timer - offsetof(struct exchange, timer));

	if (kernel_is_busy(x)) {
		exchange_run(x);
		return;
	}
	switch (x->phase) {
	case EXCHANGE_CONNECT:
		if (x->held)
			exchange_refuse(x,
					&(struct http1_fault){ .reason = HTTP1_FAULT_BODY_TIME });
		else
			exchange_upstream_failed(x, -ETIMEDOUT, "connect");
		break;
	case EXCHANGE_HEAD:
		if (exchange_awaits_continue(x))
			exchange_send_continue(x);
		else if (!x->request_done && !x->request_stopped &&
			 x->up_state == RELAY_WAIT_SOURCE)
			exchange_refuse(x,
					&(struct http1_fault){ .reason = HTTP1_FAULT_BODY_TIME });
		else
			no_answer(x);
		break;
	default:
		x->turn->stats->timeouts++;
		if (x->record)
			access_record_note(x->record, "timeout");
		x->phase = EXCHANGE_ABORTED;
	}
	exchange_run(x);
}

static void on_yield(struct task *task)
{
	exchange_run((struct exchange *)((char *)task - offsetof(struct exchange, yield)));
}

bool exchange_body_over_limit(const struct exchange *x)
{
	return x->up.moved_bytes > body_bytes_max(x);
}
