// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "admin/pages.h"
#include "cli/cli.h"

/* The answer of the daemon; else the state that it left in the maps. @out: owned by the caller. */
static int read_status(const struct cli *cli, char **out)
{
	struct json_text json = {};
	size_t bytes;
	int err = cli_ask(cli, "/status", out);

	if (!err || err == -ENOMEM)
		return err;
	page_status(cli->view, dataplane_view_daemon(cli->view)->problems, NULL, false, &json);
	return json_text_finish(&json, out, &bytes);
}

static const char *text_of(const cJSON *json, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

	return text ? text : "";
}

static uint64_t number_of(const cJSON *json, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

	return cJSON_IsNumber(item) ? (uint64_t)item->valuedouble : 0;
}

static bool is_true(const cJSON *json, const char *name)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, name));
}

static void put_row(struct columns *table, const char *name, const char *value)
{
	columns_add(table, "%s", name);
	columns_add(table, "%s", value);
}

static void put_count(struct columns *table, const cJSON *status, const char *name)
{
	columns_add(table, "%s", name);
	columns_add(table, "%" PRIu64, number_of(status, name));
}

static void put_time(struct columns *table, const char *name, uint64_t unix_s)
{
	time_t seconds = (time_t)unix_s;
	char text[32] = "never";
	struct tm tm;

	if (unix_s && gmtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	put_row(table, name, text);
}

static void put_splice(struct columns *table, const cJSON *status)
{
	const cJSON *splice = cJSON_GetObjectItemCaseSensitive(status, "splice"), *item;
	const cJSON *relayed = cJSON_GetObjectItemCaseSensitive(splice, "relayed");
	char why[512] = "";
	size_t used = 0;

	if (!is_true(splice, "on")) {
		columns_add(table, "splice");
		columns_add(table, "off: %s", text_of(splice, "reason"));
		return;
	}
	cJSON_ArrayForEach (item, relayed) {
		int bytes = snprintf(why + used, sizeof(why) - used, "%s%s %.0f",
				     used ? ", " : "; relayed: ", item->string, item->valuedouble);

		if (bytes < 0 || (size_t)bytes >= sizeof(why) - used)
			break;
		used += (size_t)bytes;
	}
	columns_add(table, "splice");
	columns_add(table, "on: %" PRIu64 " exchanges, %" PRIu64 " tunnels, %" PRIu64 " uploads%s",
		    number_of(splice, "exchanges"), number_of(splice, "tunnels"),
		    number_of(splice, "uploads"), why);
}

/* Only a running daemon knows them. */
static void put_certificates(struct columns *table, const cJSON *status)
{
	const cJSON *json = cJSON_GetObjectItemCaseSensitive(status, "certificates");
	time_t end_s = (time_t)number_of(json, "first_end_unix_s");
	char end[32] = "";
	struct tm tm;

	if (!json)
		return;
	columns_add(table, "certificates");
	if (!number_of(json, "count") || !gmtime_r(&end_s, &tm)) {
		columns_add(table, "0");
		return;
	}
	strftime(end, sizeof(end), "%Y-%m-%d", &tm);
	columns_add(table, "%" PRIu64 ", %" PRIu64 " expired, the first expires %s: %s",
		    number_of(json, "count"), number_of(json, "expired"), end,
		    text_of(json, "first"));
}

static void put_daemon(struct columns *table, const cJSON *status)
{
	static const char *const counts[] = { "generation", "workers",  "frontends", "routes",
					      "upstreams",  "backends", "problems" };

	columns_add(table, "sluiced");
	if (is_true(status, "running"))
		columns_add(table, "%s, pid %" PRIu64 ", %s", text_of(status, "version"),
			    number_of(status, "pid"),
			    is_true(status, "ready") ? "ready" : "not ready yet");
	else
		columns_add(table, "not running; the state that it left is in use (version %s)",
			    text_of(status, "version"));
	put_row(table, "source", text_of(status, "source"));
	put_row(table, "node", text_of(status, "node"));
	put_count(table, status, "schema");
	put_time(table, "started", number_of(status, "started_unix_s"));
	put_time(table, "synced", number_of(status, "synced_unix_s"));
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		put_count(table, status, counts[i]);
	put_splice(table, status);
	put_certificates(table, status);
}

static int print_tables(const cJSON *status)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(status, "interfaces"), *item;
	struct columns table;
	int err;

	columns_begin(&table, "|");
	put_daemon(&table, status);
	err = cli_finish_table(&table, "status", 0);
	if (err)
		return err;
	putchar('\n');
	columns_begin(&table, "INTERFACE|XDP|TC|DISPATCHER");
	cJSON_ArrayForEach (item, list) {
		columns_add(&table, "%s", text_of(item, "name"));
		columns_add(&table, "%s", text_of(item, "xdp"));
		columns_add(&table, "%s", text_of(item, "tc"));
		columns_add(&table, "%s", is_true(item, "dispatcher") ? "yes" : "no");
	}
	return cli_finish_table(&table, "status", 0);
}

int verb_status(const struct cli *cli)
{
	char *text = NULL;
	cJSON *status;
	int err = read_status(cli, &text);

	if (err)
		return cli_check_read("daemon_state", err);
	if (cli->json) {
		err = fputs(text, stdout) < 0 || fflush(stdout) ? CLI_FAILED : CLI_OK;
	} else {
		status = cJSON_Parse(text);
		err = print_tables(status);
		cJSON_Delete(status);
	}
	free(text);
	return err;
}
