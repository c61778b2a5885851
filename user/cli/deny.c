// SPDX-License-Identifier: Apache-2.0
/*
 * deny.c - the one verb that writes: networks whose packets are dropped
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"

struct listing {
	struct columns table;
	struct json_text json;
};

static void put_origins(__u32 origin, struct json_text *json)
{
	json_text_begin(json, "by", '[');
	if (origin & DENY_MANIFEST)
		json_text_string(json, NULL, "manifest");
	if (origin & DENY_COMMAND)
		json_text_string(json, NULL, "command");
	json_text_end(json, ']');
}

static int put_json(void *ctx, const struct deny_view *deny)
{
	struct listing *l = ctx;
	char text[INET_NETWORK_TEXT_MAX];

	json_text_begin(&l->json, NULL, '{');
	json_text_string(&l->json, "network", inet_network_format(&deny->network, text));
	put_origins(deny->value.origin, &l->json);
	json_text_number(&l->json, "added_unix_s", deny->value.added_unix_s);
	json_text_end(&l->json, '}');
	return 0;
}

static int put_row(void *ctx, const struct deny_view *deny)
{
	static const char *const origins[] = { "-", "manifest", "command", "manifest and command" };
	time_t added = (time_t)deny->value.added_unix_s;
	struct listing *l = ctx;
	char text[INET_NETWORK_TEXT_MAX], when[32] = "-";
	struct tm tm;

	if (gmtime_r(&added, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	columns_add(&l->table, "%s", inet_network_format(&deny->network, text));
	columns_add(&l->table, "%s", origins[deny->value.origin & 3]);
	columns_add(&l->table, "%s", when);
	return 0;
}

static int list(const struct cli *cli)
{
	struct listing l = {};
	int err;

	if (cli->json) {
		json_text_begin(&l.json, NULL, '{');
		json_text_begin(&l.json, "denied", '[');
		err = dataplane_view_denylist(cli->view, put_json, &l);
		json_text_end(&l.json, ']');
		json_text_end(&l.json, '}');
		return cli_print_json(&l.json, err);
	}
	columns_begin(&l.table, "NETWORK|BY|SINCE");
	err = dataplane_view_denylist(cli->view, put_row, &l);
	return cli_finish_table(&l.table, "denylist", err);
}

static int change(const struct cli *cli, const char *word, bool deny)
{
	char text[INET_NETWORK_TEXT_MAX], path[128];
	struct inet_network network;
	char *answer = NULL;
	int status;

	if (inet_network_parse(word, &network)) {
		fprintf(stderr,
			"sluicectl: '%s' is not an address or network such as 203.0.113.0/24\n",
			word);
		return CLI_USAGE;
	}
	snprintf(path, sizeof(path), "/denylist/%s", inet_network_format(&network, text));
	status = cli_tell(cli, deny ? "PUT" : "DELETE", path, &answer);
	if (status < 0) {
		free(answer);
		return cli_explain(cli, status);
	}
	if (status != 200)
		fprintf(stderr, "sluicectl: %s: %s", text,
			answer ? answer : "sluiced gave no reason\n");
	free(answer);
	return status == 200 ? CLI_OK : CLI_FAILED;
}

int verb_deny(const struct cli *cli)
{
	const char *what = cli->words_count ? cli->words[0] : "list";
	bool add = strcmp(what, "add") == 0, del = strcmp(what, "del") == 0;
	int result = CLI_OK;

	if (strcmp(what, "list") == 0 && cli->words_count <= 1)
		return list(cli);
	if ((!add && !del) || cli->words_count < 2) {
		fprintf(stderr, "sluicectl: deny takes: list, add NETWORK..., del NETWORK...\n");
		return CLI_USAGE;
	}
	for (int i = 1; i < cli->words_count; i++) {
		int one = change(cli, cli->words[i], add);

		if (one != CLI_OK)
			result = one;
		if (one == CLI_NOT_THERE)
			break;
	}
	return result;
}
