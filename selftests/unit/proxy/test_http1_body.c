// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/http1/http1_body.h"
#include "unit/lib/guard.h"

struct body_case {
	const char *name, *text;
	size_t bytes;
	const char *payload;  /* NULL: refused */
	const char *trailers; /* "Name=value;" of those that pass */
	enum http1_fault_reason reason;
};

/* Versions of clang-format lay out braces of macros differently. */
/* clang-format off */
#define TO(name, text, payload, trailers) \
	{ name, text, sizeof(text) - 1, payload, trailers, HTTP1_FAULT_NONE }
#define BAD(name, text, reason) { name, text, sizeof(text) - 1, NULL, "", HTTP1_FAULT_##reason }
/* clang-format on */

static const struct body_case cases[] = {
	TO("empty", "0\r\n\r\n", "", ""),
	TO("one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello", ""),
	TO("two chunks", "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "hello!", ""),
	TO("hex in both cases", "a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n",
	   "01234567890123456789a", ""),
	TO("leading zeros", "0005\r\nhello\r\n000\r\n\r\n", "hello", ""),
	TO("CRLF in data", "4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n", ""),
	TO("extension", "5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n", "hello", ""),
	TO("space before extension", "5 \t;a\r\nhello\r\n0\r\n\r\n", "hello", ""),
	TO("trailer", "0\r\nX-A: b\r\nX-C:d\r\n\r\n", "", "X-A=b;X-C=d;"),
	TO("trailers that must not pass",
	   "0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: x\r\nAuthorization: x\r\n"
	   "Cookie: x\r\nSet-Cookie: x\r\nX-Forwarded-For: x\r\nTrailer: x\r\nX_Y: z\r\nOk: 1\r\n"
	   "Connection: close\r\n\r\n",
	   "", "Ok=1;"),
	BAD("no size", "\r\nhello", CHUNK_SIZE),
	BAD("no size, extension", ";a\r\nhello", CHUNK_SIZE),
	BAD("size with 0x", "0x5\r\nhello", CHUNK_SIZE),
	BAD("size with plus", "+5\r\nhello", CHUNK_SIZE),
	BAD("size with minus", "-5\r\nhello", CHUNK_SIZE),
	BAD("space before size", " 5\r\nhello", CHUNK_SIZE),
	BAD("space behind size", "5 \r\nhello", CHUNK_SIZE),
	BAD("space in size", "5 5\r\nhello", CHUNK_SIZE),
	BAD("size with g", "5g\r\nhello", CHUNK_SIZE),
	BAD("size overflow", "fffffffffffffffff\r\nhello", CHUNK_SIZE),
	BAD("size over the sign", "8000000000000000\r\nhello", CHUNK_SIZE),
	BAD("size overflow by one digit", "10000000000000005\r\nhello", CHUNK_SIZE),
	BAD("LF behind size", "5\nhello\r\n", BARE_LF),
	BAD("CR behind size", "5\rhello\r\n", BARE_CR),
	BAD("LF in extension", "5;a\nhello\r\n", BARE_LF),
	BAD("CR in extension", "5;a\rb\r\nhello\r\n", BARE_CR),
	BAD("LF in quotes", "5;a=\"\n\"\r\nhello\r\n", BARE_LF),
	BAD("NUL in extension", "5;\0\r\nhello\r\n", CHUNK_EXTENSION),
	BAD("data too long", "5\r\nhellooo\r\n", CHUNK_END),
	BAD("LF behind data", "5\r\nhello\n0\r\n\r\n", CHUNK_END),
	BAD("CR behind data", "5\r\nhello\r0\r\n\r\n", CHUNK_END),
	BAD("LF behind the last chunk", "0\n\n", BARE_LF),
	BAD("LF as last line", "0\r\n\n", BARE_LF),
	BAD("trailer without colon", "0\r\nabc\r\n\r\n", FIELD_COLON),
	BAD("trailer with space in name", "0\r\nX : a\r\n\r\n", FIELD_SPACE),
	BAD("trailer folded", "0\r\nX: a\r\n b\r\n\r\n", FIELD_FOLD),
	BAD("space before first trailer", "0\r\n X: a\r\n\r\n", FIELD_SPACE),
	BAD("trailer with NUL", "0\r\nX: \0\r\n\r\n", CONTROL_CHARACTER),
	BAD("trailer with bare CR", "0\r\nX: a\rb\r\n\r\n", BARE_CR),
};

static struct guard guard;

struct result {
	int err;
	char payload[65536], trailers[256];
	size_t payload_bytes, consumed_bytes;
	enum http1_fault_reason reason;
};

static void note_trailers(struct result *r, const struct http_fields *trailers)
{
	size_t used = 0;

	r->trailers[0] = '\0';
	for (uint32_t i = 0; i < trailers->count; i++) {
		const struct http_field *f = &trailers->items[i];

		used += (size_t)snprintf(r->trailers + used, sizeof(r->trailers) - used,
					 "%.*s=%.*s;", (int)f->name_bytes, f->name,
					 (int)f->value_bytes, f->value);
	}
}

/* Offers at most @window octets more at a time, always up to the forbidden page. */
static void run(struct result *r, const char *text, size_t bytes, size_t window, unsigned int flags)
{
	struct http_field items[HTTP1_TRAILERS_MAX];
	struct http_fields trailers = { .items = items, .capacity = HTTP1_TRAILERS_MAX };
	struct http1_body body;
	size_t from = 0, to = 0;

	*r = (struct result){ 0 };
	http1_body_begin(&body, HTTP1_FRAMING_CHUNKED, 0, flags);
	while (!body.done) {
		struct http_slice payload;
		size_t consumed;

		r->err = http1_body_next(&body, guard_at_end(&guard, text + from, to - from),
					 to - from, &consumed, &payload, &trailers);
		if (r->err == -EAGAIN) {
			if (to == bytes)
				break;
			to = bytes - to < window ? bytes : to + window;
			continue;
		}
		if (r->err)
			break;
		assert_true(consumed > 0 || body.done);
		if (payload.bytes)
			memcpy(r->payload + r->payload_bytes, payload.data, payload.bytes);
		r->payload_bytes += payload.bytes;
		from += consumed;
		if (body.done)
			note_trailers(r, &trailers);
	}
	assert_int_equal(body.payload_bytes, r->payload_bytes);
	r->consumed_bytes = from;
	r->reason = body.fault.reason;
}

static void check(const struct body_case *c, const struct result *r)
{
	if (!c->payload) {
		if (r->err != -EBADMSG || r->reason != c->reason)
			fail_msg("%s: %d %s", c->name, r->err, http1_fault_name(r->reason));
		return;
	}
	if (r->err || r->consumed_bytes != c->bytes)
		fail_msg("%s: %d %s", c->name, r->err, http1_fault_name(r->reason));
	if (r->payload_bytes != strlen(c->payload) ||
	    memcmp(r->payload, c->payload, r->payload_bytes) != 0)
		fail_msg("%s: payload '%.*s'", c->name, (int)r->payload_bytes, r->payload);
	if (strcmp(r->trailers, c->trailers) != 0)
		fail_msg("%s: trailers %s", c->name, r->trailers);
}

static void chunked__cases_at_every_split(void **state)
{
	static struct result r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t window = 1; window <= cases[i].bytes; window++) {
			run(&r, cases[i].text, cases[i].bytes, window, 0);
			check(&cases[i], &r);
		}
	}
}

static void chunked__trailers_of_responses_are_cleaned(void **state)
{
	static const char text[] = "0\r\nX : a\r\n b\r\n\r\n";
	static struct result r;

	(void)state;
	run(&r, text, sizeof(text) - 1, sizeof(text), HTTP1_BODY_F_RESPONSE);
	assert_int_equal(r.err, 0);
	assert_string_equal(r.trailers, "X=a b;");
}

static void chunked__lines_and_trailers_are_limited(void **state)
{
	static char text[20000];
	static struct result r;

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		size_t line = HTTP1_CHUNK_LINE_MAX + over;

		memset(text, 'e', line);
		memcpy(text, "1;", 2);
		memcpy(text + line - 2, "\r\nx\r\n0\r\n\r\n", 10);
		run(&r, text, line + 8, sizeof(text), 0);
		assert_int_equal(r.reason, over ? HTTP1_FAULT_CHUNK_LINE_LONG : HTTP1_FAULT_NONE);
		run(&r, text, line + 8, 1, 0);
		assert_int_equal(r.reason, over ? HTTP1_FAULT_CHUNK_LINE_LONG : HTTP1_FAULT_NONE);
		memset(text, 'e', sizeof(text));
		memcpy(text, "0\r\nX: ", 6);
		memcpy(text + 3 + HTTP1_TRAILERS_BYTES_MAX + over - 4, "\r\n\r\n", 4);
		run(&r, text, 3 + HTTP1_TRAILERS_BYTES_MAX + over, 7, 0);
		assert_int_equal(r.reason, over ? HTTP1_FAULT_TRAILERS_LONG : HTTP1_FAULT_NONE);
	}
	memcpy(text, "0\r\n", 3);
	for (size_t i = 0; i <= HTTP1_TRAILERS_MAX; i++)
		memcpy(text + 3 + i * 4, "a:\r\n", 4);
	memcpy(text + 3 + (HTTP1_TRAILERS_MAX + 1) * 4, "\r\n", 2);
	run(&r, text, 5 + (HTTP1_TRAILERS_MAX + 1) * 4, sizeof(text), 0);
	assert_int_equal(r.reason, HTTP1_FAULT_FIELDS_MANY);
}

static void body__length_ends_where_it_was_said(void **state)
{
	char text[] = "helloGET /";
	struct http_slice payload;
	struct http1_body body;
	size_t consumed;

	(void)state;
	http1_body_begin(&body, HTTP1_FRAMING_LENGTH, 5, 0);
	assert_int_equal(http1_body_next(&body, text, 2, &consumed, &payload, NULL), 0);
	assert_int_equal(consumed, 2);
	assert_int_equal(http1_body_end(&body), -EPIPE);
	assert_int_equal(http1_body_next(&body, text + 2, 8, &consumed, &payload, NULL), 0);
	assert_int_equal(consumed, 3);
	assert_true(body.done);
	assert_int_equal(http1_body_next(&body, text + 5, 5, &consumed, &payload, NULL), 0);
	assert_int_equal(consumed, 0);
	assert_int_equal(http1_body_end(&body), 0);
	http1_body_begin(&body, HTTP1_FRAMING_LENGTH, 0, 0);
	assert_true(body.done);
	http1_body_begin(&body, HTTP1_FRAMING_LENGTH, 5, 0);
	assert_int_equal(http1_body_skip(&body, 6), -EINVAL);
	assert_int_equal(http1_body_skip(&body, 5), 0);
	assert_true(body.done);
}

static void body__until_close_is_whole_at_the_end(void **state)
{
	char text[] = "hello";
	struct http_slice payload;
	struct http1_body body;
	size_t consumed;

	(void)state;
	http1_body_begin(&body, HTTP1_FRAMING_CLOSE, 0, 0);
	assert_int_equal(http1_body_next(&body, text, 5, &consumed, &payload, NULL), 0);
	assert_int_equal(payload.bytes, 5);
	assert_false(body.done);
	assert_int_equal(http1_body_end(&body), 0);
	assert_true(body.done);
}

static void chunk__heads_are_read_back(void **state)
{
	static const uint64_t sizes[] = { 1, 15, 16, 255, 4096, 0xdeadbeef, INT64_MAX };
	char head[HTTP1_CHUNK_HEAD_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t bytes = http1_chunk_head(head, sizes[i]);
		unsigned long long back;

		head[bytes] = '\0';
		assert_int_equal(sscanf(head, "%llx\r\n", &back), 1);
		assert_true(back == sizes[i]);
		assert_string_equal(head + bytes - 2, "\r\n");
	}
}

static void chunk__last_carries_trailers(void **state)
{
	struct http_field item = { "X", "a", 1, 1, HTTP_FIELD_OTHER, 0 };
	struct http_fields trailers = { &item, 1, 1 };
	char out[16];

	(void)state;
	assert_int_equal(http1_chunk_last(out, sizeof(out), NULL), 5);
	assert_memory_equal(out, "0\r\n\r\n", 5);
	assert_int_equal(http1_chunk_last(out, sizeof(out), &trailers), 11);
	assert_memory_equal(out, "0\r\nX: a\r\n\r\n", 11);
	assert_int_equal(http1_chunk_last(out, 10, &trailers), -ENOBUFS);
}

static int setup(void **state)
{
	(void)state;
	guard_open(&guard);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guard_close(&guard);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunked__cases_at_every_split),
		cmocka_unit_test(chunked__trailers_of_responses_are_cleaned),
		cmocka_unit_test(chunked__lines_and_trailers_are_limited),
		cmocka_unit_test(body__length_ends_where_it_was_said),
		cmocka_unit_test(body__until_close_is_whole_at_the_end),
		cmocka_unit_test(chunk__heads_are_read_back),
		cmocka_unit_test(chunk__last_carries_trailers),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
