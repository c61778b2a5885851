// SPDX-License-Identifier: Apache-2.0
#include "proxy/http1/http1_body.h"

#include <errno.h>
#include <string.h>

#include "proxy/http1/http1_head.h"
#include "proxy/http1/http1_output.h"
#include "proxy/http/http_chars.h"

enum state {
	STATE_SIZE_FIRST, /* the first digit of a chunk size */
	STATE_SIZE,
	STATE_SIZE_SPACE, /* white space before the ';' of an extension */
	STATE_EXTENSION,  /* its name is to come */
	STATE_EXTENSION_NAME,
	STATE_EXTENSION_NAME_SPACE, /* white space after a name */
	STATE_EXTENSION_EQUALS,     /* a value is to come */
	STATE_EXTENSION_TOKEN,
	STATE_EXTENSION_QUOTED,
	STATE_EXTENSION_ESCAPE,   /* after '\\' in a quoted value */
	STATE_EXTENSION_UNQUOTED, /* after a quoted value */
	STATE_LINE_LF,            /* CR of a chunk line was read */
	STATE_DATA,
	STATE_DATA_CR,
	STATE_DATA_LF,
	STATE_TRAILERS,
};

static int fail(struct http1_body *body, enum http1_fault_reason reason)
{
	return http1_fault_set(&body->fault, reason, NULL);
}

void http1_body_begin(struct http1_body *body, enum http1_framing framing, uint64_t length_bytes,
		      unsigned int flags)
{
	*body = (struct http1_body){
		.framing = (uint8_t)framing,
		.flags = (uint8_t)flags,
		.state = STATE_SIZE_FIRST,
		.left_bytes = framing == HTTP1_FRAMING_LENGTH ? length_bytes : 0,
	};
	body->done = framing == HTTP1_FRAMING_NONE ||
		     (framing == HTTP1_FRAMING_LENGTH && length_bytes == 0);
}

static int size_digit(struct http1_body *body, char c)
{
	/* As Content-Length: no chunk above INT64_MAX. */
	if (body->left_bytes > INT64_MAX >> 4)
		return fail(body, HTTP1_FAULT_CHUNK_SIZE);
	body->left_bytes = body->left_bytes << 4 | http_hex_value(c);
	body->state = STATE_SIZE;
	return 0;
}

/* The end of a chunk line, or what may stand between size and end. */
static int size_end(struct http1_body *body, char c)
{
	if (c == '\r')
		body->state = STATE_LINE_LF;
	else if (c == ';')
		body->state = STATE_EXTENSION;
	else if (http_char_is(c, HTTP_CHAR_SPACE))
		body->state = STATE_SIZE_SPACE;
	else
		return fail(body, HTTP1_FAULT_CHUNK_SIZE);
	return 0;
}

/* Behind the name or value of an extension. Return: false: this may not stand there. */
static bool extension_end(struct http1_body *body, char c)
{
	bool name = body->state == STATE_EXTENSION_NAME;
	bool name_space = body->state == STATE_EXTENSION_NAME_SPACE;

	if (c == '=' && (name || name_space))
		body->state = STATE_EXTENSION_EQUALS;
	else if (c == ';')
		body->state = STATE_EXTENSION;
	else if (c == '\r' && !name_space)
		body->state = STATE_LINE_LF;
	else if (http_char_is(c, HTTP_CHAR_SPACE))
		body->state = name || name_space ? STATE_EXTENSION_NAME_SPACE : STATE_SIZE_SPACE;
	else
		return false;
	return true;
}

/* One octet of an extension (RFC 9112 7.1.1). Return: false: this may not stand there. */
static bool extension(struct http1_body *body, char c)
{
	bool token = http_char_is(c, HTTP_CHAR_TOKEN);
	bool space = http_char_is(c, HTTP_CHAR_SPACE);

	switch (body->state) {
	case STATE_EXTENSION:
		if (token)
			body->state = STATE_EXTENSION_NAME;
		return token || space;
	case STATE_EXTENSION_EQUALS:
		if (token)
			body->state = STATE_EXTENSION_TOKEN;
		else if (c == '"')
			body->state = STATE_EXTENSION_QUOTED;
		return token || space || c == '"';
	case STATE_EXTENSION_QUOTED:
		if (c == '"')
			body->state = STATE_EXTENSION_UNQUOTED;
		else if (c == '\\')
			body->state = STATE_EXTENSION_ESCAPE;
		return !http_char_is(c, HTTP_CHAR_CONTROL);
	case STATE_EXTENSION_ESCAPE:
		body->state = STATE_EXTENSION_QUOTED;
		return !http_char_is(c, HTTP_CHAR_CONTROL);
	case STATE_EXTENSION_NAME:
	case STATE_EXTENSION_TOKEN:
		return token || extension_end(body, c);
	default: /* STATE_EXTENSION_NAME_SPACE, STATE_EXTENSION_UNQUOTED */
		return extension_end(body, c);
	}
}

static int line_end(struct http1_body *body, char c)
{
	if (c != '\n')
		return fail(body, HTTP1_FAULT_BARE_CR);
	body->line_bytes = 0;
	body->state = body->left_bytes ? STATE_DATA : STATE_TRAILERS;
	return 0;
}

/* One octet of the framing. */
static int step(struct http1_body *body, char c)
{
	bool line = body->state <= STATE_LINE_LF;

	if (line && ++body->line_bytes > HTTP1_CHUNK_LINE_MAX)
		return fail(body, HTTP1_FAULT_CHUNK_LINE_LONG);
	if (line && c == '\n' && body->state != STATE_LINE_LF)
		return fail(body, HTTP1_FAULT_BARE_LF);
	switch (body->state) {
	case STATE_SIZE_FIRST:
		if (!http_char_is(c, HTTP_CHAR_HEX))
			return fail(body, HTTP1_FAULT_CHUNK_SIZE);
		return size_digit(body, c);
	case STATE_SIZE:
		return http_char_is(c, HTTP_CHAR_HEX) ? size_digit(body, c) : size_end(body, c);
	case STATE_SIZE_SPACE:
		/* Behind white space only an extension may come (RFC 9112 7.1.1: BWS). */
		return c == '\r' ? fail(body, HTTP1_FAULT_CHUNK_SIZE) : size_end(body, c);
	case STATE_LINE_LF:
		return line_end(body, c);
	case STATE_DATA_CR:
		body->state = STATE_DATA_LF;
		return c == '\r' ? 0 : fail(body, HTTP1_FAULT_CHUNK_END);
	case STATE_DATA_LF:
		body->state = STATE_SIZE_FIRST;
		return c == '\n' ? 0 : fail(body, HTTP1_FAULT_CHUNK_END);
	default:
		return extension(body, c) ? 0 : fail(body, HTTP1_FAULT_CHUNK_EXTENSION);
	}
}

static int find_line(struct http1_body *body, struct http1_cursor *cursor, const char *section,
		     size_t bytes, struct http_slice *line)
{
	if (body->flags & HTTP1_BODY_F_RESPONSE)
		return http1_line_find_joined(cursor, section, bytes, line, &body->fault);
	return http1_line_find(cursor, section, bytes, line, &body->fault);
}

/* All lines of a trailer section that is whole; those that may pass go to @trailers. */
static int read_trailers(struct http1_body *body, const char *section, struct http_fields *trailers)
{
	bool lenient = body->flags & HTTP1_BODY_F_RESPONSE;
	struct http1_cursor cursor = { 0 };
	struct http_slice line;
	uint32_t seen = 0;

	if (trailers)
		trailers->count = 0;
	for (;;) {
		struct http_field one;
		struct http_fields single = { .items = &one, .capacity = 1 };
		int err = find_line(body, &cursor, section, body->cursor.scan_at + 2, &line);

		if (err || line.bytes == 0)
			return err;
		http1_line_take(&cursor, &line);
		if (++seen > HTTP1_TRAILERS_MAX)
			return fail(body, HTTP1_FAULT_FIELDS_MANY);
		if (seen > 1 && http_char_is(line.data[0], HTTP_CHAR_SPACE))
			return fail(body, HTTP1_FAULT_FIELD_FOLD);
		if (lenient)
			http1_line_unfold(&line);
		err = http1_field_add(&line, lenient, &single, &body->fault);
		if (err)
			return err;
		if (trailers && trailers->count < trailers->capacity &&
		    http_field_allowed_in_trailer(&one))
			trailers->items[trailers->count++] = one;
	}
}

/* Nothing of the section is consumed before all of it is there. */
static int trailers_next(struct http1_body *body, char *section, size_t bytes, size_t *consumed,
			 struct http_fields *trailers)
{
	size_t bytes_max = bytes < HTTP1_TRAILERS_BYTES_MAX ? bytes : HTTP1_TRAILERS_BYTES_MAX;
	struct http_slice line;
	int err;

	for (;;) {
		err = find_line(body, &body->cursor, section, bytes_max, &line);
		if (err == -EAGAIN && bytes >= HTTP1_TRAILERS_BYTES_MAX)
			return fail(body, HTTP1_FAULT_TRAILERS_LONG);
		if (err)
			return err;
		if (line.bytes == 0)
			break;
		http1_line_take(&body->cursor, &line);
	}
	err = read_trailers(body, section, trailers);
	if (err)
		return err;
	*consumed += body->cursor.scan_at + 2;
	body->done = true;
	return 0;
}

static size_t take_payload(struct http1_body *body, const char *buf, size_t bytes,
			   struct http_slice *payload)
{
	if (body->framing != HTTP1_FRAMING_CLOSE && bytes > body->left_bytes)
		bytes = (size_t)body->left_bytes;
	if (bytes > UINT32_MAX)
		bytes = UINT32_MAX;
	*payload = (struct http_slice){ buf, (uint32_t)bytes };
	body->payload_bytes += bytes;
	if (body->framing != HTTP1_FRAMING_CLOSE)
		body->left_bytes -= bytes;
	return bytes;
}

static int chunked_next(struct http1_body *body, char *buf, size_t bytes, size_t *consumed,
			struct http_slice *payload, struct http_fields *trailers)
{
	size_t at = 0;
	int err = 0;

	while (at < bytes && !err) {
		if (body->state == STATE_TRAILERS) {
			err = trailers_next(body, buf + at, bytes - at, &at, trailers);
			break;
		}
		if (body->state == STATE_DATA) {
			at += take_payload(body, buf + at, bytes - at, payload);
			if (body->left_bytes == 0)
				body->state = STATE_DATA_CR;
			break;
		}
		err = step(body, buf[at]);
		at++;
	}
	if (err && err != -EAGAIN)
		return err;
	*consumed = at;
	return at ? 0 : -EAGAIN;
}

int http1_body_next(struct http1_body *body, char *buf, size_t bytes, size_t *consumed_bytes,
		    struct http_slice *payload, struct http_fields *trailers)
{
	*consumed_bytes = 0;
	*payload = (struct http_slice){ 0 };
	if (body->done)
		return 0;
	if (body->fault.reason)
		return -EBADMSG;
	if (bytes == 0)
		return -EAGAIN;
	if (body->framing == HTTP1_FRAMING_CHUNKED)
		return chunked_next(body, buf, bytes, consumed_bytes, payload, trailers);
	*consumed_bytes = take_payload(body, buf, bytes, payload);
	if (body->framing == HTTP1_FRAMING_LENGTH)
		body->done = body->left_bytes == 0;
	return 0;
}

int http1_body_skip(struct http1_body *body, uint64_t bytes)
{
	if (body->framing == HTTP1_FRAMING_LENGTH) {
		if (bytes > body->left_bytes)
			return -EINVAL;
		body->left_bytes -= bytes;
		body->done = body->left_bytes == 0;
	} else if (body->framing != HTTP1_FRAMING_CLOSE) {
		return bytes ? -EINVAL : 0;
	}
	body->payload_bytes += bytes;
	return 0;
}

int http1_body_end(struct http1_body *body)
{
	if (body->framing == HTTP1_FRAMING_CLOSE)
		body->done = true;
	return body->done ? 0 : -EPIPE;
}

size_t http1_chunk_head(char out[HTTP1_CHUNK_HEAD_MAX], uint64_t bytes)
{
	unsigned int digits = 1;
	size_t used;

	while (digits < 16 && bytes >> (4 * digits))
		digits++;
	for (used = 0; used < digits; used++)
		out[used] = "0123456789abcdef"[bytes >> (4 * (digits - 1 - used)) & 15];
	out[used++] = '\r';
	out[used++] = '\n';
	return used;
}

int http1_chunk_last(char *out, size_t size, const struct http_fields *trailers)
{
	struct http1_output o = { out, out + size, false };

	http1_output_text(&o, "0\r\n", 3);
	for (uint32_t i = 0; trailers && i < trailers->count; i++)
		http1_output_field(&o, &trailers->items[i]);
	http1_output_text(&o, "\r\n", 2);
	return http1_output_end(&o, out);
}
