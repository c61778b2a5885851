/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http2_stream.h - one stream of an HTTP/2 connection: a source and a sink for its exchange
 *
 * The source holds DATA that came until the other side takes it; only then is the window opened
 * again, so a stream with a stalled receiver holds at most HTTP2_STREAM_WINDOW bytes. The sink
 * holds nothing: while sink.write() lasts, nghttp2 takes what windows allow straight from the
 * payload.
 */
#ifndef SLUICE_PROXY_HTTP2_STREAM_H
#define SLUICE_PROXY_HTTP2_STREAM_H

#include "proxy/http1/http1_io.h"
#include "proxy/http2/http2_head.h"
#include "proxy/http2/http2_session.h"
#include "proxy/loop/relay.h"

#define HTTP2_KEY_BYTES 24u /* Sec-WebSocket-Key: 16 octets in base64 */

struct http2_stream {
	struct source source;
	struct sink sink;
	struct http2_session *session; /* borrowed; NULL: the connection is gone */
	struct turn *turn;             /* borrowed */
	struct http2_memory *memory;   /* borrowed */
	void *owner;                   /* borrowed: whose stream it is; NULL before and after */
	struct http2_stream *next, *prev;
	struct task wake; /* .fn is set by the end that owns the stream */
	int32_t id;       /* -1: not sent yet */

	/* in */
	struct buffer *text;         /* owned: a head as text, see http2_head.h; NULL */
	struct buffer *first, *last; /* owned list: DATA not taken */
	uint64_t length_bytes;       /* of the body, as said, still to come; 0: not said, or none */
	struct buffer *trailer_text; /* owned */
	struct http_fields trailers; /* borrow from .trailer_text */
	struct http_field *trailer_items; /* owned */
	struct http1_fault fault;         /* of the trailers: the source fails */

	/* out */
	struct buffer *head;                /* owned: text of a head that is not sent yet */
	const struct buffer *head_of_other; /* borrowed: the same, if it is the exchange's own */
	struct http1_writer *writer;        /* borrowed: whose head that is, and its counts */
	struct buffer *tail;                /* owned: text of trailers */
	struct payload own;                 /* body of an answer of our own, borrowed from .head */
	const struct payload *payload;      /* borrowed while sink.write() lasts */
	size_t taken_bytes;                 /* of .payload */
	size_t taken_own_bytes;             /* of .own */

	char key[HTTP2_KEY_BYTES + 1]; /* of the websocket that .tunnel asks for */
	uint32_t error_code;           /* with .reset */
	uint8_t refused;               /* enum http1_fault_reason: what is wrong with the head */
	bool remote_ended;             /* END_STREAM came */
	bool reset;          /* by the peer, or the connection ended: nothing more either way */
	bool cut;            /* the end of what comes can not come any more */
	bool unprocessed;    /* ... and the peer has not acted on it: it may be sent elsewhere */
	bool said;           /* the final head was given to nghttp2 */
	bool ending;         /* the last payload was taken; END_STREAM goes out when it may */
	bool ended;          /* END_STREAM is in a frame */
	bool blocked;        /* the sink took less than all: wake when that changes */
	bool tls;            /* to a backend: the scheme is https */
	bool takes_trailers; /* those that came are passed on */
	bool no_body;        /* HEAD and its like: payload is dropped */
	bool tunnel;         /* asked for by extended CONNECT */
	bool tunnel_waits;   /* ... and not agreed to yet: DATA waits */
};

void http2_memory_init(struct http2_memory *memory, struct turn *turn);
void http2_memory_free(struct http2_memory *memory);

/* What --max-buffers bounds, in buffers: those, and what HTTP/2 holds beside them. */
size_t http2_memory_buffers(const struct http2_memory *memory, const struct turn *turn);

/* True if so much is in use above --max-buffers that not even a 503 may be built. */
bool http2_memory_is_full(const struct http2_memory *memory, const struct turn *turn);

/* Wakes all streams of a session that wait for the socket: .writable of its operations. */
void http2_streams_unblock(struct http2_session *session);

/* Callbacks that both ends share: DATA, closing, what was sent. */
void http2_stream_set_callbacks(nghttp2_session_callbacks *callbacks);

/**
 * http2_stream_new - a stream in the list of its session
 * @wake: called at the end of a turn in which something happened to the stream
 * Return: NULL if there is no memory.
 */
struct http2_stream *http2_stream_new(struct http2_session *session, int32_t id,
				      void (*wake)(struct task *));

/* Forgets it, on both sides; takes what it holds off the windows. */
void http2_stream_free(struct http2_stream *stream);

/* Ends the stream with RST_STREAM. */
void http2_stream_rst(struct http2_stream *stream, uint32_t code);

/* The connection is gone: .session is NULL from now on, and the stream wakes. */
void http2_stream_orphan(struct http2_stream *stream);

static inline void http2_stream_wake(struct http2_stream *stream)
{
	turn_defer(stream->turn, &stream->wake);
}

/* Wakes a stream whose sink had to wait. */
static inline void http2_stream_unblock(struct http2_stream *stream)
{
	if (stream->blocked) {
		stream->blocked = false;
		http2_stream_wake(stream);
	}
}

/* What nghttp2 knows the stream as; NULL: forgotten. */
static inline struct http2_stream *http2_stream_of(nghttp2_session *ng, int32_t id)
{
	return nghttp2_session_get_stream_user_data(ng, id);
}

/**
 * http2_stream_say_interim - a 1xx head goes out at once
 * @head: text, borrowed
 * Return: 0; -errno.
 */
int http2_stream_say_interim(struct http2_stream *stream, struct buffer *head);

/**
 * http2_stream_trailers - trailers came: kept for the source
 * @text: owned from now on; lines without a start line
 */
void http2_stream_trailers(struct http2_stream *stream, struct buffer *text);

/* Trailers came that are over a limit: the source says so in place of its end. */
void http2_stream_refuse_trailers(struct http2_stream *stream, enum http1_fault_reason reason);

#endif /* SLUICE_PROXY_HTTP2_STREAM_H */
