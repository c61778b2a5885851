/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_date.h - the Date field, made once a second
 */
#ifndef SLUICE_PROXY_HTTP_DATE_H
#define SLUICE_PROXY_HTTP_DATE_H

#include "proxy/http/http_fields.h"

#include <time.h>

#define HTTP_DATE_BYTES 29 /* "Sun, 06 Nov 1994 08:49:37 GMT": RFC 9110 5.6.7 */

struct http_date {
	time_t second;
	char text[HTTP_DATE_BYTES + 1];
};

/* A zeroed struct http_date is ready. Return: the text for @now_s (CLOCK_REALTIME), borrowed. */
struct http_slice http_date_get(struct http_date *date, time_t now_s);

#endif /* SLUICE_PROXY_HTTP_DATE_H */
