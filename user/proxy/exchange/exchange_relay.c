// SPDX-License-Identifier: Apache-2.0
/*
 * exchange_relay.c - what goes through: the request out, the head and the body of the response in
 */
#include "proxy/exchange/exchange_priv.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

#define INTERIM_HEADS_MAX 200u /* an hour of 102 (Processing), one in 20 s: RFC 2518 10.1 */

/* ---- the request, to the backend ---------------------------------------------------------- */

static void request_failed(struct exchange *x, int err)
{
	struct http1_fault cut = { .reason = HTTP1_FAULT_CUT };

	if (err == -EBADMSG ||
	    err == -EPIPE) { /* a peer that has closed its write side can still read */
		exchange_refuse(x, err == -EBADMSG && x->client_source->fault
					   ? x->client_source->fault
					   : &cut);
	} else {
		exchange_set_phase(x, EXCHANGE_ABORTED);
	}
}

void exchange_relay_up(struct exchange *x)
{
	if (x->sending.done || x->sending.stopped || (x->upload.armed && splice_upload_runs(x)))
		return;
	x->sending.state = relay_run(&x->up, x->client_source, x->request_sink);
	if (exchange_body_over_limit(x)) {
		exchange_refuse(x, &(struct http1_fault){ .reason = HTTP1_FAULT_BODY_LONG });
		return;
	}
	switch (x->sending.state) {
	case RELAY_DONE:
		x->sending.done = true;
		if (exchange_awaits_head(x))
			exchange_await_head(x);
		else
			exchange_arm(x);
		break;
	case RELAY_WAIT_SOURCE:
		if (x->upload.wanted)
			splice_upload_open(x);
		break;
	case RELAY_YIELD:
		turn_defer(x->turn, &x->yield);
		break;
	case RELAY_SOURCE_FAILED:
		request_failed(x, x->up.error);
		break;
	case RELAY_SINK_FAILED:
		if (x->phase == EXCHANGE_TUNNEL)
			exchange_set_phase(x, EXCHANGE_ABORTED);
		else if (x->request_writer.sent_bytes == 0)
			exchange_upstream_failed(x, x->up.error, "connect");
		else
			x->sending.stopped = true; /* it may have answered before it closed */
		break;
	default:
		break;
	}
}

/* ---- the head of the response ------------------------------------------------------------- */

static struct http1_response *begin_head(struct exchange *x)
{
	struct exchange_head *head;

	if (!x->receiving.head)
		x->receiving.head = buffer_get(&x->services->response_heads);
	if (!x->receiving.head)
		return NULL;
	head = (struct exchange_head *)(void *)x->receiving.head->data;
	http1_response_begin(&head->response, head->fields, HTTP1_RESPONSE_FIELDS_MAX);
	return &head->response;
}

static bool takes_trailers(const struct exchange *x, const struct http1_response *response)
{
	return (x->request.flags & HTTP1_REQUEST_F_TE_TRAILERS) &&
	       !(response->flags & HTTP1_RESPONSE_F_NO_TRAILERS);
}

static void end_head(struct exchange *x)
{
	buffer_put(&x->services->response_heads, x->receiving.head);
	x->receiving.head = NULL;
}

/* A final head: sent on, and the body set up. @response is given back with it. */
static void take_final(struct exchange *x, const struct http1_response *response)
{
	struct http1_reader *reader = &x->upstream->reader;
	bool tunnel = response->flags & HTTP1_RESPONSE_F_SWITCH;
	uint32_t head_bytes = response->head_bytes;
	uint8_t framing = response->framing;
	uint64_t length_bytes = response->content_length_bytes;
	int err;

	x->status = response->status;
	exchange_backend_answered(x, response->status);
	x->upstream_us = x->turn->now_us;
	x->receiving.reusable = response->flags & HTTP1_RESPONSE_F_REUSABLE;
	err = x->client->respond(x, response);
	if (err == -EBADMSG) {
		x->status = 0;
		exchange_fail(x, 502, "no answer to this request");
		return;
	}
	if (err) {
		exchange_set_phase(x, EXCHANGE_ABORTED);
		return;
	}
	http1_reader_drop(reader, head_bytes);
	if (tunnel) {
		exchange_begin_tunnel(x);
	} else {
		/* The fields of the request were forwarded long ago: room for trailers. */
		reader->trailer_items = takes_trailers(x, response) ? x->fields : NULL;
		http1_reader_body(reader, framing, length_bytes, HTTP1_BODY_F_RESPONSE);
		exchange_set_phase(x, EXCHANGE_BODY);
	}
	end_head(x);
}

/* An interim head: sent on where the client understands it. Return: 0; -errno: client lost. */
static int take_interim(struct exchange *x, const struct http1_response *response)
{
	uint32_t head_bytes = response->head_bytes;
	bool passes = x->request.version_minor > 0;
	int err = 0;

	x->turn->stats->responses_1xx++;
	if (response->status == 100) {
		passes &= !x->sending.continue_made;
		x->sending.continue_made = false;
		if (!x->sending.continued) {
			x->sending.continued = true;
			exchange_await_head(x);
		}
	}
	if (passes)
		err = x->client->respond(x, response);
	http1_reader_drop(&x->upstream->reader, head_bytes);
	if (!err && passes)
		err = x->client_sink->ops->flush(x->client_sink);
	return err == -EAGAIN ? 0 : err;
}

static void response_fault(struct exchange *x, const struct http1_fault *fault)
{
	fault_log_response(&x->services->faults,
			   snapshot_text(routing_snapshot(x->routing), x->route->upstream_name),
			   fault);
}

static void bad_head(struct exchange *x, const struct http1_fault *fault)
{
	response_fault(x, fault);
	exchange_fail(x, 502, "malformed response");
}

/* Nothing else ends a backend that sends them for ever: each costs as much as a small response, and
 * waits in memory for a client that does not read. */
static bool is_interim_flood(struct exchange *x, const struct http1_response *response)
{
	x->receiving.interim_bytes += response->head_bytes;
	return ++x->receiving.interim_count > INTERIM_HEADS_MAX ||
	       x->receiving.interim_bytes > HTTP1_RESPONSE_HEAD_BYTES_MAX;
}

/* Parses the available bytes. Return: 0: continue with the phase that is now; -EAGAIN: more is
 * needed. */
static int parse_head(struct exchange *x)
{
	struct http1_reader *reader = &x->upstream->reader;
	unsigned int asked = (x->method_id == HTTP_METHOD_HEAD ? HTTP1_ASKED_HEAD : 0u) |
			     (x->tunnel.asked ? HTTP1_ASKED_UPGRADE : 0u);
	struct http1_response *response =
		x->receiving.head ? (struct http1_response *)(void *)x->receiving.head->data
				  : begin_head(x);

	while (response && http1_reader_bytes(reader)) {
		int err = http1_response_parse(response, buffer_head(reader->buffer),
					       http1_reader_bytes(reader),
					       HTTP1_RESPONSE_HEAD_BYTES_MAX, asked);

		if (err == -EAGAIN)
			return err;
		if (err) {
			bad_head(x, &response->fault);
			return 0;
		}
		if (!(response->flags & HTTP1_RESPONSE_F_INTERIM)) {
			take_final(x, response);
			return 0;
		}
		if (is_interim_flood(x, response)) {
			bad_head(x, &(struct http1_fault){ .reason = HTTP1_FAULT_HEAD_LONG });
			return 0;
		}
		if (take_interim(x, response)) {
			exchange_set_phase(x, EXCHANGE_ABORTED);
			return 0;
		}
		response = begin_head(x);
	}
	if (!response)
		exchange_set_phase(x, EXCHANGE_ABORTED);
	return response ? -EAGAIN : 0;
}

void exchange_read_head(struct exchange *x)
{
	struct http1_reader *reader = &x->upstream->reader;

	for (;;) {
		ssize_t got = http1_reader_fill(reader, HTTP1_RESPONSE_HEAD_BYTES_MAX + 1);

		if (got == -EAGAIN)
			return;
		if (got == -ENOBUFS) {
			bad_head(x, &(struct http1_fault){ .reason = HTTP1_FAULT_HEAD_LONG });
			return;
		}
		if (got <= 0) {
			exchange_upstream_failed(x, got ? (int)got : -ECONNRESET,
						 "the backend closed without an answer");
			return;
		}
		if (!x->receiving.begun) {
			x->receiving.begun = true;
			http1_writer_forget_head(&x->request_writer);
		}
		if (parse_head(x) != -EAGAIN)
			return;
	}
}

/* ---- the body of the response ------------------------------------------------------------- */

/* The response is cut. The client's connection is reset, so that it does not take what it got for
 * the whole; but a client that got nothing yet of a response that is framed wrongly is answered
 * 502. Return: true: it is. */
static bool body_failed(struct exchange *x)
{
	const struct http1_fault cut = { .reason = HTTP1_FAULT_CUT };
	const struct http1_fault *said = x->upstream->source->fault;
	bool malformed = x->down.error == -EBADMSG;

	response_fault(x, malformed && said && said->reason ? said : &cut);
	if (!malformed || !x->client_sink->ops->retract(x->client_sink))
		return false;
	x->status = 0;
	exchange_set_phase(x, EXCHANGE_WAIT);
	exchange_fail(x, 502, "malformed response");
	return true;
}

void exchange_relay_down(struct exchange *x)
{
	if (x->down.ended && x->phase == EXCHANGE_TUNNEL && x->receiving.state == RELAY_DONE)
		return;
	x->receiving.state = relay_run(&x->down, x->upstream->source, x->client_sink);
	switch (x->receiving.state) {
	case RELAY_YIELD:
		turn_defer(x->turn, &x->yield);
		break;
	case RELAY_SOURCE_FAILED:
		if (x->phase == EXCHANGE_BODY && body_failed(x))
			break;
		if (x->record)
			access_record_note(x->record, "the response was cut short");
		exchange_set_phase(x, EXCHANGE_ABORTED);
		break;
	case RELAY_SINK_FAILED:
		exchange_set_phase(x, EXCHANGE_ABORTED);
		break;
	default:
		break;
	}
}
