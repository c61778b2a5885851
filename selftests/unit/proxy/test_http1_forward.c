// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/http1/http1_forward.h"
#include "proxy/http1/http1_reply.h"
#include "proxy/loop/http_date.h"
#include "proxy/http/http_path.h"

#define END    "\r\n\r\n"
#define CLIENT "192.0.2.1"
#define TRUST  HTTP1_FORWARD_F_TRUSTED_PEER
#define FOR    "X-Forwarded-For: " CLIENT "\r\n"
#define BY(host)                                                                            \
	"X-Forwarded-Host: " host "\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 80\r\n" \
	"X-Real-IP: " CLIENT "\r\n"
#define ID          "X-Request-ID: i" END
#define GET(fields) "GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: i\r\n" fields "\r\n"
#define OUT(fields) "GET / HTTP/1.1\r\nHost: a\r\n" fields FOR BY("a") ID

struct forward_case {
	const char *name;
	uint32_t flags;
	const char *in, *out;
};

static const struct forward_case cases[] = {
	{ "as it came", 0, GET("Accept: */*\r\n"), OUT("Accept: */*\r\n") },
	{ "spaces made canonical", 0, GET("A:b\r\nC: \t d \t\r\nE:\r\n"),
	  OUT("A: b\r\nC: d\r\nE: \r\n") },
	{ "host first, path normal, query untouched", 0,
	  "GET /a//%62/../c?%41//.. HTTP/1.1\r\nB: c\r\nX-Request-ID: i\r\nHost: A.b:8080" END,
	  "GET /a/c?%41//.. HTTP/1.1\r\nHost: A.b:8080\r\nB: c\r\n" FOR BY("A.b:8080") ID },
	{ "absolute-form", 0, "GET http://b:81/x?y HTTP/1.1\r\nHost: a\r\nX-Request-ID: i" END,
	  "GET /x?y HTTP/1.1\r\nHost: b:81\r\n" FOR BY("b:81") ID },
	{ "1.0 without Host", 0, "GET / HTTP/1.0\r\nX-Request-ID: i" END,
	  "GET / HTTP/1.1\r\nHost: 198.51.100.1\r\n" FOR BY("198.51.100.1") ID },
	{ "hop-by-hop fields stay behind", 0,
	  GET("Connection: keep-alive\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: gzip\r\n"
	      "Upgrade: h2c\r\nHTTP2-Settings: AAA\r\nTrailer: X\r\nA: b\r\n"),
	  OUT("A: b\r\n") },
	{ "fields named by Connection stay behind", 0,
	  GET("X-A: 1\r\nX-B: 2\r\nConnection: x-a, foo\r\nCookie: c\r\nConnection: COOKIE\r\n"),
	  OUT("X-B: 2\r\n") },
	{ "fields of the proxy cannot be named", 0,
	  "POST / HTTP/1.1\r\nHost: a\r\nX-Request-ID: i\r\nContent-Length: 3\r\n"
	  "Connection: host, content-length, x-forwarded-for, x-real-ip, x-request-id" END,
	  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n" FOR BY("a") ID },
	{ "coding cannot be named", 0,
	  "POST / HTTP/1.1\r\nHost: a\r\nX-Request-ID: i\r\nTransfer-Encoding: CHUNKED\r\n"
	  "Connection: transfer-encoding" END,
	  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" FOR BY("a") ID },
	{ "length made canonical", 0,
	  "POST / HTTP/1.1\r\nHost: a\r\nX-Request-ID: i\r\nContent-Length: 0007" END,
	  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n" FOR BY("a") ID },
	{ "untrusted forwarding fields are overwritten", 0,
	  GET("X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: e\r\n"
	      "X-Forwarded-Port: 1\r\nX-Real-IP: 1.1.1.1\r\nForwarded: for=1.1.1.1\r\n"),
	  "GET / HTTP/1.1\r\nHost: a\r\n" FOR BY(
		  "a") "Forwarded: for=192.0.2.1;host=\"a\";proto=http\r\n" ID },
	{ "names with '_' stay behind", 0, GET("X_A: 1\r\nX_Forwarded_For: 1\r\nB: 2\r\n"),
	  OUT("B: 2\r\n") },
	{ "names with '_' that collide always stay behind", HTTP1_FORWARD_F_UNDERSCORES,
	  GET("X_A: 1\r\nX_Forwarded_For: 1\r\nX-Real_IP: 1\r\nContent_Length: 5\r\nhost_: 1\r\n"),
	  OUT("X_A: 1\r\nhost_: 1\r\n") },
	{ "trusted peers are appended to", TRUST,
	  GET("X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2, 3.3.3.3\r\n"),
	  "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, " CLIENT
	  "\r\n" BY("a") ID },
	{ "trusted peers are believed", TRUST,
	  GET("X-Forwarded-Proto: https\r\nX-Forwarded-Host: e\r\nX-Real-IP: 1.1.1.1\r\n"
	      "Forwarded: for=1.1.1.1\r\n"),
	  "GET / HTTP/1.1\r\nHost: a\r\n" FOR "X-Forwarded-Host: e\r\nX-Forwarded-Proto: https\r\n"
	  "X-Forwarded-Port: 443\r\nX-Real-IP: 1.1.1.1\r\n"
	  "Forwarded: for=1.1.1.1, for=192.0.2.1;host=\"a\";proto=http\r\n" ID },
	{ "te trailers", 0, GET("TE: deflate, trailers\r\nConnection: te\r\n"),
	  OUT("Connection: TE\r\nTE: trailers\r\n") },
	{ "expect", 0,
	  "PUT / HTTP/1.1\r\nHost: a\r\nX-Request-ID: i\r\nContent-Length: 1\r\n"
	  "Expect: 100-Continue" END,
	  "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n" FOR BY("a")
		  ID },
	{ "expect answered", HTTP1_FORWARD_F_NO_EXPECT,
	  "PUT / HTTP/1.1\r\nHost: a\r\nX-Request-ID: i\r\nContent-Length: 1\r\n"
	  "Expect: 100-continue" END,
	  "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n" FOR BY("a") ID },
	{ "websocket", 0,
	  GET("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n"),
	  OUT("Sec-WebSocket-Key: k\r\nConnection: upgrade\r\nUpgrade: websocket\r\n") },
};

static int forward(const struct forward_case *c, struct http1_request *request,
		   struct http_field *items, char *out, size_t size)
{
	static const struct http1_limits limits = { HTTP1_HEAD_BYTES_MAX, HTTP1_TARGET_BYTES_MAX };
	struct http1_id_source ids = { { 1, 2 } };
	struct http1_forward_request how = { .ids = &ids, .local_port = 80, .flags = c->flags };
	char scratch[256];

	assert_int_equal(inet_addr_parse(CLIENT, &how.client), 0);
	assert_int_equal(inet_addr_parse("198.51.100.1", &how.local), 0);
	http1_request_begin(request, items, HTTP1_FIELDS_MAX);
	if (http1_request_parse(request, c->in, strlen(c->in), &limits) != 0)
		fail_msg("%s: %s", c->name, http1_fault_name(request->fault.reason));
	assert_int_equal(http_path_normalize(request->path, scratch, &how.path), 0);
	if (size == 0)
		size = http1_forward_request_max(request);
	return http1_forward_request(request, &how, out, size);
}

static void forward__requests_are_canonical(void **state)
{
	struct http_field items[HTTP1_FIELDS_MAX];
	struct http1_request request;
	char out[8192], again[8192];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct forward_case *c = &cases[i];
		struct forward_case back = { c->name, TRUST | HTTP1_FORWARD_F_UNDERSCORES, again,
					     NULL };
		int bytes = forward(c, &request, items, out, 0);
		uint8_t framing = request.framing;

		if (bytes != (int)strlen(c->out) || memcmp(out, c->out, (size_t)bytes) != 0)
			fail_msg("%s:\n%.*s", c->name, bytes, out);
		assert_int_equal(forward(c, &request, items, again, (size_t)bytes - 1), -ENOBUFS);
		/* What was written is read with the same meaning. */
		memcpy(again, out, (size_t)bytes);
		again[bytes] = '\0';
		forward(&back, &request, items, out, sizeof(out));
		assert_int_equal(request.framing, framing);
		assert_int_equal(request.head_bytes, bytes);
	}
}

static void forward__makes_a_request_id(void **state)
{
	static const char *const bad[] = { "", "X-Request-ID:\r\n", "X-Request-ID: a b\r\n",
					   "X-Request-ID: a\r\nX-Request-ID: b\r\n" };
	struct http_field items[HTTP1_FIELDS_MAX];
	struct http1_request request;
	char in[128], out[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct forward_case c = { "id", 0, in, NULL };
		const char *id;
		int bytes;

		snprintf(in, sizeof(in), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", bad[i]);
		bytes = forward(&c, &request, items, out, sizeof(out) - 1);
		assert_true(bytes > 0);
		out[bytes] = '\0';
		id = strstr(out, "X-Request-ID: ");
		assert_non_null(id);
		id += strlen("X-Request-ID: ");
		assert_int_equal(strspn(id, "0123456789abcdef"), HTTP1_REQUEST_ID_BYTES);
		assert_string_equal(id + HTTP1_REQUEST_ID_BYTES, END);
	}
}

struct answer_case {
	const char *name;
	unsigned int asked, minor;
	uint32_t request_flags;
	const char *in, *out;
	enum http1_framing framing;
	bool keep_alive;
};

#define KEEP HTTP1_REQUEST_F_KEEP_ALIVE
#define SAID (KEEP | HTTP1_REQUEST_F_KEEP_ALIVE_SAID)
#define DS   "Date: now\r\nServer: sluice\r\n"

static const struct answer_case answers[] = {
	{ "length", 0, 1, KEEP, "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 05" END,
	  "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\n" DS "\r\n", HTTP1_FRAMING_LENGTH,
	  true },
	{ "Date and Server of the backend stay", 0, 1, KEEP,
	  "HTTP/1.1 200 OK\r\nServer: x\r\nDate: y\r\nContent-Length: 0" END,
	  "HTTP/1.1 200 OK\r\nServer: x\r\nDate: y\r\nContent-Length: 0\r\n\r\n",
	  HTTP1_FRAMING_LENGTH, true },
	{ "chunked to 1.1", 0, 1, KEEP, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" END,
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" DS "\r\n", HTTP1_FRAMING_CHUNKED,
	  true },
	{ "chunked to 1.0", 0, 0, SAID, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" END,
	  "HTTP/1.1 200 OK\r\n" DS "Connection: close" END, HTTP1_FRAMING_CLOSE, false },
	{ "until close to 1.1", 0, 1, KEEP, "HTTP/1.0 200 OK" END,
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" DS "\r\n", HTTP1_FRAMING_CHUNKED,
	  true },
	{ "until close to 1.0", 0, 0, 0, "HTTP/1.0 200 OK" END,
	  "HTTP/1.1 200 OK\r\n" DS "Connection: close" END, HTTP1_FRAMING_CLOSE, false },
	{ "1.0 keep-alive", 0, 0, SAID, "HTTP/1.1 200 OK\r\nContent-Length: 1" END,
	  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n" DS "Connection: keep-alive" END,
	  HTTP1_FRAMING_LENGTH, true },
	{ "client closes", 0, 1, 0, "HTTP/1.1 200 OK\r\nContent-Length: 1" END,
	  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n" DS "Connection: close" END,
	  HTTP1_FRAMING_LENGTH, false },
	{ "backend closes, client stays", 0, 1, KEEP,
	  "HTTP/1.1 200 OK\r\nConnection: close, x-a\r\nX-A: 1\r\nKeep-Alive: 3\r\n"
	  "Content-Length: 1" END,
	  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n" DS "\r\n", HTTP1_FRAMING_LENGTH, true },
	{ "HEAD", HTTP1_ASKED_HEAD, 1, KEEP, "HTTP/1.1 200 OK\r\nContent-Length: 9" END,
	  "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n" DS "\r\n", HTTP1_FRAMING_NONE, true },
	{ "HEAD chunked", HTTP1_ASKED_HEAD, 1, KEEP,
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" END, "HTTP/1.1 200 OK\r\n" DS "\r\n",
	  HTTP1_FRAMING_NONE, true },
	{ "204", 0, 1, KEEP, "HTTP/1.1 204 No\r\nContent-Length: 9" END,
	  "HTTP/1.1 204 No\r\n" DS "\r\n", HTTP1_FRAMING_NONE, true },
	{ "204 chunked", 0, 1, KEEP, "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked" END,
	  "HTTP/1.1 204 No\r\n" DS "\r\n", HTTP1_FRAMING_NONE, true },
	{ "304", 0, 1, KEEP, "HTTP/1.1 304 Not\r\nContent-Length: 9" END,
	  "HTTP/1.1 304 Not\r\nContent-Length: 9\r\n" DS "\r\n", HTTP1_FRAMING_NONE, true },
	{ "interim", 0, 1, KEEP, "HTTP/1.1 103 Early\r\nLink: x\r\nContent-Length: 9" END,
	  "HTTP/1.1 103 Early\r\nLink: x" END, HTTP1_FRAMING_NONE, true },
	{ "switch", HTTP1_ASKED_UPGRADE, 1, KEEP,
	  "HTTP/1.1 101 S\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
	  "Sec-WebSocket-Accept: x" END,
	  "HTTP/1.1 101 S\r\nSec-WebSocket-Accept: x\r\nConnection: upgrade\r\n"
	  "Upgrade: websocket\r\n" DS "\r\n",
	  HTTP1_FRAMING_NONE, true },
	{ "fields are cleaned", 0, 1, KEEP, "HTTP/1.1 200\r\nA : b\r\n c\r\nContent-Length: 1" END,
	  "HTTP/1.1 200 \r\nA: b c\r\nContent-Length: 1\r\n" DS "\r\n", HTTP1_FRAMING_LENGTH,
	  true },
};

static void forward__answers_are_canonical(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const struct answer_case *c = &answers[i];
		struct http_field items[16];
		struct http1_response response;
		char in[512], out[2048];
		struct http1_forward_response how = {
			.date = HTTP_SLICE("now"),
			.client_keep_alive = true,
			.request_flags = c->request_flags,
			.request_version_minor = (uint8_t)c->minor,
		};
		int bytes;

		snprintf(in, sizeof(in), "%s", c->in);
		http1_response_begin(&response, items, 16);
		assert_int_equal(http1_response_parse(&response, in, strlen(in), 512, c->asked), 0);
		bytes = http1_forward_response(&response, &how, out,
					       http1_forward_response_max(&response));
		if (bytes != (int)strlen(c->out) || memcmp(out, c->out, (size_t)bytes) != 0)
			fail_msg("%s: %d\n%.*s", c->name, bytes, bytes > 0 ? bytes : 0, out);
		if (how.framing != c->framing || how.keep_alive != c->keep_alive)
			fail_msg("%s: framing %u keep %d", c->name, how.framing, how.keep_alive);
		assert_int_equal(http1_forward_response(&response, &how, out, (size_t)bytes - 1),
				 -ENOBUFS);
	}
}

static void forward__interim_answers_never_reach_1_0(void **state)
{
	char in[] = "HTTP/1.1 100 Continue" END;
	struct http1_forward_response how = { .request_version_minor = 0 };
	struct http1_response response;
	struct http_field item;
	char out[512];

	(void)state;
	http1_response_begin(&response, &item, 1);
	assert_int_equal(http1_response_parse(&response, in, strlen(in), 512, 0), 0);
	assert_int_equal(http1_forward_response(&response, &how, out, sizeof(out)), -EINVAL);
}

static void reply__says_all_and_no_body_to_head(void **state)
{
	struct http1_reply reply = { .status = 404, .date = HTTP_SLICE("now"), .keep_alive = true };
	char out[HTTP1_REPLY_MAX];
	int bytes = http1_reply_build(&reply, out, sizeof(out) - 1);

	(void)state;
	out[bytes] = '\0';
	assert_string_equal(out, "HTTP/1.1 404 Not Found\r\nDate: now\r\nServer: sluice\r\n"
				 "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 14" END
				 "404 Not Found\n");
	reply.head_only = true;
	bytes = http1_reply_build(&reply, out, sizeof(out));
	assert_memory_equal(out + bytes - 4, END, 4);
	reply = (struct http1_reply){ .status = 308,
				      .date = HTTP_SLICE("now"),
				      .location = HTTP_SLICE("https://a/") };
	bytes = http1_reply_build(&reply, out, sizeof(out) - 1);
	out[bytes] = '\0';
	assert_non_null(strstr(out, "\r\nLocation: https://a/\r\n"));
	assert_non_null(strstr(out, "\r\nConnection: close\r\n"));
	assert_int_equal(http1_reply_build(&reply, out, (size_t)bytes - 1), -ENOBUFS);
}

static void field__each_name_finds_its_id_in_any_case(void **state)
{
	static const struct {
		const char *name;
		enum http_field_id id;
	} names[] = {
		{ "host", HTTP_FIELD_HOST },
		{ "te", HTTP_FIELD_TE },
		{ "connection", HTTP_FIELD_CONNECTION },
		{ "content-length", HTTP_FIELD_CONTENT_LENGTH },
		{ "transfer-encoding", HTTP_FIELD_TRANSFER_ENCODING },
		{ "x-forwarded-for", HTTP_FIELD_X_FORWARDED_FOR },
		{ "x-forwarded-host", HTTP_FIELD_X_FORWARDED_HOST },
		{ "x-forwarded-port", HTTP_FIELD_X_FORWARDED_PORT },
		{ "x-forwarded-proto", HTTP_FIELD_X_FORWARDED_PROTO },
		{ "if-unmodified-since", HTTP_FIELD_IF_UNMODIFIED_SINCE },
		{ "www-authenticate", HTTP_FIELD_WWW_AUTHENTICATE },
		{ "x-request-id", HTTP_FIELD_X_REQUEST_ID },
		{ "hosts", HTTP_FIELD_OTHER },
		{ "hast", HTTP_FIELD_OTHER },
		{ "x", HTTP_FIELD_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char upper[32] = "";

		for (size_t j = 0; names[i].name[j]; j++)
			upper[j] = (char)toupper(names[i].name[j]);
		assert_int_equal(http_field_id(names[i].name, strlen(upper)), names[i].id);
		assert_int_equal(http_field_id(upper, strlen(upper)), names[i].id);
	}
}

static void date__is_an_imf_fixdate(void **state)
{
	struct http_date date = { 0 };

	(void)state;
	assert_memory_equal(http_date_get(&date, 784111777).data, "Sun, 06 Nov 1994 08:49:37 GMT",
			    HTTP_DATE_BYTES);
	assert_memory_equal(http_date_get(&date, 784111778).data, "Sun, 06 Nov 1994 08:49:38 GMT",
			    HTTP_DATE_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forward__requests_are_canonical),
		cmocka_unit_test(forward__makes_a_request_id),
		cmocka_unit_test(forward__answers_are_canonical),
		cmocka_unit_test(forward__interim_answers_never_reach_1_0),
		cmocka_unit_test(reply__says_all_and_no_body_to_head),
		cmocka_unit_test(field__each_name_finds_its_id_in_any_case),
		cmocka_unit_test(date__is_an_imf_fixdate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
