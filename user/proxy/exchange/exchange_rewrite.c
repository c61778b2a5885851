// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "proxy/exchange/exchange_priv.h"
#include "proxy/http/http_path.h"

enum http1_fault_reason exchange_rewrite(const struct exchange *x, struct buffer *buffer,
					 struct exchange_path *path)
{
	bool whole = false;
	uint32_t most = x->turn->settings->limits.target_bytes_max;
	int bytes = routing_rewrite(x->routing, x->route, path->matched, path->forwarded, &whole,
				    buffer->data, most < buffer->size ? most : buffer->size);

	if (bytes == -ENOENT)
		return HTTP1_FAULT_NONE;
	if (bytes == -ENODATA)
		return HTTP1_FAULT_COUNT;
	if (bytes < 0)
		return HTTP1_FAULT_TARGET_LONG;
	/* Groups may have brought dot segments together: none is forwarded. */
	return http_path_resolve(buffer->data, (size_t)bytes, whole, &path->forwarded);
}
