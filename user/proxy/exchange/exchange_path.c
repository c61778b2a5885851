// SPDX-License-Identifier: Apache-2.0
#include "proxy/exchange/exchange_path.h"

#include "proxy/http/http_path.h"

enum http1_fault_reason exchange_path_read(struct buffer_pool *pool, struct http_slice raw,
					   struct exchange_path *out)
{
	enum http1_fault_reason reason;
	char *scratch = NULL;

	*out = (struct exchange_path){ 0 };
	if (!http_path_is_plain(raw)) {
		out->buffer = raw.bytes <= pool->size ? buffer_get(pool) : buffer_new(raw.bytes);
		if (!out->buffer)
			return HTTP1_FAULT_COUNT;
		scratch = out->buffer->data;
	}
	reason = http_path_normalize(raw, scratch, &out->matched);
	if (reason)
		return reason;
	if (!out->buffer) {
		out->forwarded = out->matched;
		return HTTP1_FAULT_NONE;
	}
	return http_path_resolve((char *)(uintptr_t)raw.data, raw.bytes, false, &out->forwarded);
}

void exchange_path_end(struct buffer_pool *pool, struct exchange_path *path)
{
	buffer_put(pool, path->buffer);
	path->buffer = NULL;
}
