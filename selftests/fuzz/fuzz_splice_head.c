// SPDX-License-Identifier: Apache-2.0
/*
 * The head that the kernel takes is one that the relay's parser takes, with the same meaning, and
 * that the relay would pass on with the same fields. What lies behind the bytes of the message (of
 * a response before) changes nothing.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/http1/http1_forward.h"
#include "sluice_schema.h"

#include "../../bpf/splice/splice_head.bpf.h"

static void must(int condition)
{
	if (!condition)
		abort();
}

/* As sk_skb.bpf.c calls it. Return: true: taken. */
static bool scan_as_kernel(struct head_scan *scan, const uint8_t *data, size_t size, int rest)
{
	static uint8_t scratch[sizeof(((struct head_scratch *)0)->data)];
	uint32_t bytes = size < SLUICE_SPLICE_HEAD_MAX ? (uint32_t)size : SLUICE_SPLICE_HEAD_MAX;

	memset(scratch, rest, sizeof(scratch));
	memcpy(scratch, data, bytes);
	memset(scan, 0, sizeof(*scan));
	if (head_begin(scan, scratch, bytes))
		return false;
	for (uint32_t i = 0; i < HEAD_STEPS_MAX; i++)
		if (head_step(scan))
			break;
	return scan->phase == HEAD_WHOLE;
}

static bool may_stand(const struct http_field *field)
{
	switch (field->id) {
	case HTTP_FIELD_HTTP2_SETTINGS:
	case HTTP_FIELD_KEEP_ALIVE:
	case HTTP_FIELD_PROXY_CONNECTION:
	case HTTP_FIELD_TE:
	case HTTP_FIELD_TRAILER:
	case HTTP_FIELD_TRANSFER_ENCODING:
	case HTTP_FIELD_UPGRADE:
		return false;
	default:
		return true;
	}
}

/* The fields that the relay sends are those of the backend, but for what it writes itself. */
static void compare_fields(struct http1_response *from, unsigned int asked)
{
	static char out[2 * SLUICE_SPLICE_HEAD_MAX + 1024];
	struct http1_forward_response how = {
		.date = HTTP_SLICE("Sun, 06 Nov 1994 08:49:37 GMT"),
		.client_keep_alive = true,
		.request_flags = HTTP1_REQUEST_F_KEEP_ALIVE,
		.request_version_minor = 1,
	};
	struct http_field items[HTTP1_RESPONSE_FIELDS_MAX];
	struct http1_response sent;
	uint32_t at = 0;
	int bytes = http1_forward_response(from, &how, out, sizeof(out));

	must(bytes > 0 && how.keep_alive && how.framing == HTTP1_FRAMING_LENGTH);
	http1_response_begin(&sent, items, HTTP1_RESPONSE_FIELDS_MAX);
	must(http1_response_parse(&sent, out, (size_t)bytes, UINT32_MAX, asked) == 0);
	for (uint32_t i = 0; i < from->fields.count; i++) {
		const struct http_field *field = &from->fields.items[i];
		const struct http_field *same = &sent.fields.items[at];

		if (field->id == HTTP_FIELD_CONNECTION || field->id == HTTP_FIELD_CONTENT_LENGTH)
			continue;
		must(at < sent.fields.count && same->name_bytes == field->name_bytes &&
		     memcmp(same->name, field->name, field->name_bytes) == 0);
		must(same->value_bytes == field->value_bytes &&
		     memcmp(same->value, field->value, field->value_bytes) == 0);
		at++;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_field items[HTTP1_RESPONSE_FIELDS_MAX];
	struct http1_response response;
	struct head_scan scan, again;
	bool taken = scan_as_kernel(&scan, data, size, 'x');
	char *copy;

	must(scan_as_kernel(&again, data, size, '\r') == taken);
	must(scan_as_kernel(&again, data, size, '\n') == taken);
	if (!taken) {
		must(scan.reason != SPLICE_WHY_NONE);
		return 0;
	}
	must(again.at == scan.at && again.length_bytes == scan.length_bytes);
	copy = malloc(size);
	must(copy != NULL);
	memcpy(copy, data, size);
	http1_response_begin(&response, items, HTTP1_RESPONSE_FIELDS_MAX);
	must(http1_response_parse(&response, copy, size, HTTP1_RESPONSE_HEAD_BYTES_MAX, 0) == 0);
	must(response.head_bytes == scan.at && response.status == scan.status);
	must(response.version_minor == 1 && response.framing == HTTP1_FRAMING_LENGTH);
	must(response.content_length_bytes == scan.length_bytes);
	must(response.flags & HTTP1_RESPONSE_F_REUSABLE);
	must(!(response.flags & (HTTP1_RESPONSE_F_INTERIM | HTTP1_RESPONSE_F_SWITCH)));
	must(http_fields_find(&response.fields, HTTP_FIELD_DATE, 0) != NULL);
	for (uint32_t i = 0; i < response.fields.count; i++)
		must(may_stand(&response.fields.items[i]));
	compare_fields(&response, 0);
	free(copy);
	return 0;
}
