/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http1_output.h - text into a buffer that may be too small; one check at the end
 *
 * For the builders in this folder only.
 */
#ifndef SLUICE_PROXY_HTTP1_OUTPUT_H
#define SLUICE_PROXY_HTTP1_OUTPUT_H

#include <errno.h>
#include <string.h>

#include "proxy/http/http_fields.h"

struct http1_output {
	char *at;        /* borrowed: where the next octet goes */
	const char *end; /* borrowed: after the last one */
	bool full;
};

static inline void http1_output_text(struct http1_output *out, const char *text, size_t bytes)
{
	if ((size_t)(out->end - out->at) < bytes) {
		out->full = true;
		return;
	}
	if (bytes)
		memcpy(out->at, text, bytes);
	out->at += bytes;
}

static inline void http1_output_slice(struct http1_output *out, struct http_slice text)
{
	http1_output_text(out, text.data, text.bytes);
}

#define HTTP1_OUTPUT(out, literal) http1_output_text((out), (literal), sizeof(literal) - 1)

static inline void http1_output_field(struct http1_output *out, const struct http_field *field)
{
	http1_output_text(out, field->name, field->name_bytes);
	HTTP1_OUTPUT(out, ": ");
	http1_output_text(out, field->value, field->value_bytes);
	HTTP1_OUTPUT(out, "\r\n");
}

static inline void http1_output_number(struct http1_output *out, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	http1_output_text(out, digits + at, sizeof(digits) - at);
}

/* Return: bytes written since @start; -ENOBUFS. */
static inline int http1_output_end(const struct http1_output *out, const char *start)
{
	return out->full ? -ENOBUFS : (int)(out->at - start);
}

#endif /* SLUICE_PROXY_HTTP1_OUTPUT_H */
