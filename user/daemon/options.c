// SPDX-License-Identifier: Apache-2.0
#include "daemon/options.h"

#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/option_values.h"
#include "sluice_schema.h"

#define ENVIRONMENT_PREFIX "SLUICED_"

enum option_flag {
	OPTION_F_SWITCH = 1 << 0,  /* "--name" alone means "true" */
	OPTION_F_LIST = 1 << 1,    /* may be given again; commas part the values */
	OPTION_F_FORWARD = 1 << 2, /* the helper's, who gets it as it is; checked here first */
	OPTION_F_ACTION = 1 << 3,  /* .action, not a setting */
};

struct option_spec {
	const char *name;
	const char *argument; /* its name in --help, NULL for switches */
	option_value_fn *parse;
	size_t offset; /* into struct options; 0 where .parse knows the field */
	unsigned int flags;
	enum options_action action;
	const char *help;
};

#define FIELD(name) offsetof(struct options, name)
#define ACTION(name_, action_, help_)                                           \
	{                                                                       \
		.name = name_, .flags = OPTION_F_SWITCH | OPTION_F_ACTION,      \
		.parse = option_value_switch, .action = action_, .help = help_, \
	}

static const struct option_spec specs[] = {
	{ "manifests", "DIR", option_value_text, FIELD(manifests), 0, 0,
	  "read the *.yaml, *.yml and *.json of DIR and follow its changes" },
	{ "kubeconfig", "FILE", option_value_text, FIELD(kubeconfig), 0, 0,
	  "watch the cluster of FILE; without either: the cluster we run in" },
	{ "interface", "IF", option_value_interface, 0, OPTION_F_LIST, 0,
	  "attach to IF (again for more) [the devices of the default routes]" },
	{ "address", "IP", option_value_address, 0, OPTION_F_LIST, 0,
	  "serve HTTP on IP (again for more) [every address of the node]" },
	{ "http-port", "PORT", option_value_port, FIELD(http_port), 0, 0,
	  "port of plain HTTP, 0 for none [80]" },
	{ "https-port", "PORT", option_value_port, FIELD(https_port), 0, 0,
	  "port of HTTPS, 0 for none [443]" },
	{ "node-name", "NAME", option_value_node, FIELD(node_name), 0, 0,
	  "this node's name in Kubernetes [every backend counts as local]" },
	{ "ingress-class", "NAME", option_value_text, FIELD(ingress_class), 0, 0,
	  "class that is ours without an IngressClass object [sluice]" },
	{ "controller", "NAME", option_value_text, FIELD(controller), 0, 0,
	  "spec.controller of IngressClasses that are ours [sluice.dev/ingress]" },
	{ "watch-ingress-without-class", NULL, option_value_switch, FIELD(watch_without_class),
	  OPTION_F_SWITCH, 0, "serve Ingresses that name no class as well" },
	{ "default-backend", "NS/SVC:PORT", option_value_service_ref, FIELD(default_backend), 0, 0,
	  "upstream of requests that no route matches" },
	{ "default-certificate", "NS/SECRET", option_value_object_ref, FIELD(default_certificate),
	  0, 0, "certificate of hosts without one [made at start]" },
	{ "allow-external-name", NULL, option_value_switch, FIELD(allow_external_name),
	  OPTION_F_SWITCH, 0, "serve Services of type ExternalName" },
	{ "proxy-workers", "N", option_value_workers, FIELD(proxy_workers), 0, 0,
	  "processes of the helper [one a core]" },
	{ "proxy-user", "NAME", option_value_text, FIELD(proxy_user), 0, 0,
	  "user of the helper, name or number [sluice-proxy, else 65532]" },
	{ "proxy-binary", "FILE", option_value_text, FIELD(proxy_binary), 0, 0,
	  "the helper [sluice-proxy beside sluiced]" },
	{ "splice", "auto|off", option_value_splice, 0, 0, 0,
	  "both: the helper relays in user space [auto]" },
	{ "drain-timeout", "TIME", option_value_duration, FIELD(drain_timeout_ms), 0, 0,
	  "how long a replaced or ended helper may finish its conns [30s]" },
	{ "admin", "ADDRESS:PORT", option_value_listen, FIELD(admin), 0, 0,
	  "where /healthz, /readyz and /metrics are; or off [127.0.0.1:9901]" },
	{ "bpffs", "DIR", option_value_text, FIELD(bpffs), 0, 0,
	  "mount point of the BPF file system [/sys/fs/bpf]" },
	{ "xdp-mode", "auto|generic", option_value_xdp_mode, FIELD(force_generic), 0, 0,
	  "auto tries native XDP first [auto]" },
	{ "flows-max", "N", option_value_count, FIELD(flows_max), 0, 0,
	  "entries of each flow table [262144]" },
	{ "takeover", NULL, option_value_switch, FIELD(takeover), OPTION_F_SWITCH, 0,
	  "end the sluiced that runs with this --bpffs and go on in its place" },
	{ "log-format", "text|json", option_value_log_format, FIELD(log_format), 0, 0,
	  "form of log lines [text]" },
	{ "log-level", "LEVEL", option_value_log_level, FIELD(log_level), 0, 0,
	  "least of debug, info, warn, error that is written [info]" },
	ACTION("cleanup", ACTION_CLEANUP, "end the helper, remove programs, maps, routes; exit"),
	ACTION("version", ACTION_VERSION, "print the version; exit"),
	ACTION("help", ACTION_HELP, "print this; exit"),
};

#define SPECS_COUNT (sizeof(specs) / sizeof(specs[0]))

static int forward(struct options *options, const struct option_spec *spec, const char *value)
{
	char **grown;
	char *argument;

	grown = reallocarray(options->proxy_args, options->proxy_args_count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	options->proxy_args = grown;
	if (asprintf(&argument, "--%s=%s", spec->name, value) < 0)
		return -ENOMEM;
	grown[options->proxy_args_count++] = argument;
	return 0;
}

static int set_one(struct options *options, const struct option_spec *spec, const char *value,
		   const char *origin, char error[OPTIONS_ERROR_MAX])
{
	union {
		bool is;
		uint32_t number;
		const char *text;
	} scratch;
	void *field = spec->flags & (OPTION_F_FORWARD | OPTION_F_ACTION)
			      ? (void *)&scratch
			      : (char *)options + spec->offset;
	const char *why = NULL;
	int err;

	err = spec->parse(options, field, value, &why);
	if (err == -EINVAL)
		snprintf(error, OPTIONS_ERROR_MAX, "%s '%s': %s", origin, value, why);
	if (err)
		return err;
	if (spec->flags & OPTION_F_FORWARD)
		return forward(options, spec, value);
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
		.http_port = 80,
		.https_port = 443,
		.node_name = "",
		.ingress_class = "sluice",
		.controller = "sluice.dev/ingress",
		.drain_timeout_ms = 30000,
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
			     const bool given[SPECS_COUNT], char error[OPTIONS_ERROR_MAX])
{
	for (size_t i = 0; i < SPECS_COUNT; i++) {
		char name[64];
		char *value;
		int err;

		if (given[i] || (specs[i].flags & OPTION_F_ACTION))
			continue;
		value = find_variable(&specs[i], environment, name);
		if (!value)
			continue;
		err = set_option(options, &specs[i], value, name, error);
		if (err)
			return err;
	}
	return 0;
}

static const struct option_spec *find_spec(const char *name, size_t length)
{
	for (size_t i = 0; i < SPECS_COUNT; i++)
		if (strlen(specs[i].name) == length && memcmp(specs[i].name, name, length) == 0)
			return &specs[i];
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
		      bool given[SPECS_COUNT], char error[OPTIONS_ERROR_MAX])
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
	if (given[spec - specs] && !(spec->flags & (OPTION_F_LIST | OPTION_F_SWITCH))) {
		snprintf(error, OPTIONS_ERROR_MAX, "--%s: given twice", spec->name);
		return -EINVAL;
	}
	given[spec - specs] = true;
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

/* What no single flag can tell. */
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
	bool given[SPECS_COUNT] = {};
	int err = 0;

	set_defaults(out);
	snprintf(error, OPTIONS_ERROR_MAX, "out of memory");
	for (int i = 1; i < argc && !err; i++)
		err = parse_flag(out, argc, argv, &i, given, error);
	if (!err)
		err = parse_environment(out, environment, given, error);
	if (!err && out->action == ACTION_RUN)
		err = check_together(out, error);
	return err;
}

void options_free(struct options *options)
{
	for (size_t i = 0; i < options->proxy_args_count; i++)
		free(options->proxy_args[i]);
	free(options->proxy_args);
	free(options->interfaces);
	free(options->addresses);
	*options = (struct options){};
}

void options_print_help(FILE *out)
{
	fputs("Usage: sluiced --manifests DIR | --kubeconfig FILE | (in a cluster)  [FLAG...]\n\n",
	      out);
	for (size_t i = 0; i < SPECS_COUNT; i++) {
		char left[48];

		snprintf(left, sizeof(left), "--%s%s%s", specs[i].name,
			 specs[i].argument ? " " : "", specs[i].argument ? specs[i].argument : "");
		fprintf(out, "  %-34s %s\n", left, specs[i].help);
	}
	fputs("\nEach flag may be written --flag=VALUE, and be given as SLUICED_FLAG in the\n"
	      "environment instead (--http-port as SLUICED_HTTP_PORT). See sluiced(8).\n",
	      out);
}

uint32_t options_workers(const struct options *options)
{
	cpu_set_t cpus;
	int count = 1;

	if (options->proxy_workers)
		return options->proxy_workers;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		count = CPU_COUNT(&cpus);
	return count < (int)SLUICE_WORKERS_MAX / 2 ? (uint32_t)count : SLUICE_WORKERS_MAX / 2;
}
