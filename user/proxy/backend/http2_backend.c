// SPDX-License-Identifier: Apache-2.0
/*
 * size: a connection and its calls belong together, and no other file may see either
 */
#include "proxy/backend/http2_backend.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "proxy/backend/http2_backend_priv.h"
#include "proxy/backend/pool.h"
#include "proxy/http1/fault_log.h"
#include "proxy/http1/http1_response.h"
#include "proxy/http2/http2_stream.h"
#include "proxy/tls/tls.h"

#define SWEEP_MS 1000u
/* A backend that takes no octet for so long: HTTP/2 bounds its bodies by windows, not by this. */
#define USER_TIMEOUT_MS 20000u

#define LIST_TIMES_MAX 4u /* a head so many times over its limit ends the connection */
#define HEADS_BYTES_MAX \
	(2u * HTTP1_RESPONSE_HEAD_BYTES_MAX) /* of one response that wait to be read */

/* One exchange's stream of it. */
struct http2_call {
	struct upstream_conn upstream; /* first: what the exchange holds */
	struct http2_backends *all;    /* borrowed */
	struct http2_stream *stream;   /* owned */
	struct http2_backend *backend; /* borrowed; NULL: the connection is gone */
	int error;                     /* -errno: why */
	bool final_seen;               /* what comes next are trailers */
};

static void on_wake(struct task *task);
static void settled(struct http2_session *session, int err);
static void set_callbacks(nghttp2_session_callbacks *callbacks);

static void over_budget(struct http2_session *session);

static const struct http2_session_ops session_ops = {
	.over_budget = over_budget,
	.set = set_callbacks,
	.writable = http2_streams_unblock,
	.settled = settled,
};

static struct http2_call *call_of(const struct http2_stream *s)
{
	return s->owner;
}

static void over_budget(struct http2_session *session)
{
	const struct http2_backend *b = (const struct http2_backend *)session;

	fault_log_response(b->all->faults, "HTTP/2",
			   &(struct http1_fault){ .reason = HTTP1_FAULT_HTTP2_FLOOD });
}

/* ---- heads come in --------------------------------------------------------------------------- */

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
	struct http2_backend *b = user;
	struct http2_stream *s = http2_stream_of(ng, frame->hd.stream_id);
	struct http2_call *call = s ? call_of(s) : NULL;

	http2_head_begin(&b->head, &b->session.turn->buffers, call && call->final_seen);
	b->head.bytes_max = HTTP1_RESPONSE_HEAD_BYTES_MAX;
	return 0;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name,
		     nghttp2_rcbuf *value, uint8_t flags, void *user)
{
	struct http2_backend *b = user;
	int err = http2_session_field(&b->session, name, value);

	(void)ng;
	(void)frame;
	(void)flags;
	if (!err)
		http2_head_add(&b->head, name, value);
	return err;
}

/* What HTTP/1.1 backends may not send, those of HTTP/2 may not either. */
static int on_invalid_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name,
			     nghttp2_rcbuf *value, uint8_t flags, void *user)
{
	struct http2_backend *b = user;

	(void)ng;
	(void)frame;
	(void)flags;
	b->head.malformed = true;
	return http2_session_field(&b->session, name, value);
}

/* Appends a head to one that was not read yet. Return: 0; -ENOMEM; -EMSGSIZE. */
static int append_text(struct http2_stream *s, struct buffer *text)
{
	struct buffer *both;

	if (!s->text) {
		s->text = text;
		return 0;
	}
	/* Unread interim heads: a few of them are usual. */
	if (buffer_bytes(s->text) + buffer_bytes(text) > HEADS_BYTES_MAX) {
		buffer_put(&s->turn->buffers, text);
		return -EMSGSIZE;
	}
	both = buffer_new((uint32_t)(buffer_bytes(s->text) + buffer_bytes(text)));
	if (both) {
		memcpy(both->data, buffer_head(s->text), buffer_bytes(s->text));
		both->end = (uint32_t)buffer_bytes(s->text);
		memcpy(buffer_tail(both), buffer_head(text), buffer_bytes(text));
		both->end += (uint32_t)buffer_bytes(text);
		buffer_put(&s->turn->buffers, s->text);
		s->text = both;
	}
	buffer_put(&s->turn->buffers, text);
	return both ? 0 : -ENOMEM;
}

static void take_head(struct http2_backend *b, struct http2_stream *s, struct http2_call *call)
{
	struct http2_head *head = &b->head;
	bool trailers = head->trailers;
	bool interim = http2_head_is_interim(head);
	struct buffer *text =
		trailers ? http2_head_end_trailers(head) : http2_head_end_response(head);

	if (head->malformed || head->fault || head->no_memory || (!trailers && !text) ||
	    (!trailers && append_text(s, text))) {
		fault_log_response(b->all->faults, "HTTP/2",
				   &(struct http1_fault){ .reason = HTTP1_FAULT_HTTP2_HEAD });
		http2_stream_rst(s, NGHTTP2_PROTOCOL_ERROR);
		s->reset = true;
	} else if (trailers) {
		http2_stream_trailers(s, text);
	} else {
		call->final_seen = !interim;
	}
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
	struct http2_backend *b = user;
	struct http2_stream *s;

	if (frame->hd.type == NGHTTP2_GOAWAY) {
		http2_backend_leave(b);
		return 0;
	}
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	s = http2_stream_of(ng, frame->hd.stream_id);
	if (s && call_of(s) && frame->hd.type == NGHTTP2_HEADERS)
		take_head(b, s, call_of(s));
	if (s && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		s->remote_ended = true;
	if (s)
		http2_stream_wake(s);
	return 0;
}

static void set_callbacks(nghttp2_session_callbacks *callbacks)
{
	http2_stream_set_callbacks(callbacks);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, on_invalid_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
}

/* ---- a stream, as its exchange sees it ------------------------------------------------------- */

static ssize_t text_read(struct stream *stream, void *data, size_t bytes)
{
	struct http2_call *call = (struct http2_call *)stream;
	struct http2_stream *s = call->stream;

	if (s->text) {
		if (bytes > buffer_bytes(s->text))
			bytes = buffer_bytes(s->text);
		memcpy(data, buffer_head(s->text), bytes);
		s->text->start += (uint32_t)bytes;
		if (!buffer_bytes(s->text)) {
			buffer_put(&s->turn->buffers, s->text);
			s->text = NULL;
		}
		return (ssize_t)bytes;
	}
	if (s->reset)
		return call->error ? call->error : -ECONNRESET;
	stream->readable = false;
	return -EAGAIN;
}

static ssize_t text_write(struct stream *stream, const struct iovec *iov, int count)
{
	(void)stream;
	(void)iov;
	(void)count;
	return -EPIPE; /* bodies go by the sink */
}

static int text_shutdown(struct stream *stream)
{
	(void)stream;
	return 0;
}

static void text_close(struct stream *stream)
{
	(void)stream;
}

static const struct stream_ops text_ops = {
	.read = text_read,
	.write = text_write,
	.shutdown = text_shutdown,
	.close = text_close,
};

static int call_open(struct upstream_conn *u)
{
	const struct http2_call *call = (const struct http2_call *)u;

	if (call->error)
		return call->error;
	if (!call->backend || call->stream->reset)
		return -ECONNRESET;
	return http2_backend_is_open(call->backend) ? 0 : -EAGAIN;
}

static struct sink *call_begin(struct upstream_conn *u, struct http1_writer *writer, bool trailers)
{
	struct http2_call *call = (struct http2_call *)u;

	http1_writer_rewind(writer, NULL);
	call->stream->writer = writer;
	call->stream->head_of_other = writer->head;
	call->stream->takes_trailers = trailers;
	return &call->stream->sink;
}

static void close_backend(struct http2_backend *b);

static void call_let_go(struct upstream_conn *u, bool reuse)
{
	struct http2_call *call = (struct http2_call *)u;
	struct http2_stream *s = call->stream;
	struct http2_backend *b = call->backend;
	bool cancelled = s->id >= 0 && !s->reset && !(s->remote_ended && s->ended);

	(void)reuse; /* a stream serves once */
	if (cancelled)
		http2_stream_rst(s, NGHTTP2_CANCEL);
	http1_reader_release(&u->reader);
	http2_stream_free(s);
	slab_put(&call->all->calls, call);
	if (!b)
		return;
	if (cancelled)
		http2_backend_cancelled(b);
	if (--b->calls_count == 0 && !http2_backend_is_open(b))
		close_backend(b); /* no exchange waits for it any more */
	else
		http2_backend_look_again(b);
}

static const struct upstream_ops call_ops = {
	.open = call_open,
	.begin = call_begin,
	.let_go = call_let_go,
};

static void on_wake(struct task *task)
{
	struct http2_stream *s =
		(struct http2_stream *)((char *)task - offsetof(struct http2_stream, wake));
	struct http2_call *call = call_of(s);

	if (!s->writer)
		return;
	call->upstream.stream.readable = true;
	if (s->reset && s->unprocessed) /* RFC 9113 8.7: it may be sent again, whatever it is */
		s->writer->sent_bytes = 0;
	call->upstream.on_ready(&call->upstream);
}

static int new_call(struct http2_backend *b, bool reused, struct upstream_conn **out)
{
	struct http2_backends *all = b->all;
	struct http2_call *call = slab_get(&all->calls);

	if (!call)
		return -ENOMEM;
	call->stream = http2_stream_new(&b->session, -1, on_wake);
	if (!call->stream) {
		slab_put(&all->calls, call);
		return -ENOMEM;
	}
	call->stream->owner = call;
	call->stream->tls = b->transport->tls != NULL;
	call->all = all;
	call->backend = b;
	call->upstream = (struct upstream_conn){
		.stream = { .ops = &text_ops, .fd = -1, .readable = true },
		.turn = all->turn,
		.ops = &call_ops,
		.source = &call->stream->source,
		.backend_id = b->transport->backend_id,
		.backend_generation = b->transport->backend_generation,
		.reused = reused,
	};
	http1_reader_init(&call->upstream.reader, &call->upstream.stream, &all->turn->buffers);
	if (!b->calls_count++)
		b->quiet_since_ms = all->turn->now_ms;
	http2_backend_look_again(b);
	*out = &call->upstream;
	return 0;
}

/* ---- connections ----------------------------------------------------------------------------- */

static void link_backend(struct http2_backend *b)
{
	struct http2_backends *all = b->all;
	struct http2_backend **first = &all->by_id[b->transport->backend_id];

	b->next = *first;
	if (b->next)
		b->next->prev = b;
	*first = b;
	b->older = all->newest;
	if (b->older)
		b->older->newer = b;
	else
		all->oldest = b;
	all->newest = b;
}

static void unlink_backend(struct http2_backend *b)
{
	struct http2_backends *all = b->all;

	if (b->next)
		b->next->prev = b->prev;
	if (b->prev)
		b->prev->next = b->next;
	else
		all->by_id[b->transport->backend_id] = b->next;
	if (b->newer)
		b->newer->older = b->older;
	else
		all->newest = b->older;
	if (b->older)
		b->older->newer = b->newer;
	else
		all->oldest = b->newer;
}

/* The connection ends, and with it what still runs on it. */
static void lose(struct http2_backend *b, int err)
{
	while (b->session.streams) {
		struct http2_stream *s = b->session.streams;
		struct http2_call *call = call_of(s);

		if (call) {
			call->error = err;
			call->backend = NULL;
		}
		http2_stream_orphan(s);
	}
	close_backend(b);
}

static void close_backend(struct http2_backend *b)
{
	struct http2_backends *all = b->all;

	unlink_backend(b);
	turn_timer_drop(all->turn, &b->timer);
	http2_head_drop(&b->head);
	http2_session_end(&b->session);
	upstream_close(b->transport);
	slab_put(&all->backends, b);
}

static void take_note(struct http2_backend *b)
{
	if (b->session.received_bytes)
		http2_backend_heard(b);
	b->session.received_bytes = b->session.sent_bytes = 0;
}

static void settled(struct http2_session *session, int err)
{
	struct http2_backend *b = (struct http2_backend *)session;

	take_note(b);
	if (err)
		lose(b, err);
	else if (http2_session_over(session))
		lose(b, -ECONNRESET);
}

static int begin_session(struct http2_backend *b)
{
	static const nghttp2_settings_entry said[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_STREAM_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP1_RESPONSE_HEAD_BYTES_MAX },
	};
	struct upstream_conn *u = b->transport;
	int err = upstream_go_on(u);

	if (!err && u->tls && !tls_speaks_http2(&u->stream))
		err = -EPROTO;
	if (!err)
		err = http2_session_open(&b->session, said, sizeof(said) / sizeof(said[0]));
	if (err)
		return err;
	http2_backend_set_state(b, HTTP2_BACKEND_BUSY);
	b->quiet_since_ms = b->all->turn->now_ms;
	for (struct http2_stream *s = b->session.streams; s; s = s->next)
		http2_stream_wake(s);
	return 0;
}

static void on_ready(struct upstream_conn *u)
{
	struct http2_backend *b = u->owner;
	int err = 0;

	if (!http2_backend_is_open(b))
		err = begin_session(b);
	if (err == -EAGAIN)
		return;
	if (!err && u->stream.broken)
		err = -ECONNRESET;
	if (!err) {
		http2_session_writable(&b->session);
		err = http2_session_read(&b->session);
		take_note(b);
	}
	if (err)
		lose(b, err == -ESHUTDOWN ? -ECONNRESET : err);
}

static bool has_room(const struct http2_backend *b)
{
	bool open = http2_backend_is_open(b);
	uint32_t most = HTTP2_STREAMS_MAX;

	if (open)
		most = nghttp2_session_get_remote_settings(b->session.ng,
							   NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
	if (most > HTTP2_STREAMS_MAX)
		most = HTTP2_STREAMS_MAX;
	return b->session.streams_count < most &&
	       (!open || nghttp2_session_check_request_allowed(b->session.ng));
}

static struct http2_backend *find(const struct http2_backends *all,
				  const struct backend_view *backend,
				  const struct upstream_way *way)
{
	struct http2_backend *b = all->by_id[backend->id];

	for (; b; b = b->next) {
		if (http2_backend_takes_streams(b) &&
		    b->transport->backend_generation == backend->generation &&
		    upstream_is(b->transport, way) && has_room(b))
			return b;
	}
	return NULL;
}

static int connect_to(struct http2_backends *all, const struct backend_view *backend,
		      const struct upstream_way *way, struct http2_backend **out)
{
	struct http2_backend *b = slab_get(&all->backends);
	const unsigned int patience_ms = USER_TIMEOUT_MS;
	int err;

	if (!b)
		return -ENOMEM;
	err = turn_timer_room(all->turn);
	if (err)
		goto out;
	err = upstream_connect(all->turn, &all->pool->conns, backend, way, &b->transport);
	if (err) {
		turn_timer_drop(all->turn, &b->timer);
		goto out;
	}
	setsockopt(b->transport->stream.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms,
		   sizeof(patience_ms));
	b->all = all;
	b->timer.fn = http2_backend_timeout;
	http2_backend_set_state(b, HTTP2_BACKEND_CONNECT);
	b->transport->on_ready = on_ready;
	b->transport->owner = b;
	http2_session_prepare(&b->session, all->turn, all->memory, &b->transport->stream, false,
			      &session_ops);
	b->session.budget.list_bytes_max = LIST_TIMES_MAX * HTTP1_RESPONSE_HEAD_BYTES_MAX;
	link_backend(b);
	if (!all->sweep.deadline_ms)
		turn_arm(all->turn, &all->sweep, SWEEP_MS);
	*out = b;
	b = NULL;
out:
	if (b)
		slab_put(&all->backends, b);
	return err;
}

int http2_backend_get(struct http2_backends *all, const struct backend_view *backend,
		      const struct upstream_way *way, bool again, struct upstream_conn **out)
{
	struct http2_backend *b;
	bool stood;
	int err;

	if (backend->id >= all->backends_max)
		return -ENOENT;
	b = find(all, backend, way);
	stood = b && http2_backend_is_open(b);
	if (!b) {
		err = connect_to(all, backend, way, &b);
		if (err)
			return err;
	}
	err = new_call(b, stood && !again, out);
	if (err && !b->calls_count && !http2_backend_is_open(b))
		close_backend(b);
	if (!err && stood)
		all->turn->stats->upstream_reused++;
	return err;
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* Ends what leads to a backend that is gone. */
static void sweep(struct timer *timer)
{
	struct http2_backends *all =
		(struct http2_backends *)((char *)timer - offsetof(struct http2_backends, sweep));
	struct http2_backend *b = all->oldest;

	while (b) {
		struct http2_backend *newer = b->newer;
		const struct upstream_conn *u = b->transport;

		if (b->state != HTTP2_BACKEND_LEAVE &&
		    !maps_backend_alive(all->pool->maps, u->backend_id, u->backend_generation))
			http2_backend_leave(b);
		b = newer;
	}
	if (all->oldest)
		turn_arm(all->turn, &all->sweep, SWEEP_MS);
}

static bool shed(struct turn_hook *hook)
{
	struct http2_backends *all =
		(struct http2_backends *)((char *)hook - offsetof(struct http2_backends, hook));
	struct http2_backend *b = all->oldest;

	while (b && b->state != HTTP2_BACKEND_IDLE)
		b = b->newer;
	if (b)
		lose(b, -ECONNRESET);
	return b;
}

int http2_backends_init(struct http2_backends *all, struct pool *pool, struct http2_memory *memory,
			struct fault_log *faults)
{
	all->turn = pool->turn;
	all->pool = pool;
	all->memory = memory;
	all->faults = faults;
	all->lose = lose;
	turn_slab(all->turn, &all->backends, sizeof(struct http2_backend));
	turn_slab(all->turn, &all->calls, sizeof(struct http2_call));

	/* calloc: pages of backends that speak no HTTP/2 are never touched. */
	all->by_id = calloc(pool->maps->backends_max, sizeof(*all->by_id));
	if (!all->by_id)
		return -ENOMEM;
	all->backends_max = pool->maps->backends_max;
	all->sweep.fn = sweep;
	all->hook.check = http2_backends_check;
	all->hook.shed = shed;
	turn_hook(all->turn, &all->hook);
	return turn_timer_room(all->turn);
}

void http2_backends_drop(struct http2_backends *all)
{
	while (all->oldest)
		lose(all->oldest, -ECONNRESET);
}

void http2_backends_free(struct http2_backends *all)
{
	http2_backends_drop(all);
	free(all->by_id);
	all->by_id = NULL;
	slab_free(&all->backends);
	slab_free(&all->calls);
}
