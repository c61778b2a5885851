// SPDX-License-Identifier: Apache-2.0
#include "proxy/http2/http2_session.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define INPUT_BYTES      (64u * 1024)
#define INPUT_TURN_MAX   (512u * 1024) /* read in one turn: others wait meanwhile */
#define NO_LIMIT         10000u        /* where a limit of ours is lower than nghttp2's own */
#define FRAME_HEAD       9u
#define SETTING_BYTES    6u
#define SETTING_VALUE    2u          /* offset in an entry */
#define INCREMENT_BYTES  4u          /* of a WINDOW_UPDATE */
#define DEPENDENCY_BYTES 4u          /* of HEADERS with a priority */
#define STREAMS_ENOUGH   0x7fffffffu /* told to nghttp2 where we count ourselves */

static void on_task(struct task *task);

static char input[INPUT_BYTES]; /* a worker is one thread: bytes pass through */

static int new_session(struct http2_session *s, const nghttp2_session_callbacks *callbacks)
{
	nghttp2_option *option;
	int err;

	if (nghttp2_option_new(&option))
		return -ENOMEM;
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_no_closed_streams(option, 1); /* 30 KB a conn; see http2_client.c */
	nghttp2_option_set_max_continuations(option, HTTP2_CONTINUATIONS_MAX);
	nghttp2_option_set_stream_reset_rate_limit(option, NO_LIMIT, NO_LIMIT);
	err = s->server ? nghttp2_session_server_new2(&s->ng, callbacks, s, option)
			: nghttp2_session_client_new2(&s->ng, callbacks, s, option);
	nghttp2_option_del(option);
	return err ? -ENOMEM : 0;
}

static int say_settings(struct http2_session *s, const nghttp2_settings_entry *settings,
			size_t count)
{
	nghttp2_settings_entry said[8];

	memcpy(said, settings, count * sizeof(*said));
	for (size_t i = 0; i < count; i++) {
		if (!s->server || said[i].settings_id != NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
			continue;
		said[i].value = STREAMS_ENOUGH;
		s->max_streams_at = FRAME_HEAD + (uint32_t)i * SETTING_BYTES + SETTING_VALUE;
	}
	if (nghttp2_submit_settings(s->ng, NGHTTP2_FLAG_NONE, said, count) ||
	    nghttp2_session_set_local_window_size(s->ng, NGHTTP2_FLAG_NONE, 0, HTTP2_CONN_WINDOW))
		return -ENOMEM;
	return 0;
}

void http2_session_prepare(struct http2_session *s, struct turn *turn, struct http2_memory *memory,
			   struct stream *stream, bool server, const struct http2_session_ops *ops)
{
	*s = (struct http2_session){
		.ops = ops,
		.turn = turn,
		.memory = memory,
		.stream = stream,
		.server = server,
		.task.fn = on_task,
	};
	s->pass_bytes = server ? NGHTTP2_CLIENT_MAGIC_LEN : 0;
}

int http2_session_open(struct http2_session *s, const nghttp2_settings_entry *settings,
		       size_t settings_count)
{
	nghttp2_session_callbacks *callbacks;
	int err;

	if (nghttp2_session_callbacks_new(&callbacks))
		return -ENOMEM;
	s->ops->set(callbacks);
	err = new_session(s, callbacks);
	nghttp2_session_callbacks_del(callbacks);
	if (!err)
		err = say_settings(s, settings, settings_count);
	if (err)
		http2_session_end(s);
	else
		http2_session_flush(s);
	return err;
}

void http2_session_end(struct http2_session *s)
{
	task_cancel(&s->task);
	if (s->memory)
		buffer_put(&s->memory->frames, s->out);
	s->out = NULL;
	nghttp2_session_del(s->ng);
	s->ng = NULL;
}

/* ---- in -------------------------------------------------------------------------------------- */

/* What a failure of nghttp2 means to the peer. */
static uint32_t code_of(int err)
{
	switch (err) {
	case NGHTTP2_ERR_FLOODED:
	case NGHTTP2_ERR_TOO_MANY_SETTINGS:
	case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
		return NGHTTP2_ENHANCE_YOUR_CALM;
	case NGHTTP2_ERR_NOMEM:
	case NGHTTP2_ERR_CALLBACK_FAILURE:
		return NGHTTP2_INTERNAL_ERROR;
	default:
		return NGHTTP2_PROTOCOL_ERROR;
	}
}

/* Octets of the payload that must be there before nghttp2 may see the frame. */
static uint8_t look_bytes(const struct http2_frame_head *head)
{
	uint32_t wanted = 0;

	if (head->type == NGHTTP2_WINDOW_UPDATE)
		wanted = INCREMENT_BYTES;
	else if (head->type == NGHTTP2_HEADERS && (head->flags & NGHTTP2_FLAG_PRIORITY))
		wanted = DEPENDENCY_BYTES + (head->flags & NGHTTP2_FLAG_PADDED ? 1 : 0);
	return (uint8_t)(wanted <= head->length_bytes ? wanted : 0);
}

static struct http2_frame_head read_head(const struct http2_session *s)
{
	const uint8_t *raw = s->frame_head;

	return (struct http2_frame_head){
		.length_bytes = (uint32_t)raw[0] << 16 | (uint32_t)raw[1] << 8 | raw[2],
		.type = raw[3],
		.flags = raw[4],
		.stream_id = (int32_t)((uint32_t)(raw[5] & 0x7f) << 24 | (uint32_t)raw[6] << 16 |
				       (uint32_t)raw[7] << 8 | raw[8]),
		.increment = (uint32_t)(raw[9] & 0x7f) << 24 | (uint32_t)raw[10] << 16 |
			     (uint32_t)raw[11] << 8 | raw[12],
	};
}

/* Priorities mean nothing here (RFC 9113 5.3.2), also one that nghttp2 would call an error. */
static void forget_dependency(struct http2_session *s, const struct http2_frame_head *head)
{
	if (head->type == NGHTTP2_HEADERS && s->look_bytes)
		memset(s->frame_head + FRAME_HEAD + s->look_bytes - DEPENDENCY_BYTES, 0,
		       DEPENDENCY_BYTES);
}

static bool is_in_budget(struct http2_session *s, const struct http2_frame_head *head)
{
	bool first = head->type == NGHTTP2_HEADERS;

	if (!first && head->type != NGHTTP2_CONTINUATION)
		return true;
	return http2_budget_frame(&s->budget, first, head->length_bytes);
}

/* Collects a head and what is looked at after it. Return: true: it is whole, and told of. */
static bool begin_frame(struct http2_session *s, const uint8_t **data, size_t *bytes)
{
	while (*bytes) {
		size_t part = FRAME_HEAD + s->look_bytes - s->head_bytes;
		struct http2_frame_head head;

		part = part < *bytes ? part : *bytes;
		memcpy(s->frame_head + s->head_bytes, *data, part);
		s->head_bytes += (uint8_t)part;
		*data += part;
		*bytes -= part;
		if (s->head_bytes < FRAME_HEAD + s->look_bytes)
			return false;
		head = read_head(s);
		if (s->head_bytes == FRAME_HEAD)
			s->look_bytes = look_bytes(&head);
		if (s->head_bytes < FRAME_HEAD + s->look_bytes)
			continue;
		s->pass_bytes = head.length_bytes - s->look_bytes;
		s->drops = !is_in_budget(s, &head) || (s->ops->frame && !s->ops->frame(s, &head));
		forget_dependency(s, &head);
		return true;
	}
	return false;
}

/* Gives nghttp2 the head of the next frame, or of the payload what is there; or both, if they lie
 * in one piece: half the calls. Return: bytes taken; an error of nghttp2. */
static ssize_t take_piece(struct http2_session *s, const uint8_t *data, size_t bytes)
{
	const uint8_t *from = data, *at = data;
	size_t part, head_bytes = 0;
	ssize_t taken, err;

	if (!s->pass_bytes) {
		if (!begin_frame(s, &at, &bytes))
			return at - data;
		if (s->budget.exceeded)
			return NGHTTP2_ERR_FLOODED;
		head_bytes = s->head_bytes;
		if (s->look_bytes || (size_t)(at - data) < head_bytes) {
			from = s->frame_head;
			bytes = 0; /* of the payload no more for now */
		}
		s->head_bytes = s->look_bytes = 0;
	}
	part = s->pass_bytes < bytes ? s->pass_bytes : bytes;
	s->pass_bytes -= (uint32_t)part;
	taken = at - data + (ssize_t)part;
	if (!s->drops) {
		err = nghttp2_session_mem_recv(s->ng, from, head_bytes + part);
		if (err < 0)
			return err;
	}
	if (!s->pass_bytes && s->ops->frame_done)
		s->ops->frame_done(s);
	return taken;
}

int http2_session_field(struct http2_session *s, nghttp2_rcbuf *name, nghttp2_rcbuf *value)
{
	return http2_budget_field(&s->budget, s->turn->now_ms, nghttp2_rcbuf_get_buf(name).len,
				  nghttp2_rcbuf_get_buf(value).len)
		       ? 0
		       : NGHTTP2_ERR_CALLBACK_FAILURE;
}

int http2_session_take(struct http2_session *s, const void *data, size_t bytes)
{
	const uint8_t *at = data;
	ssize_t taken = 0;

	s->received_bytes += bytes;
	s->inside = true;
	while (bytes && nghttp2_session_want_read(s->ng)) {
		taken = take_piece(s, at, bytes);
		if (taken <= 0)
			break;
		at += taken;
		bytes -= (size_t)taken;
	}
	s->inside = false;
	if (taken < 0 && s->budget.exceeded) {
		http2_session_terminate(s, NGHTTP2_ENHANCE_YOUR_CALM);
		s->ops->over_budget(s);
	} else if (taken < 0) {
		http2_session_terminate(s, code_of((int)taken));
	}
	if (nghttp2_session_want_write(s->ng) || !nghttp2_session_want_read(s->ng))
		http2_session_flush(s);
	return taken < 0 ? -EPROTO : 0;
}

int http2_session_read(struct http2_session *s)
{
	size_t turn_bytes = 0;

	s->unread = false;
	s->budget.turn_bytes = 0;
	while (nghttp2_session_want_read(s->ng)) {
		ssize_t got;

		if (turn_bytes >= INPUT_TURN_MAX || http2_budget_spent(&s->budget)) {
			s->unread = true;
			http2_session_flush(s);
			return 0;
		}
		got = stream_read(s->stream, input, sizeof(input));
		if (got == -EAGAIN)
			return 0;
		if (got <= 0)
			return got ? (int)got : -ESHUTDOWN;
		turn_bytes += (size_t)got;
		if (http2_session_take(s, input, (size_t)got))
			return 0; /* what follows cannot be understood; our GOAWAY goes out */
	}
	return 0;
}

/* ---- out ------------------------------------------------------------------------------------- */

/* Return: 0: .out is empty; -EAGAIN; -errno. */
static int write_out(struct http2_session *s)
{
	while (s->out) {
		struct iovec iov = { buffer_head(s->out), buffer_bytes(s->out) };
		ssize_t sent = iov.iov_len ? stream_write(s->stream, &iov, 1) : 0;

		if (sent == -EAGAIN)
			s->stuck = true;
		if (sent < 0)
			return (int)sent;
		s->sent_bytes += (uint64_t)sent;
		s->out->start += (uint32_t)sent;
		if (buffer_bytes(s->out))
			continue;
		buffer_put(&s->memory->frames, s->out);
		s->out = NULL;
	}
	return 0;
}

/* The first frame of a server, SETTINGS: says our limit of streams in place of nghttp2's. */
static void patch_settings(struct http2_session *s)
{
	const uint32_t value = HTTP2_STREAMS_MAX;
	uint8_t *at = (uint8_t *)(uintptr_t)s->piece + s->max_streams_at;

	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
	s->max_streams_at = 0;
}

/* Moves .piece to .out, which is written where it is full. Return: 0: all; -EAGAIN; -errno. */
static int move_piece(struct http2_session *s)
{
	while (s->piece_bytes) {
		size_t bytes = s->piece_bytes;
		int err;

		if (!s->out)
			s->out = buffer_get(&s->memory->frames);
		if (!s->out)
			return -ENOMEM;
		if (bytes > buffer_room(s->out))
			bytes = buffer_room(s->out);
		memcpy(buffer_tail(s->out), s->piece, bytes);
		s->out->end += (uint32_t)bytes;
		s->piece += bytes;
		s->piece_bytes -= bytes;
		if (buffer_room(s->out))
			continue;
		err = write_out(s);
		if (err)
			return err;
	}
	return 0;
}

int http2_session_send(struct http2_session *s)
{
	int err;

	if (s->inside)
		return -EAGAIN;
	if (s->stuck)
		return -EAGAIN;
	http2_session_flush(s);
	for (;;) {
		ssize_t got;

		err = move_piece(s);
		if (err)
			return err;
		s->inside = true;
		got = nghttp2_session_mem_send(s->ng, &s->piece);
		s->inside = false;
		if (got < 0)
			return got == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPROTO;
		if (got == 0)
			return 0;
		s->piece_bytes = (size_t)got;
		if (s->max_streams_at) /* the very first frame */
			patch_settings(s);
	}
}

void http2_session_flush(struct http2_session *s)
{
	if (s->ng) /* else there is nobody to write to yet */
		turn_defer(s->turn, &s->task);
}

static void on_task(struct task *task)
{
	struct http2_session *s =
		(struct http2_session *)((char *)task - offsetof(struct http2_session, task));
	int err = 0;

	if (s->unread)
		err = http2_session_read(s);
	if (!err)
		err = http2_session_send(s);
	if (!err)
		err = write_out(s);
	if (!s->unread)
		task_cancel(&s->task); /* sending asked for what was just done */
	s->ops->settled(s, err == -EAGAIN ? 0 : err);
}

void http2_session_writable(struct http2_session *s)
{
	if (!s->stuck || !s->stream->writable)
		return;
	s->stuck = false;
	s->ops->writable(s);
	http2_session_flush(s);
}

void http2_session_terminate(struct http2_session *s, uint32_t code)
{
	nghttp2_session_terminate_session(s->ng, code);
	http2_session_flush(s);
}

bool http2_session_over(const struct http2_session *s)
{
	return !s->out && !s->piece_bytes && !nghttp2_session_want_read(s->ng) &&
	       !nghttp2_session_want_write(s->ng);
}
