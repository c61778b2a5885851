// SPDX-License-Identifier: Apache-2.0
/*
 * metrics_l4.c - traffic of each l4 frontend and of its backends
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/pages.h"

/* One field of struct traffic for every frontend or backend: series of one name must be together.
 */
struct series {
	const struct admin_options *admin; /* borrowed */
	struct json_text *out;             /* borrowed */
	const char *name;
	size_t offset; /* in struct traffic */
};

static uint64_t field_of(const struct series *s, const struct traffic *traffic)
{
	return *(const __u64 *)((const char *)traffic + s->offset);
}

static const char *protocol_of(uint8_t proto)
{
	return proto == IPPROTO_UDP ? "udp" : "tcp";
}

static int put_frontend(void *ctx, const struct frontend_view *frontend)
{
	const struct series *s = ctx;
	struct traffic traffic = {};
	char addr[INET_ADDR_TEXT_MAX];
	int err;

	if (frontend->value.kind != FRONTEND_L4)
		return 0;
	err = dataplane_view_frontend_traffic(s->admin->view, frontend->value.frontend_id,
					      &traffic);
	if (err)
		return err;
	json_text_printf(s->out,
			 "sluice_frontend_%s{address=\"%s\",port=\"%u\",protocol=\"%s\"} %" PRIu64
			 "\n",
			 s->name, inet_addr_format(&frontend->addr, addr), frontend->port,
			 protocol_of(frontend->proto), field_of(s, &traffic));
	return 0;
}

/* Names of upstreams by id. */
struct upstream_names {
	char (*names)[SLUICE_UPSTREAM_NAME_MAX]; /* owned */
	size_t count;
};

static int take_name(void *ctx, const struct upstream_view *upstream)
{
	struct upstream_names *names = ctx;

	if (upstream->id >= names->count) {
		size_t count = (size_t)upstream->id + upstream->id / 2 + 64;
		void *grown = reallocarray(names->names, count, sizeof(*names->names));

		if (!grown)
			return -ENOMEM;
		names->names = grown;
		memset(names->names + names->count, 0,
		       (count - names->count) * sizeof(*names->names));
		names->count = count;
	}
	memcpy(names->names[upstream->id], upstream->name, sizeof(upstream->name));
	return 0;
}

struct backend_series {
	struct series series;
	const struct upstream_names *names; /* borrowed */
};

/* Backends that only HTTP uses have no packets here. */
static int put_backend(void *ctx, const struct backend_view *backend)
{
	const struct backend_series *b = ctx;
	uint32_t upstream = backend->value.upstream_id;
	struct traffic traffic = {};
	char text[INET_ADDR_TEXT_MAX];
	struct inet_addr addr;
	int err = dataplane_view_backend_traffic(b->series.admin->view, backend->id, &traffic);

	if (err || !traffic.packets || upstream >= b->names->count)
		return err;
	memcpy(addr.bytes, backend->value.addr, sizeof(addr.bytes));
	json_text_printf(b->series.out,
			 "sluice_backend_%s{upstream=\"%s\",address=\"%s\",port=\"%u\"} %" PRIu64
			 "\n",
			 b->series.name, b->names->names[upstream], inet_addr_format(&addr, text),
			 ntohs(backend->value.port), field_of(&b->series, &traffic));
	return 0;
}

static const struct {
	const char *name, *help;
	size_t offset;
} fields[] = {
	{ "packets_total", "L4 packets, both ways", offsetof(struct traffic, packets) },
	{ "bytes_total", "L4 bytes of IP packets, both ways", offsetof(struct traffic, bytes) },
	{ "flows_total", "L4 flows begun", offsetof(struct traffic, flows) },
	{ "flows_ended_total", "L4 flows whose end was seen (FIN or RST)",
	  offsetof(struct traffic, flows_ended) },
};

/* How each interface is attached. */
static void put_interfaces(const struct admin_options *admin, struct json_text *out)
{
	const struct daemon_state *state = dataplane_view_daemon(admin->view);

	json_text_printf(out, "# HELP sluice_interface_info How an interface is attached.\n"
			      "# TYPE sluice_interface_info gauge\n");
	for (uint32_t i = 0; i < state->interfaces_count && i < SLUICE_INTERFACES_MAX; i++) {
		const struct interface_state *interface = &state->interfaces[i];

		json_text_printf(
			out,
			"sluice_interface_info{interface=\"%.*s\",xdp=\"%s\",tc=\"%s\","
			"dispatcher=\"%s\"} 1\n",
			SLUICE_IFNAME_MAX, interface->name, page_attach_mode(interface->xdp_mode),
			page_attach_mode(interface->tc_mode), interface->dispatcher ? "yes" : "no");
	}
}

int put_l4_traffic(const struct admin_options *admin, struct json_text *out)
{
	struct upstream_names names = {};
	int err = dataplane_view_upstreams(admin->view, take_name, &names);

	put_interfaces(admin, out);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && !err; i++) {
		struct backend_series series = {
			.series = { admin, out, fields[i].name, fields[i].offset },
			.names = &names,
		};

		json_text_printf(
			out, "# HELP sluice_frontend_%s %s.\n# TYPE sluice_frontend_%s counter\n",
			fields[i].name, fields[i].help, fields[i].name);
		err = dataplane_view_frontends(admin->view, put_frontend, &series.series);
		json_text_printf(out,
				 "# HELP sluice_backend_%s %s.\n# TYPE sluice_backend_%s counter\n",
				 fields[i].name, fields[i].help, fields[i].name);
		if (!err)
			err = dataplane_view_backends(admin->view, put_backend, &series);
	}
	free(names.names);
	return err;
}
