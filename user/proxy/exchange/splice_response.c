// SPDX-License-Identifier: Apache-2.0
/*
 * Responses that the kernel moves: which may be, and how the worker learns what became of them.
 *
 * Nothing wakes the worker for one. It looks at the slot when the client's next request comes, when
 * another exchange wants a connection to the backend, or at a tick; only a response that is slower
 * than a tick is waited for by an event.
 */
#include <errno.h>

#include "proxy/exchange/exchange_priv.h"

#define TICK_MS 10u
/* --splice auto relays longer bodies, because copying them costs no more than the kernel's thread
 * and queue; docs/performance.md has the figures. */
#define LENGTH_MAX_AUTO (8u * 1024)
#define LENGTH_MAX      (256u * 1024)
#define RELAY_NEXT_MIN  8u
#define RELAY_NEXT_MAX  128u
#define REAP_LOOKS      16u

/* ---- what is eligible --------------------------------------------------------------------- */

/* Routes share hints, and a new table has other routes: a wrong hint costs only a little time. */
static struct splice_hint *hint_of(const struct exchange *x)
{
	uint64_t hash =
		(uint64_t)(uintptr_t)x->route * 0x9e3779b97f4a7c15ull; /* 2^64 / golden ratio */

	return &x->services->spliced.hints[hash >> 56];
}

/*
 * Return: SPLICE_WHY_NONE if the kernel is likely to be faster with the response; else why not.
 * It wakes a thread of its own for it, which pays when that has several to move at once, as the
 * worker then has several requests; with one at a time neither way is clearly faster
 * (docs/performance.md), and the relay is the simpler one.
 */
static enum sluice_splice_reason why_slower(const struct exchange *x)
{
	struct splice_hint *hint = hint_of(x);

	if (!x->services->splice->busy)
		return SPLICE_WHY_CALM;
	if (!hint->relay_next)
		return SPLICE_WHY_NONE;
	hint->relay_next--;
	return SPLICE_WHY_LENGTH;
}

static void note_length(const struct exchange *x, bool too_long)
{
	struct splice_hint *hint = hint_of(x);

	if (!too_long)
		hint->relay_more = 0;
	else if (!hint->relay_more)
		hint->relay_more = RELAY_NEXT_MIN;
	else if (hint->relay_more < RELAY_NEXT_MAX)
		hint->relay_more *= 2;
	hint->relay_next = hint->relay_more;
}

/* Return: SPLICE_WHY_NONE if the response to @x may be left to the kernel; else why not. */
static enum sluice_splice_reason why_not(struct exchange *x)
{
	const struct upstream_conn *u = x->upstream;
	struct exchange_added added;

	if (!x->services->splice->on)
		return SPLICE_WHY_OFF;
	if (x->peer->tls || u->stream.tls)
		return SPLICE_WHY_TLS;
	if (!x->client->stream || !x->request.version_minor || u->source != &u->reader.source)
		return SPLICE_WHY_PROTOCOL;
	exchange_added_fields(x, &added);
	if (!(x->route->flags & ROUTE_F_SPLICE) || added.count)
		return SPLICE_WHY_ROUTE;
	if (x->method_id == HTTP_METHOD_HEAD || x->method_id == HTTP_METHOD_CONNECT)
		return SPLICE_WHY_METHOD;
	if (x->request.flags & HTTP1_REQUEST_F_EXPECT_CONTINUE)
		return SPLICE_WHY_BODY;
	if (!(x->request.flags & HTTP1_REQUEST_F_KEEP_ALIVE) || x->peer->last ||
	    x->turn->draining || x->client->stream(x)->peer_ended)
		return SPLICE_WHY_CLOSE;
	if (!x->peer->served || !u->reused)
		return SPLICE_WHY_FIRST; /* for one exchange, enrolling does not pay */
	return x->turn->settings->splice == SPLICE_USE_ALL ? SPLICE_WHY_NONE : why_slower(x);
}

static void count(struct exchange *x, enum sluice_splice_reason reason)
{
	x->turn->stats->splice_reasons[reason < SPLICE_WHY_MAX ? reason : SPLICE_WHY_NONE]++;
}

/* ---- the list of those not looked at yet -------------------------------------------------- */

static void unqueue(struct exchange *x)
{
	struct splice_responses *spliced = &x->services->spliced;

	if (!x->splice.queued)
		return;
	if (x->splice.newer)
		x->splice.newer->splice.older = x->splice.older;
	else
		spliced->newest = x->splice.older;
	if (x->splice.older)
		x->splice.older->splice.newer = x->splice.newer;
	else
		spliced->oldest = x->splice.newer;
	x->splice.newer = x->splice.older = NULL;
	x->splice.queued = false;
}

static void on_tick(struct timer *timer)
{
	struct splice_responses *spliced =
		(struct splice_responses *)((char *)timer -
					    offsetof(struct splice_responses, tick));
	struct exchange_services *services =
		(struct exchange_services *)((char *)spliced -
					     offsetof(struct exchange_services, spliced));
	struct turn *turn = services->turn;
	struct exchange *x;

	while ((x = spliced->oldest) != NULL && x->splice.armed_ms + TICK_MS <= turn->now_ms) {
		unqueue(x);
		splice_response_wake(x);
		task_run(&x->yield);
	}
	if (spliced->oldest)
		turn_arm(turn, timer, TICK_MS);
}

static void queue(struct exchange *x)
{
	struct splice_responses *spliced = &x->services->spliced;

	x->splice.armed_ms = x->turn->now_ms;
	x->splice.queued = true;
	x->splice.older = spliced->newest;
	if (x->splice.older)
		x->splice.older->splice.newer = x;
	else
		spliced->oldest = x;
	spliced->newest = x;
	spliced->tick.fn = on_tick;
	if (!spliced->tick.deadline_ms)
		turn_arm(x->turn, &spliced->tick, TICK_MS);
}

bool splice_response_reap(struct exchange_services *services, uint32_t backend_id)
{
	struct exchange *x = services->spliced.oldest;

	for (unsigned int i = 0; x && i < REAP_LOOKS; i++) {
		struct exchange *newer = x->splice.newer;
		const struct splice_slot *slot = x->upstream->stream.splice->slot;

		if (x->upstream->backend_id == backend_id && !x->turns.running &&
		    (__atomic_load_n(&slot->state, __ATOMIC_RELAXED) >> 24 & 0xff) ==
			    SPLICE_STAGE_DONE &&
		    x->upstream->stream.splice->arm ==
			    __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) >> 32) {
			task_run(&x->yield); /* ends it */
			return true;
		}
		x = newer;
	}
	return false;
}

/* ---- one response ------------------------------------------------------------------------- */

void splice_response_arm(struct exchange *x)
{
	struct splice_end *source = NULL, *sink = NULL;
	enum sluice_splice_reason reason;

	if (x->tunnel.asked) /* a tunnel, if it is granted: splice_tunnel_begin() */
		return;
	if (x->request.framing != HTTP1_FRAMING_NONE) { /* its answer may come before its end */
		splice_upload_attach(x);
		return;
	}
	reason = why_not(x);
	if (reason == SPLICE_WHY_NONE) {
		sink = splice_enrol_sink(x->services->splice, x->client->stream(x));
		if (sink && (splice_is_source(&x->upstream->stream) ||
			     splice_is_empty(&x->upstream->stream)))
			source = splice_enrol_source(x->services->splice, &x->upstream->stream);
		if (!source)
			reason = SPLICE_WHY_FULL;
		else if (!splice_is_quiet(source))
			reason = SPLICE_WHY_HELD;
	}
	if (reason != SPLICE_WHY_NONE) {
		count(x, reason);
		return;
	}
	splice_arm(source, sink, SPLICE_RESPONSE,
		   x->turn->settings->splice == SPLICE_USE_ALL ? LENGTH_MAX : LENGTH_MAX_AUTO);
	x->splice.armed = true;
	x->splice.looked = false;
	queue(x);
}

static void over(struct exchange *x)
{
	unqueue(x);
	x->splice.armed = false;
}

/* The client got @moved bytes of the response from the kernel. */
static int take_in(struct exchange *x, uint64_t moved, bool goes_on)
{
	const struct splice_slot *slot = x->upstream->stream.splice->slot;

	x->status = (uint16_t)__atomic_load_n(&slot->state, __ATOMIC_RELAXED);
	x->upstream_us = slot->head_ns / 1000;
	x->receiving.begun = true;
	x->receiving.reusable = true;
	x->down.moved_bytes = moved - slot->head_bytes;
	x->turn->stats->spliced_bytes += moved;
	http1_writer_forget_head(&x->request_writer);
	return x->client->moved(x, moved, 0, goes_on);
}

static enum splice_look take_done(struct exchange *x)
{
	struct splice_end *source = x->upstream->stream.splice;
	uint64_t moved = splice_moved(source);

	source->mode = SPLICE_OFF; /* by itself: what comes after a response goes up */
	splice_disarm(source);
	over(x);
	take_in(x, moved, false);
	x->splice.ended_us = source->slot->done_ns / 1000;
	x->turn->stats->spliced_exchanges++;
	note_length(x, false);
	x->receiving.reusable = splice_is_quiet(source);
	return SPLICE_LOOK_DONE;
}

/* From here on the worker reads the response itself, from its head or from within its body. */
static enum splice_look take_over(struct exchange *x, enum sluice_splice_reason reason)
{
	struct splice_end *source = x->upstream->stream.splice;
	uint64_t moved = splice_moved(source);

	source->mode = SPLICE_OFF;
	splice_disarm(source);
	over(x);
	count(x, reason);
	if (reason == SPLICE_WHY_LENGTH)
		note_length(x, true);
	x->upstream->stream.readable = true;
	if (!moved)
		return SPLICE_LOOK_UP;
	x->turn->stats->splice_windows += reason == SPLICE_WHY_WINDOW;
	if (take_in(x, moved, true)) {
		exchange_set_phase(x, EXCHANGE_ABORTED);
		return SPLICE_LOOK_UP;
	}
	http1_reader_body(&x->upstream->reader, HTTP1_FRAMING_LENGTH, source->slot->left,
			  HTTP1_BODY_F_RESPONSE);
	exchange_set_phase(x, EXCHANGE_BODY);
	return SPLICE_LOOK_UP;
}

enum splice_look splice_response_look(struct exchange *x)
{
	const struct splice_end *source = x->upstream->stream.splice;
	uint64_t state = __atomic_load_n(&source->slot->state, __ATOMIC_ACQUIRE);

	if (state >> 32 != source->arm)
		return SPLICE_LOOK_WAITS;
	switch (state >> 24 & 0xff) {
	case SPLICE_STAGE_DONE:
		return take_done(x);
	case SPLICE_STAGE_UP:
		return take_over(x, (enum sluice_splice_reason)(state >> 16 & 0xff));
	default:
		return SPLICE_LOOK_WAITS;
	}
}

uint64_t splice_response_last_ms(const struct exchange *x)
{
	const struct splice_end *source = x->upstream->stream.splice;
	uint64_t state = __atomic_load_n(&source->slot->state, __ATOMIC_ACQUIRE);

	if (state >> 32 != source->arm)
		return 0;
	if ((state >> 24 & 0xff) != SPLICE_STAGE_BEGUN)
		return x->turn->now_ms;
	return __atomic_load_n(&source->slot->last_ns, __ATOMIC_RELAXED) / 1000000;
}

void splice_response_wake(struct exchange *x)
{
	struct splice_slot *slot = x->upstream->stream.splice->slot;

	unqueue(x);
	/* The flag first, then the look at the state: the program does it the other way round. */
	__atomic_exchange_n(&slot->wake, 1, __ATOMIC_SEQ_CST);
}

bool splice_response_stop(struct exchange *x)
{
	struct splice_end *source = x->upstream->stream.splice;
	uint64_t moved;

	splice_disarm(source);
	over(x);
	moved = splice_moved(source);
	if (moved)
		take_in(x, moved, false);
	return moved != 0;
}

void splice_response_forget(struct exchange *x)
{
	over(x);
}
