// SPDX-License-Identifier: Apache-2.0
/*
 * Tunnels: each direction is either relayed or, while the worker holds none of its bytes, moved by
 * the kernel. What the kernel passes up the relay takes as before; a direction that carries bulk
 * stays with the relay until it was quiet for a while.
 */
#include "proxy/exchange/exchange_priv.h"

#define QUIET_MS 50u
/* Bytes by which a direction may outrun the rate of sk_skb.bpf.c before it is bulk, which is faster
 * through the relay. */
#define BULK_BYTES (1024u * 1024)

/* Return: SPLICE_WHY_NONE if the tunnel of @x may be left to the kernel; else why not. */
static enum sluice_splice_reason why_not(struct exchange *x)
{
	if (!x->services->splice->on)
		return SPLICE_WHY_OFF;
	if (!x->client->stream)
		return SPLICE_WHY_PROTOCOL;
	/* TLS passthrough is not our own TLS: its sockets are plain. */
	if (x->client->stream(x)->tls || x->upstream->stream.tls)
		return SPLICE_WHY_TLS;
	return SPLICE_WHY_NONE;
}

/* One direction, as its relay sees it. */
struct direction {
	struct stream *from, *to;
	const struct http1_reader *reader;
	struct sink *sink;
	const struct relay *relay;
};

static bool holds_nothing(const struct direction *d)
{
	return !http1_reader_bytes(d->reader) && !d->relay->ended &&
	       d->sink->ops->flush(d->sink) == 0;
}

static uint64_t last_ms(const struct splice_end *source)
{
	return source ? __atomic_load_n(&source->slot->last_ns, __ATOMIC_RELAXED) / 1000000 : 0;
}

/* Bytes went up: the relay has the word until the direction is quiet. */
static void close_if_told(struct turn *turn, struct splice_end *source)
{
	uint64_t state = __atomic_load_n(&source->slot->state, __ATOMIC_ACQUIRE);

	if (source->mode != SPLICE_TUNNEL || state >> 32 != source->arm ||
	    (state >> 24 & 0xff) != SPLICE_STAGE_UP)
		return;
	turn->stats->splice_windows += (state >> 16 & 0xff) == SPLICE_WHY_WINDOW;
	turn->stats->spliced_bytes += splice_moved(source);
	source->tunnel_moved += splice_moved(source);
	splice_disarm(source);
	splice_poll_later(source, QUIET_MS);
}

static void open_if_quiet(struct exchange *x, struct direction *d)
{
	struct splice_end *source = d->from->splice;

	if (source->mode == SPLICE_TUNNEL || d->from->peer_ended || !holds_nothing(d))
		return;
	if (source->tunnel_begun && last_ms(source) + QUIET_MS > x->turn->now_ms) {
		splice_poll_later(source, QUIET_MS);
		return;
	}
	source->tunnel_begun = true;
	splice_arm(source, d->to->splice, SPLICE_TUNNEL, BULK_BYTES);
}

static bool enrol(struct exchange *x, struct stream *client)
{
	struct splice *splice = x->services->splice;

	if (splice_enrol_source(splice, client)) {
		/* An answer may have come meanwhile: it is read first, its event brings us back. */
		if (!splice_is_empty(&x->upstream->stream))
			return true;
		if (splice_enrol_source(splice, &x->upstream->stream)) {
			x->turn->stats->spliced_tunnels++;
			return true;
		}
	}
	x->turn->stats->splice_reasons[SPLICE_WHY_FULL]++;
	x->tunnel.spliced = false;
	return false;
}

void splice_tunnel_begin(struct exchange *x)
{
	enum sluice_splice_reason reason = why_not(x);

	x->tunnel.granted = true;
	x->tunnel.spliced = reason == SPLICE_WHY_NONE;
	if (reason != SPLICE_WHY_NONE)
		x->turn->stats->splice_reasons[reason]++;
}

bool splice_tunnel_run(struct exchange *x)
{
	struct upstream_conn *u = x->upstream;
	struct stream *client;
	struct direction up, down;

	if (!x->tunnel.spliced)
		return false;
	client = x->client->stream(x);
	if (!splice_is_source(client) || !splice_is_source(&u->stream)) {
		/* A half-read packet would be seen twice: the relay first reads everything, and an
		 * event reports later bytes. */
		return !client->readable && !u->stream.readable && splice_is_empty(client) &&
		       splice_is_empty(&u->stream) && enrol(x, client);
	}
	up = (struct direction){ client, &u->stream, x->client->reader(x), x->request_sink,
				 &x->up };
	down = (struct direction){ &u->stream, client, &u->reader, x->client_sink, &x->down };
	close_if_told(x->turn, client->splice);
	close_if_told(x->turn, u->stream.splice);
	open_if_quiet(x, &up);
	open_if_quiet(x, &down);
	return false;
}

uint64_t splice_tunnel_last_ms(const struct exchange *x)
{
	const struct stream *client =
		x->tunnel.spliced ? x->client->stream((struct exchange *)(uintptr_t)x) : NULL;
	uint64_t up_ms, down_ms;

	if (!client || !splice_is_source(client) || !splice_is_source(&x->upstream->stream))
		return 0;
	up_ms = last_ms(client->splice);
	down_ms = last_ms(x->upstream->stream.splice);
	return up_ms > down_ms ? up_ms : down_ms;
}

static uint64_t all_moved(struct exchange *x, struct stream *from)
{
	struct splice_end *source = from->splice;
	uint64_t moved;

	if (!source || !source->slot || !source->tunnel_begun)
		return 0;
	moved = source->mode == SPLICE_TUNNEL ? splice_moved(source) : 0;
	x->turn->stats->spliced_bytes += moved;
	return moved + source->tunnel_moved;
}

void splice_tunnel_count(struct exchange *x)
{
	uint64_t up, down;

	if (!x->tunnel.spliced || !x->upstream)
		return;
	up = all_moved(x, x->client->stream(x));
	down = all_moved(x, &x->upstream->stream);
	x->up.moved_bytes += up;
	x->down.moved_bytes += down;
	x->client->moved(x, down, up, false);
}
