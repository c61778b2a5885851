/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http1_body.h - where a message body ends: length, chunked, until close; payload without copying
 *
 * The reader is fed what lies in the read buffer and points at the payload inside it. It keeps the
 * state between calls, so a body may be cut anywhere; bytes not consumed must be offered again,
 * with more after them, at the next call.
 */
#ifndef SLUICE_PROXY_HTTP1_BODY_H
#define SLUICE_PROXY_HTTP1_BODY_H

#include "proxy/http1/http1_fault.h"

enum http1_framing {
	HTTP1_FRAMING_NONE = 0, /* no body at all */
	HTTP1_FRAMING_LENGTH,   /* Content-Length */
	HTTP1_FRAMING_CHUNKED,
	HTTP1_FRAMING_CLOSE, /* responses only: until the connection ends */
};

#define HTTP1_CHUNK_LINE_MAX     4096u /* bytes of size, extensions and CRLF of one chunk */
#define HTTP1_TRAILERS_BYTES_MAX 8192u /* a read buffer must be able to hold as much */
#define HTTP1_TRAILERS_MAX       32u   /* trailer fields */

enum http1_body_flag {
	HTTP1_BODY_F_RESPONSE = 1 << 0, /* trailers are cleaned as response fields are */
};

struct http1_body {
	/* for the caller to read */
	uint64_t payload_bytes; /* seen so far, without chunk framing */
	uint8_t framing;        /* enum http1_framing */
	bool done;              /* the last byte of the body was consumed */
	struct http1_fault fault;

	/* the reader's own */
	uint8_t flags;              /* enum http1_body_flag */
	uint8_t state;              /* of the chunked decoder */
	uint32_t line_bytes;        /* of the chunk line so far */
	struct http1_cursor cursor; /* in the trailer section */
	uint64_t left_bytes;        /* of the body (length) or of the chunk */
};

/**
 * http1_body_begin - start reading a body
 * @length_bytes: only for HTTP1_FRAMING_LENGTH; 0 is done at once, as is HTTP1_FRAMING_NONE
 * @flags: enum http1_body_flag
 */
void http1_body_begin(struct http1_body *body, enum http1_framing framing, uint64_t length_bytes,
		      unsigned int flags);

/**
 * http1_body_next - the next stretch of payload
 * @buf: bytes not consumed yet; written only with HTTP1_BODY_F_RESPONSE and only where trailers
 *       are folded over lines
 * @consumed_bytes: out: bytes of @buf that were consumed, framing and payload together
 * @payload: out: a stretch inside buf[0 .. *consumed_bytes], may be empty
 * @trailers: out, may be NULL (then checked all the same and dropped): fields that may pass; filled
 *            in the call that sets .done, slices borrow from @buf. What is forbidden in trailers or
 *            has a '_' in its name is left out.
 * Return: 0: progress was made; call again with the rest, unless body->done or the rest is empty.
 *         -EAGAIN: nothing can be consumed before more bytes arrive (never with bytes == 0 read
 *         as the end: see http1_body_end()).
 *         -EBADMSG: body->fault says what is wrong; the connection must be closed.
 * A body that is done consumes nothing.
 */
int http1_body_next(struct http1_body *body, char *buf, size_t bytes, size_t *consumed_bytes,
		    struct http_slice *payload, struct http_fields *trailers);

/*
 * Payload that is known to follow: of the body, or of its chunk; unbounded until the end.
 * 0: none.
 */
static inline uint64_t http1_body_left(const struct http1_body *body)
{
	if (body->done)
		return 0;
	return body->framing == HTTP1_FRAMING_CLOSE ? UINT64_MAX : body->left_bytes;
}

/**
 * http1_body_skip - count payload that went another way (spliced) past the reader
 * Only for HTTP1_FRAMING_LENGTH and HTTP1_FRAMING_CLOSE. Return: 0; -EINVAL if it is more than the
 * body has left.
 */
int http1_body_skip(struct http1_body *body, uint64_t bytes);

/**
 * http1_body_end - the peer closed its side
 * Return: 0: the body is whole (.done is set); -EPIPE: it was cut short, the receiver of what was
 * relayed must be aborted.
 */
int http1_body_end(struct http1_body *body);

/* ---- writing chunks ---------------------------------------------------------------------------
 */

#define HTTP1_CHUNK_HEAD_MAX 18 /* 16 hex digits, CRLF */

/* Writes "<hex>\r\n" for a chunk of @bytes > 0 payload; "\r\n" must follow the payload.
 * Return: bytes written. */
size_t http1_chunk_head(char out[HTTP1_CHUNK_HEAD_MAX], uint64_t bytes);

/**
 * http1_chunk_last - "0\r\n", trailers, "\r\n"
 * @trailers: may be NULL
 * Return: bytes written; -ENOBUFS if @size is too small, nothing usable written. 5 bytes + those of
 * the fields (name + value + 4 each).
 */
int http1_chunk_last(char *out, size_t size, const struct http_fields *trailers);

#endif /* SLUICE_PROXY_HTTP1_BODY_H */
