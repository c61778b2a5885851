/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http2_client.h - a client's connection that speaks HTTP/2
 *
 * Belongs to a struct conn, which has the socket, its events and its timer. Each stream is an
 * exchange of its own, from the end of its head to END_STREAM of both sides.
 */
#ifndef SLUICE_PROXY_HTTP2_CLIENT_H
#define SLUICE_PROXY_HTTP2_CLIENT_H

#include "proxy/client/conn.h"
#include "proxy/http2/http2_guard.h"
#include "proxy/http2/http2_head.h"
#include "proxy/http2/http2_session.h"

/*
 * What the connection waits for, and so its deadline:
 *
 *      begun -> HEAD <-> BUSY <-> IDLE        FAREWELL follows on any of them
 *
 * http2_client_set_state() arms it from one table. While streams run each exchange has its own.
 */
enum http2_client_state {
	HTTP2_CLIENT_HEAD,     /* a head comes in, at first with the preface */
	HTTP2_CLIENT_BUSY,     /* streams run */
	HTTP2_CLIENT_IDLE,     /* no stream is open */
	HTTP2_CLIENT_FAREWELL, /* the last GOAWAY is to leave */
	HTTP2_CLIENT_STATES,
};

/* Streams that ended lately, so that a frame for one of them can be told from a late one. */
#define HTTP2_CLOSED_MAX 64u

struct http2_client {
	struct http2_session session;       /* first: nghttp2 calls back with it */
	struct conn *conn;                  /* borrowed */
	struct http2_client *newer, *older; /* all of them */
	struct http2_head head;
	struct http2_guard guard;
	uint8_t state;      /* enum http2_client_state */
	uint64_t notice_ms; /* when the first GOAWAY of two was said; 0: not draining */
	int32_t closed
		[HTTP2_CLOSED_MAX]; /* ring of ids that the client ended; negative: has reset */
	uint32_t closed_next;
	int32_t newest_id;  /* of a stream that was opened */
	int32_t skipped_id; /* ids from here to the newest were passed over */
	bool input_ended;   /* the client has shut its side */
	bool leaving;       /* the last GOAWAY is said */
	bool greeted;       /* the SETTINGS that come first came */
	bool in_head;       /* CONTINUATION must come next */
	bool head_ends;     /* the frame that comes in is the last of a head */
};

/**
 * http2_client_begin - the connection speaks HTTP/2 from its first octet on
 * @conn: its .http2 and .protocol are set; bytes in its reader are taken over
 * Return: 0; -ENOMEM.
 */
int http2_client_begin(struct conn *conn);

/* Something happened to its socket. It may be closed when this returns. */
void http2_client_ready(struct conn *conn);

/* Says to all clients that no new stream is taken; called again while it drains. */
void http2_clients_drain(struct clients *clients);

/* ---- in http2_client_guard.c ----------------------------------------------------------------- */

/* Ends the connection: the client asks for too much of something. */
void http2_client_too_much(struct http2_client *client, const char *what);

/* One more stream was reset, by the client or for its faults. */
void http2_client_count_reset(struct http2_client *client);

/* The client has ended a stream. @id: negative if it has reset it. */
void http2_client_note_closed(struct http2_client *client, int32_t id);

/* A frame begins. Return: false: nghttp2 is not to see it. */
bool http2_client_check_frame(struct http2_client *client, const struct http2_frame_head *head);

/* ---- between http2_client.c and http2_request.c ---------------------------------------------- */

/* A head or trailers are whole. */
void http2_request_head(struct http2_client *client, const nghttp2_frame *frame);

/* Callbacks for heads and trailers. */
void http2_request_set_callbacks(nghttp2_session_callbacks *callbacks);

/* A stream is gone: what the conn waits for has changed. */
void http2_client_stream_gone(struct http2_client *client);

#endif /* SLUICE_PROXY_HTTP2_CLIENT_H */
