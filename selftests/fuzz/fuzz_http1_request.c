// SPDX-License-Identifier: Apache-2.0
/*
 * Requests: the first octet says where the head is cut. Cut or whole, the answer is the same; and
 * what is forwarded is read again with the same meaning.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/http1/http1_forward.h"
#include "proxy/http/http_cookie.h"
#include "proxy/http/http_path.h"

#define INPUT_MAX 40000

static const struct http1_limits limits = { HTTP1_HEAD_BYTES_MAX, HTTP1_TARGET_BYTES_MAX };
static const struct http1_limits no_limits = { HTTP1_HEAD_BYTES_LIMIT, HTTP1_HEAD_BYTES_LIMIT };

static void must(int condition)
{
	if (!condition)
		abort();
}

/* Exactly as many octets as there are, so that the sanitizer sees a read behind them. */
static char *copy(const char *text, size_t bytes)
{
	char *out = malloc(bytes ? bytes : 1);

	must(out != NULL);
	if (bytes)
		memcpy(out, text, bytes);
	return out;
}

static void check_cut(const char *text, size_t bytes, size_t cut, const struct http1_request *whole,
		      int whole_err)
{
	struct http_field items[HTTP1_FIELDS_MAX];
	struct http1_request request;
	char *first = copy(text, cut);
	char *all = copy(text, bytes);
	int err;

	http1_request_begin(&request, items, HTTP1_FIELDS_MAX);
	err = http1_request_parse(&request, first, cut, &limits);
	if (err == -EAGAIN)
		err = http1_request_parse(&request, all, bytes, &limits);
	must(err == whole_err);
	if (err == -EBADMSG)
		must(request.fault.reason == whole->fault.reason);
	if (err == 0) {
		must(request.head_bytes == whole->head_bytes && request.flags == whole->flags);
		must(request.framing == whole->framing);
		must(request.fields.count == whole->fields.count);
		must(request.path.bytes == whole->path.bytes);
	}
	free(first);
	free(all);
}

static void check_forwarded(const struct http1_request *request, const char *head, size_t bytes)
{
	struct http_field items[2 * HTTP1_FIELDS_MAX];
	struct http1_request again;

	http1_request_begin(&again, items, 2 * HTTP1_FIELDS_MAX);
	must(http1_request_parse(&again, head, bytes, &no_limits) == 0);
	must(again.head_bytes == bytes && again.framing == request->framing);
	must(again.content_length_bytes == request->content_length_bytes);
	must(again.method_id == request->method_id);
	must(again.query.bytes == request->query.bytes);
	if (request->host.kind)
		must(memcmp(&again.host, &request->host, sizeof(again.host)) == 0);
	must(!(again.flags & HTTP1_REQUEST_F_ABSOLUTE));
	must((again.flags & HTTP1_REQUEST_F_WEBSOCKET) ==
	     (request->flags & HTTP1_REQUEST_F_WEBSOCKET));
	for (uint32_t i = 0; i < again.fields.count; i++)
		must(!(again.fields.items[i].flags & HTTP_FIELD_F_UNDERSCORE));
}

static void forward(const struct http1_request *request, uint32_t flags)
{
	struct http1_id_source ids = { { 1, 2 } };
	struct http1_forward_request how = { .ids = &ids, .local_port = 80, .flags = flags };
	size_t size = http1_forward_request_max(request);
	char *scratch = malloc(request->path.bytes + 1);
	char *out = malloc(size);
	int bytes;

	must(scratch && out);
	if (request->flags & HTTP1_REQUEST_F_ASTERISK)
		goto out;
	if (http_path_normalize(request->path, scratch, &how.path) != HTTP1_FAULT_NONE)
		goto out;
	how.client = inet_addr_from_v4(0x0100007f);
	how.local = inet_addr_from_v4(0x0200007f);
	bytes = http1_forward_request(request, &how, out, size);
	must(bytes > 0);
	check_forwarded(request, out, (size_t)bytes);
out:
	free(scratch);
	free(out);
}

/* The value of a cookie lies within one Cookie field. */
static void find_cookie(const struct http1_request *request)
{
	const struct http_fields *fields = &request->fields;
	const struct http_field *field = http_fields_find(fields, HTTP_FIELD_COOKIE, 0);
	struct http_slice value;
	bool within = false;

	if (!http_cookie_find(fields, "id", 2, &value))
		return;
	for (; field && !within; field = http_fields_find(fields, HTTP_FIELD_COOKIE,
							  (uint32_t)(field - fields->items) + 1))
		within = value.data >= field->value + 3 &&
			 value.data + value.bytes <= field->value + field->value_bytes;
	must(within);
	must(!value.bytes || !memchr(value.data, ';', value.bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_field items[HTTP1_FIELDS_MAX];
	struct http1_request request;
	const char *text = (const char *)data + 1;
	char *all;
	int err;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	size--;
	all = copy(text, size);
	http1_request_begin(&request, items, HTTP1_FIELDS_MAX);
	err = http1_request_parse(&request, all, size, &limits);
	check_cut(text, size, data[0] % size, &request, err);
	if (err == 0 && http1_request_count_hop(&request)) {
		forward(&request, 0);
		forward(&request, HTTP1_FORWARD_F_TRUSTED_PEER);
		find_cookie(&request);
	}
	free(all);
	return 0;
}
