// SPDX-License-Identifier: Apache-2.0
/*
 * exchange_run.c - drives an exchange through its phases, at events, deadlines and other turns
 */
#include <errno.h>

#include "proxy/exchange/exchange_priv.h"

/* The end of the stream, or a body, shows how the request continues. */
static void run_held(struct exchange *x)
{
	struct payload payload;

	if (x->client_source->ops->peek(x->client_source, &payload) != -EAGAIN)
		exchange_set_phase(x, EXCHANGE_CONNECT);
}

static void run_connect(struct exchange *x)
{
	int err;

	if (!x->upstream)
		exchange_connect(x);
	if (x->phase != EXCHANGE_CONNECT)
		return;
	err = upstream_open(x->upstream);
	if (err == -EAGAIN)
		return;
	if (err) {
		exchange_upstream_failed(x, err, "connect");
		return;
	}
	if (x->tunnel.route) {
		exchange_begin_tunnel(x);
		return;
	}
	exchange_relay_up(x);
	if (x->phase == EXCHANGE_CONNECT && x->request_writer.sent_bytes)
		exchange_await_head(x);
}

/* Return: true: over, end it. */
static bool run_reply(struct exchange *x)
{
	int err = x->client_sink->ops->flush(x->client_sink);

	if (err && err != -EAGAIN)
		exchange_set_phase(x, EXCHANGE_ABORTED);
	return !err;
}

static bool reusable(const struct exchange *x)
{
	return x->sending.done && x->receiving.reusable &&
	       http1_reader_bytes(&x->upstream->reader) == 0;
}

/* The backend has ended its side, or failed. A read puts us after all that came before. */
static void spliced_end(struct exchange *x)
{
	ssize_t got = http1_reader_fill(&x->upstream->reader, HTTP1_RESPONSE_HEAD_BYTES_MAX + 1);

	if (got > 0 || got == -EAGAIN || splice_response_look(x) != SPLICE_LOOK_WAITS)
		return;
	exchange_upstream_failed(x, got ? (int)got : -ECONNRESET,
				 "the backend closed without an answer");
}

/* The kernel may move the response. Return: true: over, end it. */
static bool turn_spliced(struct exchange *x)
{
	enum splice_look look;

	exchange_relay_up(x);
	if (!x->splice.armed || x->phase == EXCHANGE_ABORTED)
		return false;
	look = splice_response_look(x);
	if (look == SPLICE_LOOK_WAITS && x->splice.looked) { /* a reader waits for it */
		splice_response_wake(x);
		look = splice_response_look(x);
	}
	x->splice.looked = x->sending.done;
	if (look == SPLICE_LOOK_WAITS && x->upstream->stream.peer_ended) {
		spliced_end(x);
		look = x->splice.ended_us ? SPLICE_LOOK_DONE : SPLICE_LOOK_WAITS;
	}
	if (look == SPLICE_LOOK_DONE)
		exchange_let_go(x, reusable(x));
	return look == SPLICE_LOOK_DONE;
}

/* One round over all that may continue in this phase. Return: true: over, end it. */
static bool run_phase(struct exchange *x)
{
	switch (x->phase) {
	case EXCHANGE_HELD:
		run_held(x);
		return false;
	case EXCHANGE_CONNECT:
		run_connect(x);
		if (x->client->probe)
			x->client->probe(x);
		return false;
	case EXCHANGE_EXPECT:
	case EXCHANGE_SEND:
	case EXCHANGE_WAIT:
		exchange_relay_up(x);
		if (exchange_awaits_head(x) && x->upstream)
			exchange_read_head(x);
		if (exchange_awaits_head(x) && x->client->probe)
			x->client->probe(x);
		return false;
	case EXCHANGE_BODY:
		exchange_relay_up(x);
		if (x->phase == EXCHANGE_BODY)
			exchange_relay_down(x);
		if (x->phase != EXCHANGE_BODY || x->receiving.state != RELAY_DONE)
			return false;
		exchange_let_go(x, reusable(x));
		return true;
	case EXCHANGE_TUNNEL:
		exchange_relay_up(x);
		if (x->phase == EXCHANGE_TUNNEL)
			exchange_relay_down(x);
		if (x->phase == EXCHANGE_TUNNEL && x->sending.done &&
		    x->receiving.state == RELAY_DONE)
			return true;
		if (x->phase == EXCHANGE_TUNNEL && splice_tunnel_run(x))
			x->turns.attached = true; /* what came meanwhile is read at once */
		return false;
	case EXCHANGE_REPLY:
		return run_reply(x);
	default:
		return false;
	}
}

/* Bytes that moved since the last look push the deadline back, where it is about those. */
static void note_progress(struct exchange *x)
{
	uint64_t progress = x->up.moved_bytes + x->down.moved_bytes + x->request_writer.sent_bytes;

	if (progress != x->turns.progress) {
		if (x->phase == EXCHANGE_EXPECT) /* the client sends it all the same */
			exchange_await_head(x);
		else if (x->phase != EXCHANGE_CONNECT && x->phase != EXCHANGE_WAIT)
			exchange_arm(x);
	}
	x->turns.progress = progress;
}

void exchange_run(struct exchange *x)
{
	bool over, again;

	if (x->turns.running)
		return;
	x->turns.running = true;
	do { /* a phase or a connection just taken has its first turn at once: its bytes may be
	      * there, and a kept connection says only once that it can be written to */
		bool spliced = x->splice.armed, awaited = exchange_awaits_head(x);
		uint8_t phase = x->phase;

		x->turns.attached = false;
		over = spliced ? turn_spliced(x) : run_phase(x);
		again = (x->phase != phase && !(awaited && exchange_awaits_head(x))) ||
			x->turns.attached || x->splice.armed != spliced;
	} while (!over && again);
	x->turns.running = false;
	if (x->phase == EXCHANGE_ABORTED)
		exchange_abort(x, "aborted");
	else if (over)
		exchange_end(x);
	else
		note_progress(x);
}

/* ---- deadlines, other turns --------------------------------------------------------------- */

static void no_answer(struct exchange *x)
{
	exchange_backend_failed(x, FAILURE_ANSWER);
	exchange_fail(x, 504, "no response in time");
}

/* The kernel moves the bytes, and what it saw last counts. Return: true if nothing is overdue. */
static bool kernel_is_busy(struct exchange *x)
{
	uint64_t last_ms = x->splice.armed               ? splice_response_last_ms(x)
			   : x->upload.armed             ? splice_upload_last_ms(x)
			   : x->phase == EXCHANGE_TUNNEL ? splice_tunnel_last_ms(x)
							 : 0;
	uint64_t limit_ms = exchange_timeout_ms(x, x->splice.armed ? EXCHANGE_BODY : x->phase);

	if (!last_ms || last_ms + limit_ms <= x->turn->now_ms)
		return false;
	timers_arm(&x->turn->timers, &x->timer, last_ms + limit_ms);
	return true;
}

static void on_timer(struct timer *timer)
{
	struct exchange *x = (struct exchange *)((char *)timer - offsetof(struct exchange, timer));
	const struct http1_fault no_body = { .reason = HTTP1_FAULT_BODY_TIME };

	if (kernel_is_busy(x)) {
		exchange_run(x);
		return;
	}
	switch (x->phase) {
	case EXCHANGE_HELD:
		exchange_refuse(x, &no_body);
		break;
	case EXCHANGE_CONNECT:
		exchange_upstream_failed(x, -ETIMEDOUT, "connect");
		break;
	case EXCHANGE_EXPECT:
		exchange_send_continue(x);
		break;
	case EXCHANGE_SEND:
		if (!x->sending.stopped && x->sending.state == RELAY_WAIT_SOURCE)
			exchange_refuse(x, &no_body);
		else
			no_answer(x);
		break;
	case EXCHANGE_WAIT:
		no_answer(x);
		break;
	default:
		x->turn->stats->timeouts++;
		if (x->record)
			access_record_note(x->record, "timeout");
		exchange_set_phase(x, EXCHANGE_ABORTED);
	}
	exchange_run(x);
}

static void on_yield(struct task *task)
{
	exchange_run((struct exchange *)((char *)task - offsetof(struct exchange, yield)));
}

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
	exchange_check_add(x);
	http1_request_begin(&x->request, x->fields, turn->settings->fields_max);
	return x;
}
