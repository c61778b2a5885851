// SPDX-License-Identifier: Apache-2.0
/*
 * Paths: a normal form is short enough, normal again, has no dot segment and no "//", and is the
 * same when made in place. The two sides against each other: the path that is forwarded has the
 * normal form that was matched, and a rule that is written like the request matches it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/http/http_path.h"
#include "table/policy/path.h"

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

static int same(struct http_slice one, const char *text, size_t bytes)
{
	return one.bytes == bytes && memcmp(one.data, text, bytes) == 0;
}

/* No dot segment, escaped or not, is forwarded, and the backend's path is the one of the rule. */
static void check_forwarded(const uint8_t *data, size_t size, enum http1_fault_reason reason,
			    struct http_slice normal)
{
	char *raw = malloc(size ? size : 1), *scratch = malloc(size ? size : 1);
	struct http_slice out, again;

	must(raw && scratch);
	if (size)
		memcpy(raw, data, size);
	must(http_path_resolve(raw, size, false, &out) == reason);
	if (reason == HTTP1_FAULT_NONE) {
		must(out.bytes <= (size ? size : 1));
		must(http_path_normalize(out, scratch, &again) == HTTP1_FAULT_NONE);
		must(same(again, normal.data, normal.bytes));
		if (size)
			memcpy(raw, data, size);
		must(http_path_resolve(raw, size, true, &out) == HTTP1_FAULT_NONE);
		check_normal(out.data, out.bytes);
		must(http_path_normalize(out, scratch, &again) == HTTP1_FAULT_NONE);
		must(same(again, normal.data, normal.bytes));
	}
	free(raw);
	free(scratch);
}

/* The path of a rule, and a request for it. */
static void check_rule(const uint8_t *data, size_t size, enum http1_fault_reason reason,
		       struct http_slice normal)
{
	char *text = malloc(size + 1);
	char *rule, *scratch;
	struct http_slice out;
	const char *fault;

	must(text != NULL);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	fault = path_normalise(text, &rule);
	must((rule != NULL) == !fault);
	if (rule) {
		/* What a client asks for to reach the rule is the rule's text itself. */
		scratch = malloc(strlen(rule) + 1);
		must(scratch != NULL);
		must(http_path_normalize((struct http_slice){ rule, (uint32_t)strlen(rule) },
					 scratch, &out) == HTTP1_FAULT_NONE);
		must(same(out, rule, strlen(rule)));
		free(scratch);
		/* ... and so is any other spelling of it. */
		if (reason == HTTP1_FAULT_NONE && strlen(text) == size)
			must(same(normal, rule, strlen(rule)));
	}
	free(rule);
	free(text);
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
	if (size)
		memcpy(raw, data, size);
	if (http_path_normalize(in, scratch, &out) != HTTP1_FAULT_NONE)
		out = in;
	check_forwarded(data, size, reason, out);
	check_rule(data, size, reason, out);
	free(raw);
	free(scratch);
	return 0;
}
