// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/http_date.h"

#include <stdio.h>

/* Not strftime(): names must not follow the locale. */
static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
				    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

struct http_slice http_date_get(struct http_date *date, time_t now_s)
{
	if (date->second != now_s || !date->text[0]) {
		char text[64];
		struct tm tm;

		gmtime_r(&now_s, &tm);
		snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT",
			 days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
			 (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
		snprintf(date->text, sizeof(date->text), "%.*s", HTTP_DATE_BYTES, text);
		date->second = now_s;
	}
	return (struct http_slice){ date->text, HTTP_DATE_BYTES };
}
