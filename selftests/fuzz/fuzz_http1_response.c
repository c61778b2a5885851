// SPDX-License-Identifier: Apache-2.0
/*
 * Responses: the first octet says what was asked, the second where the head is cut. Cut or whole,
 * the answer is the same; what the client is sent is read again with the same meaning.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/http1/http1_forward.h"

#define INPUT_MAX 40000

static void must(int condition)
{
	if (!condition)
		abort();
}

static void forward(const struct http1_response *response, unsigned int asked, uint8_t minor)
{
	struct http1_forward_response how = {
		.date = HTTP_SLICE("Sun, 06 Nov 1994 08:49:37 GMT"),
		.client_keep_alive = true,
		.request_flags = HTTP1_REQUEST_F_KEEP_ALIVE,
		.request_version_minor = minor,
	};
	struct http_field items[HTTP1_RESPONSE_FIELDS_MAX + 8];
	size_t size = http1_forward_response_max(response);
	char *out = malloc(size);
	struct http1_response again;
	int bytes;

	must(out != NULL);
	bytes = http1_forward_response(response, &how, out, size);
	if (bytes == -EINVAL) {
		must(minor == 0 && response->status < 200);
		goto out;
	}
	must(bytes > 0);
	http1_response_begin(&again, items, HTTP1_RESPONSE_FIELDS_MAX + 8);
	must(http1_response_parse(&again, out, (size_t)bytes, UINT32_MAX, asked) == 0);
	must(again.head_bytes == (size_t)bytes && again.status == response->status);
	if (response->status != 101)
		must(again.framing == how.framing);
	if (how.framing == HTTP1_FRAMING_LENGTH)
		must(again.content_length_bytes == response->content_length_bytes);
	if (minor == 0)
		must(how.framing != HTTP1_FRAMING_CHUNKED);
	if (how.keep_alive && response->status >= 200)
		must(again.flags & HTTP1_RESPONSE_F_REUSABLE);
out:
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_field items[HTTP1_RESPONSE_FIELDS_MAX], cut_items[HTTP1_RESPONSE_FIELDS_MAX];
	struct http1_response whole, cut;
	unsigned int asked;
	char *one, *two;
	int err, cut_err;

	if (size < 3 || size > INPUT_MAX)
		return 0;
	asked = data[0] & (HTTP1_ASKED_HEAD | HTTP1_ASKED_UPGRADE);
	size -= 2;
	one = malloc(size);
	two = malloc(size);
	must(one && two);
	memcpy(one, data + 2, size);
	memcpy(two, data + 2, size);
	http1_response_begin(&whole, items, HTTP1_RESPONSE_FIELDS_MAX);
	err = http1_response_parse(&whole, one, size, HTTP1_RESPONSE_HEAD_BYTES_MAX, asked);
	http1_response_begin(&cut, cut_items, HTTP1_RESPONSE_FIELDS_MAX);
	cut_err = http1_response_parse(&cut, two, data[1] % size, HTTP1_RESPONSE_HEAD_BYTES_MAX,
				       asked);
	if (cut_err == -EAGAIN)
		cut_err =
			http1_response_parse(&cut, two, size, HTTP1_RESPONSE_HEAD_BYTES_MAX, asked);
	must(err == cut_err && whole.fault.reason == cut.fault.reason);
	if (err == 0) {
		must(whole.head_bytes == cut.head_bytes && whole.flags == cut.flags);
		must(memcmp(one, two, size) == 0);
		forward(&whole, asked, data[0] & 4 ? 0 : 1);
	}
	free(one);
	free(two);
	return 0;
}
