// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "proxy/exchange/exchange_priv.h"

static bool read_addr(struct http_slice text, struct inet_addr *out)
{
	char copy[INET_ADDR_TEXT_MAX];

	if (text.bytes >= sizeof(copy))
		return false;
	memcpy(copy, text.data, text.bytes);
	copy[text.bytes] = '\0';
	return inet_addr_parse(copy, out) == 0;
}

/*
 * Each proxy appends the address of its client at the right. So the client is the last address that
 * is not a trusted proxy; nothing left of an invalid address can be trusted.
 */
struct inet_addr exchange_source(const struct exchange *x)
{
	const struct http_fields *fields = &x->request.fields;
	struct inet_addr source = x->peer->addr;

	for (uint32_t i = 0; x->peer->trusted && i < fields->count; i++) {
		const struct http_field *field = &fields->items[i];
		struct http_slice list = { field->value, field->value_bytes }, element;
		struct inet_addr addr;

		if (field->id != HTTP_FIELD_X_FORWARDED_FOR)
			continue;
		while (http_list_next(&list, &element)) {
			if (!read_addr(element, &addr))
				source = x->peer->addr;
			else if (!settings_trusts(x->turn->settings, &addr))
				source = addr;
		}
	}
	return source;
}

bool exchange_is_admitted(const struct exchange *x)
{
	struct inet_addr source = exchange_source(x);

	return snapshot_admits(routing_snapshot(x->routing), x->route, &source);
}
