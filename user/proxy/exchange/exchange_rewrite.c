// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "proxy/exchange/exchange_priv.h"
#include "proxy/http/http_path.h"

int exchange_rewrite(struct exchange *x, struct buffer *buffer, struct http_slice *path)
{
	enum http1_fault_reason reason = HTTP1_FAULT_TARGET_LONG;
	uint32_t most = x->turn->settings->limits.target_bytes_max;
	int bytes = routing_rewrite(x->routing, x->route, *path, buffer->data,
				    most < buffer->size ? most : buffer->size);

	if (bytes == -ENOENT)
		return 0;
	/* Groups may have brought together what is no normal path: what is forwarded is one. */
	if (bytes >= 0)
		reason = http_path_normalize((struct http_slice){ buffer->data, (uint32_t)bytes },
					     buffer->data, path);
	if (reason == HTTP1_FAULT_NONE)
		return 0;
	exchange_refuse(x, &(struct http1_fault){ reason, x->request.target });
	return -EINVAL;
}
