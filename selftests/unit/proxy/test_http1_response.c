// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/http1/http1_response.h"
#include "unit/lib/guard.h"

#define END     "\r\n\r\n"
#define OK      "HTTP/1.1 200 OK"
#define NONE    HTTP1_FRAMING_NONE
#define LEN     HTTP1_FRAMING_LENGTH
#define CHUNK   HTTP1_FRAMING_CHUNKED
#define CLOSE   HTTP1_FRAMING_CLOSE
#define REUSE   HTTP1_RESPONSE_F_REUSABLE
#define LENGTHS HTTP1_RESPONSE_F_LENGTH_SAID
#define CODED   HTTP1_RESPONSE_F_CODING_SAID
#define OPTION  HTTP1_RESPONSE_F_CONNECTION_SAID
#define INTERIM HTTP1_RESPONSE_F_INTERIM

struct good {
	const char *name, *text;
	unsigned int asked, status;
	enum http1_framing framing;
	uint32_t flags;
	uint64_t length_bytes;
	const char *first_name, *first_value; /* NULL: not looked at */
};

static const struct good goods[] = {
	{ "until close", OK END, 0, 200, CLOSE, 0, 0, NULL, NULL },
	{ "length", OK "\r\nContent-Length: 5" END, 0, 200, LEN, REUSE | LENGTHS, 5, NULL, NULL },
	{ "length 0", OK "\r\nContent-Length: 0" END, 0, 200, LEN, REUSE | LENGTHS, 0, NULL, NULL },
	{ "chunked", OK "\r\nTransfer-Encoding: chunked" END, 0, 200, CHUNK, REUSE | CODED, 0, NULL,
	  NULL },
	{ "close", OK "\r\nConnection: close\r\nContent-Length: 5" END, 0, 200, LEN,
	  LENGTHS | OPTION, 5, NULL, NULL },
	{ "keep-alive is no other option", OK "\r\nConnection: keep-alive\r\nContent-Length: 5" END,
	  0, 200, LEN, REUSE | LENGTHS, 5, NULL, NULL },
	{ "1.0", "HTTP/1.0 200 OK\r\nContent-Length: 5" END, 0, 200, LEN, LENGTHS, 5, NULL, NULL },
	{ "1.0 keep-alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5" END, 0,
	  200, LEN, REUSE | LENGTHS, 5, NULL, NULL },
	{ "HEAD with length", OK "\r\nContent-Length: 5" END, HTTP1_ASKED_HEAD, 200, NONE,
	  REUSE | LENGTHS, 5, NULL, NULL },
	{ "HEAD with chunked", OK "\r\nTransfer-Encoding: chunked" END, HTTP1_ASKED_HEAD, 200, NONE,
	  REUSE | CODED, 0, NULL, NULL },
	{ "HEAD with nothing", OK END, HTTP1_ASKED_HEAD, 200, NONE, REUSE, 0, NULL, NULL },
	{ "204 with length", "HTTP/1.1 204 No Content\r\nContent-Length: 5" END, 0, 204, NONE,
	  LENGTHS, 5, NULL, NULL },
	{ "204 with chunked", "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked" END, 0, 204, NONE,
	  CODED, 0, NULL, NULL },
	{ "304 with length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5" END, 0, 304, NONE,
	  REUSE | LENGTHS, 5, NULL, NULL },
	{ "100", "HTTP/1.1 100 Continue" END, 0, 100, NONE, INTERIM, 0, NULL, NULL },
	{ "103 with length", "HTTP/1.1 103 Early\r\nContent-Length: 5" END, 0, 103, NONE,
	  INTERIM | LENGTHS, 5, NULL, NULL },
	{ "101 asked for", "HTTP/1.1 101 Sw\r\nConnection: Upgrade\r\nUpgrade: WebSocket" END,
	  HTTP1_ASKED_UPGRADE, 101, NONE, HTTP1_RESPONSE_F_SWITCH | OPTION, 0, NULL, NULL },
	{ "upgrade declined", OK "\r\nContent-Length: 5" END, HTTP1_ASKED_UPGRADE, 200, LEN,
	  REUSE | LENGTHS, 5, NULL, NULL },
	{ "no reason", "HTTP/1.1 200 " END, 0, 200, CLOSE, 0, 0, NULL, NULL },
	{ "no space behind status", "HTTP/1.1 200" END, 0, 200, CLOSE, 0, 0, NULL, NULL },
	{ "reason with obs-text", "HTTP/1.1 200 \xc3\xa9 \t!" END, 0, 200, CLOSE, 0, 0, NULL,
	  NULL },
	{ "status 999", "HTTP/1.1 999 X" END, 0, 999, CLOSE, 0, 0, NULL, NULL },
	{ "HTTP/1.2", "HTTP/1.2 200 OK" END, 0, 200, CLOSE, 0, 0, NULL, NULL },
	{ "space before colon", OK "\r\nX-A \t: b" END, 0, 200, CLOSE, 0, 0, "X-A", "b" },
	{ "space before colon of a length", OK "\r\nContent-Length : 5" END, 0, 200, LEN,
	  REUSE | LENGTHS, 5, "Content-Length", "5" },
	{ "fold", OK "\r\nX: a\r\n b\r\n\tc" END, 0, 200, CLOSE, 0, 0, "X", "a b c" },
	{ "white space around a fold", OK "\r\nX: a  b \t\r\n\t c  d\r\nY: e" END, 0, 200, CLOSE, 0,
	  0, "X", "a  b c  d" },
	{ "fold of nothing", OK "\r\nX: a\r\n  \r\nY: b" END, 0, 200, CLOSE, 0, 0, "X", "a" },
	{ "fold before the value", OK "\r\nX:\r\n a" END, 0, 200, CLOSE, 0, 0, "X", "a" },
	{ "fold of a length", OK "\r\nContent-Length:\r\n 5" END, 0, 200, LEN, REUSE | LENGTHS, 5,
	  "Content-Length", "5" },
};

struct bad {
	const char *name, *text;
	size_t bytes;
	unsigned int asked;
	enum http1_fault_reason reason;
};

/* Versions of clang-format lay out braces of macros differently. */
/* clang-format off */
#define BAD(name, text, reason) { name, text, sizeof(text) - 1, 0, HTTP1_FAULT_##reason }
/* clang-format on */
#define FIELD(name, line, reason) BAD(name, OK "\r\n" line END, reason)
/* Versions of clang-format lay out braces of macros differently. */
/* clang-format off */
#define SWITCH(name, line) \
	{ name, "HTTP/1.1 101 X\r\nConnection: upgrade\r\n" line END, \
	  sizeof("HTTP/1.1 101 X\r\nConnection: upgrade\r\n" line END) - 1, HTTP1_ASKED_UPGRADE, \
	  HTTP1_FAULT_SWITCH_UNASKED }
/* clang-format on */

static const struct bad bads[] = {
	BAD("not HTTP", "SSH-2.0-OpenSSH\r\n\r\n", STATUS_LINE),
	BAD("short", "HTTP/1.1\r\n\r\n", STATUS_LINE),
	BAD("empty line first", "\r\n" OK END, STATUS_LINE),
	BAD("lower case", "http/1.1 200 OK" END, STATUS_LINE),
	BAD("HTTP/2", "HTTP/2.0 200 OK" END, VERSION),
	BAD("HTTP/0.9", "HTTP/0.9 200 OK" END, VERSION),
	BAD("status of two digits", "HTTP/1.1 20 OK, fine" END, STATUS),
	BAD("status of four digits", "HTTP/1.1 2000 OK" END, STATUS),
	BAD("status below 100", "HTTP/1.1 099 OK" END, STATUS),
	BAD("status sign", "HTTP/1.1 +20 OK" END, STATUS),
	BAD("bare LF in status line", "HTTP/1.1 200 OK\n\r\n", BARE_LF),
	BAD("NUL in reason", "HTTP/1.1 200 O\0K" END, CONTROL_CHARACTER),
	BAD("fold behind status line", OK "\r\n X: y" END, FIELD_SPACE),
	FIELD("bare CR", "X: a\rb", BARE_CR),
	FIELD("NUL", "X: a\0b", CONTROL_CHARACTER),
	FIELD("bare LF", "X: a\nY: b", BARE_LF),
	FIELD("NUL in folded line", "X: a\r\n b\0", CONTROL_CHARACTER),
	FIELD("empty name", ": b", FIELD_NAME),
	FIELD("no colon", "abc", FIELD_COLON),
	FIELD("no colon, folded", "abc\r\n def: g", FIELD_NAME),
	FIELD("name with slash", "a/b: c", FIELD_NAME),
	FIELD("two lengths", "Content-Length: 5\r\nContent-Length: 5", LENGTH),
	FIELD("list of lengths", "Content-Length: 5, 5", LENGTH),
	FIELD("length sign", "Content-Length: +5", LENGTH),
	FIELD("length hex", "Content-Length: 0x5", LENGTH),
	FIELD("length empty", "Content-Length: ", LENGTH),
	FIELD("length overflow", "Content-Length: 18446744073709551616", LENGTH),
	FIELD("length folded in two", "Content-Length: 5\r\n 5", LENGTH),
	FIELD("length and coding", "Content-Length: 5\r\nTransfer-Encoding: chunked",
	      LENGTH_AND_CODING),
	FIELD("chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", CODING),
	FIELD("gzip, chunked", "Transfer-Encoding: gzip, chunked", CODING),
	FIELD("identity", "Transfer-Encoding: identity", CODING),
	FIELD("unknown coding", "Transfer-Encoding: x", CODING_UNKNOWN),
	BAD("chunked in 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked" END, CODING),
	BAD("101 unasked", "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket" END,
	    SWITCH_UNASKED),
	SWITCH("101 for another protocol", "Upgrade: h2c"),
	SWITCH("101 for one more protocol", "Upgrade: websocket, h2c"),
	SWITCH("101 for one before", "Upgrade: h2c, websocket"),
	SWITCH("101 for one more, apart", "Upgrade: websocket\r\nUpgrade: h2c"),
};

static struct guard guard;

/* The last octets may be joined, so each step goes on with what the one before left. */
static int parse(struct http1_response *response, struct http_field *items, const char *text,
		 size_t bytes, unsigned int asked, bool split)
{
	char *copy = malloc(bytes);
	int err = -EAGAIN;

	assert_non_null(copy);
	memcpy(copy, text, bytes);
	http1_response_begin(response, items, HTTP1_RESPONSE_FIELDS_MAX);
	for (size_t n = split ? 0 : bytes; n <= bytes && err == -EAGAIN; n++) {
		char *at = guard_at_end(&guard, copy, n);

		err = http1_response_parse(response, at, n, HTTP1_RESPONSE_HEAD_BYTES_MAX, asked);
		memcpy(copy, at, n);
	}
	free(copy);
	return err;
}

#define CHECK(c, condition)                                        \
	do {                                                       \
		if (!(condition))                                  \
			fail_msg("%s: %s", (c)->name, #condition); \
	} while (0)

static void check_good(const struct good *c, int err, const struct http1_response *response)
{
	const struct http_field *first = response->fields.items;

	if (err)
		fail_msg("%s: %d %s", c->name, err, http1_fault_name(response->fault.reason));
	CHECK(c, response->head_bytes == strlen(c->text));
	CHECK(c, response->status == c->status);
	CHECK(c, response->framing == c->framing);
	CHECK(c, response->flags == c->flags);
	CHECK(c, response->content_length_bytes == c->length_bytes);
	if (!c->first_name)
		return;
	CHECK(c, first->name_bytes == strlen(c->first_name) &&
			 !memcmp(first->name, c->first_name, first->name_bytes));
	CHECK(c, first->value_bytes == strlen(c->first_value) &&
			 !memcmp(first->value, c->first_value, first->value_bytes));
}

static void response__good_ones_mean_what_they_say(void **state)
{
	struct http_field items[HTTP1_RESPONSE_FIELDS_MAX];
	struct http1_response response;

	(void)state;
	for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
		const struct good *c = &goods[i];

		for (int split = 0; split < 2; split++)
			check_good(
				c,
				parse(&response, items, c->text, strlen(c->text), c->asked, split),
				&response);
	}
}

static void response__bad_ones_are_refused_by_name(void **state)
{
	struct http_field items[HTTP1_RESPONSE_FIELDS_MAX];
	struct http1_response response;

	(void)state;
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		const struct bad *c = &bads[i];

		for (int split = 0; split < 2; split++) {
			int err = parse(&response, items, c->text, c->bytes, c->asked, split);

			CHECK(c, err == -EBADMSG);
			if (response.fault.reason != c->reason)
				fail_msg("%s: %s", c->name,
					 http1_fault_name(response.fault.reason));
		}
	}
}

static void response__heads_end_at_64_kb(void **state)
{
	struct http_field items[HTTP1_RESPONSE_FIELDS_MAX];
	struct http1_response response;
	static char text[70000];
	const size_t fixed = strlen(OK "\r\nX: " END);

	(void)state;
	for (int over = 0; over < 2; over++) {
		size_t bytes = HTTP1_RESPONSE_HEAD_BYTES_MAX + (size_t)over;

		memset(text, 'x', sizeof(text));
		memcpy(text, OK "\r\nX: ", strlen(OK "\r\nX: "));
		memcpy(text + bytes - 4, END, 4);
		assert_true(bytes > fixed);
		assert_int_equal(parse(&response, items, text, bytes, 0, false),
				 over ? -EBADMSG : 0);
	}
	assert_int_equal(response.fault.reason, HTTP1_FAULT_HEAD_LONG);
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
		cmocka_unit_test(response__good_ones_mean_what_they_say),
		cmocka_unit_test(response__bad_ones_are_refused_by_name),
		cmocka_unit_test(response__heads_end_at_64_kb),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
