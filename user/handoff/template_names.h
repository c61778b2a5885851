/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template_names.h - what a text with variables may name; the table checks it, a worker fills it in
 *
 * Beside these: arg_NAME, http_NAME and cookie_NAME.
 */
#ifndef SLUICE_HANDOFF_TEMPLATE_NAMES_H
#define SLUICE_HANDOFF_TEMPLATE_NAMES_H

#include <ctype.h>
#include <stddef.h>

#define TEMPLATE_NAMES                                                                           \
	{                                                                                        \
		"scheme", "host", "http_host", "best_http_host", "request_uri",                  \
			"escaped_request_uri", "uri", "args", "query_string", "request_method",  \
			"remote_addr", "binary_remote_addr", "server_name", "pass_access_scheme" \
	}

/* Bytes of the name that begins at @text. */
static inline size_t template_name_bytes(const char *text)
{
	size_t bytes = 0;

	while (isalnum((unsigned char)text[bytes]) || text[bytes] == '_')
		bytes++;
	return bytes;
}

#endif /* SLUICE_HANDOFF_TEMPLATE_NAMES_H */
