// SPDX-License-Identifier: Apache-2.0
#include "proxy/http2/http2_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/http1/http1_io.h"

static struct http2_fields scratch; /* of the head that is being sent; a worker is one thread */

/* ---- in -------------------------------------------------------------------------------------- */

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data,
		   size_t bytes, void *user)
{
	struct http2_session *session = user;
	struct http2_stream *s = http2_stream_of(ng, id);

	(void)flags;
	if (!s) { /* its exchange has ended: no one needs the bytes */
		nghttp2_session_consume_connection(ng, bytes);
		return 0;
	}
	while (bytes) {
		size_t part = s->last ? buffer_room(s->last) : 0;
		struct buffer *more;

		if (!part) {
			more = buffer_get(&session->turn->buffers);
			if (!more)
				return NGHTTP2_ERR_CALLBACK_FAILURE;
			more->next = NULL;
			if (s->last)
				s->last->next = more;
			else
				s->first = more;
			s->last = more;
			continue;
		}
		if (part > bytes)
			part = bytes;
		memcpy(buffer_tail(s->last), data, part);
		s->last->end += (uint32_t)part;
		data += part;
		bytes -= part;
	}
	http2_stream_wake(s);
	return 0;
}

static int peek(struct source *source, struct payload *out)
{
	struct http2_stream *s = (struct http2_stream *)source;

	*out = (struct payload){ 0 };
	if (s->tunnel_waits) {
		out->last = true;
		return 0;
	}
	if (s->fault.reason)
		return -EBADMSG;
	if (s->first) {
		out->data = buffer_head(s->first);
		out->bytes = buffer_bytes(s->first);
		out->last = s->remote_ended && !s->first->next;
		/* A body longer than announced must not have counted as complete before. */
		if (s->length_bytes && out->bytes >= s->length_bytes && !s->remote_ended &&
		    --out->bytes == 0)
			return s->reset || s->cut ? -EPIPE : -EAGAIN;
	} else if (s->remote_ended) {
		out->last = true;
	} else {
		return s->reset || s->cut ? -EPIPE : -EAGAIN;
	}
	if (out->last && s->trailers.count && s->takes_trailers)
		out->trailers = &s->trailers;
	return 0;
}

static void drop_first(struct http2_stream *s)
{
	struct buffer *buffer = s->first;

	s->first = buffer->next;
	if (!s->first)
		s->last = NULL;
	buffer_put(&s->turn->buffers, buffer);
}

static void consume(struct source *source, size_t bytes)
{
	struct http2_stream *s = (struct http2_stream *)source;

	if (!bytes)
		return;
	if (s->length_bytes)
		s->length_bytes -= bytes;
	s->first->start += (uint32_t)bytes;
	if (!buffer_bytes(s->first))
		drop_first(s);
	if (!s->session)
		return;
	nghttp2_session_consume(s->session->ng, s->id, bytes);
	if (nghttp2_session_want_write(s->session->ng))
		http2_session_flush(s->session);
}

static const struct source_ops source_ops = { .peek = peek, .consume = consume };

/* ---- out ------------------------------------------------------------------------------------- */

static void say_trailers(struct http2_stream *s)
{
	http2_fields_of_trailers(buffer_head(s->tail), buffer_bytes(s->tail), &scratch);
	nghttp2_submit_trailer(s->session->ng, s->id, scratch.items, scratch.count);
}

/* nghttp2 wants payload of a stream whose windows are open. */
static ssize_t provide(nghttp2_session *ng, int32_t id, uint8_t *out, size_t most, uint32_t *flags,
		       nghttp2_data_source *source, void *user)
{
	struct http2_stream *s = http2_stream_of(ng, id);
	size_t left;

	(void)source;
	(void)user;
	if (!s) /* forgotten, and its RST_STREAM is on its way */
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	left = s->payload ? s->payload->bytes - s->taken_bytes : 0;
	if (left > most)
		left = most;
	if (left)
		memcpy(out, s->payload->data + s->taken_bytes, left);
	s->taken_bytes += left;
	if (s->payload && s->payload->last && s->taken_bytes == s->payload->bytes)
		s->ending = true;
	if (s->ending) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (s->tail) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			say_trailers(s);
		}
		return (ssize_t)left;
	}
	if (left)
		return (ssize_t)left;
	if (!s->payload) /* a window was opened */
		http2_stream_unblock(s);
	return NGHTTP2_ERR_DEFERRED;
}

/* To whoever asks, what nghttp2 was given is sent. */
static void request_said(struct http2_stream *s, int32_t id, size_t bytes)
{
	struct http1_writer *writer = s->writer;

	s->id = id;
	s->head_of_other = NULL;
	writer->head_sent_bytes = (uint32_t)bytes;
	writer->sent_bytes = bytes;
}

/* Gives the head to nghttp2. @end: nothing follows it. Return: 0; -errno. */
static int say_head(struct http2_stream *s, bool end)
{
	const nghttp2_data_provider provider = { .read_callback = provide };
	const nghttp2_data_provider *body = end ? NULL : &provider;
	nghttp2_session *ng = s->session->ng;
	const struct buffer *head = s->head ? s->head : s->head_of_other;
	const char *text = head->data + head->start;
	size_t bytes = buffer_bytes(head);
	int err;

	if (s->session->server) {
		http2_fields_of_response(text, bytes, s->tunnel, &scratch);
		err = nghttp2_submit_response(ng, s->id, scratch.items, scratch.count, body);
	} else {
		http2_fields_of_request(text, bytes, s->tls, &scratch);
		err = nghttp2_submit_request(ng, NULL, scratch.items, scratch.count, body, s);
		if (err > 0)
			request_said(s, err, bytes);
	}
	if (err < 0)
		return err == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPIPE;
	s->said = true;
	s->ending = end;
	if (!s->own.data) {
		buffer_put(&s->turn->buffers, s->head);
		s->head = NULL;
	}
	return 0;
}

/* Trailers as text of our own: what they borrow from may be gone when they go out. */
static int keep_trailers(struct http2_stream *s, const struct http_fields *trailers)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < trailers->count; i++)
		bytes += (size_t)trailers->items[i].name_bytes + trailers->items[i].value_bytes + 4;
	s->tail = buffer_new((uint32_t)bytes);
	if (!s->tail)
		return -ENOMEM;
	for (uint32_t i = 0; i < trailers->count; i++) {
		const struct http_field *field = &trailers->items[i];
		char *at = buffer_tail(s->tail);

		memcpy(at, field->name, field->name_bytes);
		memcpy(at + field->name_bytes, ": ", 2);
		memcpy(at + field->name_bytes + 2, field->value, field->value_bytes);
		memcpy(at + field->name_bytes + 2 + field->value_bytes, "\r\n", 2);
		s->tail->end += (uint32_t)field->name_bytes + field->value_bytes + 4;
	}
	return 0;
}

static bool gone(const struct http2_stream *s)
{
	return !s->session || s->reset;
}

static ssize_t sink_write(struct sink *sink, const struct payload *payload)
{
	struct http2_stream *s =
		(struct http2_stream *)((char *)sink - offsetof(struct http2_stream, sink));
	int err = 0;

	if (gone(s) && !s->ended)
		return -EPIPE;
	if (!s->no_body && payload->last && payload->trailers && !s->tail)
		err = keep_trailers(s, payload->trailers);
	if (!err && !s->said)
		err = say_head(s, s->no_body || (payload->last && !payload->bytes && !s->tail));
	if (err)
		return err;
	if (s->no_body) { /* HEAD, 304: nothing of a body goes out */
		http2_session_flush(s->session);
		return (ssize_t)payload->bytes;
	}
	if (!payload->bytes)
		s->ending = true;
	s->payload = payload;
	s->taken_bytes = 0;
	nghttp2_session_resume_data(s->session->ng, s->id);
	err = http2_session_send(s->session);
	s->payload = NULL;
	if (err && err != -EAGAIN)
		return err;
	s->blocked = s->taken_bytes < payload->bytes;
	return s->taken_bytes || !payload->bytes ? (ssize_t)s->taken_bytes : -EAGAIN;
}

static int sink_flush(struct sink *sink)
{
	struct http2_stream *s =
		(struct http2_stream *)((char *)sink - offsetof(struct http2_stream, sink));
	int err = 0;

	if (s->ended)
		return 0;
	if (gone(s))
		return -EPIPE;
	if (s->own.data && !s->ending) { /* an answer of our own: there is no relay */
		struct payload rest = { s->own.data + s->taken_own_bytes,
					s->own.bytes - s->taken_own_bytes, true, NULL };
		ssize_t taken = sink_write(sink, &rest);

		if (taken < 0)
			return (int)taken;
		s->taken_own_bytes += (size_t)taken;
	} else {
		if (!s->said && (s->head || s->head_of_other))
			err = say_head(s, s->no_body);
		if (!err)
			err = http2_session_send(s->session);
		if (err && err != -EAGAIN)
			return err;
	}
	if (s->ended || (!err && !s->ending && !s->own.data))
		return 0;
	s->blocked = true; /* something waits for a window or for the socket */
	return -EAGAIN;
}

static bool sink_retract(struct sink *sink)
{
	struct http2_stream *s =
		(struct http2_stream *)((char *)sink - offsetof(struct http2_stream, sink));

	if (s->said || !s->head)
		return false;
	buffer_put(&s->turn->buffers, s->head);
	s->head = NULL;
	s->no_body = false;
	return true;
}

static const struct sink_ops sink_ops = {
	.write = sink_write,
	.flush = sink_flush,
	.retract = sink_retract,
};

int http2_stream_say_interim(struct http2_stream *s, struct buffer *head)
{
	int err;

	if (gone(s))
		return -EPIPE;
	http2_fields_of_response(buffer_head(head), buffer_bytes(head), false, &scratch);
	err = nghttp2_submit_headers(s->session->ng, NGHTTP2_FLAG_NONE, s->id, NULL, scratch.items,
				     scratch.count, NULL);
	http2_session_flush(s->session);
	return err ? -EPIPE : 0;
}

static int on_sent(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
	struct http2_session *session = user;
	struct http2_stream *s;

	if (frame->hd.type == NGHTTP2_RST_STREAM && session->ops->reset)
		session->ops->reset(session, frame->rst_stream.error_code);
	/* RFC 9113 6.9.2: to nghttp2 a window that overflows by SETTINGS is a fault of its
	 * stream. */
	if (frame->hd.type == NGHTTP2_RST_STREAM && session->window_changed &&
	    frame->rst_stream.error_code == NGHTTP2_FLOW_CONTROL_ERROR)
		http2_session_terminate(session, NGHTTP2_FLOW_CONTROL_ERROR);
	if ((frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) ||
	    !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	s = http2_stream_of(ng, frame->hd.stream_id);
	if (s) {
		s->ended = true;
		http2_stream_unblock(s);
	}
	return 0;
}

/* ---- the end --------------------------------------------------------------------------------- */

static int on_close(nghttp2_session *ng, int32_t id, uint32_t code, void *user)
{
	struct http2_stream *s = http2_stream_of(ng, id);

	(void)user;
	if (!s || (s->remote_ended && s->ended))
		return 0;
	s->reset = true;
	s->error_code = code;
	s->unprocessed |= code == NGHTTP2_REFUSED_STREAM;
	http2_stream_wake(s);
	return 0;
}

/* What was to be sent cannot be: the stream has ended before its turn came. */
static int on_not_sent(nghttp2_session *ng, const nghttp2_frame *frame, int error, void *user)
{
	struct http2_stream *s =
		frame->hd.type == NGHTTP2_HEADERS ? http2_stream_of(ng, frame->hd.stream_id) : NULL;

	(void)user;
	if (!s)
		return 0;
	s->reset = true;
	s->unprocessed |= error == NGHTTP2_ERR_START_STREAM_NOT_ALLOWED;
	http2_stream_wake(s);
	return 0;
}

void http2_stream_set_callbacks(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_not_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
}

void http2_streams_unblock(struct http2_session *session)
{
	for (struct http2_stream *s = session->streams; s; s = s->next)
		http2_stream_unblock(s);
}

struct http2_stream *http2_stream_new(struct http2_session *session, int32_t id,
				      void (*wake)(struct task *))
{
	struct http2_stream *s = slab_get(&session->memory->streams);

	if (!s)
		return NULL;
	s->source.ops = &source_ops;
	s->sink.ops = &sink_ops;
	s->session = session;
	s->turn = session->turn;
	s->memory = session->memory;
	s->id = id;
	s->wake.fn = wake;
	s->next = session->streams;
	if (s->next)
		s->next->prev = s;
	session->streams = s;
	session->streams_count++;
	if (id >= 0)
		nghttp2_session_set_stream_user_data(session->ng, id, s);
	return s;
}

static void unlink_stream(struct http2_stream *s)
{
	if (s->next)
		s->next->prev = s->prev;
	if (s->prev)
		s->prev->next = s->next;
	else
		s->session->streams = s->next;
	s->next = s->prev = NULL;
	s->session->streams_count--;
}

void http2_stream_free(struct http2_stream *s)
{
	struct http2_session *session = s->session;
	size_t waiting_bytes = 0;

	task_cancel(&s->wake);
	while (s->first) {
		waiting_bytes += buffer_bytes(s->first);
		drop_first(s);
	}
	if (session) {
		unlink_stream(s);
		if (s->id >= 0)
			nghttp2_session_set_stream_user_data(session->ng, s->id, NULL);
		if (waiting_bytes)
			nghttp2_session_consume_connection(session->ng, waiting_bytes);
		http2_session_flush(session);
	}
	buffer_put(&s->turn->buffers, s->text);
	buffer_put(&s->turn->buffers, s->trailer_text);
	buffer_put(&s->turn->buffers, s->head);
	buffer_put(&s->turn->buffers, s->tail);
	free(s->trailer_items);
	slab_put(&s->memory->streams, s);
}

void http2_stream_rst(struct http2_stream *s, uint32_t code)
{
	if (gone(s) || s->id < 0)
		return;
	nghttp2_submit_rst_stream(s->session->ng, NGHTTP2_FLAG_NONE, s->id, code);
	http2_session_flush(s->session);
}

void http2_stream_orphan(struct http2_stream *s)
{
	unlink_stream(s);
	s->session = NULL;
	s->reset = true;
	http2_stream_wake(s);
}
