// SPDX-License-Identifier: Apache-2.0
/*
 * Trailers that come on a stream: what of them may be passed on, within the limits of HTTP/1.1.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/http1/http1_body.h"
#include "proxy/http1/http1_head.h"
#include "proxy/http2/http2_stream.h"

void http2_stream_refuse_trailers(struct http2_stream *s, enum http1_fault_reason reason)
{
	s->fault = (struct http1_fault){ .reason = reason };
	s->source.fault = &s->fault;
	http2_stream_wake(s);
}

/* Fields that may stand in a trailer section, and no others. Return: 0; -ENOMEM. */
static int read_trailers(struct http2_stream *s)
{
	const char *text = buffer_head(s->trailer_text);
	size_t bytes = buffer_bytes(s->trailer_text), at = 0;
	struct http1_fault fault;
	uint32_t seen = 0;

	if (bytes > HTTP1_TRAILERS_BYTES_MAX) {
		http2_stream_refuse_trailers(s, HTTP1_FAULT_TRAILERS_LONG);
		return 0;
	}

	s->trailer_items = calloc(HTTP1_TRAILERS_MAX, sizeof(*s->trailer_items));
	if (!s->trailer_items)
		return -ENOMEM;
	s->trailers =
		(struct http_fields){ .items = s->trailer_items, .capacity = HTTP1_TRAILERS_MAX };
	while (at < bytes) {
		const char *end = memchr(text + at, '\r', bytes - at);
		struct http_slice line = { text + at, (uint32_t)(end - text - (ptrdiff_t)at) };

		at += line.bytes + 2;
		if (++seen > HTTP1_TRAILERS_MAX) {
			http2_stream_refuse_trailers(s, HTTP1_FAULT_FIELDS_MANY);
			return 0;
		}
		if (http1_field_add(&line, false, &s->trailers, &fault)) {
			http2_stream_refuse_trailers(s, fault.reason);
			return 0;
		}
		if (!http_field_allowed_in_trailer(&s->trailers.items[s->trailers.count - 1]))
			s->trailers.count--;
	}
	return 0;
}

void http2_stream_trailers(struct http2_stream *s, struct buffer *text)
{
	if (!text)
		return;
	if (s->trailer_text) {
		buffer_put(&s->turn->buffers, text);
		return;
	}
	s->trailer_text = text;
	if (read_trailers(s)) /* a body whose trailers are lost is cut short */
		http2_stream_rst(s, NGHTTP2_INTERNAL_ERROR);
}
