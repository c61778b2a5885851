/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http1_io.h - bodies as HTTP/1.x frames them, from and to a stream
 *
 * Each connection has one reader while bytes may come, and each sent message one writer. Both serve
 * both directions, and tunnels as bodies that end with the connection.
 */
#ifndef SLUICE_PROXY_HTTP1_IO_H
#define SLUICE_PROXY_HTTP1_IO_H

#include "proxy/loop/buffer.h"
#include "proxy/http1/http1_body.h"
#include "proxy/loop/relay.h"
#include "proxy/loop/stream.h"

struct http1_reader {
	struct source source;
	struct stream *stream;    /* borrowed */
	struct buffer_pool *pool; /* borrowed */
	struct buffer *buffer;    /* owned; NULL while nothing waits in it */
	struct http1_body body;
	uint32_t payload_bytes;  /* decoded, at the start of .buffer */
	uint32_t raw_at;         /* in .buffer: first byte not decoded, if payload_bytes is not 0 */
	uint64_t received_bytes; /* from the stream, for counters */
	struct http_fields trailers;      /* of the body that ended */
	struct http_field *trailer_items; /* borrowed room for trailers; NULL: drop them */
};

void http1_reader_init(struct http1_reader *reader, struct stream *stream,
		       struct buffer_pool *pool);
/* Gives the buffer back with what is in it. */
void http1_reader_release(struct http1_reader *reader);

/**
 * http1_reader_fill - read once from the stream and append
 * @bytes_max: size to which the buffer may grow when it is full; at most the pool's: never grows
 * Return: bytes; 0 the peer ended; -ENOBUFS the buffer is full; -EAGAIN; -ENOMEM; -errno.
 */
ssize_t http1_reader_fill(struct http1_reader *reader, uint32_t bytes_max);

/* Bytes that were read and not used. */
static inline size_t http1_reader_bytes(const struct http1_reader *reader)
{
	return reader->buffer ? buffer_bytes(reader->buffer) : 0;
}

/* Drops bytes from the front (a head that was parsed); an empty buffer goes back to the pool. */
void http1_reader_drop(struct http1_reader *reader, size_t bytes);

/**
 * http1_reader_body - the next bytes are a body
 * @flags: enum http1_body_flag
 */
void http1_reader_body(struct http1_reader *reader, enum http1_framing framing,
		       uint64_t length_bytes, unsigned int flags);

/* The body has ended, and all of it was consumed: what is there is the next message. */
static inline bool http1_reader_body_taken(const struct http1_reader *reader)
{
	return reader->body.done && !reader->payload_bytes;
}

struct http1_writer {
	struct sink sink;
	struct stream *stream;    /* borrowed */
	struct buffer_pool *pool; /* borrowed */
	struct buffer *head;      /* owned: goes out before anything else */
	struct buffer *tail;      /* owned: trailers, goes out last */
	uint32_t head_sent_bytes;
	uint8_t lead_bytes;  /* of the next head, or the one that goes out: sent ahead of it */
	uint8_t framing;     /* enum http1_framing */
	bool keep_head;      /* hold the head after it was sent, for http1_writer_rewind() */
	bool keep_body;      /* ... and the body after it; false as soon as there is no room */
	bool kept_last;      /* the end of the body is kept */
	bool shut_when_done; /* tunnels: the end of the payload is the end of the stream */
	bool ended;          /* the last payload was taken */
	uint8_t small_bytes; /* in .small: rest of chunk framing, goes out after the head */
	char small[40];
	uint64_t chunk_left_bytes; /* of a chunk whose size was announced */
	uint64_t sent_bytes;       /* to the stream, for counters */
};

/**
 * http1_writer_begin - one message begins
 * @head: owned from now on, also on failure; NULL if there is none (a tunnel)
 * A head from before (an interim answer) that is not sent yet goes out in front of it.
 * Return: 0; -ENOMEM.
 */
int http1_writer_begin(struct http1_writer *writer, struct stream *stream, struct buffer_pool *pool,
		       struct buffer *head, enum http1_framing framing);
void http1_writer_release(struct http1_writer *writer);

/**
 * http1_writer_lead - send what every head of a response begins with ahead of the next one
 * A client that only shut its side reads it as the begin of its answer. One that closed its
 * connection answers with a reset; the end of its side does not show the difference.
 */
void http1_writer_lead(struct http1_writer *writer, struct stream *stream);

/* Sends what is kept again, to another connection. No payload may have been taken that is not. */
void http1_writer_rewind(struct http1_writer *writer, struct stream *stream);

/* The head is not needed again; freed now or as soon as it is sent. */
void http1_writer_forget_head(struct http1_writer *writer);

#endif /* SLUICE_PROXY_HTTP1_IO_H */
