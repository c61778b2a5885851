// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "proxy/exchange.h"

#define FIELD_FRAME_BYTES 4u /* ": " and CRLF */

static void add(struct exchange_added *added, struct http_slice name, struct http_slice value)
{
	added->fields[added->count++] = (struct http1_extra_field){ name, value };
	added->bytes += name.bytes + value.bytes + FIELD_FRAME_BYTES;
}

/* RFC 6797 7.2: over plain HTTP the field must not be sent. */
static void add_hsts(const struct exchange *x, struct exchange_added *added)
{
	static const char name[] = "Strict-Transport-Security";
	int bytes;

	if (!x->peer->tls || !x->route || !x->route->hsts_max_age_s)
		return;
	bytes = snprintf(added->hsts, sizeof(added->hsts), "max-age=%u", x->route->hsts_max_age_s);
	add(added, (struct http_slice){ name, sizeof(name) - 1 },
	    (struct http_slice){ added->hsts, (uint32_t)bytes });
}

void exchange_added_fields(const struct exchange *x, struct exchange_added *out)
{
	out->count = 0;
	out->bytes = 0;
	add_hsts(x, out);
}
