// SPDX-License-Identifier: Apache-2.0
/*
 * exchange_text.c - texts of a route with variables, filled in from the request
 */
#include <string.h>

#include "handoff/template_names.h"
#include "proxy/exchange/exchange_priv.h"
#include "proxy/http/http_chars.h"
#include "proxy/http/http_cookie.h"
#include "proxy/http1/http1_output.h"

static bool is(const char *name, size_t bytes, const char *wanted)
{
	return strlen(wanted) == bytes && memcmp(name, wanted, bytes) == 0;
}

/* What follows the family's name, if @name is of it. */
static const char *family(const char *name, size_t *bytes, const char *prefix)
{
	size_t prefix_bytes = strlen(prefix);

	if (*bytes <= prefix_bytes || memcmp(name, prefix, prefix_bytes) != 0)
		return NULL;
	*bytes -= prefix_bytes;
	return name + prefix_bytes;
}

static void put_argument(struct http1_output *out, struct http_slice query, const char *name,
			 size_t bytes)
{
	const char *at = query.data, *end = query.data + query.bytes;

	while (at < end) {
		const char *next = ++at; /* past '?' or '&' */

		while (next < end && *next != '&')
			next++;
		if ((size_t)(next - at) > bytes && at[bytes] == '=' &&
		    memcmp(at, name, bytes) == 0) {
			http1_output_text(out, at + bytes + 1, (size_t)(next - at) - bytes - 1);
			return;
		}
		at = next;
	}
}

/* A field by the name that it has in a variable: '_' for '-', lower case. */
static void put_field(struct http1_output *out, const struct http_fields *fields, const char *name,
		      size_t bytes)
{
	char dashed[64];
	const struct http_field *field;

	if (bytes > sizeof(dashed))
		return;
	for (size_t i = 0; i < bytes; i++)
		dashed[i] = name[i] == '_' ? '-' : name[i];
	field = http_fields_find_name(fields, dashed, bytes);
	if (field)
		http1_output_text(out, field->value, field->value_bytes);
}

static void put_escaped(struct http1_output *out, struct http_slice text)
{
	static const char digits[] = "0123456789ABCDEF";

	for (uint32_t i = 0; i < text.bytes; i++) {
		const char c = text.data[i];
		const char escape[] = { '%', digits[(uint8_t)c >> 4], digits[c & 15] };

		if (http_char_is(c, HTTP_CHAR_UNRESERVED))
			http1_output_text(out, &c, 1);
		else
			http1_output_text(out, escape, sizeof(escape));
	}
}

static void put_source(struct http1_output *out, const struct exchange *x)
{
	struct inet_addr source = exchange_source(x);
	char text[INET_ADDR_TEXT_MAX];

	inet_addr_format(&source, text);
	http1_output_text(out, text, strlen(text));
}

/* Variables of the request as it came. Return: is it one? */
static bool put_request(struct http1_output *out, const struct exchange *x, const char *name,
			size_t bytes)
{
	const struct http1_request *request = &x->request;

	if (is(name, bytes, "request_uri")) {
		http1_output_slice(out, request->path);
		http1_output_slice(out, request->query);
	} else if (is(name, bytes, "escaped_request_uri")) {
		put_escaped(out, request->path);
		put_escaped(out, request->query);
	} else if (is(name, bytes, "uri")) {
		http1_output_slice(out, request->path);
	} else if (is(name, bytes, "args") || is(name, bytes, "query_string")) {
		if (request->query.bytes)
			http1_output_text(out, request->query.data + 1, request->query.bytes - 1);
	} else if (is(name, bytes, "request_method")) {
		http1_output_slice(out, request->method);
	} else {
		return false;
	}
	return true;
}

static void put_variable(struct http1_output *out, const struct exchange *x, const char *name,
			 size_t bytes)
{
	const struct http1_request *request = &x->request;
	struct http_slice cookie;
	const char *rest;

	if (is(name, bytes, "scheme") || is(name, bytes, "pass_access_scheme")) {
		http1_output_text(out, "https", x->https ? 5 : 4);
	} else if (is(name, bytes, "host") || is(name, bytes, "server_name")) {
		http1_output_text(out, request->host.name, request->host.name_bytes);
	} else if (is(name, bytes, "http_host") || is(name, bytes, "best_http_host")) {
		http1_output_slice(out, request->authority);
	} else if (is(name, bytes, "remote_addr") || is(name, bytes, "binary_remote_addr")) {
		put_source(out, x);
	} else if (!put_request(out, x, name, bytes)) {
		if ((rest = family(name, &bytes, "arg_")))
			put_argument(out, request->query, rest, bytes);
		else if ((rest = family(name, &bytes, "http_")))
			put_field(out, &request->fields, rest, bytes);
		else if ((rest = family(name, &bytes, "cookie_")) &&
			 http_cookie_find(&request->fields, rest, bytes, &cookie))
			http1_output_slice(out, cookie);
	}
}

int exchange_text(const struct exchange *x, const char *text, char *out, size_t size)
{
	struct http1_output o = { out, out + size, false };

	for (const char *c = text; *c; c++) {
		bool braced = c[0] == '$' && c[1] == '{';
		size_t bytes;

		if (*c != '$') {
			http1_output_text(&o, c, 1);
			continue;
		}
		c += braced ? 2 : 1;
		bytes = template_name_bytes(c);
		put_variable(&o, x, c, bytes);
		c += bytes;
		if (!braced || !*c)
			c--;
	}
	return http1_output_end(&o, out);
}
