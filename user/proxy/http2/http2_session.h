/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http2_session.h - one connection that speaks HTTP/2, whichever end of it we are
 *
 * nghttp2 holds the state of the protocol; this file moves its bytes. What comes in is read into a
 * scratch of the worker and taken whole, as windows bound the bodies. What goes out gathers in one
 * buffer while a turn of the loop lasts, so that the answers of many streams leave together.
 *
 * nghttp2 must not be asked to read or write while it calls back: callbacks note what happened and
 * wake streams, which run as tasks at the end of the turn.
 *
 *   http2_session.c  bytes
 *   http2_stream.c   bodies both ways, what both ends have in common
 *   http2_head.c     fields to text, text to fields
 *   http2_guard.c    floods
 *   http2_budget.c   what is decoded
 *   http2_client.c   connections of clients; http2_request.c their streams
 *   http2_backend.c  connections to backends
 */
#ifndef SLUICE_PROXY_HTTP2_SESSION_H
#define SLUICE_PROXY_HTTP2_SESSION_H

#include <nghttp2/nghttp2.h>

#include "proxy/http2/http2_budget.h"
#include "proxy/loop/buffer.h"
#include "proxy/loop/stream.h"
#include "proxy/loop/turn.h"

/* Two frames of the size that every peer takes (RFC 9113 4.2), with their heads. */
#define HTTP2_FRAMES_BYTES      (2u * (16384u + 9u))
#define HTTP2_STREAM_WINDOW     (256u * 1024)  /* bytes of a body that wait for their receiver */
#define HTTP2_CONN_WINDOW       (1024u * 1024) /* the same, of all streams of a connection */
#define HTTP2_CONTINUATIONS_MAX 128u /* CONTINUATION frames of one head; then the conn ends */

#define HTTP2_STREAMS_MAX 128u /* concurrent ones on a connection, as we and others allow */

#define HTTP2_LOOK_MAX 5u /* octets of a payload that are seen before nghttp2 sees it */

struct http2_session;
struct http2_stream;

/* The head of a frame that comes in. */
struct http2_frame_head {
	uint32_t length_bytes; /* of the payload */
	int32_t stream_id;
	uint8_t type, flags;
	uint32_t increment; /* of a WINDOW_UPDATE of the right length */
};

struct http2_session_ops {
	/* A frame begins; nghttp2 has seen all before it, and nothing of it. May be NULL. nghttp2
	 * itself tells of no frame that it ignores. Return: false: it is not to see this one. */
	bool (*frame)(struct http2_session *session, const struct http2_frame_head *head);
	/* nghttp2 has seen the frame to its last octet, or was kept from it. May be NULL. */
	void (*frame_done)(struct http2_session *session);
	/* A stream was reset by us, or by nghttp2. May be NULL. */
	void (*reset)(struct http2_session *session, uint32_t code);
	/* The peer is cut off for its heads: see http2_budget.h. */
	void (*over_budget)(struct http2_session *session);
	/* Sets the callbacks of this end and of its streams. */
	void (*set)(nghttp2_session_callbacks *callbacks);
	/* The socket takes bytes again. */
	void (*writable)(struct http2_session *session);
	/* Something was written, or could not be: see http2_session_over(). The session may be
	 * ended by this call. @err: 0, or why the connection is lost. */
	void (*settled)(struct http2_session *session, int err);
};

/* Memory that all sessions of a process share. */
struct http2_memory {
	struct slab streams;
	struct buffer_pool frames; /* what is about to be written */
};

struct http2_session {
	const struct http2_session_ops *ops;
	nghttp2_session *ng;          /* owned */
	struct turn *turn;            /* borrowed */
	struct http2_memory *memory;  /* borrowed */
	struct stream *stream;        /* borrowed */
	struct http2_stream *streams; /* head of the list of those that an exchange uses */
	struct buffer *out;           /* owned: frames that are not written yet; NULL: none */
	const uint8_t *piece;         /* borrowed from nghttp2: what .out had no room for */
	size_t piece_bytes;
	struct task task; /* writes, at the end of the turn */
	struct http2_budget budget;
	uint64_t received_bytes, sent_bytes;
	uint32_t pass_bytes; /* in: of the preface or a frame that began, still to come */
	uint8_t head_bytes;  /* in: of .frame_head */
	uint8_t look_bytes;  /* in: of the payload that .frame_head holds, too */
	uint8_t frame_head[9 + HTTP2_LOOK_MAX]; /* in: as far as it is there */
	uint32_t streams_count;
	uint32_t
		max_streams_at; /* offset of a value in the first frame; see http2_session_open() */
	bool server;
	bool window_changed; /* the peer has set another window for all streams */
	bool stuck;          /* the socket takes no more for now */
	bool inside;         /* nghttp2 calls back */
	bool unread;         /* more may be there to be read than one turn should take */
	bool drops;          /* in: what is to pass is of a frame that nghttp2 does not see */
};

/* Fills in what is needed before the connection stands. */
void http2_session_prepare(struct http2_session *session, struct turn *turn,
			   struct http2_memory *memory, struct stream *stream, bool server,
			   const struct http2_session_ops *ops);

/**
 * http2_session_open - speak HTTP/2 on the stream
 * @settings: what is said first, at most 8 entries
 * A server does not let nghttp2 count streams: it would end the whole connection where one stream
 * too many is to be refused. The peer is told HTTP2_STREAMS_MAX all the same.
 * Return: 0; -ENOMEM.
 */
int http2_session_open(struct http2_session *session, const nghttp2_settings_entry *settings,
		       size_t settings_count);
void http2_session_end(struct http2_session *session);

/**
 * http2_session_read - take what the socket holds
 * Return: 0; -ESHUTDOWN the peer has ended its side; -errno the connection is lost.
 */
int http2_session_read(struct http2_session *session);

/* One more field of a head was decoded. Return: 0, or what a callback of nghttp2 returns to stop. */
int http2_session_field(struct http2_session *session, nghttp2_rcbuf *name, nghttp2_rcbuf *value);

/* Takes bytes that were read already. Return: 0; -EPROTO: a GOAWAY is on its way. */
int http2_session_take(struct http2_session *session, const void *data, size_t bytes);

/**
 * http2_session_send - turn what there is to say into frames, and write when many have gathered
 * Return: 0 nothing is left to say; -EAGAIN the socket is full; -errno the connection is lost.
 */
int http2_session_send(struct http2_session *session);

/* Writes at the end of this turn. */
void http2_session_flush(struct http2_session *session);

/* The socket may take more: continues, and wakes the streams that waited for that. */
void http2_session_writable(struct http2_session *session);

/* Says GOAWAY with this code and ends the connection when it is written. */
void http2_session_terminate(struct http2_session *session, uint32_t code);

/* True if both ends have said all: the connection may be closed. */
bool http2_session_over(const struct http2_session *session);

#endif /* SLUICE_PROXY_HTTP2_SESSION_H */
