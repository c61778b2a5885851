// SPDX-License-Identifier: Apache-2.0
#include "proxy/client/conn.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "proxy/client/http2_client.h"
#include "proxy/tls/tls.h"

#define LINGER_MS         5000u /* for the client to read the answer and close */
#define LINGER_TURN_BYTES (256u * 1024)
#define REFUSED_HEAD_MS   5000u
#define DISCARD_MS        5000u
#define DISCARD_BYTES_MAX (256u * 1024) /* of a body nobody wants, to keep the connection */

static struct conn *conn_of(struct exchange *x)
{
	return x->owner;
}

static void arm(struct conn *conn, uint64_t delay_ms)
{
	turn_arm(conn->turn, &conn->timer, delay_ms);
}

static void count_bytes(struct conn *conn)
{
	struct worker_stats *stats = conn->turn->stats;

	stats->client_bytes_in += conn->reader.received_bytes - conn->counted_in;
	stats->client_bytes_out += conn->writer.sent_bytes - conn->counted_out;
	conn->counted_in = conn->reader.received_bytes;
	conn->counted_out = conn->writer.sent_bytes;
}

void conn_close(struct conn *conn)
{
	struct clients *clients = conn->clients;

	count_bytes(conn);
	if (conn->counted)
		sources_remove(&clients->sources, &conn->source);
	http2_client_end(conn->http2);
	if (conn->exchange)
		exchange_discard(conn->exchange);
	conn->exchange = NULL;
	pool_forget_client(clients->services->pool, conn->peer.id);
	task_cancel(&conn->next);
	turn_timer_drop(conn->turn, &conn->timer);
	http1_reader_release(&conn->reader);
	http1_writer_release(&conn->writer);
	stream_close(&conn->stream);
	conn->turn->stats->conns_open--;
	slab_put(&clients->conns, conn);
}

/* ---- what the exchange asks --------------------------------------------------------------------- */

/* More of the request body than is dropped to keep a connection. */
static bool too_much_left(const struct exchange *x)
{
	return x->request.framing == HTTP1_FRAMING_LENGTH &&
	       x->request.content_length_bytes - x->up.moved_bytes > DISCARD_BYTES_MAX;
}

static bool is_last_request(const struct conn *conn)
{
	uint32_t most = conn->turn->settings->requests_conn_max;

	return most && conn->requests >= most;
}

static int respond(struct exchange *x, const struct http1_response *response)
{
	struct conn *conn = conn_of(x);
	bool interim = response->flags & HTTP1_RESPONSE_F_INTERIM;
	bool tunnel = response->flags & HTTP1_RESPONSE_F_SWITCH;
	/* Who still waits for a 100 may send the body after this answer, or the next request. */
	bool keep_alive = (x->request.flags & HTTP1_REQUEST_F_KEEP_ALIVE) &&
			  !conn->turn->draining && !is_last_request(conn) &&
			  !exchange_awaits_continue(x);
	struct http1_forward_response how;
	struct buffer *head;
	int err = exchange_build_response(x, response, keep_alive, &how, &head);

	if (!err)
		err = http1_writer_begin(&conn->writer, &conn->stream, &conn->turn->buffers, head,
					 tunnel ? HTTP1_FRAMING_CLOSE : how.framing);
	if (err)
		return err;
	if (!interim)
		conn->keep_alive = how.keep_alive && !tunnel;
	if (tunnel) {
		http1_reader_body(&conn->reader, HTTP1_FRAMING_CLOSE, 0, 0);
		conn->writer.shut_when_done = true;
	}
	return 0;
}

static int reply(struct exchange *x, const struct http1_reply *asked)
{
	struct conn *conn = conn_of(x);
	struct http1_reply reply = *asked;
	struct buffer *whole;

	reply.keep_alive &= !is_last_request(conn) && !too_much_left(x);
	whole = exchange_build_reply(x, &reply);
	if (!whole)
		return -ENOMEM;
	conn->keep_alive = reply.keep_alive;
	return http1_writer_begin(&conn->writer, &conn->stream, &conn->turn->buffers, whole,
				  HTTP1_FRAMING_NONE);
}

/* The next request, in another turn if its bytes are here already: a long pipeline of cheap
 * answers takes no more than its share. */
static void await_next(struct conn *conn)
{
	conn->state = CONN_HEAD;
	if (!http1_reader_bytes(&conn->reader)) /* trailers may have been kept in it */
		http1_reader_release(&conn->reader);
	if (http1_reader_bytes(&conn->reader) || conn->stream.readable)
		turn_defer(conn->turn, &conn->next);
	if (!http1_reader_bytes(&conn->reader))
		arm(conn, conn->turn->settings->client_idle_timeout_ms);
}

static void discard(struct conn *conn)
{
	struct source *source = &conn->reader.source;

	for (;;) {
		struct payload payload;
		int err = source->ops->peek(source, &payload);

		if (err == -EAGAIN)
			return;
		if (err) {
			conn_linger(conn);
			return;
		}
		source->ops->consume(source, payload.bytes);
		conn->discarded_bytes += payload.bytes;
		if (payload.last) {
			await_next(conn);
			return;
		}
		if (conn->discarded_bytes > DISCARD_BYTES_MAX) {
			conn_linger(conn);
			return;
		}
	}
}

static void probe(struct exchange *x)
{
	struct conn *conn = conn_of(x);

	if (conn->stream.peer_ended && !x->tunnel.route)
		http1_writer_lead(&conn->writer, &conn->stream);
}

static void ended(struct exchange *x, bool aborted)
{
	struct conn *conn = conn_of(x);

	count_bytes(conn);
	conn->exchange = NULL;
	conn->reader.trailer_items = NULL; /* the exchange's */
	conn->peer.served = true;
	if (aborted) {
		stream_reset_on_close(&conn->stream);
		conn_close(conn);
	} else if (!conn->keep_alive) {
		conn_linger(conn);
	} else if (!http1_reader_body_taken(&conn->reader)) {
		conn->state = CONN_DISCARD;
		conn->discarded_bytes = 0;
		arm(conn, DISCARD_MS);
		discard(conn);
	} else {
		await_next(conn);
	}
}

static const struct exchange_client client = {
	.respond = respond,
	.reply = reply,
	.probe = probe,
	.ended = ended,
	.stream = conn_stream,
	.reader = conn_reader,
	.moved = conn_moved,
};

/* ---- the head of a request ---------------------------------------------------------------------- */

struct exchange *conn_begin_exchange(struct conn *conn)
{
	struct exchange *x = exchange_new(conn->clients->services);

	if (!x)
		return NULL;
	x->client = &client;
	x->owner = conn;
	x->peer = &conn->peer;
	x->client_source = &conn->reader.source;
	x->client_sink = &conn->writer.sink;
	conn->exchange = x;
	arm(conn, conn->turn->settings->client_head_timeout_ms);
	return x;
}

static void take_request(struct conn *conn, bool refused)
{
	struct http1_fault over = { .reason = conn_limit_reached(conn) };
	struct exchange *x = conn->exchange;
	uint8_t framing = x->request.framing;
	uint64_t length_bytes = x->request.content_length_bytes;
	uint32_t head_bytes = x->request.head_bytes;

	timer_disarm(&conn->timer);
	conn->state = CONN_EXCHANGE;
	conn->keep_alive = false;
	conn->requests++;
	conn->peer.last = is_last_request(conn);
	if (refused || over.reason) {
		exchange_refuse(x, refused ? &x->request.fault : &over);
		http1_reader_body(&conn->reader, HTTP1_FRAMING_CLOSE, 0, 0);
	} else {
		exchange_begin(x);
		http1_reader_drop(&conn->reader, head_bytes);
		conn->reader.trailer_items = exchange_request_trailers(x);
		http1_reader_body(&conn->reader, framing, length_bytes, 0);
	}
	exchange_run(x);
}

/* Its own reader and writer are of no use any more. */
static void speak_http2(struct conn *conn)
{
	conn->state = CONN_HTTP2;
	if (http2_client_begin(conn))
		conn_close(conn);
	else
		http2_client_ready(conn->http2);
}

enum preface { PREFACE_NO, PREFACE_MAYBE, PREFACE_YES };

/* Whether what came first is the preface of HTTP/2 (prior knowledge, RFC 9113 3.3). */
static enum preface looks_like_http2(const struct conn *conn)
{
	static const char text[] = NGHTTP2_CLIENT_MAGIC;
	size_t bytes = http1_reader_bytes(&conn->reader);

	if (conn->served || !conn->turn->settings->h2c || conn->peer.tls)
		return PREFACE_NO;
	if (bytes > sizeof(text) - 1)
		bytes = sizeof(text) - 1;
	if (memcmp(buffer_head(conn->reader.buffer), text, bytes) != 0)
		return PREFACE_NO;
	return bytes == sizeof(text) - 1 ? PREFACE_YES : PREFACE_MAYBE;
}

void conn_read(struct conn *conn)
{
	const struct http1_limits *limits = &conn->turn->settings->limits;
	struct exchange *x = conn->exchange;
	enum preface preface;
	ssize_t got;
	int err;

	for (;;) {
		preface =
			http1_reader_bytes(&conn->reader) ? looks_like_http2(conn) : PREFACE_MAYBE;
		if (preface == PREFACE_YES) {
			speak_http2(conn);
			return;
		}
		if (preface == PREFACE_NO) {
			conn->served = true;
			if (!x)
				x = conn_begin_exchange(conn);
			err = x ? http1_request_parse(&x->request, buffer_head(conn->reader.buffer),
						      http1_reader_bytes(&conn->reader), limits)
				: -ENOMEM;
			if (err != -EAGAIN)
				break;
		}
		got = http1_reader_fill(&conn->reader, conn->turn->buffers.size);
		if (got == -EAGAIN)
			return;
		if (got <= 0) { /* the end; a head that is cut short is nothing to answer */
			conn_hang_up(conn);
			return;
		}
	}
	if (err == -ENOMEM)
		conn_close(conn);
	else
		take_request(conn, err != 0);
}

/* ---- closing ------------------------------------------------------------------------------------ */

/* Reads what comes and throws it away, so that no reset takes our answer from the client. */
static void read_away(struct conn *conn)
{
	char dust[16384];
	size_t turn_bytes = 0;
	ssize_t got;

	do {
		got = stream_read(&conn->stream, dust, sizeof(dust));
		if (got > 0)
			turn_bytes += (size_t)got;
	} while (got > 0 && turn_bytes < LINGER_TURN_BYTES);
	if (got > 0)
		turn_defer(conn->turn, &conn->next);
	else if (got != -EAGAIN)
		conn_close(conn);
}

void conn_linger(struct conn *conn)
{
	int err;

	http2_client_end(conn->http2);
	err = stream_shutdown(&conn->stream);
	if (err && err != -EAGAIN) {
		conn_close(conn);
		return;
	}
	http1_reader_release(&conn->reader);
	conn->state = CONN_LINGER;
	arm(conn, LINGER_MS);
	read_away(conn);
}

void conn_handshake(struct conn *conn)
{
	int err = tls_handshake(&conn->stream);

	if (err == -EAGAIN)
		return;
	if (err) {
		conn->turn->stats->tls_errors++;
		conn_close(conn);
		return;
	}
	conn->turn->stats->tls_handshakes++;
	conn->turn->stats->tls_resumptions += tls_resumed(&conn->stream);
	if (tls_speaks_http2(&conn->stream)) {
		speak_http2(conn);
		return;
	}
	conn->state = CONN_HEAD;
	arm(conn, conn->turn->settings->client_head_timeout_ms);
	conn_read(conn);
}

/* ---- events ------------------------------------------------------------------------------------- */

static void on_ready(struct stream *stream)
{
	struct conn *conn = (struct conn *)stream;

	switch (conn->state) {
	case CONN_PROXY_HEADER:
	case CONN_HELLO:
		conn_opening(conn);
		break;
	case CONN_HANDSHAKE:
		conn_handshake(conn);
		break;
	case CONN_HEAD:
		if (!conn->next.next) /* else bytes of before come first, later in this turn */
			conn_read(conn);
		break;
	case CONN_EXCHANGE:
		if (stream->broken)
			exchange_abort(conn->exchange, "the client is gone");
		else
			exchange_run(conn->exchange);
		break;
	case CONN_DISCARD:
		discard(conn);
		break;
	case CONN_HTTP2:
		http2_client_ready(conn->http2);
		break;
	case CONN_FLUSH:
		conn_hang_up(conn);
		break;
	default:
		read_away(conn);
	}
}

static void on_next(struct task *task)
{
	struct conn *conn = (struct conn *)((char *)task - offsetof(struct conn, next));

	if (conn->state == CONN_LINGER)
		read_away(conn);
	else
		conn_read(conn);
}

static void on_timer(struct timer *timer)
{
	struct conn *conn = (struct conn *)((char *)timer - offsetof(struct conn, timer));
	struct exchange *x = conn->exchange;

	if (conn->state == CONN_HEAD && x && http1_request_started(&x->request)) {
		conn->state = CONN_EXCHANGE;
		conn->keep_alive = false;
		exchange_refuse(x, &(struct http1_fault){ .reason = HTTP1_FAULT_HEAD_TIME });
		http1_reader_body(&conn->reader, HTTP1_FRAMING_CLOSE, 0, 0);
		exchange_run(x);
	} else if (conn->state == CONN_DISCARD) {
		conn_linger(conn);
	} else if (conn->state == CONN_HTTP2) {
		http2_client_timeout(conn->http2);
	} else {
		conn_hang_up(conn);
	}
}

void conn_count_source(struct conn *conn)
{
	uint32_t most = conn->turn->settings->conns_source_max;
	int64_t conns;

	if (!most || conn->peer.trusted)
		return;
	conn->source = conn->peer.addr;
	conns = sources_add(&conn->clients->sources, &conn->source);
	conn->counted = conns > 0;
	if (conns > (int64_t)most && conn->over_limit == HTTP1_FAULT_NONE)
		conn->over_limit = HTTP1_FAULT_CONNS_SOURCE;
}

int conn_new(struct clients *clients, int fd, const struct exchange_peer *peer,
	     enum http1_fault_reason over_limit)
{
	struct conn *conn = slab_get(&clients->conns);
	struct turn *turn = clients->turn;
	int err;

	if (!conn) {
		close(fd);
		return -ENOMEM;
	}
	err = turn_timer_room(turn);
	if (err) {
		close(fd);
		slab_put(&clients->conns, conn);
		return err;
	}
	err = stream_open(&conn->stream, turn->epoll, fd, on_ready);
	if (err) {
		turn_timer_drop(turn, &conn->timer);
		slab_put(&clients->conns, conn);
		return err;
	}
	if (settings_expects_proxy_header(turn->settings, peer->local_port, &peer->addr))
		conn->state = CONN_PROXY_HEADER;
	else
		conn->state = peer->tls ? CONN_HELLO : CONN_HEAD;
	conn->turn = turn;
	conn->clients = clients;
	conn->peer = *peer;
	conn->peer.id = ++clients->conns_made;
	conn->over_limit = (uint8_t)over_limit;
	conn->timer.fn = on_timer;
	conn->next.fn = on_next;
	conn->stream.writable = true; /* nothing was written yet */
	http1_reader_init(&conn->reader, &conn->stream, &turn->buffers);
	conn->writer.pool = &turn->buffers;
	turn->stats->conns_open++;
	turn->stats->conns_accepted++;
	if (conn->state != CONN_PROXY_HEADER)
		conn_count_source(conn);
	/* Who is only to be told 503 gets less time to ask. */
	arm(conn, over_limit && turn->settings->client_head_timeout_ms > REFUSED_HEAD_MS
			  ? REFUSED_HEAD_MS
			  : turn->settings->client_head_timeout_ms);
	return 0;
}
