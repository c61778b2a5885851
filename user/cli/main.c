// SPDX-License-Identifier: Apache-2.0
/*
 * main.c - sluicectl: flags and the table of verbs
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "cli/cli.h"

#define BPFFS_DEFAULT "/sys/fs/bpf"

static const struct verb {
	const char *name;
	int (*run)(const struct cli *cli);
	bool needs_maps;
	const char *help;
} verbs[] = {
	{ "status", verb_status, true, "the daemon, its interfaces, how much there is of what" },
	{ "frontends", verb_frontends, true, "addresses and ports that clients dial" },
	{ "routes", verb_routes, false, "hosts and paths, in order of precedence" },
	{ "upstreams", verb_upstreams, true, "sets of backends" },
	{ "backends", verb_backends, true, "pod addresses with their state" },
	{ "flows", verb_flows, true, "L4 connections that are known" },
	{ "drops", verb_drops, true, "packets dropped, by reason" },
	{ "problems", verb_problems, false, "objects and files that are not served as written" },
};

#define VERBS_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static void print_help(FILE *out)
{
	fprintf(out, "usage: sluicectl VERB [-o json] [--bpffs DIR]\n\n");
	for (size_t i = 0; i < VERBS_COUNT; i++)
		fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].help);
	fprintf(out, "\n"
		     "  -o, --output json|table   for programs or for people (table)\n"
		     "      --bpffs DIR           where sluiced has its pins (" BPFFS_DEFAULT ")\n"
		     "      --help, --version\n\n"
		     "Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 no daemon or pins there.\n"
		     "See sluicectl(8).\n");
}

static int usage(const char *format, const char *what)
{
	fprintf(stderr, "sluicectl: ");
	fprintf(stderr, format, what);
	fprintf(stderr, "; see sluicectl --help\n");
	return CLI_USAGE;
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < VERBS_COUNT; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int explain_view(const struct cli *cli, int err, const char *error)
{
	switch (err) {
	case -ENOENT:
		fprintf(stderr,
			"sluicectl: no pins in %s/%s: sluiced never ran with --bpffs %s, or "
			"removed them; start it, or name another --bpffs\n",
			cli->bpffs, SLUICE_PIN_FOLDER, cli->bpffs);
		return CLI_NOT_THERE;
	case -EPERM:
	case -EACCES:
		fprintf(stderr,
			"sluicectl: the maps of sluiced are for root to read; use sudo (%s)\n",
			error);
		return CLI_FAILED;
	default:
		fprintf(stderr, "sluicectl: the maps of sluiced: %s (%s)\n", error, strerror(-err));
		return CLI_FAILED;
	}
}

static int run(const struct verb *verb, struct cli *cli)
{
	char error[DATAPLANE_ERROR_MAX] = "";
	int err;

	if (verb->needs_maps) {
		err = dataplane_view_open(cli->bpffs, &cli->view, error);
		if (err)
			return explain_view(cli, err, error);
	}
	curl_global_init(CURL_GLOBAL_NOTHING);
	err = verb->run(cli);
	curl_global_cleanup();
	dataplane_view_close(cli->view);
	return err;
}

int main(int argc, char **argv)
{
	enum { FLAG_BPFFS = 256, FLAG_HELP, FLAG_VERSION };
	static const struct option flags[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "bpffs", required_argument, NULL, FLAG_BPFFS },
		{ "help", no_argument, NULL, FLAG_HELP },
		{ "version", no_argument, NULL, FLAG_VERSION },
		{},
	};
	struct cli cli = { .bpffs = BPFFS_DEFAULT };
	const struct verb *verb;
	int flag;

	while ((flag = getopt_long(argc, argv, "o:h", flags, NULL)) != -1) {
		switch (flag) {
		case 'o':
			if (strcmp(optarg, "json") != 0 && strcmp(optarg, "table") != 0)
				return usage("-o takes json or table, not '%s'", optarg);
			cli.json = strcmp(optarg, "json") == 0;
			break;
		case FLAG_BPFFS:
			cli.bpffs = optarg;
			break;
		case 'h':
		case FLAG_HELP:
			print_help(stdout);
			return CLI_OK;
		case FLAG_VERSION:
			printf("sluicectl %s\n", SLUICE_VERSION);
			return CLI_OK;
		default:
			return CLI_USAGE; /* getopt_long() has said it */
		}
	}
	if (optind == argc)
		return usage("%s", "a verb is missing");
	if (optind + 1 < argc)
		return usage("one verb at a time, not also '%s'", argv[optind + 1]);
	verb = find_verb(argv[optind]);
	if (!verb)
		return usage("no verb '%s'", argv[optind]);
	return run(verb, &cli);
}
