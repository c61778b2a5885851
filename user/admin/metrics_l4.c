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

#define LABELS_MAX 256u

/* A frontend or a backend with its counters: read once, printed once for each counter. */
struct row {
	struct traffic traffic;
	uint32_t id;
	char *labels; /* owned: what stands in braces */
};

struct rows {
	const struct admin_options *admin; /* borrowed */
	struct row *list;                  /* owned, .count of them, room for .room */
	size_t count, room;
	uint32_t found, wanted; /* backends: in the map, in use */
	uint32_t ids;           /* above the highest id that L4 uses */
	uint32_t l4_count;      /* backends that L4 uses */
	bool *l4_upstreams;     /* owned, SLUICE_UPSTREAMS_MAX: an l4 frontend leads there */
	char (*names)[SLUICE_UPSTREAM_NAME_MAX]; /* owned: of upstreams by id */
	size_t names_count;
};

static void free_rows(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		free(rows->list[i].labels);
	free(rows->list);
	free(rows->names);
	free(rows->l4_upstreams);
}

static int add_row(struct rows *rows, uint32_t id, const char *labels)
{
	struct row *row;

	if (rows->count == rows->room) {
		size_t room = rows->room * 2 + 64;
		void *grown = reallocarray(rows->list, room, sizeof(*rows->list));

		if (!grown)
			return -ENOMEM;
		rows->list = grown;
		rows->room = room;
	}
	row = &rows->list[rows->count];
	*row = (struct row){ .id = id, .labels = strdup(labels) };
	if (!row->labels)
		return -ENOMEM;
	rows->count++;
	return 0;
}

static const char *protocol_of(uint8_t proto)
{
	return proto == IPPROTO_UDP ? "udp" : "tcp";
}

static int take_frontend(void *ctx, const struct frontend_view *frontend)
{
	struct rows *rows = ctx;
	char addr[INET_ADDR_TEXT_MAX], labels[LABELS_MAX];
	int err;

	if (frontend->value.kind != FRONTEND_L4)
		return 0;
	snprintf(labels, sizeof(labels), "address=\"%s\",port=\"%u\",protocol=\"%s\"",
		 inet_addr_format(&frontend->addr, addr), frontend->port,
		 protocol_of(frontend->proto));
	err = add_row(rows, frontend->value.frontend_id, labels);
	if (err)
		return err;
	if (frontend->value.upstream_id < SLUICE_UPSTREAMS_MAX)
		rows->l4_upstreams[frontend->value.upstream_id] = true;
	return dataplane_view_frontend_traffic(rows->admin->view, frontend->value.frontend_id,
					       &rows->list[rows->count - 1].traffic);
}

static int take_name(void *ctx, const struct upstream_view *upstream)
{
	struct rows *rows = ctx;

	if (upstream->id >= rows->names_count) {
		size_t count = (size_t)upstream->id + upstream->id / 2 + 64;
		void *grown = reallocarray(rows->names, count, sizeof(*rows->names));

		if (!grown)
			return -ENOMEM;
		rows->names = grown;
		memset(rows->names + rows->names_count, 0,
		       (count - rows->names_count) * sizeof(*rows->names));
		rows->names_count = count;
	}
	memcpy(rows->names[upstream->id], upstream->name, sizeof(upstream->name));
	return 0;
}

/* Backends that only HTTP uses have no packets here. */
static bool is_l4(const struct rows *rows, const struct backend_view *backend)
{
	return backend->value.upstream_id < SLUICE_UPSTREAMS_MAX &&
	       rows->l4_upstreams[backend->value.upstream_id];
}

/* Return: 1: all that are in use were seen. Ids are given from below, so it comes early. */
static int count_l4(void *ctx, const struct backend_view *backend)
{
	struct rows *rows = ctx;

	if (is_l4(rows, backend)) {
		rows->ids = backend->id + 1;
		rows->l4_count++;
	}
	return ++rows->found >= rows->wanted;
}

struct backend_walk {
	struct rows *rows;             /* borrowed */
	const struct traffic *traffic; /* borrowed, by id */
};

static int take_backend(void *ctx, const struct backend_view *backend)
{
	const struct backend_walk *walk = ctx;
	struct rows *rows = walk->rows;
	uint32_t upstream = backend->value.upstream_id;
	char text[INET_ADDR_TEXT_MAX], labels[LABELS_MAX];
	struct inet_addr addr;
	int err;

	if (backend->id >= rows->ids)
		return 1;
	if (!is_l4(rows, backend) || !walk->traffic[backend->id].packets ||
	    upstream >= rows->names_count)
		return 0;
	memcpy(addr.bytes, backend->value.addr, sizeof(addr.bytes));
	snprintf(labels, sizeof(labels), "upstream=\"%s\",address=\"%s\",port=\"%u\"",
		 rows->names[upstream], inet_addr_format(&addr, text), ntohs(backend->value.port));
	err = add_row(rows, backend->id, labels);
	if (!err)
		rows->list[rows->count - 1].traffic = walk->traffic[backend->id];
	return err;
}

/* @l4_upstreams: moves to @rows */
static int read_backends(struct rows *rows, bool *l4_upstreams)
{
	struct backend_walk walk = { .rows = rows };
	struct traffic *traffic;
	int err;

	rows->l4_upstreams = l4_upstreams;
	rows->wanted = dataplane_view_daemon(rows->admin->view)->backends;
	if (!rows->wanted)
		return 0;
	err = dataplane_view_backends(rows->admin->view, count_l4, rows);
	if (err < 0 || !rows->l4_count)
		return err < 0 ? err : 0;
	traffic = calloc(rows->ids, sizeof(*traffic));
	if (!traffic)
		return -ENOMEM;
	walk.traffic = traffic;
	err = dataplane_view_backends_traffic(rows->admin->view, rows->ids, traffic);
	if (!err)
		err = dataplane_view_upstreams(rows->admin->view, take_name, rows);
	if (!err)
		err = dataplane_view_backends(rows->admin->view, take_backend, &walk);
	free(traffic);
	return err < 0 ? err : 0;
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

static __u64 counter_of(const struct traffic *traffic, size_t field)
{
	return *(const __u64 *)((const char *)traffic + fields[field].offset);
}

static void put_rows(const struct rows *rows, const char *what, size_t field, struct json_text *out)
{
	const char *name = fields[field].name;

	json_text_printf(out, "# HELP sluice_%s_%s %s.\n# TYPE sluice_%s_%s counter\n", what, name,
			 fields[field].help, what, name);
	for (size_t i = 0; i < rows->count; i++) {
		const struct row *row = &rows->list[i];

		json_text_printf(out, "sluice_%s_%s{%s} %" PRIu64 "\n", what, name, row->labels,
				 (uint64_t)counter_of(&row->traffic, field));
	}
}

int put_l4_traffic(const struct admin_options *admin, struct json_text *out)
{
	struct rows frontends = { .admin = admin }, backends = { .admin = admin };
	int err;

	put_interfaces(admin, out);
	frontends.l4_upstreams = calloc(SLUICE_UPSTREAMS_MAX, sizeof(bool));
	err = frontends.l4_upstreams
		      ? dataplane_view_frontends(admin->view, take_frontend, &frontends)
		      : -ENOMEM;
	if (!err) {
		err = read_backends(&backends, frontends.l4_upstreams);
		frontends.l4_upstreams = NULL;
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && !err; i++) {
		put_rows(&frontends, "frontend", i, out);
		put_rows(&backends, "backend", i, out);
	}
	free_rows(&frontends);
	free_rows(&backends);
	return err;
}
