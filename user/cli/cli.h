/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.h - what the verbs of sluicectl share
 *
 *   main.c      flags, the table of verbs          columns.c   tables for people
 *   ask.c       the daemon's socket                names.c     names of objects in the maps, by id
 *   output.c    the ends of all verbs             flow_filter.c  which flows to show
 *   active.c    counts of active flows
 *   <verb>.c    one verb each
 */
#ifndef SLUICE_CLI_CLI_H
#define SLUICE_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json_text.h"
#include "cli/columns.h"
#include "cli/flow_filter.h"
#include "dataplane/dataplane.h"

enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_NOT_THERE = 3, /* no daemon, no pins: reported with the remedy */
};

struct cli {
	const char *bpffs;           /* borrowed */
	bool json;                   /* -o json */
	struct dataplane_view *view; /* borrowed; NULL for verbs that need no maps */
	char *const *words;          /* borrowed: what follows the verb */
	int words_count;
	struct flow_filter filter;
	bool follow;
	uint32_t interval_ms;
	uint32_t rounds; /* of `top`; 0: until interrupted */
};

/* Each verb prints to standard output. Return: enum cli_exit, with the reason on standard error. */
int verb_status(const struct cli *cli);
int verb_frontends(const struct cli *cli);
int verb_routes(const struct cli *cli);
int verb_upstreams(const struct cli *cli);
int verb_backends(const struct cli *cli);
int verb_flows(const struct cli *cli);
int verb_drops(const struct cli *cli);
int verb_problems(const struct cli *cli);
int verb_top(const struct cli *cli);
int verb_deny(const struct cli *cli);

/**
 * cli_ask - GET of the daemon's own socket
 * @body: out, owned by the caller, NUL-terminated
 * Return: 0; -ECONNREFUSED no daemon answers there; -EACCES it refuses this user; -EPROTO another
 * answer; -ENOMEM.
 */
int cli_ask(const struct cli *cli, const char *path, char **body);

/**
 * cli_tell - send a changing request to the daemon's own socket
 * @method: "PUT", "DELETE"
 * @body: out, owned by the caller: the answer, also of a refusal; NULL if there was none
 * Return: the status, 200 on success; -errno as of cli_ask().
 */
int cli_tell(const struct cli *cli, const char *method, const char *path, char **body);

/* Prints to standard error why cli_ask() failed, and the remedy. Return: the exit code. */
int cli_explain(const struct cli *cli, int err);

/* Prints a finished JSON text and frees it. Return: the exit code; @err goes before. */
int cli_print_json(struct json_text *json, int err);

/* Reports that a map could not be read. Return: CLI_FAILED; CLI_OK if @err is 0. */
int cli_check_read(const char *map, int err);

/* Prints and frees a table unless @err says that its map could not be read. Return: exit code. */
int cli_finish_table(struct columns *table, const char *map, int err);

#endif /* SLUICE_CLI_CLI_H */
