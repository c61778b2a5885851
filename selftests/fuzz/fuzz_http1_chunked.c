// SPDX-License-Identifier: Apache-2.0
/*
 * Chunked bodies: the first octet is the size of the pieces in which the rest arrives. Payload,
 * end and fault are the same as in one piece; the payload in chunks of our own is read back.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/http1/http1_body.h"

#define INPUT_MAX 20000

struct result {
	char payload[INPUT_MAX];
	size_t payload_bytes, consumed_bytes;
	enum http1_fault_reason reason;
	uint32_t trailers;
	bool done;
};

static struct result whole, split, back;

static void must(int condition)
{
	if (!condition)
		abort();
}

static void run(struct result *r, const char *text, size_t bytes, size_t piece, unsigned int flags)
{
	struct http_field items[HTTP1_TRAILERS_MAX];
	struct http_fields trailers = { .items = items, .capacity = HTTP1_TRAILERS_MAX };
	struct http1_body body;
	char *copy = malloc(bytes);
	size_t from = 0, to = 0;
	int err;

	must(copy != NULL);
	memcpy(copy, text, bytes);
	r->payload_bytes = 0;
	http1_body_begin(&body, HTTP1_FRAMING_CHUNKED, 0, flags);
	while (!body.done) {
		struct http_slice payload;
		size_t consumed;

		err = http1_body_next(&body, copy + from, to - from, &consumed, &payload,
				      &trailers);
		must(consumed <= to - from);
		if (err == -EAGAIN && to < bytes) {
			to = bytes - to < piece ? bytes : to + piece;
			continue;
		}
		if (err)
			break;
		must(consumed > 0);
		if (payload.bytes) {
			must(payload.data >= copy + from &&
			     payload.data + payload.bytes <= copy + from + consumed);
			memcpy(r->payload + r->payload_bytes, payload.data, payload.bytes);
			r->payload_bytes += payload.bytes;
		}
		from += consumed;
	}
	must(body.payload_bytes == r->payload_bytes);
	r->consumed_bytes = from;
	r->reason = body.fault.reason;
	r->done = body.done;
	r->trailers = body.done ? trailers.count : 0;
	for (uint32_t i = 0; i < r->trailers; i++)
		must(http_field_allowed_in_trailer(&items[i]));
	free(copy);
}

static void check_back(void)
{
	static char text[INPUT_MAX + 64];
	size_t used = 0;

	if (whole.payload_bytes) {
		used = http1_chunk_head(text, whole.payload_bytes);
		memcpy(text + used, whole.payload, whole.payload_bytes);
		used += whole.payload_bytes;
		memcpy(text + used, "\r\n", 2);
		used += 2;
	}
	must(http1_chunk_last(text + used, sizeof(text) - used, NULL) == 5);
	run(&back, text, used + 5, used + 5, 0);
	must(back.done && back.payload_bytes == whole.payload_bytes);
	must(memcmp(back.payload, whole.payload, whole.payload_bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	unsigned int flags;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	size--;
	flags = data[0] & 0x80 ? HTTP1_BODY_F_RESPONSE : 0;
	run(&whole, text, size, size, flags);
	run(&split, text, size, 1 + data[0] % 16, flags);
	must(whole.reason == split.reason && whole.done == split.done);
	must(whole.payload_bytes == split.payload_bytes && whole.trailers == split.trailers);
	must(memcmp(whole.payload, split.payload, whole.payload_bytes) == 0);
	if (whole.done) {
		must(whole.consumed_bytes == split.consumed_bytes);
		check_back();
	}
	return 0;
}
