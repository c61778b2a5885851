// SPDX-License-Identifier: Apache-2.0
#include "proxy/client/http1_client.h"

#include <errno.h>

/* Of a body nobody wants, its framing included, to keep the connection. */
#define DISCARD_BYTES_MAX (256u * 1024)

static struct conn *conn_of(struct exchange *x)
{
	return x->owner;
}

/* ---- what the exchange asks ------------------------------------------------------------------ */

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
	conn_set_state(conn, CONN_IDLE);
	conn->idle_since_ms = conn->turn->now_ms;
	if (!http1_reader_bytes(&conn->reader)) /* trailers may have been kept in it */
		http1_reader_release(&conn->reader);
	if (http1_reader_bytes(&conn->reader) || conn->stream.readable)
		turn_defer(conn->turn, &conn->next);
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
		if (payload.last) {
			await_next(conn);
			return;
		}
		if (conn->reader.received_bytes - conn->discard_from_bytes > DISCARD_BYTES_MAX) {
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

	conn_count_bytes(conn);
	conn->exchange = NULL;
	conn->reader.trailer_items = NULL; /* the exchange's */
	conn->peer.served = true;
	if (aborted) {
		stream_reset_on_close(&conn->stream);
		conn_close(conn);
	} else if (!conn->keep_alive) {
		conn_linger(conn);
	} else if (!http1_reader_body_taken(&conn->reader)) {
		conn_set_state(conn, CONN_DISCARD);
		conn->discard_from_bytes = conn->reader.received_bytes;
		discard(conn);
	} else {
		await_next(conn);
	}
}

/* ---- bytes that the kernel moves ------------------------------------------------------------- */

static struct stream *client_stream(struct exchange *x)
{
	struct conn *conn = x->owner;

	return &conn->stream;
}

static const struct http1_reader *client_reader(struct exchange *x)
{
	const struct conn *conn = x->owner;

	return &conn->reader;
}

static int client_moved(struct exchange *x, uint64_t sent, uint64_t received, bool goes_on)
{
	struct conn *conn = x->owner;
	int err = 0;

	if (goes_on)
		err = http1_writer_begin(&conn->writer, &conn->stream, &conn->turn->buffers, NULL,
					 HTTP1_FRAMING_LENGTH);
	conn->writer.sent_bytes += sent;
	conn->reader.received_bytes += received;
	if (x->phase == EXCHANGE_TUNNEL)
		return err;
	if (sent) /* a response that the kernel takes ends no connection */
		conn->keep_alive = true;
	if (received)
		http1_body_skip(&conn->reader.body, received);
	return err;
}

static const struct exchange_client client = {
	.respond = respond,
	.reply = reply,
	.probe = probe,
	.ended = ended,
	.stream = client_stream,
	.reader = client_reader,
	.moved = client_moved,
};

/* ---- the head of a request ------------------------------------------------------------------- */

struct exchange *http1_client_exchange(struct conn *conn)
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
	return x;
}

static void take_request(struct conn *conn, bool refused)
{
	struct http1_fault over = { .reason = conn_limit_reached(conn) };
	struct exchange *x = conn->exchange;
	uint8_t framing = x->request.framing;
	uint64_t length_bytes = x->request.content_length_bytes;
	uint32_t head_bytes = x->request.head_bytes;

	conn_set_state(conn, CONN_EXCHANGE);
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

/* Return: the exchange whose head is read; NULL: no memory. */
static struct exchange *begin_head(struct conn *conn)
{
	struct exchange *x = conn->exchange ? conn->exchange : http1_client_exchange(conn);

	if (x && conn->state != CONN_HEAD)
		conn_set_state(conn, CONN_HEAD);
	return x;
}

static void read_head(struct conn *conn)
{
	const struct http1_limits *limits = &conn->turn->settings->limits;
	ssize_t got;
	int err;

	for (;;) {
		if (http1_reader_bytes(&conn->reader)) {
			struct exchange *x = begin_head(conn);

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

/* ---- the protocol ---------------------------------------------------------------------------- */

static void client_ready(struct conn *conn)
{
	switch (conn->state) {
	case CONN_EXCHANGE:
		if (conn->stream.broken)
			exchange_abort(conn->exchange, "the client is gone");
		else
			exchange_run(conn->exchange);
		break;
	case CONN_DISCARD:
		discard(conn);
		break;
	default:
		if (!conn->next.next) /* else bytes that are here come first, later in this turn */
			read_head(conn);
	}
}

static void client_timeout(struct conn *conn)
{
	struct exchange *x = conn->exchange;

	if (conn->state == CONN_HEAD && x && http1_request_started(&x->request)) {
		conn_set_state(conn, CONN_EXCHANGE);
		conn->keep_alive = false;
		exchange_refuse(x, &(struct http1_fault){ .reason = HTTP1_FAULT_HEAD_TIME });
		http1_reader_body(&conn->reader, HTTP1_FRAMING_CLOSE, 0, 0);
		exchange_run(x);
	} else if (conn->state == CONN_DISCARD) {
		conn_linger(conn);
	} else {
		conn_hang_up(conn);
	}
}

static void client_end(struct conn *conn)
{
	if (conn->exchange)
		exchange_discard(conn->exchange);
	conn->exchange = NULL;
	pool_forget_client(conn->clients->services->pool, conn->peer.id);
}

static bool client_has_deadline(const struct conn *conn)
{
	return conn->exchange && exchange_has_deadline(conn->exchange) && !conn->timer.deadline_ms;
}

const struct conn_protocol http1_client_protocol = {
	.ready = client_ready,
	.next = read_head,
	.timeout = client_timeout,
	.end = client_end,
	.has_deadline = client_has_deadline,
};

void http1_client_begin(struct conn *conn)
{
	conn->protocol = &http1_client_protocol;
	read_head(conn);
}
