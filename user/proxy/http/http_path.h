/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_path.h - the one form of a path that is matched and forwarded
 */
#ifndef SLUICE_PROXY_HTTP_PATH_H
#define SLUICE_PROXY_HTTP_PATH_H

#include "proxy/http1/http1_fault.h"

/**
 * http_path_normalize - normal form of the path of a target, without its query
 * @raw: path that begins with '/', or empty (means "/"); escapes already checked by the request
 *       parser, checked again here
 * @scratch: at least raw.bytes long (1 if empty); may be the memory of @raw itself. Written only if
 *           the path is not in its normal form already
 * @out: borrowed from @raw if that is normal already, else from @scratch; begins with '/', never
 *       longer than max(raw.bytes, 1)
 *
 * In this order: escapes of unreserved characters decoded (never %2F), "//" merged, dot segments
 * removed. All other escapes and characters stay as they came.
 *
 * Return: HTTP1_FAULT_NONE; PATH_ABOVE_ROOT; PATH_ENCODED_SLASH (%2F beside "." or ".."); TARGET
 * (no '/' at the start, a control character, space, '#', '?', a byte over 0x7f); TARGET_ESCAPE.
 * *out is then untouched, @scratch undefined.
 */
enum http1_fault_reason http_path_normalize(struct http_slice raw, char *scratch,
					    struct http_slice *out);

#endif /* SLUICE_PROXY_HTTP_PATH_H */
