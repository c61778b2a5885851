// SPDX-License-Identifier: Apache-2.0
/*
 * Paths: a normal form is short enough, normal again, has no dot segment and no "//", and is the
 * same when made in place.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/http/http_path.h"

static void must(int condition)
{
	if (!condition)
		abort();
}

static void check_normal(const char *path, size_t bytes)
{
	size_t segment = 1;

	must(bytes > 0 && path[0] == '/');
	for (size_t i = 1; i <= bytes; i++) {
		size_t length = i - segment;

		if (i < bytes && path[i] != '/')
			continue;
		must(length > 0 || i == bytes);
		must(!(length == 1 && path[segment] == '.'));
		must(!(length == 2 && path[segment] == '.' && path[segment + 1] == '.'));
		segment = i + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *raw = malloc(size ? size : 1), *scratch = malloc(size ? size : 1);
	struct http_slice in = { raw, (uint32_t)size };
	enum http1_fault_reason reason;
	struct http_slice out, again;

	must(raw && scratch);
	if (size)
		memcpy(raw, data, size);
	reason = http_path_normalize(in, scratch, &out);
	if (reason == HTTP1_FAULT_NONE) {
		must(out.bytes <= (size ? size : 1));
		check_normal(out.data, out.bytes);
		must(http_path_normalize(in, raw, &again) == HTTP1_FAULT_NONE);
		must(again.bytes == out.bytes && memcmp(again.data, out.data, out.bytes) == 0);
		must(http_path_normalize(out, scratch, &again) == HTTP1_FAULT_NONE);
		must(again.data == out.data || memcmp(again.data, out.data, out.bytes) == 0);
		must(again.bytes == out.bytes);
	}
	free(raw);
	free(scratch);
	return 0;
}
