// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "proxy/exchange/exchange_priv.h"
#include "proxy/http/http_path.h"

enum http1_fault_reason exchange_rewrite(const struct exchange *x, struct buffer *buffer,
					 struct http_slice *path)
{
	uint32_t most = x->turn->settings->limits.target_bytes_max;
	int bytes = routing_rewrite(x->routing, x->route, *path, buffer->data,
				    most < buffer->size ? most : buffer->size);

	if (bytes == -ENOENT)
		return HTTP1_FAULT_NONE;
	if (bytes < 0)
		return HTTP1_FAULT_TARGET_LONG;
	/* Groups may have brought together what is no normal path: what is forwarded is one. */
	return http_path_normalize((struct http_slice){ buffer->data, (uint32_t)bytes },
				   buffer->data, path);
}
