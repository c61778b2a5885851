// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "cli/active.h"
#include "cli/cli.h"
#include "cli/columns.h"
#include "cli/names.h"

struct frontends {
	const struct cli *cli; /* borrowed */
	struct names names;
	struct active active;
	struct columns table;
	struct json_text json;
};

static int put_json(void *ctx, const struct frontend_view *frontend)
{
	struct frontends *f = ctx;
	struct traffic traffic = {};
	char addr[INET_ADDR_TEXT_MAX];
	int err = dataplane_view_frontend_traffic(f->cli->view, frontend->value.frontend_id,
						  &traffic);

	if (err)
		return err;
	json_text_begin(&f->json, NULL, '{');
	json_text_number(&f->json, "id", frontend->value.frontend_id);
	json_text_string(&f->json, "kind", names_frontend_kind(frontend->value.kind));
	json_text_string(&f->json, "address", inet_addr_format(&frontend->addr, addr));
	json_text_number(&f->json, "port", frontend->port);
	json_text_string(&f->json, "protocol", names_protocol(frontend->proto));
	json_text_bool(&f->json, "tls", frontend->value.flags & FRONTEND_F_TLS);
	json_text_number(&f->json, "upstream_id", frontend->value.upstream_id);
	json_text_string(&f->json, "upstream",
			 frontend->value.upstream_id
				 ? names_upstream(&f->names, frontend->value.upstream_id)
				 : NULL);
	json_text_number(&f->json, "packets", traffic.packets);
	json_text_number(&f->json, "bytes", traffic.bytes);
	json_text_number(&f->json, "flows", traffic.flows);
	json_text_number(&f->json, "flows_active",
			 active_of(&f->active.frontends, frontend->value.frontend_id));
	json_text_end(&f->json, '}');
	return 0;
}

static int put_row(void *ctx, const struct frontend_view *frontend)
{
	struct frontends *f = ctx;
	struct traffic traffic = {};
	char endpoint[NAMES_ENDPOINT_MAX];
	bool is_l4 = frontend->value.kind == FRONTEND_L4;
	int err;

	/* Only the programs need entries of whole addresses; -o json shows them. */
	if (frontend->value.kind == FRONTEND_ADDRESS)
		return 0;
	err = dataplane_view_frontend_traffic(f->cli->view, frontend->value.frontend_id, &traffic);
	if (err)
		return err;
	columns_add(&f->table, "%s", names_endpoint(&frontend->addr, frontend->port, endpoint));
	columns_add(&f->table, "%s", names_protocol(frontend->proto));
	columns_add(&f->table, "%s%s", names_frontend_kind(frontend->value.kind),
		    frontend->value.flags & FRONTEND_F_TLS ? " tls" : "");
	columns_add(&f->table, "%s",
		    is_l4 ? names_upstream(&f->names, frontend->value.upstream_id) : "by route");
	columns_add(&f->table, "%llu", (unsigned long long)traffic.flows);
	columns_add(&f->table, "%u", active_of(&f->active.frontends, frontend->value.frontend_id));
	columns_add(&f->table, "%llu", (unsigned long long)traffic.packets);
	columns_add(&f->table, "%llu", (unsigned long long)traffic.bytes);
	return 0;
}

int verb_frontends(const struct cli *cli)
{
	struct frontends f = { .cli = cli };
	int err = names_read(cli->view, &f.names);

	if (!err)
		err = active_read(cli->view, &f.active);
	if (cli->json) {
		json_text_begin(&f.json, NULL, '{');
		json_text_begin(&f.json, "frontends", '[');
		if (!err)
			err = dataplane_view_frontends(cli->view, put_json, &f);
		json_text_end(&f.json, ']');
		json_text_end(&f.json, '}');
		err = cli_print_json(&f.json, err);
	} else {
		columns_begin(&f.table,
			      "FRONTEND|PROTOCOL|KIND|UPSTREAM|FLOWS|ACTIVE|PACKETS|BYTES");
		if (!err)
			err = dataplane_view_frontends(cli->view, put_row, &f);
		columns_sort(&f.table);
		err = cli_finish_table(&f.table, "frontends", err);
	}
	names_free(&f.names);
	active_clear(&f.active);
	return err;
}
