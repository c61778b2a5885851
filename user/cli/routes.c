// SPDX-License-Identifier: Apache-2.0
/*
 * routes.c - routes and problems, which only the daemon knows
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "cli/cli.h"

static const char *text_of(const cJSON *json, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

	return text ? text : "";
}

static void put_route(struct columns *table, const cJSON *route)
{
	const char *host = text_of(route, "host"), *ingress = text_of(route, "ingress");

	columns_add(table, "%s", *host ? host : "*");
	columns_add(table, "%s", text_of(route, "path"));
	columns_add(table, "%s", text_of(route, "match"));
	columns_add(table, "%s", text_of(route, "upstream"));
	columns_add(table, "%s",
		    cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(route, "tls")) ? "yes" : "no");
	columns_add(table, "%s", *ingress ? ingress : "--default-backend");
}

static void put_problem(struct columns *table, const cJSON *problem)
{
	const char *namespace = text_of(problem, "namespace");

	columns_add(table, "%s %s%s%s", text_of(problem, "kind"), namespace, *namespace ? "/" : "",
		    text_of(problem, "name"));
	columns_add(table, "%s", text_of(problem, "reason"));
	columns_add(table, "%s", text_of(problem, "field"));
	columns_add(table, "%s", text_of(problem, "message"));
}

/* @list: name of the page and of the array in it; rows keep its order */
static int show(const struct cli *cli, const char *list, const char *headings,
		void (*put_row)(struct columns *table, const cJSON *item))
{
	const cJSON *items, *item;
	struct columns table;
	char path[32], *body;
	cJSON *json;
	int err;

	snprintf(path, sizeof(path), "/%s", list);
	err = cli_ask(cli, path, &body);
	if (err)
		return cli_explain(cli, err);
	if (cli->json) {
		err = fputs(body, stdout) < 0 || fflush(stdout) ? CLI_FAILED : CLI_OK;
		free(body);
		return err;
	}
	json = cJSON_Parse(body);
	free(body);
	items = cJSON_GetObjectItemCaseSensitive(json, list);
	if (!items) {
		cJSON_Delete(json);
		return cli_explain(cli, -EPROTO);
	}
	columns_begin(&table, headings);
	cJSON_ArrayForEach (item, items) {
		put_row(&table, item);
	}
	cJSON_Delete(json);
	return cli_finish_table(&table, list, 0);
}

int verb_routes(const struct cli *cli)
{
	return show(cli, "routes", "HOST|PATH|MATCH|UPSTREAM|TLS|INGRESS", put_route);
}

int verb_problems(const struct cli *cli)
{
	return show(cli, "problems", "OBJECT|REASON|FIELD|MESSAGE", put_problem);
}
