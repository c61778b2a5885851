// SPDX-License-Identifier: Apache-2.0
#include "proxy/client/http2_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "proxy/exchange/exchange.h"
#include "proxy/http1/fault_log.h"
#include "proxy/http2/http2_stream.h"

#define FAREWELL_MS    2000u /* for the last GOAWAY to leave */
#define NOTICE_MS      1000u /* from the first GOAWAY to the last: longer than most round trips */
#define LIST_TIMES_MAX 8u    /* a head so many times over its limit ends the connection */

static void settled(struct http2_session *session, int err);
static void set_callbacks(nghttp2_session_callbacks *callbacks);

static bool on_frame_head(struct http2_session *session, const struct http2_frame_head *head);
static void on_frame_done(struct http2_session *session);
static void on_reset(struct http2_session *session, uint32_t code);
static void over_budget(struct http2_session *session);

static const struct http2_session_ops ops = {
	.frame = on_frame_head,
	.frame_done = on_frame_done,
	.reset = on_reset,
	.over_budget = over_budget,
	.set = set_callbacks,
	.writable = http2_streams_unblock,
	.settled = settled,
};

static struct http2_client *client_of(struct http2_session *session)
{
	return (struct http2_client *)session;
}

/* ---- time ------------------------------------------------------------------------------------ */

static void set_state(struct http2_client *client, enum http2_client_state state)
{
	static const struct {
		uint64_t ms;
		size_t setting; /* offset of the time in struct settings, in place of .ms */
	} limits[HTTP2_CLIENT_STATES] = {
		[HTTP2_CLIENT_HEAD] = { 0, offsetof(struct settings, client_head_timeout_ms) },
		[HTTP2_CLIENT_BUSY] = { 0, 0 }, /* each exchange has its own */
		[HTTP2_CLIENT_IDLE] = { 0, offsetof(struct settings, client_idle_timeout_ms) },
		[HTTP2_CLIENT_FAREWELL] = { FAREWELL_MS, 0 },
	};
	const struct turn *turn = client->session.turn;
	struct timer *timer = &client->conn->timer;
	uint64_t ms = limits[state].ms;

	client->state = (uint8_t)state;
	if (limits[state].setting)
		ms = *(const uint64_t *)(const void *)((const char *)turn->settings +
						       limits[state].setting);
	if (ms)
		turn_arm(client->session.turn, timer, ms);
	else
		timer_disarm(timer);
}

/* What it waits for has changed: a head is whole, or a stream has come or gone. */
static void look_again(struct http2_client *client)
{
	if (client->state != HTTP2_CLIENT_FAREWELL)
		set_state(client, client->session.streams ? HTTP2_CLIENT_BUSY : HTTP2_CLIENT_IDLE);
}

void http2_client_stream_gone(struct http2_client *client)
{
	if (client->state == HTTP2_CLIENT_BUSY && !client->session.streams)
		look_again(client);
}

static void client_timeout(struct conn *conn)
{
	struct http2_client *client = conn->http2;
	struct http2_session *session = &client->session;

	if (client->state == HTTP2_CLIENT_FAREWELL || session->out || session->piece_bytes) {
		conn_close(client->conn); /* even our farewell is not read */
		return;
	}
	if (client->state == HTTP2_CLIENT_HEAD) {
		session->turn->stats->timeouts++;
		log_debug("proxy: HTTP/2: a head took too long");
	}
	set_state(client, HTTP2_CLIENT_FAREWELL);
	http2_session_terminate(session, NGHTTP2_NO_ERROR);
}

/* ---- frames ---------------------------------------------------------------------------------- */

static void over_budget(struct http2_session *session)
{
	http2_client_too_much(client_of(session), "octets of heads");
}

/* Resets that faults of the client bring about are its own: each costs a stream all the same. */
static void on_reset(struct http2_session *session, uint32_t code)
{
	switch (code) {
	case NGHTTP2_NO_ERROR:
	case NGHTTP2_INTERNAL_ERROR:
	case NGHTTP2_CONNECT_ERROR:
		return;
	default:
		http2_client_count_reset(client_of(session));
	}
}

/* Where only one kind of frame may come, nghttp2 sees whatever comes. */
static bool on_frame_head(struct http2_session *session, const struct http2_frame_head *head)
{
	struct http2_client *client = client_of(session);
	bool any = client->greeted && !client->in_head;
	bool pass = http2_client_check_frame(client, head);
	bool ends = head->flags & NGHTTP2_FLAG_END_HEADERS;

	client->greeted |= head->type == NGHTTP2_SETTINGS;
	client->head_ends = false;
	if (head->type == NGHTTP2_HEADERS || head->type == NGHTTP2_CONTINUATION) {
		if (head->type == NGHTTP2_HEADERS && client->state != HTTP2_CLIENT_FAREWELL)
			set_state(client, HTTP2_CLIENT_HEAD);
		client->in_head = !ends;
		client->head_ends = ends;
	}
	return pass || !any;
}

/* nghttp2 says nothing of a head that it refuses or passes over: it has ended all the same. */
static void on_frame_done(struct http2_session *session)
{
	struct http2_client *client = client_of(session);

	if (client->head_ends)
		look_again(client);
	client->head_ends = false;
}

static void leave(struct http2_client *client)
{
	nghttp2_session *ng = client->session.ng;

	client->leaving = true;
	nghttp2_submit_goaway(ng, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(ng),
			      NGHTTP2_NO_ERROR, NULL, 0);
	http2_session_flush(&client->session);
}

/* A head has begun a stream. */
static void count_stream(struct http2_client *client)
{
	struct turn *turn = client->session.turn;
	uint32_t most = turn->settings->requests_conn_max;

	turn->stats->http2_streams++;
	client->conn->requests++;
	if (most && client->conn->requests >= most && !client->leaving)
		leave(client);
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
	struct http2_client *client = user;
	struct http2_stream *s = http2_stream_of(ng, frame->hd.stream_id);

	switch (frame->hd.type) {
	case NGHTTP2_DATA:
		if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
			return 0;
		http2_client_note_closed(client, frame->hd.stream_id);
		if (s) {
			s->remote_ended = true;
			http2_stream_wake(s);
		}
		return 0;
	case NGHTTP2_HEADERS:
		if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
			http2_client_note_closed(client, frame->hd.stream_id);
		if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
			count_stream(client);
		http2_request_head(client, frame);
		return 0;
	case NGHTTP2_RST_STREAM:
		http2_client_note_closed(client, -frame->hd.stream_id);
		http2_client_count_reset(client);
		return 0;
	case NGHTTP2_SETTINGS:
		client->session.window_changed |= frame->settings.niv != 0;
		return 0;
	case NGHTTP2_PING:
		if ((frame->hd.flags & NGHTTP2_FLAG_ACK) && client->notice_ms && !client->leaving)
			leave(client);
		return 0;
	default:
		return 0;
	}
}

static void set_callbacks(nghttp2_session_callbacks *callbacks)
{
	http2_stream_set_callbacks(callbacks);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	http2_request_set_callbacks(callbacks);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void link_client(struct clients *clients, struct http2_client *client)
{
	client->older = clients->http2_newest;
	if (client->older)
		client->older->newer = client;
	clients->http2_newest = client;
}

static void count_bytes(struct http2_client *client)
{
	struct http2_session *session = &client->session;
	struct worker_stats *stats = session->turn->stats;

	stats->client_bytes_in += session->received_bytes;
	stats->client_bytes_out += session->sent_bytes;
	session->received_bytes = session->sent_bytes = 0;
}

static void unlink_client(struct clients *clients, struct http2_client *client)
{
	if (client->newer)
		client->newer->older = client->older;
	else
		clients->http2_newest = client->older;
	if (client->older)
		client->older->newer = client->newer;
}

static void drain(struct http2_client *client)
{
	static const uint8_t told[8] = "drained"; /* what is answered to it is not looked at */
	nghttp2_session *ng = client->session.ng;

	if (!client->notice_ms) {
		client->notice_ms = client->session.turn->now_ms;
		nghttp2_submit_shutdown_notice(ng);
		nghttp2_submit_ping(ng, NGHTTP2_FLAG_NONE, told);
		http2_session_flush(&client->session);
	} else if (!client->leaving &&
		   client->session.turn->now_ms >= client->notice_ms + NOTICE_MS) {
		leave(client);
	}
}

void http2_clients_drain(struct clients *clients)
{
	for (struct http2_client *client = clients->http2_newest; client; client = client->older)
		drain(client);
}

static void client_end(struct conn *conn)
{
	struct http2_client *client = conn->http2;
	struct clients *clients = conn->clients;

	if (!client)
		return;
	pool_forget_client(clients->services->pool, conn->peer.id);
	count_bytes(client);
	while (client->session.streams) {
		struct http2_stream *s = client->session.streams;

		s->reset = true; /* nothing more is said of it */
		if (s->owner)
			exchange_abort(s->owner, "the client is gone");
		else
			http2_stream_free(s);
	}
	unlink_client(clients, client);
	client->session.turn->stats->http2_conns_open--;
	http2_head_drop(&client->head);
	http2_session_end(&client->session);
	conn->http2 = NULL;
	slab_put(&clients->http2_clients, client);
}

/* Something is still to be said: by a stream, or by what streams that are gone have left behind. */
static bool owes(const struct http2_session *session)
{
	return session->streams || session->out || session->piece_bytes ||
	       nghttp2_session_want_write(session->ng);
}

/* The connection failed, or its other side was shut: who has done that may still listen. */
static void take_end(struct http2_client *client, int err)
{
	struct http2_session *session = &client->session;

	if (err != -ESHUTDOWN || !owes(session)) {
		conn_close(client->conn);
		return;
	}
	if (!client->input_ended) /* a client that has closed answers it by a reset */
		nghttp2_submit_ping(session->ng, NGHTTP2_FLAG_NONE, NULL);
	client->input_ended = true;
	for (struct http2_stream *s = session->streams; s; s = s->next) {
		s->cut = !s->remote_ended;
		http2_stream_wake(s);
	}
	http2_session_flush(session);
}

static void settled(struct http2_session *session, int err)
{
	struct http2_client *client = client_of(session);

	count_bytes(client);
	session->window_changed = false;
	if (err)
		take_end(client, err);
	else if (http2_session_over(session) || (client->input_ended && !owes(session)))
		conn_linger(client->conn);
}

void http2_client_ready(struct conn *conn)
{
	struct http2_client *client = conn->http2;
	struct http2_session *session = &client->session;
	int err;

	if (session->stream->broken) {
		conn_close(client->conn);
		return;
	}
	http2_session_writable(session);
	err = http2_session_read(session);
	if (err)
		take_end(client, err);
}

static bool client_has_deadline(const struct conn *conn)
{
	const struct http2_client *client = conn->http2;

	if (client->state != HTTP2_CLIENT_BUSY)
		return conn->timer.deadline_ms != 0;
	/* A stream without an exchange is about to get one, or to end: it wakes. */
	for (const struct http2_stream *s = client->session.streams; s; s = s->next)
		if (s->owner ? !exchange_has_deadline(s->owner) : !s->wake.next)
			return false;
	return client->session.streams && !conn->timer.deadline_ms;
}

static const struct conn_protocol protocol = {
	.ready = http2_client_ready,
	.next = http2_client_ready,
	.timeout = client_timeout,
	.end = client_end,
	.has_deadline = client_has_deadline,
};

int http2_client_begin(struct conn *conn)
{
	struct clients *clients = conn->clients;
	struct turn *turn = conn->turn;
	const nghttp2_settings_entry said[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP2_STREAMS_MAX },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_STREAM_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, turn->settings->limits.head_bytes_max },
		{ NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1 },
	};
	struct http2_client *client = slab_get(&clients->http2_clients);
	struct buffer *early;
	int err;

	if (!client)
		return -ENOMEM;
	http2_session_prepare(&client->session, turn, clients->http2_memory, &conn->stream, true,
			      &ops);
	client->session.budget.list_bytes_max =
		LIST_TIMES_MAX * turn->settings->limits.head_bytes_max;
	err = http2_session_open(&client->session, said, sizeof(said) / sizeof(said[0]));
	if (err) {
		slab_put(&clients->http2_clients, client);
		return err;
	}
	client->conn = conn;
	conn->http2 = client;
	conn->protocol = &protocol;
	link_client(clients, client);
	turn->stats->http2_conns++;
	turn->stats->http2_conns_open++;
	set_state(client, HTTP2_CLIENT_HEAD); /* of the preface and the first head */
	if (turn->draining)
		drain(client);
	early = conn->reader.buffer;
	if (early) {
		http2_session_take(&client->session, buffer_head(early), buffer_bytes(early));
		http1_reader_release(&conn->reader);
	}
	return 0;
}
