// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/http1/http1_request.h"
#include "unit/lib/guard.h"

static const struct http1_limits limits = { HTTP1_HEAD_BYTES_MAX, HTTP1_TARGET_BYTES_MAX };

#define END   "\r\n\r\n"
#define H     "\r\nHost: a"
#define KEEP  HTTP1_REQUEST_F_KEEP_ALIVE
#define NONE  HTTP1_FRAMING_NONE
#define LEN   HTTP1_FRAMING_LENGTH
#define CHUNK HTTP1_FRAMING_CHUNKED

struct good {
	const char *name, *text;
	const char *host; /* as the routing table is asked */
	const char *path, *query;
	uint32_t flags;
	enum http1_framing framing;
	uint64_t length_bytes;
};

static const struct good goods[] = {
	{ "plain", "GET / HTTP/1.1" H END, "a", "/", "", KEEP, NONE, 0 },
	{ "query", "GET /x?y=/../%41 HTTP/1.1" H END, "a", "/x", "?y=/../%41", KEEP, NONE, 0 },
	{ "one empty line before", "\r\nGET / HTTP/1.1" H END, "a", "/", "", KEEP, NONE, 0 },
	{ "unknown method", "BREW /x HTTP/1.1" H END, "a", "/x", "", KEEP, NONE, 0 },
	{ "methods are case-sensitive", "get /x HTTP/1.1" H END, "a", "/x", "", KEEP, NONE, 0 },
	{ "stray % in query", "GET /x?q=100%&z=%zz HTTP/1.1" H END, "a", "/x", "?q=100%&z=%zz",
	  KEEP, NONE, 0 },
	{ "empty port", "GET / HTTP/1.1\r\nHost: a:" END, "a", "/", "", KEEP, NONE, 0 },
	{ "empty port in absolute-form", "GET http://b:/x HTTP/1.1" H END, "b", "/x", "",
	  KEEP | HTTP1_REQUEST_F_ABSOLUTE, NONE, 0 },
	{ "token method", "M-!#$%&'*+.^_`|~1 / HTTP/1.1" H END, "a", "/", "", KEEP, NONE, 0 },
	{ "1.0 without Host", "GET / HTTP/1.0" END, "", "/", "", 0, NONE, 0 },
	{ "1.0 with Host", "GET / HTTP/1.0" H END, "a", "/", "", 0, NONE, 0 },
	{ "1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive" END, "", "/", "",
	  KEEP | HTTP1_REQUEST_F_KEEP_ALIVE_SAID, NONE, 0 },
	{ "1.2 is 1.1", "GET / HTTP/1.2" H END, "a", "/", "", KEEP, NONE, 0 },
	{ "1.9 is 1.1", "GET / HTTP/1.9" H END, "a", "/", "", KEEP, NONE, 0 },
	{ "close", "GET / HTTP/1.1" H "\r\nConnection: close" END, "a", "/", "", 0, NONE, 0 },
	{ "close wins", "GET / HTTP/1.1" H "\r\nConnection: keep-alive\r\nConnection: CLOSE" END,
	  "a", "/", "", 0, NONE, 0 },
	{ "close in a list", "GET / HTTP/1.1" H "\r\nConnection: , foo ,\tclose," END, "a", "/", "",
	  HTTP1_REQUEST_F_NO_TRAILERS, NONE, 0 },
	{ "host lower case", "GET / HTTP/1.1\r\nHost: A.eXample:80" END, "a.example", "/", "", KEEP,
	  NONE, 0 },
	{ "host trailing dot", "GET / HTTP/1.1\r\nHost: a.b.:80" END, "a.b", "/", "", KEEP, NONE,
	  0 },
	{ "host v4", "GET / HTTP/1.1\r\nHost: 127.0.0.1:80" END, "", "/", "", KEEP, NONE, 0 },
	{ "host v6", "GET / HTTP/1.1\r\nHost: [::1]:80" END, "", "/", "", KEEP, NONE, 0 },
	{ "host underscore", "GET / HTTP/1.1\r\nHost: a_b" END, "a_b", "/", "", KEEP, NONE, 0 },
	{ "absolute", "GET http://B.c/p?q HTTP/1.1" H END, "b.c", "/p", "?q",
	  KEEP | HTTP1_REQUEST_F_ABSOLUTE, NONE, 0 },
	{ "absolute https", "GET HTTPS://b:443/ HTTP/1.1" H END, "b", "/", "",
	  KEEP | HTTP1_REQUEST_F_ABSOLUTE, NONE, 0 },
	{ "absolute without path", "GET http://b HTTP/1.1" H END, "b", "", "",
	  KEEP | HTTP1_REQUEST_F_ABSOLUTE, NONE, 0 },
	{ "absolute query only", "GET http://b?q HTTP/1.1" H END, "b", "", "?q",
	  KEEP | HTTP1_REQUEST_F_ABSOLUTE, NONE, 0 },
	{ "absolute 1.0 without Host", "GET http://b/ HTTP/1.0" END, "b", "/", "",
	  HTTP1_REQUEST_F_ABSOLUTE, NONE, 0 },
	{ "OPTIONS *", "OPTIONS * HTTP/1.1" H END, "a", "", "", KEEP | HTTP1_REQUEST_F_ASTERISK,
	  NONE, 0 },
	{ "OPTIONS absolute", "OPTIONS http://b HTTP/1.1" H END, "b", "", "",
	  KEEP | HTTP1_REQUEST_F_ABSOLUTE | HTTP1_REQUEST_F_ASTERISK, NONE, 0 },
	{ "characters to be escaped pass", "GET /|[]{}^\"<>\\`?|[] HTTP/1.1" H END, "a",
	  "/|[]{}^\"<>\\`", "?|[]", KEEP, NONE, 0 },
	{ "encoded control passes", "GET /%0a%7f HTTP/1.1" H END, "a", "/%0a%7f", "", KEEP, NONE,
	  0 },
	{ "empty value", "GET / HTTP/1.1" H "\r\nX:" END, "a", "/", "", KEEP, NONE, 0 },
	{ "tab in value", "GET / HTTP/1.1" H "\r\nX: a\tb" END, "a", "/", "", KEEP, NONE, 0 },
	{ "obs-text in value", "GET / HTTP/1.1" H "\r\nX: \xc3\xa9" END, "a", "/", "", KEEP, NONE,
	  0 },
	{ "length", "POST / HTTP/1.1" H "\r\nContent-Length: 12" END, "a", "/", "", KEEP, LEN, 12 },
	{ "length 0", "POST / HTTP/1.1" H "\r\ncontent-length:\t0 " END, "a", "/", "", KEEP, LEN,
	  0 },
	{ "length with zeros", "POST / HTTP/1.1" H "\r\nContent-Length: 007" END, "a", "/", "",
	  KEEP, LEN, 7 },
	{ "largest length", "POST / HTTP/1.1" H "\r\nContent-Length: 9223372036854775799" END, "a",
	  "/", "", KEEP, LEN, 9223372036854775799u },
	{ "chunked", "POST / HTTP/1.1" H "\r\nTransfer-Encoding: Chunked" END, "a", "/", "", KEEP,
	  CHUNK, 0 },
	{ "length_ is not length", "POST / HTTP/1.1" H "\r\nContent_Length: 5" END, "a", "/", "",
	  KEEP, NONE, 0 },
	{ "expect", "PUT / HTTP/1.1" H "\r\nContent-Length: 1\r\nExpect: 100-Continue" END, "a",
	  "/", "", KEEP | HTTP1_REQUEST_F_EXPECT_CONTINUE, LEN, 1 },
	{ "expect without body", "PUT / HTTP/1.1" H "\r\nExpect: 100-continue" END, "a", "/", "",
	  KEEP, NONE, 0 },
	{ "expect in 1.0", "PUT / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue" END, "",
	  "/", "", 0, LEN, 1 },
	{ "te", "GET / HTTP/1.1" H "\r\nTE: gzip, Trailers\r\nConnection: TE" END, "a", "/", "",
	  KEEP | HTTP1_REQUEST_F_TE_TRAILERS, NONE, 0 },
	{ "websocket",
	  "GET / HTTP/1.1" H "\r\nConnection: x, Upgrade\r\nUpgrade: h2c, WebSocket" END, "a", "/",
	  "", KEEP | HTTP1_REQUEST_F_WEBSOCKET | HTTP1_REQUEST_F_NO_TRAILERS, NONE, 0 },
	{ "websocket not in Connection", "GET / HTTP/1.1" H "\r\nUpgrade: websocket" END, "a", "/",
	  "", KEEP, NONE, 0 },
	{ "websocket by POST",
	  "POST / HTTP/1.1" H "\r\nConnection: upgrade\r\nUpgrade: websocket" END, "a", "/", "",
	  KEEP, NONE, 0 },
	{ "h2c is not taken", "GET / HTTP/1.1" H "\r\nConnection: upgrade\r\nUpgrade: h2c" END, "a",
	  "/", "", KEEP, NONE, 0 },
};

struct bad {
	const char *name, *text;
	size_t bytes; /* 0: strlen */
	unsigned int status;
	enum http1_fault_reason reason;
};

/* Versions of clang-format lay out braces of macros differently. */
/* clang-format off */
#define BAD(name, text, status, reason) \
	{ name, text, sizeof(text) - 1, status, HTTP1_FAULT_##reason }
/* clang-format on */
#define FIELD(name, line, status, reason) \
	BAD(name, "POST / HTTP/1.1" H "\r\n" line END, status, reason)
#define HOST(name, value)           BAD(name, "GET / HTTP/1.1\r\nHost:" value END, 400, HOST)
#define TARGET(name, value, reason) BAD(name, "GET " value " HTTP/1.1" H END, 400, reason)

static const struct bad bads[] = {
	BAD("two empty lines", "\r\n\r\nGET / HTTP/1.1" H END, 400, EMPTY_LINES),
	BAD("empty line of LF", "\nGET / HTTP/1.1" H END, 400, BARE_LF),
	BAD("CR before", "\rGET / HTTP/1.1" H END, 400, BARE_CR),
	BAD("space before method", " GET / HTTP/1.1" H END, 400, METHOD),
	BAD("no method", "/ HTTP/1.1" H END, 400, METHOD),
	BAD("method with colon", "GE:T / HTTP/1.1" H END, 400, METHOD),
	BAD("method with tab", "GET\t/ HTTP/1.1" H END, 400, METHOD),
	BAD("method with NUL", "G\0T / HTTP/1.1" H END, 400, CONTROL_CHARACTER),
	BAD("a TLS handshake", "\x16\x03\x01\x02\x00\x01", 400, CONTROL_CHARACTER),
	BAD("HTTP/0.9", "GET /\r\n", 400, REQUEST_LINE),
	BAD("method alone", "GET\r\n", 400, REQUEST_LINE),
	BAD("no target", "GET  HTTP/1.1" H END, 400, REQUEST_LINE),
	BAD("two spaces", "GET /  HTTP/1.1" H END, 400, VERSION_SYNTAX),
	BAD("space behind version", "GET / HTTP/1.1 " H END, 400, VERSION_SYNTAX),
	BAD("lower case version", "GET / http/1.1" H END, 400, VERSION_SYNTAX),
	BAD("version of two digits", "GET / HTTP/1.10" H END, 400, VERSION_SYNTAX),
	BAD("version without dot", "GET / HTTP/11" H END, 400, VERSION_SYNTAX),
	BAD("another protocol", "GET / ICAP/1.0" H END, 400, VERSION_SYNTAX),
	BAD("HTTP/2", "GET / HTTP/2.0" H END, 505, VERSION),
	BAD("HTTP/0", "GET / HTTP/0.9" H END, 505, VERSION),
	BAD("h2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, VERSION),
	BAD("CONNECT", "CONNECT a:443 HTTP/1.1" H END, 405, METHOD_REFUSED),
	BAD("TRACE", "TRACE / HTTP/1.1" H END, 405, METHOD_REFUSED),
	TARGET("authority-form", "a:80", TARGET),
	TARGET("asterisk with GET", "*", TARGET),
	TARGET("no slash", "x/y", TARGET),
	TARGET("other scheme", "ftp://a/", TARGET),
	TARGET("absolute without host", "http:///x", TARGET),
	TARGET("absolute with userinfo", "http://u@a/", TARGET),
	TARGET("absolute with bad port", "http://a:x/", TARGET),
	TARGET("fragment", "/a#b", TARGET),
	TARGET("byte over 0x7f", "/\xc3\xa9", TARGET),
	TARGET("tab", "/a\tb", TARGET),
	TARGET("space", "/a b", VERSION_SYNTAX),
	TARGET("NUL", "/a\0b", CONTROL_CHARACTER),
	TARGET("DEL", "/a\x7f", CONTROL_CHARACTER),
	TARGET("%zz", "/%zz", TARGET_ESCAPE),
	TARGET("%2", "/%2", TARGET_ESCAPE),
	TARGET("%00", "/%00", TARGET_ESCAPE),
	TARGET("%00 in query", "/?%00", TARGET_ESCAPE),
	BAD("no Host", "GET / HTTP/1.1" END, 400, HOST_MISSING),
	BAD("no Host in 1.2", "GET / HTTP/1.2" END, 400, HOST_MISSING),
	BAD("no Host, absolute", "GET http://a/ HTTP/1.1" END, 400, HOST_MISSING),
	BAD("two Hosts", "GET / HTTP/1.1" H H END, 400, HOST_TWICE),
	BAD("two Hosts in 1.0", "GET / HTTP/1.0" H H END, 400, HOST_TWICE),
	BAD("bad Host in 1.0", "GET / HTTP/1.0\r\nHost: a b" END, 400, HOST),
	BAD("bad Host, absolute", "GET http://a/ HTTP/1.1\r\nHost: a b" END, 400, HOST),
	HOST("empty Host", ""),
	HOST("Host userinfo", " u@a"),
	HOST("Host two empty ports", " a::"),
	HOST("Host port text", " a:b"),
	HOST("Host port 0", " a:0"),
	HOST("Host port 65536", " a:65536"),
	HOST("Host port sign", " a:+80"),
	HOST("Host two ports", " a:80:80"),
	HOST("Host port alone", " :80"),
	HOST("Host slash", " a/b"),
	HOST("Host question mark", " a?b"),
	HOST("Host fragment", " a#b"),
	HOST("Host space", " a b"),
	HOST("Host comma", " a,b"),
	HOST("Host backslash", " a\\b"),
	HOST("Host quote", " \"a\""),
	HOST("Host escape", " a%41"),
	HOST("Host byte over 0x7f", " \xc3\xa9"),
	HOST("Host dot", " ."),
	HOST("Host leading dot", " .a"),
	HOST("Host two dots", " a..b"),
	HOST("Host open bracket", " [::1"),
	HOST("Host zone", " [fe80::1%25eth0]"),
	HOST("Host v6 without brackets", " ::1"),
	HOST("Host v4 in brackets", " [1.2.3.4]"),
	HOST("Host text behind bracket", " [::1]x"),
	HOST("Host future literal", " [v1.a]"),
	FIELD("empty name", ": x", 400, FIELD_NAME),
	FIELD("space before colon", "X : y", 400, FIELD_SPACE),
	FIELD("tab before colon", "X\t: y", 400, FIELD_SPACE),
	FIELD("space in name", "X y: z", 400, FIELD_NAME),
	FIELD("no colon", "Xyz", 400, FIELD_COLON),
	FIELD("name with slash", "X/y: z", 400, FIELD_NAME),
	FIELD("name with byte over 0x7f", "X\xc3: z", 400, FIELD_NAME),
	FIELD("fold with space", "X: y\r\n z", 400, FIELD_FOLD),
	FIELD("fold with tab", "X: y\r\n\tz", 400, FIELD_FOLD),
	FIELD("bare CR", "X: a\rb", 400, BARE_CR),
	FIELD("CR CR LF", "X: a\r", 400, BARE_CR),
	FIELD("bare LF", "X: a\nY: b", 400, BARE_LF),
	FIELD("NUL", "X: a\0b", 400, CONTROL_CHARACTER),
	FIELD("control", "X: a\x01", 400, CONTROL_CHARACTER),
	FIELD("vertical tab",
	      "Transfer-Encoding: \x0b"
	      "chunked",
	      400, CONTROL_CHARACTER),
	FIELD("DEL", "X: \x7f", 400, CONTROL_CHARACTER),
	BAD("LF behind request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400, BARE_LF),
	BAD("LF as last line", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400, BARE_LF),
	BAD("space before first field", "GET / HTTP/1.1\r\n Host: a" END, 400, FIELD_SPACE),
	FIELD("two lengths", "Content-Length: 5\r\nContent-Length: 6", 400, LENGTH),
	FIELD("two equal lengths", "Content-Length: 5\r\nContent-Length: 5", 400, LENGTH),
	FIELD("list of lengths", "Content-Length: 5, 5", 400, LENGTH),
	FIELD("length plus", "Content-Length: +5", 400, LENGTH),
	FIELD("length minus", "Content-Length: -5", 400, LENGTH),
	FIELD("length hex", "Content-Length: 0x5", 400, LENGTH),
	FIELD("length empty", "Content-Length:", 400, LENGTH),
	FIELD("length fraction", "Content-Length: 5.0", 400, LENGTH),
	FIELD("length text", "Content-Length: 5 5", 400, LENGTH),
	FIELD("length overflow", "Content-Length: 9223372036854775808", 400, LENGTH),
	FIELD("length far over", "Content-Length: 99999999999999999999999", 400, LENGTH),
	FIELD("length and chunked", "Content-Length: 5\r\nTransfer-Encoding: chunked", 400,
	      LENGTH_AND_CODING),
	FIELD("chunked and length", "Transfer-Encoding: chunked\r\nContent-Length: 5", 400,
	      LENGTH_AND_CODING),
	FIELD("chunked twice", "Transfer-Encoding: chunked, chunked", 400, CODING),
	FIELD("two codings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400,
	      CODING),
	FIELD("gzip, chunked", "Transfer-Encoding: gzip, chunked", 400, CODING),
	FIELD("chunked, gzip", "Transfer-Encoding: chunked, gzip", 400, CODING),
	FIELD("identity", "Transfer-Encoding: identity", 400, CODING),
	FIELD("empty coding", "Transfer-Encoding:", 400, CODING),
	FIELD("coding with comma", "Transfer-Encoding: chunked,", 400, CODING),
	FIELD("coding with parameter", "Transfer-Encoding: chunked;x=1", 400, CODING),
	FIELD("coding in quotes", "Transfer-Encoding: \"chunked\"", 400, CODING),
	FIELD("unknown coding", "Transfer-Encoding: xchunked", 501, CODING_UNKNOWN),
	FIELD("unknown coding first", "Transfer-Encoding: foo, chunked", 501, CODING_UNKNOWN),
	BAD("chunked in 1.0", "POST / HTTP/1.0" H "\r\nTransfer-Encoding: chunked" END, 400,
	    CODING),
	FIELD("unknown expectation", "Expect: 200-ok", 417, EXPECT),
	FIELD("expectation beside another", "Expect: 100-continue, x", 417, EXPECT),
	FIELD("connection option no token", "Connection: a b", 400, CONNECTION),
};

static struct guard guard;

static int parse_split(struct http1_request *request, struct http_field *items, const char *text,
		       size_t bytes)
{
	int err = -EAGAIN;

	http1_request_begin(request, items, HTTP1_FIELDS_MAX);
	/* Each time at another place, with the end at the forbidden page. */
	for (size_t n = 0; n <= bytes && err == -EAGAIN; n++)
		err = http1_request_parse(request, guard_at_end(&guard, text, n), n, &limits);
	return err;
}

static int parse_whole(struct http1_request *request, struct http_field *items, const char *buf,
		       size_t bytes)
{
	http1_request_begin(request, items, HTTP1_FIELDS_MAX);
	return http1_request_parse(request, buf, bytes, &limits);
}

#define CHECK(c, condition)                                        \
	do {                                                       \
		if (!(condition))                                  \
			fail_msg("%s: %s", (c)->name, #condition); \
	} while (0)

static bool same(struct http_slice slice, const char *text)
{
	return slice.bytes == strlen(text) &&
	       (!slice.bytes || memcmp(slice.data, text, slice.bytes) == 0);
}

static void check_good(const struct good *c, int err, const struct http1_request *request)
{
	size_t host_bytes = http_host_route_bytes(&request->host);

	if (err)
		fail_msg("%s: %d %s", c->name, err, http1_fault_name(request->fault.reason));
	CHECK(c, request->head_bytes == strlen(c->text));
	CHECK(c, host_bytes == strlen(c->host) && !memcmp(request->host.name, c->host, host_bytes));
	CHECK(c, same(request->path, c->path));
	CHECK(c, same(request->query, c->query));
	CHECK(c, request->flags == c->flags);
	CHECK(c, request->framing == c->framing);
	CHECK(c, request->content_length_bytes == c->length_bytes);
}

static void request__good_ones_mean_what_they_say(void **state)
{
	struct http_field items[HTTP1_FIELDS_MAX];
	struct http1_request request;

	(void)state;
	for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
		const struct good *c = &goods[i];
		size_t bytes = strlen(c->text);
		int err;

		err = parse_whole(&request, items, guard_at_end(&guard, c->text, bytes), bytes);
		check_good(c, err, &request);
		err = parse_whole(&request, items, guard_at_start(&guard, c->text, bytes), bytes);
		check_good(c, err, &request);
		err = parse_split(&request, items, c->text, bytes);
		check_good(c, err, &request);
	}
}

static void request__bad_ones_are_refused_by_name(void **state)
{
	struct http_field items[HTTP1_FIELDS_MAX];
	struct http1_request request;

	(void)state;
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		const struct bad *c = &bads[i];

		for (int split = 0; split < 2; split++) {
			int err = split ? parse_split(&request, items, c->text, c->bytes)
					: parse_whole(&request, items,
						      guard_at_end(&guard, c->text, c->bytes),
						      c->bytes);

			CHECK(c, err == -EBADMSG);
			if (request.fault.reason != c->reason)
				fail_msg("%s: %s", c->name, http1_fault_name(request.fault.reason));
			CHECK(c, http1_fault_status(request.fault.reason) == c->status);
		}
	}
}

/* "GET /xxx HTTP/1.1 Host", with fields; freed by the caller. */
static char *make(size_t target_bytes, size_t fields, size_t value_bytes, size_t *bytes)
{
	size_t room = target_bytes + fields * (value_bytes + 16) + 64;
	char *text = malloc(room);
	size_t used = (size_t)sprintf(text, "GET /");

	assert_non_null(text);
	memset(text + used, 'x', target_bytes - 1);
	used += target_bytes - 1;
	used += (size_t)sprintf(text + used, " HTTP/1.1\r\nHost: a\r\n");
	for (size_t i = 1; i < fields; i++) {
		used += (size_t)sprintf(text + used, "X: ");
		memset(text + used, 'v', value_bytes);
		used += value_bytes;
		used += (size_t)sprintf(text + used, "\r\n");
	}
	used += (size_t)sprintf(text + used, "\r\n");
	*bytes = used;
	return text;
}

static void expect(size_t target_bytes, size_t fields, size_t value_bytes,
		   enum http1_fault_reason reason)
{
	struct http_field items[HTTP1_FIELDS_MAX];
	struct http1_request request;
	size_t bytes;
	char *text = make(target_bytes, fields, value_bytes, &bytes);

	parse_whole(&request, items, text, bytes);
	assert_string_equal(http1_fault_name(request.fault.reason), http1_fault_name(reason));
	parse_split(&request, items, text, bytes);
	assert_string_equal(http1_fault_name(request.fault.reason), http1_fault_name(reason));
	free(text);
}

static void request__limits_have_a_status_each(void **state)
{
	(void)state;
	expect(8000, 1, 0, HTTP1_FAULT_NONE);
	expect(16000, 1, 0, HTTP1_FAULT_NONE);
	expect(16001, 1, 0, HTTP1_FAULT_TARGET_LONG);
	expect(40000, 1, 0, HTTP1_FAULT_TARGET_LONG);
	expect(1, 100, 4, HTTP1_FAULT_NONE);
	expect(1, 101, 4, HTTP1_FAULT_FIELDS_MANY);
	/* "GET / HTTP/1.1" 16, Host 9, "X: " + CRLF 5, the empty line 2. */
	expect(1, 2, 16384 - 32, HTTP1_FAULT_NONE);
	expect(1, 2, 16384 - 31, HTTP1_FAULT_HEAD_LONG);
	expect(1, 2, 40000, HTTP1_FAULT_HEAD_LONG);
	expect(12000, 2, 6000, HTTP1_FAULT_HEAD_LONG);
}

static void request__bytes_behind_the_head_are_left_alone(void **state)
{
	static const char text[] = "GET /1 HTTP/1.1" H END "GET /2 HTTP/1.1" H "2" END;
	struct http_field items[HTTP1_FIELDS_MAX];
	struct http1_request request;
	size_t first;

	(void)state;
	assert_int_equal(parse_whole(&request, items, text, sizeof(text) - 1), 0);
	assert_true(same(request.path, "/1"));
	first = request.head_bytes;
	assert_int_equal(parse_whole(&request, items, text + first, sizeof(text) - 1 - first), 0);
	assert_true(same(request.path, "/2"));
	assert_string_equal(request.host.name, "a2");
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
		cmocka_unit_test(request__good_ones_mean_what_they_say),
		cmocka_unit_test(request__bad_ones_are_refused_by_name),
		cmocka_unit_test(request__limits_have_a_status_each),
		cmocka_unit_test(request__bytes_behind_the_head_are_left_alone),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
