/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_path.h - the form of a path that is matched, and the form that is forwarded
 */
#ifndef SLUICE_PROXY_HTTP_PATH_H
#define SLUICE_PROXY_HTTP_PATH_H

#include "proxy/http1/http1_fault.h"

/* True if a path that begins with '/' is in normal form already: no scratch memory is written. */
bool http_path_is_plain(struct http_slice raw);

/**
 * http_path_normalize - normal form of the path of a target, without its query
 * @raw: path that begins with '/', or empty (means "/"); escapes already checked by the request
 *       parser, checked again here
 * @scratch: at least raw.bytes long (1 if empty); may be the memory of @raw itself. Written only if
 *           the path is not plain
 * @out: borrowed from @raw if that is normal already, else from @scratch; begins with '/', never
 *       longer than max(raw.bytes, 1)
 *
 * The form is that of handoff/path_form.h. Rules are compared with it.
 *
 * Return: HTTP1_FAULT_NONE; PATH_ABOVE_ROOT; PATH_ENCODED_SLASH (%2F beside "." or ".."); TARGET
 * (no '/' at the start, a control character, space, '#', '?', a byte over 0x7f); TARGET_ESCAPE.
 * *out is then untouched, @scratch undefined.
 */
enum http1_fault_reason http_path_normalize(struct http_slice raw, char *scratch,
					    struct http_slice *out);

/**
 * http_path_resolve - the path as it is forwarded: no dot segments, everything else as it came
 * @raw: as for http_path_normalize(); changed in place
 * @merge: true: "//" becomes "/"
 * @out: borrowed from @raw, or "/"; its normal form is that of @raw
 * Return: as http_path_normalize(), the same reason for the same path; @raw is undefined then.
 */
enum http1_fault_reason http_path_resolve(char *raw, size_t bytes, bool merge,
					  struct http_slice *out);

#endif /* SLUICE_PROXY_HTTP_PATH_H */
