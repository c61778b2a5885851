// SPDX-License-Identifier: Apache-2.0
#include "daemon/options/options_parse.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/options/option_table.h"
#include "sluice_schema.h"

#define ENVIRONMENT_PREFIX "SLUICED_"

/* What a parser has stored that is not for struct options itself. */
union scratch {
	bool is;
	uint32_t number;
	uint64_t bytes;
	const char *text;
};

static int forward_value(struct options *options, const struct option_spec *spec,
			 const union scratch *scratch, const char *text)
{
	if (spec->flags & OPTION_F_FORWARD_MS)
		return options_forward(options, "--%s=%u", spec->name, scratch->number);
	if (spec->flags & OPTION_F_FORWARD_BYTES)
		return options_forward(options, "--%s=%" PRIu64, spec->name, scratch->bytes);
	if (spec->flags & OPTION_F_SWITCH)
		return scratch->is ? options_forward(options, "--%s", spec->name) : 0;
	return options_forward(options, "--%s=%s", spec->name, text);
}

static int set_one(struct options *options, const struct option_spec *spec, const char *text,
		   const char *origin, char error[OPTIONS_ERROR_MAX])
{
	bool elsewhere = spec->flags & (OPTION_F_FOR_HELPER | OPTION_F_ACTION);
	union scratch scratch;
	struct option_value value = {
		.options = options,
		.field = elsewhere ? (void *)&scratch : (char *)options + spec->offset,
		.text = text,
		.least = spec->least,
		.most = spec->most,
	};
	int err;

	err = spec->parse(&value);
	if (err == -EINVAL)
		snprintf(error, OPTIONS_ERROR_MAX, "%s '%s': %s", origin, text, value.why);
	if (err)
		return err;
	if (spec->flags & OPTION_F_FOR_HELPER)
		return forward_value(options, spec, &scratch, text);
	if ((spec->flags & OPTION_F_ACTION) && scratch.is)
		options->action = spec->action;
	return 0;
}

/* Takes the value apart at its commas where the option is a list. */
static int set_option(struct options *options, const struct option_spec *spec, char *value,
		      const char *origin, char error[OPTIONS_ERROR_MAX])
{
	int err = 0;

	if (!(spec->flags & OPTION_F_LIST))
		return set_one(options, spec, value, origin, error);
	while (value && !err) {
		char *comma = strchr(value, ',');

		if (comma)
			*comma = '\0'; /* the list keeps pointers into the text */
		err = set_one(options, spec, value, origin, error);
		value = comma ? comma + 1 : NULL;
	}
	return err;
}

static void set_defaults(struct options *options)
{
	*options = (struct options){
		.action = ACTION_RUN,
		.kube.write_status = true,
		.http_port = 80,
		.https_port = 443,
		.node_name = "",
		.ingress_class = "sluice",
		.controller = "sluice.dev/ingress",
		.drain_timeout_ms = 30000,
		/* Above the ports that Linux gives to its own connections (32768-60999) and
		 * Kubernetes to nodePorts (30000-32767). */
		.l4.source_port_min = 61000,
		.l4.source_port_max = 65535,
		.l4.gue_port = 6080, /* IANA: gue */
		/* So many a core and second that established flows keep half of it: Katran. */
		.l4.new_flows_max = 125000,
		/* As net.ipv4.icmp_msgs_per_sec of newer kernels, but for each CPU. */
		.l4.answers_max = 10000,
		.admin = "127.0.0.1:9901",
		.bpffs = "/sys/fs/bpf",
		.log_format = LOG_TEXT,
		.log_level = LOG_INFO,
	};
}

/* "http-port" <-> "SLUICED_HTTP_PORT" */
static void variable_name(const struct option_spec *spec, char name[64])
{
	size_t length = (size_t)snprintf(name, 64, "%s%s", ENVIRONMENT_PREFIX, spec->name);

	for (size_t i = 0; i < length; i++)
		name[i] = name[i] == '-' ? '_' : (char)toupper((unsigned char)name[i]);
}

/* Value of the option's variable, NULL if it is not set. */
static char *find_variable(const struct option_spec *spec, char **environment, char name[64])
{
	size_t length;

	variable_name(spec, name);
	length = strlen(name);
	for (char **entry = environment; entry && *entry; entry++)
		if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
			return *entry + length + 1;
	return NULL;
}

/* Variables of options that no flag has set. */
static int parse_environment(struct options *options, char **environment,
			     const bool given[OPTION_SPECS_MAX], char error[OPTIONS_ERROR_MAX])
{
	for (size_t i = 0; option_specs[i].name; i++) {
		char name[64];
		char *value;
		int err;

		if (given[i] || (option_specs[i].flags & OPTION_F_ACTION))
			continue;
		value = find_variable(&option_specs[i], environment, name);
		if (!value)
			continue;
		err = set_option(options, &option_specs[i], value, name, error);
		if (err)
			return err;
	}
	return 0;
}

static const struct option_spec *find_spec(const char *name, size_t length)
{
	for (size_t i = 0; option_specs[i].name; i++)
		if (strlen(option_specs[i].name) == length &&
		    memcmp(option_specs[i].name, name, length) == 0)
			return &option_specs[i];
	return NULL;
}

/* The option that @argument ("--name" or "--name=value") names. */
static int find_flag(const char *argument, const struct option_spec **out,
		     char error[OPTIONS_ERROR_MAX])
{
	size_t length = strcspn(argument, "=");

	if (strcmp(argument, "-h") == 0)
		return find_flag("--help", out, error);
	if (strncmp(argument, "--", 2) != 0 || length == 2) {
		snprintf(error, OPTIONS_ERROR_MAX, "'%s': only flags are expected; see --help",
			 argument);
		return -EINVAL;
	}
	*out = find_spec(argument + 2, length - 2);
	if (!*out) {
		snprintf(error, OPTIONS_ERROR_MAX, "%.*s: no such flag; see --help", (int)length,
			 argument);
		return -EINVAL;
	}
	return 0;
}

/* One flag at argv[*index], with its value there or in the next argument. */
static int parse_flag(struct options *options, int argc, char **argv, int *index,
		      bool given[OPTION_SPECS_MAX], char error[OPTIONS_ERROR_MAX])
{
	static char true_text[] = "true";
	const struct option_spec *spec;
	char *equals = strchr(argv[*index], '=');
	char origin[64];
	char *value;
	int err;

	err = find_flag(argv[*index], &spec, error);
	if (err)
		return err;
	given[spec - option_specs] = true;
	if (equals) {
		value = equals + 1;
	} else if (spec->flags & OPTION_F_SWITCH) {
		value = true_text;
	} else if (*index + 1 < argc) {
		value = argv[++*index];
	} else {
		snprintf(error, OPTIONS_ERROR_MAX, "--%s: its value %s is missing", spec->name,
			 spec->argument);
		return -EINVAL;
	}
	snprintf(origin, sizeof(origin), "--%s", spec->name);
	return set_option(options, spec, value, origin, error);
}

/* Faults of combinations of flags. */
static int check_together(const struct options *options, char error[OPTIONS_ERROR_MAX])
{
	const char *why = NULL;

	if (options->manifests && options->kubeconfig)
		why = "--manifests and --kubeconfig: one source at a time";
	else if (options->http_port && options->http_port == options->https_port)
		why = "--http-port and --https-port are the same";
	else if (!options->http_port && !options->https_port)
		why = "--http-port and --https-port are both 0: nothing to serve";
	if (!why)
		return 0;
	snprintf(error, OPTIONS_ERROR_MAX, "%s", why);
	return -EINVAL;
}

int options_parse(int argc, char **argv, char **environment, struct options *out,
		  char error[OPTIONS_ERROR_MAX])
{
	bool given[OPTION_SPECS_MAX] = {};
	int err = 0;

	set_defaults(out);
	snprintf(error, OPTIONS_ERROR_MAX, "out of memory");
	for (int i = 1; i < argc && !err; i++)
		err = parse_flag(out, argc, argv, &i, given, error);
	if (!err)
		err = parse_environment(out, environment, given, error);
	if (!err && out->action == ACTION_RUN)
		err = check_together(out, error);
	if (!err && out->https_port)
		err = options_forward(out, "--https-port=%u", out->https_port);
	if (!err && out->log_format == LOG_JSON)
		err = options_forward(out, "--log-format=json");
	if (!err && out->log_level != LOG_INFO)
		err = options_forward(out, "--log-level=%s", log_level_name(out->log_level));
	return err;
}

void options_print_help(FILE *out)
{
	fputs("Usage: sluiced --manifests DIR | --kubeconfig FILE | (in a cluster)  [FLAG...]\n\n",
	      out);
	for (size_t i = 0; option_specs[i].name; i++) {
		char left[48];

		snprintf(left, sizeof(left), "--%s%s%s", option_specs[i].name,
			 option_specs[i].argument ? " " : "",
			 option_specs[i].argument ? option_specs[i].argument : "");
		fprintf(out, "  %-34s %s\n", left, option_specs[i].help);
	}
	fputs("\nEach flag may be written --flag=VALUE, and be given as SLUICED_FLAG in the\n"
	      "environment instead (--http-port as SLUICED_HTTP_PORT). See sluiced(8).\n",
	      out);
}
