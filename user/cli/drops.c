// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "cli/cli.h"
#include "cli/names.h"

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

static const char *text_of(const cJSON *json, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

	return text ? text : "-";
}

static unsigned int number_of(const cJSON *json, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

	return cJSON_IsNumber(item) ? (unsigned int)item->valuedouble : 0;
}

static void print_event(const struct cli *cli, const cJSON *event)
{
	const cJSON *at = cJSON_GetObjectItemCaseSensitive(event, "unix_ms");
	char *line = cli->json ? cJSON_PrintUnformatted(event) : NULL;
	time_t seconds = cJSON_IsNumber(at) ? (time_t)(at->valuedouble / 1000) : 0;
	struct tm tm;

	if (cli->json) {
		printf("%s\n", line ? line : "");
		free(line);
		return;
	}
	gmtime_r(&seconds, &tm);
	printf("%02d:%02d:%02d  %-15s  %-10s  %s %s port %u > %s port %u, %u bytes\n", tm.tm_hour,
	       tm.tm_min, tm.tm_sec, text_of(event, "reason"), text_of(event, "interface"),
	       names_protocol(number_of(event, "ip_protocol")), text_of(event, "source_address"),
	       number_of(event, "source_port"), text_of(event, "destination_address"),
	       number_of(event, "destination_port"), number_of(event, "packet_bytes"));
}

/* Return: 0 with *next moved on; -errno. */
static int print_events(const struct cli *cli, double *next)
{
	const cJSON *event;
	char path[64], *body;
	cJSON *json;
	int err;

	snprintf(path, sizeof(path), "/drops?from=%.0f", *next);
	err = cli_ask(cli, path, &body);
	if (err)
		return err;
	json = cJSON_Parse(body);
	free(body);
	if (!json)
		return -EPROTO;
	cJSON_ArrayForEach (event, cJSON_GetObjectItemCaseSensitive(json, "events"))
		print_event(cli, event);
	*next = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(json, "next"));
	cJSON_Delete(json);
	return fflush(stdout) ? -EPIPE : 0;
}

/* The existing records, then new ones as they arrive. */
static int follow(const struct cli *cli)
{
	const struct timespec pause = { .tv_sec = cli->interval_ms / 1000,
					.tv_nsec = cli->interval_ms % 1000 * 1000000L };
	double next = 0;
	int err;

	while (!(err = print_events(cli, &next)))
		nanosleep(&pause, NULL);
	return err == -EPIPE ? CLI_FAILED : cli_explain(cli, err);
}

int verb_drops(const struct cli *cli)
{
	uint64_t drops[DROP_MAX] = {}, stats[STAT_MAX] = {};
	struct json_text json = {};
	struct columns table;
	int err;

	if (cli->follow)
		return follow(cli);
	err = dataplane_view_drops(cli->view, drops);
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
