// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>

#include "proxy/exchange/exchange_priv.h"

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

	if (!x->https || !x->route || !x->route->hsts_max_age_s)
		return;
	bytes = snprintf(added->hsts, sizeof(added->hsts), "max-age=%u", x->route->hsts_max_age_s);
	add(added, (struct http_slice){ name, sizeof(name) - 1 },
	    (struct http_slice){ added->hsts, (uint32_t)bytes });
}

/* Path=/: other paths of the host may lead to the same Service, and then to the same pod. */
static void add_affinity(const struct exchange *x, struct exchange_added *added)
{
	static const char *const same_site[] = { "", "; SameSite=Lax", "; SameSite=Strict",
						 "; SameSite=None" };
	char max_age[32] = "";
	int bytes;

	if (!x->balance.new_tag)
		return;
	if (x->route->cookie_max_age_s)
		snprintf(max_age, sizeof(max_age), "; Max-Age=%u", x->route->cookie_max_age_s);
	bytes = snprintf(added->cookie, sizeof(added->cookie),
			 "%s=%016" PRIx64 "; Path=/; HttpOnly%s%s%s",
			 snapshot_text(routing_snapshot(x->routing), x->route->balance_key),
			 x->balance.new_tag, max_age, same_site[x->route->cookie_same_site & 3],
			 x->route->flags & ROUTE_F_COOKIE_SECURE ? "; Secure" : "");
	if (bytes > 0 && (size_t)bytes < sizeof(added->cookie))
		add(added, HTTP_SLICE("Set-Cookie"),
		    (struct http_slice){ added->cookie, (uint32_t)bytes });
}

void exchange_added_fields(const struct exchange *x, struct exchange_added *out)
{
	out->count = 0;
	out->bytes = 0;
	add_hsts(x, out);
	add_affinity(x, out);
}
