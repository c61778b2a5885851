/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange_path.h - the path of a request: as rules are matched with it, and as it is forwarded
 */
#ifndef SLUICE_PROXY_EXCHANGE_PATH_H
#define SLUICE_PROXY_EXCHANGE_PATH_H

#include "proxy/loop/buffer.h"
#include "proxy/http1/http1_fault.h"

struct exchange_path {
	struct http_slice matched;   /* normal form; borrowed from the request or .buffer */
	struct http_slice forwarded; /* borrowed from the request, or what it was rewritten to */
	struct buffer *buffer;       /* owned: memory of .matched; NULL: it is plain */
};

/**
 * exchange_path_read - both forms of the path of a request
 * @raw: changed in place: dot segments go
 * @out: ended by exchange_path_end(), also after a failure
 * Return: HTTP1_FAULT_NONE; as http_path_normalize(); HTTP1_FAULT_COUNT: there is no memory.
 */
enum http1_fault_reason exchange_path_read(struct buffer_pool *pool, struct http_slice raw,
					   struct exchange_path *out);
void exchange_path_end(struct buffer_pool *pool, struct exchange_path *path);

#endif /* SLUICE_PROXY_EXCHANGE_PATH_H */
