/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_host.h - the authority of a request (Host field, absolute-form target, :authority, SNI)
 */
#ifndef SLUICE_PROXY_HTTP_HOST_H
#define SLUICE_PROXY_HTTP_HOST_H

#include <stddef.h>
#include <stdint.h>

#define HTTP_HOST_BYTES_MAX 255 /* RFC 1035 2.3.4; the text form of a name has 253 + a dot */

enum http_host_kind {
	HTTP_HOST_NONE = 0, /* HTTP/1.0 without Host */
	HTTP_HOST_NAME,
	HTTP_HOST_IPV4,
	HTTP_HOST_IPV6, /* was in brackets */
};

struct http_host {
	uint8_t kind; /* enum http_host_kind */
	uint8_t name_bytes;
	uint16_t port;                      /* host order; 0: none, or an empty one */
	char name[HTTP_HOST_BYTES_MAX + 1]; /* lower case, no port, brackets or one trailing dot */
};

/**
 * http_host_parse - check and normalise "host", "host:port", "1.2.3.4:80", "[::1]:80"
 * Letters, digits and "-._~" make a name. Refused: userinfo, an empty host, empty labels, every
 * other character (also percent escapes), port 0 or above 65535, a zone. "host:" has no port.
 * Return: 0; -EINVAL, *out untouched.
 * Source: RFC 9110 4.2 and 7.2, RFC 3986 3.2.2 with the choices of docs/http.md.
 */
int http_host_parse(const char *text, size_t bytes, struct http_host *out);

/* The key for the routing table: bytes of out->name, 0 for addresses and no host. */
static inline size_t http_host_route_bytes(const struct http_host *host)
{
	return host->kind == HTTP_HOST_NAME ? host->name_bytes : 0;
}

#endif /* SLUICE_PROXY_HTTP_HOST_H */
