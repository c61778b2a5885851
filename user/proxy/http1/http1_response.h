/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http1_response.h - the head of a backend's answer
 *
 * Used as http1_request.h. Lenient only where a gateway must be (RFC 9112 5.1, 5.2): white space
 * before a colon is cut off, a folded line is joined, which writes into the buffer.
 */
#ifndef SLUICE_PROXY_HTTP1_RESPONSE_H
#define SLUICE_PROXY_HTTP1_RESPONSE_H

#include "proxy/http1/http1_body.h"
#include "proxy/http1/http1_fault.h"
#include "proxy/http/http_fields.h"

#define HTTP1_RESPONSE_HEAD_BYTES_MAX 65536u /* a name, after the status line, fits 16 bits */
#define HTTP1_RESPONSE_FIELDS_MAX     1024u

/* What the request was decides what its answer means. */
enum http1_asked {
	HTTP1_ASKED_HEAD = 1 << 0,
	HTTP1_ASKED_UPGRADE = 1 << 1, /* a websocket upgrade was forwarded: 101 is welcome */
};

enum http1_response_flag {
	HTTP1_RESPONSE_F_INTERIM = 1 << 0,  /* 1xx but 101: another head follows at .head_bytes */
	HTTP1_RESPONSE_F_SWITCH = 1 << 1,   /* 101: a tunnel begins at .head_bytes */
	HTTP1_RESPONSE_F_REUSABLE = 1 << 2, /* the connection may serve again after the body */
	HTTP1_RESPONSE_F_LENGTH_SAID = 1 << 3, /* a Content-Length stood there, even if no body */
	HTTP1_RESPONSE_F_CONNECTION_SAID = 1 << 4, /* a Connection option other than keep-alive */
	HTTP1_RESPONSE_F_CODING_SAID = 1 << 5,     /* Transfer-Encoding stood there */
	HTTP1_RESPONSE_F_NO_TRAILERS = 1 << 6,     /* Connection may name some: all are dropped */
};

struct http1_response {
	/* valid when parse returned 0 */
	uint16_t status; /* 100 to 999 */
	uint8_t version_minor;
	uint8_t framing;          /* enum http1_framing, with HEAD, 1xx, 204 and 304 thought of */
	struct http_slice reason; /* phrase; may be empty */
	uint32_t flags;           /* enum http1_response_flag */
	uint64_t content_length_bytes; /* if LENGTH_SAID */
	uint32_t head_bytes;
	struct http_fields fields;
	struct http1_fault fault; /* valid when parse returned -EBADMSG */

	/* the parser's own */
	const char *base; /* borrowed: where the buffer was at the last call */
	struct http1_cursor cursor;
	uint8_t state;
};

/* @items: borrowed for the life of @response, @capacity of them. */
void http1_response_begin(struct http1_response *response, struct http_field *items,
			  uint32_t capacity);

/**
 * http1_response_parse - read on
 * @buf: all bytes from the first of this head on; folded lines are joined in place
 * @head_bytes_max: at most HTTP1_RESPONSE_HEAD_BYTES_MAX
 * @asked: enum http1_asked
 * Return: 0: head whole; -EAGAIN: more bytes needed; -EBADMSG: response->fault, the client gets 502
 * and the connection is closed.
 * After an interim answer: consume .head_bytes, begin again, parse on.
 */
int http1_response_parse(struct http1_response *response, char *buf, size_t bytes,
			 uint32_t head_bytes_max, unsigned int asked);

#endif /* SLUICE_PROXY_HTTP1_RESPONSE_H */
