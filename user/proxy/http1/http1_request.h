/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http1_request.h - the head of an HTTP/1.x request, read strictly and without allocation
 *
 * Usage: begin, then parse with all the bytes that the buffer holds each time more have arrived,
 * until the answer is not -EAGAIN. Bytes already looked at are not looked at again, so a head that
 * arrives byte by byte costs what a whole one costs. The buffer may move between calls as long as
 * it holds the same bytes: pointers are set right when that is seen.
 */
#ifndef SLUICE_PROXY_HTTP1_REQUEST_H
#define SLUICE_PROXY_HTTP1_REQUEST_H

#include "proxy/http1/http1_body.h"
#include "proxy/http1/http1_fault.h"
#include "proxy/http/http_fields.h"
#include "proxy/http/http_host.h"

#define HTTP1_HEAD_BYTES_MAX   16384u /* default; 431 */
#define HTTP1_TARGET_BYTES_MIN 8000u  /* no flag may set less: RFC 9112 3 */
#define HTTP1_TARGET_BYTES_MAX 16000u /* default; 414 */
#define HTTP1_FIELDS_MAX       100u   /* default; 431 */
#define HTTP1_HEAD_BYTES_LIMIT 65535u /* no flag may set more: name lengths are 16 bits wide */

struct http1_limits {
	uint32_t head_bytes_max;   /* first byte of the request line to the empty line, with it */
	uint32_t target_bytes_max; /* at least HTTP1_TARGET_BYTES_MIN */
	/* the limit of fields is the capacity of the array given to http1_request_begin() */
};

enum http_method {
	HTTP_METHOD_OTHER = 0,
	HTTP_METHOD_GET,
	HTTP_METHOD_HEAD,
	HTTP_METHOD_POST,
	HTTP_METHOD_PUT,
	HTTP_METHOD_DELETE,
	HTTP_METHOD_OPTIONS,
	HTTP_METHOD_PATCH,
	HTTP_METHOD_TRACE,   /* never in a request that parsed */
	HTTP_METHOD_CONNECT, /* never in a request that parsed */
};

enum http1_request_flag {
	HTTP1_REQUEST_F_ASTERISK = 1 << 0,   /* OPTIONS *: answered 200 here, never forwarded */
	HTTP1_REQUEST_F_KEEP_ALIVE = 1 << 1, /* the client lets the connection stand */
	HTTP1_REQUEST_F_EXPECT_CONTINUE = 1 << 2, /* 100-continue, 1.1, and a body follows */
	HTTP1_REQUEST_F_TE_TRAILERS = 1 << 3,     /* TE: trailers was sent */
	HTTP1_REQUEST_F_WEBSOCKET = 1 << 4, /* GET, 1.1, Connection: upgrade, Upgrade: websocket */
	HTTP1_REQUEST_F_ABSOLUTE = 1 << 5,  /* target was in absolute-form */
	HTTP1_REQUEST_F_HTTP2 = 1 << 7,     /* set by the client side: it came as HTTP/2 */
	HTTP1_REQUEST_F_NO_TRAILERS = 1 << 8,     /* Connection may name some: all are dropped */
	HTTP1_REQUEST_F_KEEP_ALIVE_SAID = 1 << 6, /* an HTTP/1.0 client wants it confirmed */
};

struct http1_request {
	/* valid when parse returned 0; method and version also in many faults (else empty, 0) */
	struct http_slice method, target; /* as they came */
	struct http_slice path;           /* of the target, not normalised; may be empty: "/" */
	struct http_slice query;          /* with its '?', or empty; forwarded untouched */
	struct http_slice authority;      /* host[:port] of target or Host; may be empty */
	struct http_host host;            /* .authority, normalised */
	uint8_t method_id;                /* enum http_method */
	uint8_t version_minor;            /* 0, or 1 for every HTTP/1.x above */
	uint8_t framing;                  /* enum http1_framing: NONE, LENGTH or CHUNKED */
	uint32_t flags;                   /* enum http1_request_flag */
	uint64_t content_length_bytes;    /* if framing is LENGTH (may be 0) */
	uint32_t head_bytes;              /* to drop from the buffer: the body begins there */
	struct http_fields fields;
	struct http1_fault fault; /* valid when parse returned -EBADMSG */

	/* the parser's own */
	const char *base; /* borrowed: where the buffer was at the last call */
	struct http1_cursor cursor;
	uint32_t start_at; /* offset of the request line */
	uint8_t state;
};

/**
 * http1_request_begin - get ready for the next request
 * @items: borrowed for the life of @request, @capacity of them: the limit of fields
 */
void http1_request_begin(struct http1_request *request, struct http_field *items,
			 uint32_t capacity);

/**
 * http1_request_parse - read on
 * @buf: all bytes from the first of this request on, those of earlier calls included
 * Return: 0: the head is whole, request->head_bytes of @buf are it;
 *         -EAGAIN: more bytes are needed;
 *         -EBADMSG: request->fault; answer http1_fault_status() and close.
 * Never reads beyond buf[bytes - 1].
 */
int http1_request_parse(struct http1_request *request, const char *buf, size_t bytes,
			const struct http1_limits *limits);

/* Methods are case-sensitive (RFC 9110 9.1). */
enum http_method http_method_id(const char *text, size_t bytes);

/* True once a byte of the request (not the empty line before it) has been seen: idle until then. */
bool http1_request_started(const struct http1_request *request);

/**
 * http1_request_count_hop - Max-Forwards of an OPTIONS request, one less (RFC 9110 7.6.2)
 * Writes into the buffer that the request was parsed from.
 * Return: false if it was 0: the request ends here; true without the field, too.
 */
bool http1_request_count_hop(struct http1_request *request);

/* True if a retry can do no harm: GET HEAD OPTIONS PUT DELETE (RFC 9110 9.2.2). */
bool http1_request_idempotent(const struct http1_request *request);

#endif /* SLUICE_PROXY_HTTP1_REQUEST_H */
