// SPDX-License-Identifier: Apache-2.0
#include "proxy/http1/http1_request.h"

#include <errno.h>
#include <string.h>

#include "proxy/http1/http1_head.h"
#include "proxy/http/http_chars.h"
#include "handoff/path_form.h"

enum state { STATE_START, STATE_REQUEST_LINE, STATE_FIELDS };

#define VERSION_BYTES 8 /* "HTTP/1.1" */

/* Versions of clang-format lay out braces of macros differently. */
/* clang-format off */
#define METHOD(text, id) { text, sizeof(text) - 1, id }
/* clang-format on */

static const struct {
	const char *text;
	uint8_t bytes;
	uint8_t id;
} methods[] = {
	METHOD("GET", HTTP_METHOD_GET),         METHOD("HEAD", HTTP_METHOD_HEAD),
	METHOD("POST", HTTP_METHOD_POST),       METHOD("PUT", HTTP_METHOD_PUT),
	METHOD("DELETE", HTTP_METHOD_DELETE),   METHOD("OPTIONS", HTTP_METHOD_OPTIONS),
	METHOD("PATCH", HTTP_METHOD_PATCH),     METHOD("TRACE", HTTP_METHOD_TRACE),
	METHOD("CONNECT", HTTP_METHOD_CONNECT),
};

enum http_method http_method_id(const char *text, size_t bytes)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (methods[i].bytes == bytes && memcmp(methods[i].text, text, bytes) == 0)
			return (enum http_method)methods[i].id;
	}
	return HTTP_METHOD_OTHER;
}

void http1_request_begin(struct http1_request *request, struct http_field *items, uint32_t capacity)
{
	*request = (struct http1_request){ .fields = { .items = items, .capacity = capacity } };
}

bool http1_request_started(const struct http1_request *request)
{
	return request->state != STATE_START;
}

bool http1_request_idempotent(const struct http1_request *request)
{
	switch (request->method_id) {
	case HTTP_METHOD_GET:
	case HTTP_METHOD_HEAD:
	case HTTP_METHOD_OPTIONS:
	case HTTP_METHOD_PUT:
	case HTTP_METHOD_DELETE:
		return true;
	default:
		return false;
	}
}

bool http1_request_count_hop(struct http1_request *request)
{
	const struct http_field *found =
		request->method_id == HTTP_METHOD_OPTIONS
			? http_fields_find(&request->fields, HTTP_FIELD_MAX_FORWARDS, 0)
			: NULL;
	struct http_field *field;
	uint64_t hops;
	char *digits;

	if (!found || http1_length_parse(found->value, found->value_bytes, &hops) != 0)
		return true;
	if (hops == 0)
		return false;
	field = &request->fields.items[found - request->fields.items];
	digits = (char *)(uintptr_t)field->value;
	hops--;
	for (uint32_t i = field->value_bytes; i > 0; i--, hops /= 10)
		digits[i - 1] = (char)('0' + hops % 10);
	while (field->value_bytes > 1 && *field->value == '0') {
		field->value++;
		field->value_bytes--;
		field->flags &= (uint8_t)~HTTP_FIELD_F_VERBATIM;
	}
	return true;
}

static int fail(struct http1_request *request, enum http1_fault_reason reason,
		const struct http_slice *where)
{
	return http1_fault_set(&request->fault, reason, where);
}

/* One empty line is skipped: some clients send it after a body (RFC 9112 2.2). */
static int read_start(struct http1_request *request, const char *buf, size_t bytes)
{
	if (bytes == 0)
		return -EAGAIN;
	if (buf[0] == '\r') {
		if (bytes < 2)
			return -EAGAIN;
		if (buf[1] != '\n')
			return fail(request, HTTP1_FAULT_BARE_CR, NULL);
		if (bytes < 3)
			return -EAGAIN;
		if (buf[2] == '\r' || buf[2] == '\n')
			return fail(request, HTTP1_FAULT_EMPTY_LINES, NULL);
		request->start_at = 2;
	}
	request->cursor.line_at = request->start_at;
	request->cursor.scan_at = request->start_at;
	request->state = STATE_REQUEST_LINE;
	return 0;
}

static int read_version(struct http1_request *request, const struct http_slice *version,
			const struct http_slice *line)
{
	const char *text = version->data;

	if (version->bytes != VERSION_BYTES || memcmp(text, "HTTP/", 5) != 0 ||
	    !http_char_is(text[5], HTTP_CHAR_DIGIT) || text[6] != '.' ||
	    !http_char_is(text[7], HTTP_CHAR_DIGIT))
		return fail(request, HTTP1_FAULT_VERSION_SYNTAX, line);
	if (text[5] != '1')
		return fail(request, HTTP1_FAULT_VERSION, line);
	request->version_minor = text[7] == '0' ? 0 : 1;
	return 0;
}

static void split_query(struct http1_request *request, const char *text, size_t bytes)
{
	const char *mark = memchr(text, '?', bytes);
	size_t path_bytes = mark ? (size_t)(mark - text) : bytes;

	request->path = (struct http_slice){ text, (uint32_t)path_bytes };
	request->query = (struct http_slice){ text + path_bytes, (uint32_t)(bytes - path_bytes) };
}

/* Length of "http://" or "https://" at the start of a target; 0: neither. */
static size_t scheme_bytes(const struct http_slice *target)
{
	if (target->bytes >= 7 && http_text_is(target->data, 7, "http://", 7))
		return 7;
	if (target->bytes >= 8 && http_text_is(target->data, 8, "https://", 8))
		return 8;
	return 0;
}

/* RFC 3986 6.2.3: "host:" and "host" are one; the backend reads the second. */
static void drop_empty_port(struct http_slice *authority)
{
	if (authority->bytes && authority->data[authority->bytes - 1] == ':')
		authority->bytes--;
}

/* Nothing of a query is decoded here, so a '%' there can mean anything; a NUL has no use
 * anywhere. */
static bool holds_nul(struct http_slice query)
{
	return query.bytes && memmem(query.data, query.bytes, "%00", 3);
}

static int check_escapes(struct http1_request *request)
{
	if (!path_form_escapes_valid(request->path.data, request->path.bytes) ||
	    holds_nul(request->query))
		return fail(request, HTTP1_FAULT_TARGET_ESCAPE, &request->target);
	return 0;
}

static int read_absolute(struct http1_request *request)
{
	const struct http_slice *target = &request->target;
	size_t start = scheme_bytes(target);
	size_t end = start;

	if (!start)
		return fail(request, HTTP1_FAULT_TARGET, target);
	while (end < target->bytes && target->data[end] != '/' && target->data[end] != '?')
		end++;
	request->authority = (struct http_slice){ target->data + start, (uint32_t)(end - start) };
	if (http_host_parse(request->authority.data, request->authority.bytes, &request->host) != 0)
		return fail(request, HTTP1_FAULT_TARGET, target);
	drop_empty_port(&request->authority);
	request->flags |= HTTP1_REQUEST_F_ABSOLUTE;
	split_query(request, target->data + end, target->bytes - end);
	/* RFC 9112 3.2.4: no path and no query means the server itself. */
	if (request->method_id == HTTP_METHOD_OPTIONS && end == target->bytes)
		request->flags |= HTTP1_REQUEST_F_ASTERISK;
	return check_escapes(request);
}

static int read_target(struct http1_request *request)
{
	const struct http_slice *target = &request->target;

	if (target->data[0] == '/') {
		split_query(request, target->data, target->bytes);
		return check_escapes(request);
	}
	if (target->bytes == 1 && target->data[0] == '*') {
		if (request->method_id != HTTP_METHOD_OPTIONS)
			return fail(request, HTTP1_FAULT_TARGET, target);
		request->flags |= HTTP1_REQUEST_F_ASTERISK;
		return 0;
	}
	return read_absolute(request);
}

static int read_request_line(struct http1_request *request, const struct http_slice *line,
			     const struct http1_limits *limits)
{
	size_t method_bytes = http_run(line->data, 0, line->bytes, HTTP_CHAR_TOKEN);
	struct http_slice version;
	size_t target_at, target_bytes;
	int err;

	if (method_bytes == 0)
		return fail(request, HTTP1_FAULT_METHOD, line);
	if (method_bytes == line->bytes)
		return fail(request, HTTP1_FAULT_REQUEST_LINE, line);
	if (line->data[method_bytes] != ' ')
		return fail(request, HTTP1_FAULT_METHOD, line);
	request->method = (struct http_slice){ line->data, (uint32_t)method_bytes };
	request->method_id = http_method_id(line->data, method_bytes);
	target_at = method_bytes + 1;
	target_bytes = http_run(line->data, target_at, line->bytes, HTTP_CHAR_TARGET);
	if (target_bytes == 0 || target_at + target_bytes == line->bytes)
		return fail(request, HTTP1_FAULT_REQUEST_LINE, line);
	if (target_bytes > limits->target_bytes_max)
		return fail(request, HTTP1_FAULT_TARGET_LONG, line);
	if (line->data[target_at + target_bytes] != ' ')
		return fail(request, HTTP1_FAULT_TARGET, line);
	request->target = (struct http_slice){ line->data + target_at, (uint32_t)target_bytes };
	version.data = line->data + target_at + target_bytes + 1;
	version.bytes = (uint32_t)(line->bytes - target_at - target_bytes - 1);
	err = read_version(request, &version, line);
	if (err)
		return err;
	if (request->method_id == HTTP_METHOD_CONNECT || request->method_id == HTTP_METHOD_TRACE)
		return fail(request, HTTP1_FAULT_METHOD_REFUSED, line);
	return read_target(request);
}

static int read_host(struct http1_request *request, const struct http_field *field)
{
	struct http_slice value;
	struct http_host host;

	if (!field) {
		if (request->version_minor > 0)
			return fail(request, HTTP1_FAULT_HOST_MISSING, NULL);
		return 0;
	}
	value = (struct http_slice){ field->value, field->value_bytes };
	if (http_host_parse(value.data, value.bytes, &host) != 0)
		return fail(request, HTTP1_FAULT_HOST, &value);
	if (!(request->flags & HTTP1_REQUEST_F_ABSOLUTE)) {
		request->authority = value;
		request->host = host;
		drop_empty_port(&request->authority);
	}
	return 0;
}

static void set_flag(struct http1_request *request, bool on, uint32_t flag)
{
	if (on)
		request->flags |= flag;
}

static int finish(struct http1_request *request)
{
	struct http1_semantics said;
	bool body, latest;
	int err = http1_semantics_read(&request->fields, true, request->version_minor, &said,
				       &request->fault);

	if (!err)
		err = read_host(request, said.host);
	if (err)
		return err;
	if (said.chunked)
		request->framing = HTTP1_FRAMING_CHUNKED;
	else if (said.length_said)
		request->framing = HTTP1_FRAMING_LENGTH;
	request->content_length_bytes = said.length_bytes;
	body = said.chunked || said.length_bytes > 0;
	latest = request->version_minor > 0;
	set_flag(request, !said.close && (latest || said.keep_alive), HTTP1_REQUEST_F_KEEP_ALIVE);
	set_flag(request, !said.close && !latest && said.keep_alive,
		 HTTP1_REQUEST_F_KEEP_ALIVE_SAID);
	/* RFC 9110 10.1.1: in HTTP/1.0, or with no body to come, the expectation means nothing. */
	set_flag(request, said.expect_continue && latest && body, HTTP1_REQUEST_F_EXPECT_CONTINUE);
	set_flag(request, said.te_trailers && latest, HTTP1_REQUEST_F_TE_TRAILERS);
	set_flag(request, said.names_trailers, HTTP1_REQUEST_F_NO_TRAILERS);
	set_flag(request,
		 said.upgrade && said.websocket && latest && !body &&
			 request->method_id == HTTP_METHOD_GET,
		 HTTP1_REQUEST_F_WEBSOCKET);
	return 0;
}

/* The limit is reached and the line has no end: which limit was it? */
static int too_long(struct http1_request *request, const char *buf, size_t bytes)
{
	const char *line = buf + request->start_at;

	if (request->state == STATE_FIELDS)
		return fail(request, HTTP1_FAULT_HEAD_LONG, NULL);
	if (!memchr(line, ' ', bytes - request->start_at))
		return fail(request, HTTP1_FAULT_METHOD, NULL);
	return fail(request, HTTP1_FAULT_TARGET_LONG, NULL);
}

static void rebase(struct http1_request *request, const char *to)
{
	const char *from = request->base;

	request->base = to;
	if (!from || from == to)
		return;
	request->method.data = http1_rebase(request->method.data, from, to);
	request->target.data = http1_rebase(request->target.data, from, to);
	request->path.data = http1_rebase(request->path.data, from, to);
	request->query.data = http1_rebase(request->query.data, from, to);
	request->authority.data = http1_rebase(request->authority.data, from, to);
	http1_fields_rebase(&request->fields, from, to);
}

static int read_lines(struct http1_request *request, const char *buf, size_t bytes,
		      const struct http1_limits *limits)
{
	struct http_slice line;
	int err;

	for (;;) {
		err = http1_line_find(&request->cursor, buf, bytes, &line, &request->fault);
		if (err)
			return err;
		http1_line_take(&request->cursor, &line);
		if (request->state == STATE_REQUEST_LINE) {
			err = read_request_line(request, &line, limits);
			request->state = STATE_FIELDS;
		} else if (line.bytes == 0) {
			request->head_bytes = request->cursor.line_at;
			return finish(request);
		} else {
			err = http1_field_add(&line, false, &request->fields, &request->fault);
		}
		if (err)
			return err;
	}
}

int http1_request_parse(struct http1_request *request, const char *buf, size_t bytes,
			const struct http1_limits *limits)
{
	size_t bytes_max;
	int err;

	rebase(request, buf);
	if (request->state == STATE_START) {
		err = read_start(request, buf, bytes);
		if (err)
			return err;
	}
	bytes_max = (size_t)request->start_at + limits->head_bytes_max;
	err = read_lines(request, buf, bytes < bytes_max ? bytes : bytes_max, limits);
	if (err == -EAGAIN && bytes >= bytes_max)
		return too_long(request, buf, bytes_max);
	return err;
}
