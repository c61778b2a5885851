// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http_path.h"

#include <string.h>

#include "handoff/path_form.h"
#include "proxy/http/http_chars.h"

static enum http1_fault_reason reason_of(enum path_form_fault fault)
{
	switch (fault) {
	case PATH_FORM_ABOVE_ROOT:
		return HTTP1_FAULT_PATH_ABOVE_ROOT;
	case PATH_FORM_ENCODED_SLASH:
		return HTTP1_FAULT_PATH_ENCODED_SLASH;
	default:
		return HTTP1_FAULT_NONE;
	}
}

/* What may stand in a path, before anything is made of it. */
static enum http1_fault_reason check(struct http_slice raw)
{
	if (raw.data[0] != '/' || memchr(raw.data, '?', raw.bytes) ||
	    http_run(raw.data, 0, raw.bytes, HTTP_CHAR_TARGET) != raw.bytes)
		return HTTP1_FAULT_TARGET;
	if (!path_form_escapes_valid(raw.data, raw.bytes))
		return HTTP1_FAULT_TARGET_ESCAPE;
	return HTTP1_FAULT_NONE;
}

bool http_path_is_plain(struct http_slice raw)
{
	return path_form_is_plain(raw.data, raw.bytes);
}

enum http1_fault_reason http_path_normalize(struct http_slice raw, char *scratch,
					    struct http_slice *out)
{
	enum http1_fault_reason reason;
	size_t bytes;

	if (raw.bytes == 0) {
		*out = HTTP_SLICE("/");
		return HTTP1_FAULT_NONE;
	}
	reason = check(raw);
	if (reason)
		return reason;
	if (http_path_is_plain(raw)) {
		*out = raw;
		return HTTP1_FAULT_NONE;
	}
	bytes = path_form_decode(raw.data, raw.bytes, scratch);
	reason = reason_of(path_form_resolve(scratch, &bytes, true));
	if (!reason)
		*out = (struct http_slice){ scratch, (uint32_t)bytes };
	return reason;
}

enum http1_fault_reason http_path_resolve(char *raw, size_t bytes, bool merge,
					  struct http_slice *out)
{
	enum http1_fault_reason reason;

	if (bytes == 0) {
		*out = HTTP_SLICE("/");
		return HTTP1_FAULT_NONE;
	}
	reason = check((struct http_slice){ raw, (uint32_t)bytes });
	if (!reason)
		reason = reason_of(path_form_resolve(raw, &bytes, merge));
	if (!reason)
		*out = (struct http_slice){ raw, (uint32_t)bytes };
	return reason;
}
