// SPDX-License-Identifier: Apache-2.0
#include "proxy/http1/http1_response.h"

#include <errno.h>
#include <string.h>

#include "proxy/http1/http1_head.h"
#include "proxy/http/http_chars.h"

enum state { STATE_STATUS_LINE, STATE_FIELDS };

#define STATUS_LINE_BYTES_MIN 12 /* "HTTP/1.1 200" */

void http1_response_begin(struct http1_response *response, struct http_field *items,
			  uint32_t capacity)
{
	*response = (struct http1_response){ .fields = { .items = items, .capacity = capacity } };
}

static int fail(struct http1_response *response, enum http1_fault_reason reason,
		const struct http_slice *where)
{
	return http1_fault_set(&response->fault, reason, where);
}

static bool is_digit(char c)
{
	return http_char_is(c, HTTP_CHAR_DIGIT);
}

static int read_status_line(struct http1_response *response, const struct http_slice *line)
{
	const char *text = line->data;

	if (line->bytes < STATUS_LINE_BYTES_MIN || memcmp(text, "HTTP/", 5) != 0 ||
	    !is_digit(text[5]) || text[6] != '.' || !is_digit(text[7]) || text[8] != ' ')
		return fail(response, HTTP1_FAULT_STATUS_LINE, line);
	if (text[5] != '1')
		return fail(response, HTTP1_FAULT_VERSION, line);
	if (!is_digit(text[9]) || !is_digit(text[10]) || !is_digit(text[11]) || text[9] == '0' ||
	    (line->bytes > STATUS_LINE_BYTES_MIN && text[12] != ' '))
		return fail(response, HTTP1_FAULT_STATUS, line);
	response->version_minor = text[7] == '0' ? 0 : 1;
	response->status =
		(uint16_t)((text[9] - '0') * 100 + (text[10] - '0') * 10 + text[11] - '0');
	if (line->bytes > STATUS_LINE_BYTES_MIN + 1)
		response->reason = (struct http_slice){
			text + STATUS_LINE_BYTES_MIN + 1,
			line->bytes - STATUS_LINE_BYTES_MIN - 1,
		};
	return 0;
}

/* RFC 9112 6.3. */
static enum http1_framing framing_of(const struct http1_response *response,
				     const struct http1_semantics *said, unsigned int asked)
{
	if ((asked & HTTP1_ASKED_HEAD) || response->status < 200 || response->status == 204 ||
	    response->status == 304)
		return HTTP1_FRAMING_NONE;
	if (said->chunked)
		return HTTP1_FRAMING_CHUNKED;
	return said->length_said ? HTTP1_FRAMING_LENGTH : HTTP1_FRAMING_CLOSE;
}

/* A 204 that announces a body: bytes after it must not be read as the answer to another request. */
static bool no_content_has_some(const struct http1_response *response,
				const struct http1_semantics *said)
{
	return response->status == 204 && (said->chunked || said->length_bytes);
}

static int finish(struct http1_response *response, unsigned int asked)
{
	struct http1_semantics said;
	bool stays;
	int err = http1_semantics_read(&response->fields, false, response->version_minor, &said,
				       &response->fault);

	if (err)
		return err;
	response->framing = (uint8_t)framing_of(response, &said, asked);
	response->content_length_bytes = said.length_bytes;
	response->flags = (said.length_said ? HTTP1_RESPONSE_F_LENGTH_SAID : 0) |
			  (said.chunked ? HTTP1_RESPONSE_F_CODING_SAID : 0) |
			  (said.names_trailers ? HTTP1_RESPONSE_F_NO_TRAILERS : 0) |
			  (said.other_option || said.close ? HTTP1_RESPONSE_F_CONNECTION_SAID : 0);
	stays = !said.close && (response->version_minor > 0 || said.keep_alive);
	if (response->status == 101) {
		/* RFC 9110 7.8: only to a requested protocol. */
		if (!(asked & HTTP1_ASKED_UPGRADE) || !said.upgrade || !said.websocket ||
		    said.other_protocol)
			return fail(response, HTTP1_FAULT_SWITCH_UNASKED, NULL);
		response->flags |= HTTP1_RESPONSE_F_SWITCH;
	} else if (response->status < 200) {
		response->flags |= HTTP1_RESPONSE_F_INTERIM;
	} else if (stays && response->framing != HTTP1_FRAMING_CLOSE &&
		   !no_content_has_some(response, &said)) {
		response->flags |= HTTP1_RESPONSE_F_REUSABLE;
	}
	return 0;
}

static void rebase(struct http1_response *response, const char *to)
{
	const char *from = response->base;

	response->base = to;
	if (!from || from == to)
		return;
	response->reason.data = http1_rebase(response->reason.data, from, to);
	http1_fields_rebase(&response->fields, from, to);
}

static int read_lines(struct http1_response *response, char *buf, size_t bytes, unsigned int asked)
{
	struct http1_cursor *cursor = &response->cursor;
	struct http1_fault *fault = &response->fault;
	struct http_slice line;
	int err;

	for (;;) {
		if (response->state == STATE_STATUS_LINE)
			err = http1_line_find(cursor, buf, bytes, &line, fault);
		else
			err = http1_line_find_joined(cursor, buf, bytes, &line, fault);
		if (err)
			return err;
		http1_line_take(cursor, &line);
		if (response->state == STATE_STATUS_LINE) {
			err = read_status_line(response, &line);
			response->state = STATE_FIELDS;
		} else if (line.bytes == 0) {
			response->head_bytes = cursor->line_at;
			return finish(response, asked);
		} else {
			http1_line_unfold(&line);
			err = http1_field_add(&line, true, &response->fields, fault);
		}
		if (err)
			return err;
	}
}

int http1_response_parse(struct http1_response *response, char *buf, size_t bytes,
			 uint32_t head_bytes_max, unsigned int asked)
{
	int err;

	rebase(response, buf);
	err = read_lines(response, buf, bytes < head_bytes_max ? bytes : head_bytes_max, asked);
	if (err == -EAGAIN && bytes >= head_bytes_max)
		return fail(response, HTTP1_FAULT_HEAD_LONG, NULL);
	return err;
}
