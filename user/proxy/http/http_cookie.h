/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_cookie.h - one cookie of a request
 */
#ifndef SLUICE_PROXY_HTTP_COOKIE_H
#define SLUICE_PROXY_HTTP_COOKIE_H

#include "proxy/http/http_fields.h"

/**
 * http_cookie_find - the first cookie of that name in all Cookie fields
 * @name: case-sensitive
 * @value: out, borrowed; without the quotes that it may stand in
 * Return: true if there is one; its value may be empty.
 * Source: RFC 6265 4.2.1, read as leniently as servers do: pairs between ';', blanks around.
 */
bool http_cookie_find(const struct http_fields *fields, const char *name, size_t name_bytes,
		      struct http_slice *value);

#endif /* SLUICE_PROXY_HTTP_COOKIE_H */
