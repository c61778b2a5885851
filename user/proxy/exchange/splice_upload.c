// SPDX-License-Identifier: Apache-2.0
/*
 * Bodies of requests: the relay sends the head and what came with it; from the moment on when it
 * waits for more, the kernel moves what comes, up to the announced length. The client's socket is a
 * source from its first upload on. The answer is relayed: it may come at any time.
 */
#include "proxy/exchange/exchange_priv.h"

/* Below, the relay is done before enrolling the client's connection has paid. */
#define UPLOAD_BYTES_MIN (64u * 1024)
/* For a backend slower than the client, the relay works until the client paused this long. */
#define QUIET_MS 50u

enum sluice_splice_reason splice_upload_why_not(const struct exchange *x)
{
	if (!x->services->splice->on)
		return SPLICE_WHY_OFF;
	if (x->peer->tls)
		return SPLICE_WHY_TLS;
	if (!x->client->stream || !x->request.version_minor)
		return SPLICE_WHY_PROTOCOL;
	if (!(x->route->flags & ROUTE_F_SPLICE_UPLOAD))
		return SPLICE_WHY_ROUTE;
	if (x->request.framing != HTTP1_FRAMING_LENGTH || x->tunnel.asked ||
	    x->request.content_length_bytes < UPLOAD_BYTES_MIN)
		return SPLICE_WHY_BODY;
	return x->turn->settings->splice == SPLICE_USE_ALL ? SPLICE_WHY_NONE : SPLICE_WHY_UPLOAD;
}

static void count(struct exchange *x, enum sluice_splice_reason reason)
{
	if (reason != SPLICE_WHY_NONE)
		x->turn->stats->splice_reasons[reason]++;
}

void splice_upload_attach(struct exchange *x)
{
	x->upload.lagged = false;
	count(x, splice_upload_why_not(x));
}

static uint64_t left_bytes(const struct exchange *x)
{
	return x->request.content_length_bytes - x->up.moved_bytes;
}

static uint64_t last_ms(const struct splice_end *source)
{
	return __atomic_load_n(&source->slot->last_ns, __ATOMIC_RELAXED) / 1000000;
}

/* Both sockets are in their maps when this returns true. The backend's comes first: a client that
 * is a source for nothing would pay for it with each later request. */
static bool enrol(struct exchange *x, struct stream *client)
{
	if (splice_enrol_sink(x->services->splice, &x->upstream->stream) &&
	    splice_enrol_source(x->services->splice, client))
		return true;
	x->upload.wanted = false;
	count(x, SPLICE_WHY_FULL);
	return false;
}

void splice_upload_open(struct exchange *x)
{
	struct stream *client = x->client->stream(x);
	struct splice_end *source;

	if (left_bytes(x) < UPLOAD_BYTES_MIN || exchange_awaits_continue(x) || client->readable ||
	    client->peer_ended || http1_reader_bytes(x->client->reader(x)))
		return;
	/* A packet that is half read would be seen twice; its event brings us back. */
	if (!splice_is_source(client) && (!splice_is_empty(client) || !enrol(x, client)))
		return;
	if (!splice_enrol_sink(x->services->splice, &x->upstream->stream) ||
	    !splice_is_quiet(client->splice))
		return;
	source = client->splice;
	if (x->upload.lagged && last_ms(source) + QUIET_MS > x->turn->now_ms) {
		splice_poll_later(source, QUIET_MS);
		return;
	}
	source->slot->left = left_bytes(x);
	splice_arm(source, x->upstream->stream.splice, SPLICE_UPLOAD, 0);
	x->upload.armed = true;
	splice_is_empty(client); /* a look passes what came meanwhile by the program */
}

bool splice_upload_runs(struct exchange *x)
{
	struct stream *client = x->client->stream(x);
	const struct splice_end *source = client->splice;
	uint64_t state = __atomic_load_n(&source->slot->state, __ATOMIC_ACQUIRE);
	bool decided = state >> 32 == source->arm;

	if (!decided && !client->peer_ended && splice_is_quiet(source))
		return true;
	splice_upload_stop(x);
	if (decided && (state >> 16 & 0xff) == SPLICE_WHY_WINDOW) {
		x->upload.lagged = true;
		x->turn->stats->splice_windows++;
	}
	return false;
}

void splice_upload_stop(struct exchange *x)
{
	struct stream *client;
	uint64_t moved;

	if (!x->upload.armed)
		return;
	client = x->client->stream(x);
	splice_disarm(client->splice);
	x->upload.armed = false;
	client->readable = true; /* bytes that went up were reported, perhaps without effect */
	moved = splice_moved(client->splice);
	if (!moved)
		return;
	x->up.moved_bytes += moved;
	x->request_writer.sent_bytes += moved;
	x->turn->stats->spliced_uploads += !x->upload.begun;
	x->turn->stats->spliced_bytes += moved;
	x->upload.begun = true;
	x->client->moved(x, 0, moved, false);
}

uint64_t splice_upload_last_ms(const struct exchange *x)
{
	return last_ms(x->client->stream((struct exchange *)(uintptr_t)x)->splice);
}
