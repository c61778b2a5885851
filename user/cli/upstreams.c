// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

static unsigned int members(const struct upstream *upstream)
{
	return (unsigned int)(upstream->members & 0xffffffff);
}

static int put_json(void *ctx, const struct upstream_view *upstream)
{
	struct json_text *json = ctx;

	json_text_begin(json, NULL, '{');
	json_text_number(json, "id", upstream->id);
	json_text_string(json, "name", upstream->name);
	json_text_number(json, "members", members(&upstream->value));
	json_text_number(json, "active", upstream->value.backends_active);
	json_text_number(json, "draining", upstream->value.backends_draining);
	json_text_bool(json, "fallback", upstream->value.flags & UPSTREAM_F_FALLBACK);
	json_text_number(json, "generation", upstream->value.generation);
	json_text_end(json, '}');
	return 0;
}

static int put_row(void *ctx, const struct upstream_view *upstream)
{
	struct columns *table = ctx;
	bool fallback = upstream->value.flags & UPSTREAM_F_FALLBACK;

	columns_add(table, "%s", upstream->name);
	columns_add(table, "%u", upstream->id);
	columns_add(table, "%u", members(&upstream->value));
	columns_add(table, "%u", upstream->value.backends_active);
	columns_add(table, "%u", upstream->value.backends_draining);
	columns_add(table, "%s",
		    fallback                    ? "none is ready: draining ones serve"
		    : members(&upstream->value) ? ""
						: "no backend");
	return 0;
}

int verb_upstreams(const struct cli *cli)
{
	struct json_text json = {};
	struct columns table;
	int err;

	if (cli->json) {
		json_text_begin(&json, NULL, '{');
		json_text_begin(&json, "upstreams", '[');
		err = dataplane_view_upstreams(cli->view, put_json, &json);
		json_text_end(&json, ']');
		json_text_end(&json, '}');
		return cli_print_json(&json, err);
	}
	columns_begin(&table, "UPSTREAM|ID|USED|ACTIVE|DRAINING|");
	err = dataplane_view_upstreams(cli->view, put_row, &table);
	columns_sort(&table);
	return cli_finish_table(&table, "upstreams", err);
}
