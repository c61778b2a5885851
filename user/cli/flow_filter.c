// SPDX-License-Identifier: Apache-2.0
#include "cli/flow_filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "cli/names.h"

static int parse_port(const char *text, uint16_t *out)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long port = digits && digits < 6 && !text[digits] ? strtoul(text, NULL, 10) : 0;

	if (!port || port > UINT16_MAX)
		return -EINVAL;
	*out = (uint16_t)port;
	return 0;
}

int endpoint_filter_parse(const char *text, struct endpoint_filter *out)
{
	const char *colon = strrchr(text, ':');
	bool brackets = text[0] == '[';
	struct endpoint_filter filter = {};
	char addr[INET_NETWORK_TEXT_MAX];
	size_t bytes;

	/* A colon precedes a port only if the address has none, or is in brackets. */
	if (colon && !brackets && strchr(text, ':') != colon)
		colon = NULL;
	if (colon && brackets && (colon == text || colon[-1] != ']'))
		colon = NULL;
	if (colon && parse_port(colon + 1, &filter.port))
		return -EINVAL;
	bytes = colon ? (size_t)(colon - text) : strlen(text);
	if (brackets && (bytes < 3 || text[bytes - 1] != ']'))
		return -EINVAL;
	if (brackets) {
		text++;
		bytes -= 2;
	}
	if (bytes >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, bytes);
	addr[bytes] = '\0';
	filter.has_network = bytes != 0;
	if (bytes && inet_network_parse(addr, &filter.network))
		return -EINVAL;
	if (!bytes && !filter.port)
		return -EINVAL;
	*out = filter;
	return 0;
}

int flow_filter_protocol(const char *text, struct flow_filter *filter)
{
	if (strcmp(text, "tcp") == 0)
		filter->proto = IPPROTO_TCP;
	else if (strcmp(text, "udp") == 0)
		filter->proto = IPPROTO_UDP;
	else
		return -EINVAL;
	return 0;
}

int flow_filter_state(const char *text, struct flow_filter *filter)
{
	static const uint8_t states[] = { FLOW_NEW,         FLOW_ESTABLISHED, FLOW_CLOSING,
					  FLOW_HALF_CLIENT, FLOW_HALF_POD,    FLOW_RESET };

	for (size_t i = 0; i < sizeof(states); i++) {
		if (strcmp(names_flow_state(states[i]), text) != 0)
			continue;
		filter->has_state = true;
		filter->state = states[i];
		return 0;
	}
	return -EINVAL;
}

static bool is_within(const struct inet_network *network, const struct inet_addr *addr)
{
	unsigned int skip = inet_addr_is_v4(&network->addr) ? 96 : 0;
	unsigned int bits = skip + network->prefix_bits;

	if (inet_addr_is_v4(&network->addr) != inet_addr_is_v4(addr))
		return false;
	if (memcmp(network->addr.bytes, addr->bytes, bits / 8) != 0)
		return false;
	return !(bits % 8) ||
	       !((network->addr.bytes[bits / 8] ^ addr->bytes[bits / 8]) >> (8 - bits % 8));
}

bool endpoint_filter_matches(const struct endpoint_filter *filter, const struct inet_addr *addr,
			     uint16_t port)
{
	if (filter->port && filter->port != port)
		return false;
	return !filter->has_network || is_within(&filter->network, addr);
}

static int take_backend(void *ctx, const struct backend_view *backend)
{
	struct flow_filter *filter = ctx;
	struct inet_addr addr;

	if (backend->id >= filter->backends_count) {
		size_t count = (size_t)backend->id + backend->id / 2 + 64;
		uint8_t *grown = realloc(filter->backends, count);

		if (!grown)
			return -ENOMEM;
		memset(grown + filter->backends_count, 0, count - filter->backends_count);
		filter->backends = grown;
		filter->backends_count = count;
	}
	memcpy(addr.bytes, backend->value.addr, sizeof(addr.bytes));
	filter->backends[backend->id] =
		endpoint_filter_matches(&filter->backend, &addr, ntohs(backend->value.port));
	return 0;
}

int flow_filter_prepare(struct flow_filter *filter, const struct dataplane_view *view)
{
	if (!filter->backend.has_network && !filter->backend.port)
		return 0;
	filter->backends = calloc(1, 1);
	filter->backends_count = filter->backends ? 1 : 0;
	if (!filter->backends)
		return -ENOMEM;
	return dataplane_view_backends(view, take_backend, filter);
}

bool flow_filter_matches(const struct flow_filter *filter, const struct flow_view *flow)
{
	uint32_t backend = flow->value.backend_id;

	if (filter->proto && filter->proto != flow->proto)
		return false;
	if (filter->has_state && filter->state != flow->value.state)
		return false;
	if (filter->backends && (backend >= filter->backends_count || !filter->backends[backend]))
		return false;
	return endpoint_filter_matches(&filter->frontend, &flow->daddr, flow->dport) &&
	       endpoint_filter_matches(&filter->client, &flow->saddr, flow->sport);
}

void flow_filter_clear(struct flow_filter *filter)
{
	free(filter->backends);
	filter->backends = NULL;
	filter->backends_count = 0;
}
