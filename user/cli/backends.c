// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <string.h>

#include "cli/active.h"
#include "cli/cli.h"
#include "cli/names.h"

struct backends {
	const struct cli *cli; /* borrowed */
	struct names names;
	struct active active;
	struct columns table;
	struct json_text json;
};

static struct inet_addr addr_of(const __u8 bytes[16])
{
	struct inet_addr addr;

	memcpy(addr.bytes, bytes, sizeof(addr.bytes));
	return addr;
}

/* How L4 packets reach the backend. */
static const char *where(const struct backend *backend)
{
	if (backend->flags & BACKEND_F_LOCAL)
		return "local";
	if (!(backend->flags & BACKEND_F_DSR))
		return "snat";
	return backend->flags & BACKEND_F_GUE ? "dsr gue" : "dsr ipip";
}

static int put_json(void *ctx, const struct backend_view *backend)
{
	static const struct inet_addr none;
	struct backends *b = ctx;
	struct inet_addr addr = addr_of(backend->value.addr);
	struct inet_addr node_addr = addr_of(backend->value.node_addr);
	bool has_node = inet_addr_compare(&node_addr, &none) != 0;
	struct traffic traffic = {};
	char text[INET_ADDR_TEXT_MAX];
	int err = dataplane_view_backend_traffic(b->cli->view, backend->id, &traffic);

	if (err)
		return err;
	json_text_begin(&b->json, NULL, '{');
	json_text_number(&b->json, "id", backend->id);
	json_text_string(&b->json, "address", inet_addr_format(&addr, text));
	json_text_number(&b->json, "port", ntohs(backend->value.port));
	json_text_string(&b->json, "state", names_backend_state(backend->value.state));
	json_text_bool(&b->json, "local", backend->value.flags & BACKEND_F_LOCAL);
	json_text_string(&b->json, "way", where(&backend->value));
	json_text_number(&b->json, "weight", backend->value.weight);
	json_text_string(&b->json, "node_address",
			 has_node ? inet_addr_format(&node_addr, text) : NULL);
	json_text_number(&b->json, "upstream_id", backend->value.upstream_id);
	json_text_string(&b->json, "upstream",
			 names_upstream(&b->names, backend->value.upstream_id));
	json_text_number(&b->json, "generation", backend->value.generation);
	json_text_number(&b->json, "packets", traffic.packets);
	json_text_number(&b->json, "bytes", traffic.bytes);
	json_text_number(&b->json, "flows", traffic.flows);
	json_text_number(&b->json, "flows_active", active_of(&b->active.backends, backend->id));
	json_text_end(&b->json, '}');
	return 0;
}

static int put_row(void *ctx, const struct backend_view *backend)
{
	struct backends *b = ctx;
	struct traffic traffic = {};
	int err = dataplane_view_backend_traffic(b->cli->view, backend->id, &traffic);

	if (err)
		return err;
	columns_add(&b->table, "%s", names_upstream(&b->names, backend->value.upstream_id));
	columns_add(&b->table, "%s", names_backend(&b->names, backend->id));
	columns_add(&b->table, "%s", names_backend_state(backend->value.state));
	columns_add(&b->table, "%s", where(&backend->value));
	columns_add(&b->table, "%u", backend->id);
	columns_add(&b->table, "%llu", (unsigned long long)traffic.flows);
	columns_add(&b->table, "%u", active_of(&b->active.backends, backend->id));
	columns_add(&b->table, "%llu", (unsigned long long)traffic.packets);
	columns_add(&b->table, "%llu", (unsigned long long)traffic.bytes);
	return 0;
}

int verb_backends(const struct cli *cli)
{
	struct backends b = { .cli = cli };
	int err = names_read(cli->view, &b.names);

	if (!err)
		err = active_read(cli->view, &b.active);
	if (cli->json) {
		json_text_begin(&b.json, NULL, '{');
		json_text_begin(&b.json, "backends", '[');
		if (!err)
			err = dataplane_view_backends(cli->view, put_json, &b);
		json_text_end(&b.json, ']');
		json_text_end(&b.json, '}');
		err = cli_print_json(&b.json, err);
	} else {
		columns_begin(&b.table,
			      "UPSTREAM|BACKEND|STATE|WAY|ID|L4 FLOWS|ACTIVE|L4 PACKETS|L4 BYTES");
		if (!err)
			err = dataplane_view_backends(cli->view, put_row, &b);
		columns_sort(&b.table);
		err = cli_finish_table(&b.table, "backends", err);
	}
	names_free(&b.names);
	active_clear(&b.active);
	return err;
}
