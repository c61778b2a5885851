/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http1_reply.h - answers of our own: errors, redirects, OPTIONS *
 */
#ifndef SLUICE_PROXY_HTTP1_REPLY_H
#define SLUICE_PROXY_HTTP1_REPLY_H

#include "proxy/http/http_fields.h"
#include "proxy/http1/http1_forward.h"

#define HTTP_SERVER_NAME     "sluice"
#define HTTP1_REPLY_MAX      1024 /* bytes, Location and extra fields not counted */
#define HTTP1_CONTINUE       "HTTP/1.1 100 Continue\r\n\r\n"
#define HTTP1_CONTINUE_BYTES (sizeof(HTTP1_CONTINUE) - 1)

struct http1_reply {
	unsigned int status;
	struct http_slice date;                /* IMF-fixdate, see http_date.h */
	struct http_slice location;            /* for 308, else empty */
	uint32_t retry_after_s;                /* for 503; 0: none */
	uint32_t hsts_max_age_s;               /* Strict-Transport-Security; 0: none */
	const struct http1_extra_field *extra; /* borrowed: more fields */
	uint32_t extra_count;
	bool hsts_subdomains;
	bool head_only;          /* the request was HEAD: no body, its length all the same */
	bool keep_alive;         /* else "Connection: close" is sent */
	bool confirm_keep_alive; /* with keep_alive: say it, for HTTP/1.0 clients */
};

/**
 * http1_reply_build - whole answer, head and short text body
 * Return: bytes written; -ENOBUFS if @size is too small (HTTP1_REPLY_MAX + location.bytes is
 * enough).
 */
int http1_reply_build(const struct http1_reply *reply, char *out, size_t size);

/* Reason phrase of RFC 9110 and its kin; "Unknown" for a status without one. */
const char *http_status_reason(unsigned int status);

#endif /* SLUICE_PROXY_HTTP1_REPLY_H */
