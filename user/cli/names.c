// SPDX-License-Identifier: Apache-2.0
#include "cli/names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Stores @text (NULL: out of memory). */
static int place(char ***texts, size_t *count, uint32_t id, char *text)
{
	char **grown;
	size_t room;

	if (!text)
		return -ENOMEM;
	if (id >= *count) {
		room = (size_t)id + id / 2 + 64;
		grown = realloc(*texts, room * sizeof(*grown));
		if (!grown) {
			free(text);
			return -ENOMEM;
		}
		memset(grown + *count, 0, (room - *count) * sizeof(*grown));
		*texts = grown;
		*count = room;
	}
	free((*texts)[id]);
	(*texts)[id] = text;
	return 0;
}

static int take_upstream(void *ctx, const struct upstream_view *upstream)
{
	struct names *names = ctx;

	return place(&names->upstreams, &names->upstreams_count, upstream->id,
		     strndup(upstream->name, sizeof(upstream->name)));
}

static int take_backend(void *ctx, const struct backend_view *backend)
{
	struct names *names = ctx;
	char text[NAMES_ENDPOINT_MAX];
	struct inet_addr addr;

	memcpy(addr.bytes, backend->value.addr, sizeof(addr.bytes));
	names_endpoint(&addr, ntohs(backend->value.port), text);
	return place(&names->backends, &names->backends_count, backend->id, strdup(text));
}

int names_read(const struct dataplane_view *view, struct names *out)
{
	int err;

	*out = (struct names){};
	err = dataplane_view_upstreams(view, take_upstream, out);
	if (!err)
		err = dataplane_view_backends(view, take_backend, out);
	return err;
}

void names_free(struct names *names)
{
	for (size_t i = 0; i < names->upstreams_count; i++)
		free(names->upstreams[i]);
	for (size_t i = 0; i < names->backends_count; i++)
		free(names->backends[i]);
	free(names->upstreams);
	free(names->backends);
	*names = (struct names){};
}

const char *names_upstream(const struct names *names, uint32_t id)
{
	return id < names->upstreams_count && names->upstreams[id] ? names->upstreams[id] : "-";
}

const char *names_backend(const struct names *names, uint32_t id)
{
	return id < names->backends_count && names->backends[id] ? names->backends[id] : "-";
}

const char *names_endpoint(const struct inet_addr *addr, uint16_t port,
			   char text[NAMES_ENDPOINT_MAX])
{
	char plain[INET_ADDR_TEXT_MAX];

	inet_addr_format(addr, plain);
	snprintf(text, NAMES_ENDPOINT_MAX, inet_addr_is_v4(addr) ? "%s:%u" : "[%s]:%u", plain,
		 port);
	return text;
}

const char *names_protocol(unsigned int proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	default:
		return proto ? "other" : "any";
	}
}

const char *names_backend_state(unsigned int state)
{
	switch (state) {
	case BACKEND_ACTIVE:
		return "active";
	case BACKEND_DRAINING:
		return "draining";
	case BACKEND_DOWN:
		return "down";
	default:
		return "free";
	}
}

const char *names_flow_state(unsigned int state)
{
	switch (state) {
	case FLOW_NEW:
		return "new";
	case FLOW_ESTABLISHED:
		return "established";
	case FLOW_HALF_CLIENT:
		return "client-closed";
	case FLOW_HALF_POD:
		return "pod-closed";
	case FLOW_RESET:
		return "reset";
	default:
		return "closing";
	}
}

const char *names_frontend_kind(unsigned int kind)
{
	switch (kind) {
	case FRONTEND_L4:
		return "l4";
	case FRONTEND_HTTP:
		return "http";
	case FRONTEND_ADDRESS:
		return "address";
	default:
		return "none";
	}
}
