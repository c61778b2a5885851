// SPDX-License-Identifier: Apache-2.0
#include "proxy/http1/http1_io.h"

#include <errno.h>
#include <string.h>

#include "proxy/http1/http1_output.h"

#define CHUNK_END      "\r\n"
#define CHUNK_END_LAST "\r\n0\r\n\r\n"
#define LAST_CHUNK     "0\r\n\r\n"

static void drop(struct http1_writer *writer, struct buffer **buffer)
{
	buffer_put(writer->pool, *buffer);
	*buffer = NULL;
}

void http1_writer_release(struct http1_writer *writer)
{
	drop(writer, &writer->head);
	drop(writer, &writer->tail);
}

static size_t head_left(const struct http1_writer *writer)
{
	return writer->head ? buffer_bytes(writer->head) - writer->head_sent_bytes : 0;
}

static void add_small(struct http1_writer *writer, const char *data, size_t bytes)
{
	memcpy(writer->small + writer->small_bytes, data, bytes);
	writer->small_bytes += (uint8_t)bytes;
}

/* Notes that @sent bytes left; takes from head and small. Return: how many are of what follows. */
static size_t account(struct http1_writer *writer, size_t sent)
{
	size_t part = head_left(writer);

	writer->sent_bytes += sent;
	if (part) {
		part = sent < part ? sent : part;
		writer->head_sent_bytes += (uint32_t)part;
		sent -= part;
		if (!head_left(writer)) {
			writer->lead_bytes = 0;
			if (!writer->keep_head)
				drop(writer, &writer->head);
		}
	}
	part = sent < writer->small_bytes ? sent : writer->small_bytes;
	if (part) {
		writer->small_bytes -= (uint8_t)part;
		memmove(writer->small, writer->small + part, writer->small_bytes);
	}
	return sent - part;
}

/* What goes before the payload. Return: entries used of @iov. */
static int gather(struct http1_writer *writer, struct iovec *iov)
{
	int count = 0;

	if (head_left(writer))
		iov[count++] = (struct iovec){ buffer_head(writer->head) + writer->head_sent_bytes,
					       head_left(writer) };
	if (writer->small_bytes)
		iov[count++] = (struct iovec){ writer->small, writer->small_bytes };
	return count;
}

/* The end of a chunked body. Return: 0; -ENOMEM. */
static int end_chunked(struct http1_writer *writer, const struct payload *payload)
{
	int bytes;

	if (!payload->trailers) {
		add_small(writer, LAST_CHUNK, sizeof(LAST_CHUNK) - 1);
		return 0;
	}
	writer->tail = buffer_get(writer->pool);
	if (!writer->tail)
		return -ENOMEM;
	bytes = http1_chunk_last(writer->tail->data, writer->tail->size, payload->trailers);
	if (bytes < 0)
		return bytes;
	writer->tail->end = (uint32_t)bytes;
	return 0;
}

/* Payload without chunks: length or until close. */
static ssize_t write_plain(struct http1_writer *writer, const struct payload *payload)
{
	struct iovec iov[3];
	int count = gather(writer, iov);
	ssize_t sent;

	iov[count++] = (struct iovec){ (void *)(uintptr_t)payload->data, payload->bytes };
	sent = stream_write(writer->stream, iov, count);
	return sent < 0 ? sent : (ssize_t)account(writer, (size_t)sent);
}

static ssize_t write_chunk(struct http1_writer *writer, const struct payload *payload)
{
	const char *suffix = CHUNK_END;
	size_t suffix_bytes = sizeof(CHUNK_END) - 1;
	size_t bytes = payload->bytes;
	struct iovec iov[4];
	size_t taken;
	ssize_t sent;
	int count;

	if (!writer->chunk_left_bytes) {
		writer->chunk_left_bytes = bytes;
		writer->small_bytes +=
			(uint8_t)http1_chunk_head(writer->small + writer->small_bytes, bytes);
	}
	if (bytes > writer->chunk_left_bytes)
		bytes = writer->chunk_left_bytes;
	if (payload->last && bytes == payload->bytes && !payload->trailers) {
		suffix = CHUNK_END_LAST;
		suffix_bytes = sizeof(CHUNK_END_LAST) - 1;
	}
	count = gather(writer, iov);
	iov[count++] = (struct iovec){ (void *)(uintptr_t)payload->data, bytes };
	if (bytes == writer->chunk_left_bytes)
		iov[count++] = (struct iovec){ (void *)(uintptr_t)suffix, suffix_bytes };
	sent = stream_write(writer->stream, iov, count);
	if (sent < 0)
		return sent;
	taken = account(writer, (size_t)sent);
	if (taken < bytes) {
		writer->chunk_left_bytes -= taken;
		return (ssize_t)taken;
	}
	if (bytes == writer->chunk_left_bytes)
		add_small(writer, suffix + (taken - bytes), suffix_bytes - (taken - bytes));
	writer->chunk_left_bytes -= bytes;
	return (ssize_t)bytes;
}

/* Puts payload after the head, which may be sent again. Return: false: there is no room. */
static bool keep(struct http1_writer *writer, const struct payload *payload)
{
	struct buffer *head = writer->head;
	bool chunked = writer->framing == HTTP1_FRAMING_CHUNKED;
	size_t most =
		payload->bytes + (chunked ? HTTP1_CHUNK_HEAD_MAX + sizeof(CHUNK_END_LAST) : 0);
	struct http1_output o = { buffer_tail(head), head->data + head->size, false };

	if (payload->trailers || most > buffer_room(head))
		return false;
	if (payload->bytes) {
		if (chunked)
			o.at += http1_chunk_head(o.at, payload->bytes);
		http1_output_text(&o, payload->data, payload->bytes);
		if (chunked)
			HTTP1_OUTPUT(&o, CHUNK_END);
	}
	if (chunked && payload->last)
		HTTP1_OUTPUT(&o, LAST_CHUNK);
	head->end = (uint32_t)(o.at - head->data);
	writer->kept_last = payload->last;
	return true;
}

static ssize_t writer_write(struct sink *sink, const struct payload *payload)
{
	struct http1_writer *writer = (struct http1_writer *)sink;
	bool chunked = writer->framing == HTTP1_FRAMING_CHUNKED;
	ssize_t taken = 0;
	int err;

	if (writer->framing == HTTP1_FRAMING_NONE) { /* HEAD, 304: nothing of a body goes out */
		writer->ended = payload->last;
		return (ssize_t)payload->bytes;
	}
	if (writer->keep_body) {
		writer->keep_body = writer->kept_last || keep(writer, payload);
		writer->ended = writer->kept_last;
		if (writer->keep_body)
			return (ssize_t)payload->bytes;
	}
	if (payload->bytes) {
		taken = chunked ? write_chunk(writer, payload) : write_plain(writer, payload);
		if (taken < 0)
			return taken;
	}
	if (!payload->last || (size_t)taken < payload->bytes)
		return taken;
	writer->ended = true;
	if (chunked && (!payload->bytes || payload->trailers)) {
		err = end_chunked(writer, payload);
		if (err)
			return err;
	}
	return taken;
}

static int writer_flush(struct sink *sink)
{
	struct http1_writer *writer = (struct http1_writer *)sink;

	for (;;) {
		struct iovec iov[3];
		int count = gather(writer, iov);
		ssize_t sent;

		if (writer->tail)
			iov[count++] = (struct iovec){ buffer_head(writer->tail),
						       buffer_bytes(writer->tail) };
		if (!count)
			break;
		sent = stream_write(writer->stream, iov, count);
		if (sent < 0)
			return (int)sent;
		sent = (ssize_t)account(writer, (size_t)sent);
		if (!sent)
			continue;
		writer->tail->start += (uint32_t)sent;
		if (!buffer_bytes(writer->tail))
			drop(writer, &writer->tail);
	}
	if (writer->ended && writer->shut_when_done) {
		int err = stream_shutdown(writer->stream);

		if (err == -EAGAIN)
			return err;
		writer->shut_when_done = false; /* a connection that is gone already is shut too */
	}
	return 0;
}

static bool writer_retract(struct sink *sink)
{
	struct http1_writer *writer = (struct http1_writer *)sink;

	if (!writer->head || writer->head_sent_bytes > writer->lead_bytes || writer->small_bytes ||
	    writer->stream->owes)
		return false;
	http1_writer_release(writer);
	return true;
}

static const struct sink_ops writer_ops = {
	.write = writer_write,
	.flush = writer_flush,
	.retract = writer_retract,
};

/* Puts the rest of the previous head before @head. Return: 0; -ENOMEM. */
static int join(struct http1_writer *writer, struct buffer **head)
{
	size_t left = head_left(writer);
	size_t bytes = *head ? buffer_bytes(*head) : 0;
	struct buffer *joined = buffer_new((uint32_t)(left + bytes));

	if (!joined)
		return -ENOMEM;
	memcpy(joined->data, buffer_head(writer->head) + writer->head_sent_bytes, left);
	if (bytes)
		memcpy(joined->data + left, buffer_head(*head), bytes);
	joined->end = (uint32_t)(left + bytes);
	drop(writer, head);
	*head = joined;
	return 0;
}

int http1_writer_begin(struct http1_writer *writer, struct stream *stream, struct buffer_pool *pool,
		       struct buffer *head, enum http1_framing framing)
{
	uint8_t lead_bytes = head && !head_left(writer) ? writer->lead_bytes : 0;
	uint64_t sent_bytes = writer->sent_bytes;
	int err = head_left(writer) ? join(writer, &head) : 0;

	if (err) {
		buffer_put(pool, head);
		return err;
	}
	http1_writer_release(writer);
	*writer = (struct http1_writer){
		.sink.ops = &writer_ops,
		.stream = stream,
		.pool = pool,
		.head = head,
		.head_sent_bytes = lead_bytes,
		.lead_bytes = lead_bytes,
		.framing = (uint8_t)framing,
		.sent_bytes = sent_bytes,
	};
	return 0;
}

void http1_writer_lead(struct http1_writer *writer, struct stream *stream)
{
	static const char lead[] = "HTTP/1.1 ";
	const struct iovec iov = { (void *)(uintptr_t)lead, sizeof(lead) - 1 };
	ssize_t sent;

	if (writer->lead_bytes || head_left(writer) || writer->small_bytes || writer->tail)
		return;
	sent = stream_write(stream, &iov, 1);
	if (sent < 0)
		return;
	writer->lead_bytes = (uint8_t)sent;
	writer->sent_bytes += (uint64_t)sent;
}

void http1_writer_rewind(struct http1_writer *writer, struct stream *stream)
{
	writer->stream = stream;
	writer->head_sent_bytes = 0;
	writer->small_bytes = 0;
	writer->chunk_left_bytes = 0; /* its size was announced to the connection that failed */
	drop(writer, &writer->tail);
	writer->sent_bytes = 0;
	writer->ended = false;
}

void http1_writer_forget_head(struct http1_writer *writer)
{
	writer->keep_head = writer->keep_body = false;
	if (writer->head && !head_left(writer))
		drop(writer, &writer->head);
}
