// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

static void put_json(const uint64_t drops[DROP_MAX], const uint64_t stats[STAT_MAX],
		     struct json_text *json)
{
	json_text_begin(json, NULL, '{');
	json_text_begin(json, "drops", '[');
	for (unsigned int i = DROP_NONE + 1; i < DROP_MAX; i++) {
		if (!dataplane_drop_name(i))
			continue;
		json_text_begin(json, NULL, '{');
		json_text_string(json, "reason", dataplane_drop_name(i));
		json_text_number(json, "packets", drops[i]);
		json_text_string(json, "text", dataplane_drop_text(i));
		json_text_end(json, '}');
	}
	json_text_end(json, ']');
	json_text_begin(json, "stats", '{');
	for (unsigned int i = 0; i < STAT_MAX; i++)
		if (dataplane_stat_name(i))
			json_text_number(json, dataplane_stat_name(i), stats[i]);
	json_text_end(json, '}');
	json_text_end(json, '}');
}

static void put_rows(const uint64_t drops[DROP_MAX], struct columns *table)
{
	for (unsigned int i = DROP_NONE + 1; i < DROP_MAX; i++) {
		if (!dataplane_drop_name(i))
			continue;
		columns_add(table, "%s", dataplane_drop_name(i));
		columns_add(table, "%llu", (unsigned long long)drops[i]);
		columns_add(table, "%s", dataplane_drop_text(i));
	}
}

int verb_drops(const struct cli *cli)
{
	uint64_t drops[DROP_MAX] = {}, stats[STAT_MAX] = {};
	struct json_text json = {};
	struct columns table;
	int err = dataplane_view_drops(cli->view, drops);

	if (!err)
		err = dataplane_view_stats(cli->view, stats);
	if (err)
		return cli_check_read("drops", err);
	if (cli->json) {
		put_json(drops, stats, &json);
		return cli_print_json(&json, 0);
	}
	columns_begin(&table, "REASON|PACKETS|MEANING");
	put_rows(drops, &table);
	return cli_finish_table(&table, "drops", 0);
}
