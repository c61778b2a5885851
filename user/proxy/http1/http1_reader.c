// SPDX-License-Identifier: Apache-2.0
#include "proxy/http1/http1_io.h"

#include <errno.h>
#include <string.h>

void http1_reader_release(struct http1_reader *reader)
{
	buffer_put(reader->pool, reader->buffer);
	reader->buffer = NULL;
	reader->payload_bytes = 0;
}

/* Moves what is there into a buffer of @bytes. */
static int grow(struct http1_reader *reader, uint32_t bytes)
{
	struct buffer *larger = buffer_new(bytes);

	if (!larger)
		return -ENOMEM;
	larger->end = (uint32_t)buffer_bytes(reader->buffer);
	memcpy(larger->data, buffer_head(reader->buffer), larger->end);
	buffer_put(reader->pool, reader->buffer);
	reader->buffer = larger;
	return 0;
}

ssize_t http1_reader_fill(struct http1_reader *reader, uint32_t bytes_max)
{
	struct buffer *buffer = reader->buffer;
	ssize_t got;

	if (!reader->stream->readable)
		return -EAGAIN;
	if (!buffer) {
		if (http1_body_left(&reader->body) > reader->pool->size)
			buffer = buffer_get_bulk(reader->pool);
		if (!buffer)
			buffer = buffer_get(reader->pool);
		if (!buffer)
			return -ENOMEM;
		reader->buffer = buffer;
	}
	if (buffer_room(buffer) == 0)
		buffer_compact(buffer);
	if (buffer_room(buffer) == 0) {
		if (buffer->size >= bytes_max)
			return -ENOBUFS;
		if (grow(reader, bytes_max))
			return -ENOMEM;
		buffer = reader->buffer;
	}
	got = stream_read(reader->stream, buffer_tail(buffer), buffer_room(buffer));
	if (got > 0) {
		buffer->end += (uint32_t)got;
		reader->received_bytes += (uint64_t)got;
	} else if (buffer_bytes(buffer) == 0) {
		http1_reader_release(reader);
	}
	return got;
}

void http1_reader_drop(struct http1_reader *reader, size_t bytes)
{
	reader->buffer->start += (uint32_t)bytes;
	if (buffer_bytes(reader->buffer) == 0)
		http1_reader_release(reader);
}

void http1_reader_body(struct http1_reader *reader, enum http1_framing framing,
		       uint64_t length_bytes, unsigned int flags)
{
	http1_body_begin(&reader->body, framing, length_bytes, flags);
	reader->payload_bytes = 0;
	reader->trailers = (struct http_fields){ 0 };
}

/*
 * Decodes what the buffer holds. Stretches of payload (one a chunk) are pushed together over the
 * framing between them, so that many small chunks leave as one.
 * Return: 0: there is payload or the end; -EAGAIN; -EBADMSG.
 */
static int decode(struct http1_reader *reader)
{
	struct buffer *buffer = reader->buffer;
	struct http_fields *trailers = NULL;
	uint32_t raw_at = buffer->start;
	int err = 0;

	if (reader->trailer_items) {
		reader->trailers = (struct http_fields){ .items = reader->trailer_items,
							 .capacity = HTTP1_TRAILERS_MAX };
		trailers = &reader->trailers;
	}
	while (!reader->body.done && raw_at < buffer->end) {
		struct http_slice stretch = { 0 };
		size_t consumed = 0;

		err = http1_body_next(&reader->body, buffer->data + raw_at, buffer->end - raw_at,
				      &consumed, &stretch, trailers);
		if (err)
			break;
		raw_at += (uint32_t)consumed;
		if (!stretch.bytes)
			continue;
		if (!reader->payload_bytes)
			buffer->start = (uint32_t)(stretch.data - buffer->data);
		else
			memmove(buffer->data + buffer->start + reader->payload_bytes, stretch.data,
				stretch.bytes);
		reader->payload_bytes += stretch.bytes;
	}
	reader->raw_at = raw_at;
	if (!reader->payload_bytes)
		buffer->start = raw_at;
	if (err == -EBADMSG && !reader->payload_bytes)
		return err; /* else what came before the fault is delivered first */
	return reader->payload_bytes || reader->body.done ? 0 : -EAGAIN;
}

static int reader_peek(struct source *source, struct payload *out)
{
	struct http1_reader *reader = (struct http1_reader *)source;
	ssize_t got;
	int err;

	while (!reader->payload_bytes && !reader->body.done) {
		err = reader->buffer && buffer_bytes(reader->buffer) ? decode(reader) : -EAGAIN;
		if (!err)
			break;
		if (err != -EAGAIN)
			return err;
		if (reader->buffer) /* a chunk line or trailers that are not whole need the room */
			buffer_compact(reader->buffer);
		got = http1_reader_fill(reader, reader->pool->size);
		if (got == 0) {
			err = http1_body_end(&reader->body);
			if (err)
				return err;
		} else if (got < 0) {
			return got == -ENOBUFS ? -EBADMSG : (int)got;
		}
	}
	out->data = reader->payload_bytes ? buffer_head(reader->buffer) : NULL;
	out->bytes = reader->payload_bytes;
	out->last = reader->body.done;
	out->trailers = reader->body.done && reader->trailers.count ? &reader->trailers : NULL;
	return 0;
}

static void reader_consume(struct source *source, size_t bytes)
{
	struct http1_reader *reader = (struct http1_reader *)source;
	struct buffer *buffer = reader->buffer;

	if (!buffer)
		return;
	reader->payload_bytes -= (uint32_t)bytes;
	buffer->start += (uint32_t)bytes;
	if (!reader->payload_bytes && bytes)
		buffer->start = reader->raw_at;
	/* Trailers of a request are read again if it must be sent again. */
	if (buffer_bytes(buffer) == 0 &&
	    (!reader->trailers.count || (reader->body.flags & HTTP1_BODY_F_RESPONSE)))
		http1_reader_release(reader);
}

static const struct source_ops reader_ops = { .peek = reader_peek, .consume = reader_consume };

void http1_reader_init(struct http1_reader *reader, struct stream *stream, struct buffer_pool *pool)
{
	*reader = (struct http1_reader){
		.source = { .ops = &reader_ops, .fault = &reader->body.fault },
		.stream = stream,
		.pool = pool,
	};
}
