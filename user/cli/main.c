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

enum verb_flag {
	VERB_MAPS = 1 << 0,   /* reads the maps */
	VERB_WORDS = 1 << 1,  /* takes words after its name */
	VERB_FILTER = 1 << 2, /* takes the flags of struct flow_filter */
	VERB_FOLLOW = 1 << 3, /* takes --follow and --interval */
	VERB_ROUNDS = 1 << 4, /* takes --count and --interval */
};

static const struct verb {
	const char *name;
	int (*run)(const struct cli *cli);
	unsigned int flags; /* enum verb_flag */
	const char *help;
} verbs[] = {
	{ "status", verb_status, VERB_MAPS, "the daemon, its interfaces, counts of each object" },
	{ "frontends", verb_frontends, VERB_MAPS, "addresses and ports that clients connect to" },
	{ "routes", verb_routes, 0, "hosts and paths, in order of precedence" },
	{ "upstreams", verb_upstreams, VERB_MAPS, "sets of backends" },
	{ "backends", verb_backends, VERB_MAPS, "pod addresses with their state" },
	{ "flows", verb_flows, VERB_MAPS | VERB_FILTER, "known L4 connections" },
	{ "top", verb_top, VERB_MAPS | VERB_ROUNDS, "packets, bits and new flows a second" },
	{ "drops", verb_drops, VERB_MAPS | VERB_FOLLOW, "packets dropped, by reason" },
	{ "deny", verb_deny, VERB_MAPS | VERB_WORDS,
	  "list, add NETWORK..., del NETWORK...: sources whose packets are dropped" },
	{ "problems", verb_problems, 0, "objects and files that are not served as written" },
};

#define VERBS_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static void print_help(FILE *out)
{
	fprintf(out, "usage: sluicectl VERB [-o json] [--bpffs DIR] [flags of the verb]\n\n");
	for (size_t i = 0; i < VERBS_COUNT; i++)
		fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].help);
	fprintf(out,
		"\n"
		"  -o, --output json|table   output format (table)\n"
		"      --bpffs DIR           folder with the pins of sluiced (" BPFFS_DEFAULT ")\n"
		"      --frontend, --backend, --client  ADDRESS[/BITS], ADDRESS:PORT or :PORT\n"
		"      --protocol tcp|udp, --state new|established|closing   (flows)\n"
		"  -f, --follow              records of dropped packets as they arrive (drops)\n"
		"      --count N             readings, then end; 0: never (top: 0)\n"
		"      --interval TIME       between readings, such as 500ms or 2s (1s)\n"
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
			"sluicectl: only root can read the maps of sluiced; use sudo (%s)\n",
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

	if (verb->flags & VERB_MAPS) {
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

/* ---- flags ----------------------------------------------------------------------------------- */

enum flag {
	FLAG_BPFFS = 256,
	FLAG_FRONTEND,
	FLAG_BACKEND,
	FLAG_CLIENT,
	FLAG_PROTOCOL,
	FLAG_STATE,
	FLAG_INTERVAL,
	FLAG_COUNT,
	FLAG_HELP,
	FLAG_VERSION,
};

static const struct option flags[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "bpffs", required_argument, NULL, FLAG_BPFFS },
	{ "frontend", required_argument, NULL, FLAG_FRONTEND },
	{ "backend", required_argument, NULL, FLAG_BACKEND },
	{ "client", required_argument, NULL, FLAG_CLIENT },
	{ "protocol", required_argument, NULL, FLAG_PROTOCOL },
	{ "proto", required_argument, NULL, FLAG_PROTOCOL },
	{ "state", required_argument, NULL, FLAG_STATE },
	{ "follow", no_argument, NULL, 'f' },
	{ "interval", required_argument, NULL, FLAG_INTERVAL },
	{ "count", required_argument, NULL, FLAG_COUNT },
	{ "help", no_argument, NULL, FLAG_HELP },
	{ "version", no_argument, NULL, FLAG_VERSION },
	{},
};

/* The parsed command: needs of the verb, or an action that replaces it. */
struct asked {
	unsigned int verb_flags; /* enum verb_flag: one of them must be the verb's */
	const char *flag;        /* that requested it */
	bool help, version;
};

/* "500ms", "2s", "2" */
static int parse_interval(const char *text, uint32_t *out_ms)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long number = digits && digits < 7 ? strtoul(text, NULL, 10) : 0;
	const char *unit = text + digits;

	if (strcmp(unit, "s") == 0 || !*unit)
		number *= 1000;
	else if (strcmp(unit, "ms") != 0)
		return -EINVAL;
	if (number < 10 || number > 3600000)
		return -EINVAL;
	*out_ms = (uint32_t)number;
	return 0;
}

static int parse_count(const char *text, uint32_t *out)
{
	size_t digits = strspn(text, "0123456789");

	if (!digits || digits > 6 || text[digits])
		return -EINVAL;
	*out = (uint32_t)strtoul(text, NULL, 10);
	return 0;
}

/* Flags that only some verbs take. Return: 0; CLI_USAGE. */
static int take_verb_flag(int flag, const char *value, struct cli *cli, struct asked *asked)
{
	int err = 0;

	asked->verb_flags = flag == 'f'             ? VERB_FOLLOW
			    : flag == FLAG_COUNT    ? VERB_ROUNDS
			    : flag == FLAG_INTERVAL ? VERB_FOLLOW | VERB_ROUNDS
						    : VERB_FILTER;
	for (const struct option *o = flags; o->name; o++)
		if (o->val == flag)
			asked->flag = o->name;
	switch (flag) {
	case FLAG_FRONTEND:
		err = endpoint_filter_parse(value, &cli->filter.frontend);
		break;
	case FLAG_BACKEND:
		err = endpoint_filter_parse(value, &cli->filter.backend);
		break;
	case FLAG_CLIENT:
		err = endpoint_filter_parse(value, &cli->filter.client);
		break;
	case FLAG_PROTOCOL:
		err = flow_filter_protocol(value, &cli->filter);
		break;
	case FLAG_STATE:
		err = flow_filter_state(value, &cli->filter);
		break;
	case FLAG_INTERVAL:
		err = parse_interval(value, &cli->interval_ms);
		break;
	case FLAG_COUNT:
		err = parse_count(value, &cli->rounds);
		break;
	default:
		cli->follow = true;
	}
	if (!err)
		return 0;
	fprintf(stderr, "sluicectl: --%s: '%s' is not valid; see sluicectl --help\n", asked->flag,
		value);
	return CLI_USAGE;
}

static int take_flag(int flag, const char *value, struct cli *cli, struct asked *asked)
{
	switch (flag) {
	case 'o':
		if (strcmp(value, "json") != 0 && strcmp(value, "table") != 0)
			return usage("-o takes json or table, not '%s'", value);
		cli->json = strcmp(value, "json") == 0;
		return 0;
	case FLAG_BPFFS:
		cli->bpffs = value;
		return 0;
	case 'h':
	case FLAG_HELP:
		asked->help = true;
		return 0;
	case FLAG_VERSION:
		asked->version = true;
		return 0;
	case '?':
		return CLI_USAGE; /* getopt_long() has reported it */
	default:
		return take_verb_flag(flag, value, cli, asked);
	}
}

static int run_words(struct cli *cli, char **words, int count, const struct asked *asked)
{
	const struct verb *verb;

	if (!count)
		return usage("%s", "the verb is missing");
	verb = find_verb(words[0]);
	if (!verb)
		return usage("no verb '%s'", words[0]);
	if (count > 1 && !(verb->flags & VERB_WORDS))
		return usage("one verb at a time, not also '%s'", words[1]);
	if (asked->verb_flags && !(asked->verb_flags & verb->flags)) {
		fprintf(stderr, "sluicectl: %s does not take --%s; see sluicectl --help\n",
			verb->name, asked->flag);
		return CLI_USAGE;
	}
	cli->words = words + 1;
	cli->words_count = count - 1;
	return run(verb, cli);
}

int main(int argc, char **argv)
{
	struct cli cli = { .bpffs = BPFFS_DEFAULT, .interval_ms = 1000 };
	struct asked asked = {};
	int flag, err;

	while ((flag = getopt_long(argc, argv, "o:fh", flags, NULL)) != -1) {
		err = take_flag(flag, optarg, &cli, &asked);
		if (err)
			return err;
	}
	if (asked.help)
		print_help(stdout);
	if (asked.version && !asked.help)
		printf("sluicectl %s\n", SLUICE_VERSION);
	if (asked.help || asked.version)
		return CLI_OK;
	return run_words(&cli, argv + optind, argc - optind, &asked);
}
