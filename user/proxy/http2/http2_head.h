/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http2_head.h - heads of HTTP/2 as text of HTTP/1.1 and back
 *
 * A head that came becomes text as HTTP/1.1 writes it, and the parsers of HTTP/1.1 judge it: one
 * set of rules for both. No octet may get there that would change what the text means: names are
 * lower-case tokens, values free of controls, and pseudo-fields of the characters their place
 * allows. A head that goes out was written by the builders of HTTP/1.1 and is taken apart here.
 */
#ifndef SLUICE_PROXY_HTTP2_HEAD_H
#define SLUICE_PROXY_HTTP2_HEAD_H

#include <nghttp2/nghttp2.h>

#include "proxy/loop/buffer.h"
#include "proxy/http1/http1_fault.h"
#include "proxy/http/http_fields.h"

#define HTTP2_FIELDS_OUT_MAX \
	1100u /* fields of one head of ours: those of a request (--max-fields) and
				    * the ones we add */

/* A head while its fields come in; one a connection, as no other frame may come between. */
struct http2_head {
	nghttp2_rcbuf *method, *scheme, *authority, *path, *protocol, *host, *status; /* owned */
	struct buffer *text;                                                          /* owned */
	struct buffer *cookies;   /* owned: crumbs, joined */
	struct buffer_pool *pool; /* borrowed */
	uint32_t bytes_max;       /* the text may grow to it; at most the pool's size: does not */
	uint8_t fault;            /* enum http1_fault_reason: the answer is an error of ours */
	bool malformed;           /* RFC 9113 8.1.1: the stream is reset */
	bool started;             /* the start line was written */
	bool length_said;
	bool trailers; /* these are trailers: no start line */
	bool no_memory;
};

void http2_head_begin(struct http2_head *head, struct buffer_pool *pool, bool trailers);
void http2_head_drop(struct http2_head *head); /* gives all back */

/* Adds one field, pseudo or not, as nghttp2 reports it. */
void http2_head_add(struct http2_head *head, nghttp2_rcbuf *name, nghttp2_rcbuf *value);

/**
 * http2_head_end_request - all fields are there
 * @end_stream: no body follows
 * @key: Sec-WebSocket-Key for an extended CONNECT to websocket, 24 octets; only read then
 * Return: text for http1_request_parse(), owned by the caller; NULL: see .malformed, .fault,
 * .no_memory.
 */
struct buffer *http2_head_end_request(struct http2_head *head, bool end_stream, const char *key);

/* The same for a response (http1_response_parse()) and for trailers (lines only; NULL: none). */
struct buffer *http2_head_end_response(struct http2_head *head);
struct buffer *http2_head_end_trailers(struct http2_head *head);

/* True for a 1xx. */
bool http2_head_is_interim(const struct http2_head *head);

/* True for an extended CONNECT (RFC 8441). */
static inline bool http2_head_is_tunnel(const struct http2_head *head)
{
	return head->protocol != NULL;
}

struct http2_fields {
	nghttp2_nv items[HTTP2_FIELDS_OUT_MAX]; /* borrow from the text */
	size_t count;
};

/**
 * http2_fields_of_response - a head of http1_forward_response() or http1_reply_build()
 * @tunnel: a 101 becomes a 200
 * Fields of the connection stay behind, as do those of the handshake of a websocket.
 * Return: offset of what follows the head.
 */
size_t http2_fields_of_response(const char *text, size_t bytes, bool tunnel,
				struct http2_fields *out);

/* A head of http1_forward_request(). @tls: the scheme is https. */
void http2_fields_of_request(const char *text, size_t bytes, bool tls, struct http2_fields *out);

/* Lines of trailers without a start line. */
void http2_fields_of_trailers(const char *text, size_t bytes, struct http2_fields *out);

#endif /* SLUICE_PROXY_HTTP2_HEAD_H */
