// SPDX-License-Identifier: Apache-2.0
/*
 * exchange_end.c - the end of an exchange: counted, logged, freed
 */
#include <stdlib.h>

#include "proxy/exchange/exchange_priv.h"

#define STATUS_CLIENT_GONE 499 /* in the log only, as nginx writes it */

void exchange_discard(struct exchange *x)
{
	struct exchange_services *services = x->services;

	exchange_check_remove(x);
	splice_response_forget(x);
	exchange_let_go(x, false);
	http1_writer_release(&x->request_writer);
	buffer_put(&services->response_heads, x->receiving.head);
	task_cancel(&x->yield);
	turn_timer_drop(x->turn, &x->timer);
	access_record_free(x->record);
	tls_profile_put(x->tls);
	routing_put(x->routing);
	free(x->tunnel.route);
	free(x->origin);
	slab_put(&services->exchanges, x);
}

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
	return x->tunnel.granted || (x->request.framing != HTTP1_FRAMING_NONE && !x->sending.done);
}

/* The exchange is over; frees it. */
static void end(struct exchange *x, bool aborted)
{
	if (aborted && !x->status)
		x->status = STATUS_CLIENT_GONE;
	splice_tunnel_count(x);
	if (!x->tunnel.route) /* it is not a request */
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
