// SPDX-License-Identifier: Apache-2.0
#include "daemon/options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/option_values.h"
#include "sluice_schema.h"

#define ENVIRONMENT_PREFIX "SLUICED_"

enum option_flag {
	OPTION_F_SWITCH = 1 << 0, /* "--name" alone means "true" */
	OPTION_F_LIST = 1 << 1,   /* may be given again; commas part the values */
	OPTION_F_ACTION = 1 << 2, /* .action, not a setting */
	/* The helper's, who gets it as written here, once checked, or as a number of ms or bytes. */
	OPTION_F_FORWARD = 1 << 3,
	OPTION_F_FORWARD_MS = 1 << 4,
	OPTION_F_FORWARD_BYTES = 1 << 5,
};

struct option_spec {
	const char *name;
	const char *argument; /* its name in --help, NULL for switches */
	option_value_fn *parse;
	size_t offset; /* into struct options; 0 where .parse knows the field */
	unsigned int flags;
	enum options_action action;
	const char *help;
	uint64_t least, most; /* of .parse */
};

#define OPTION_F_FOR_HELPER (OPTION_F_FORWARD | OPTION_F_FORWARD_MS | OPTION_F_FORWARD_BYTES)

#define HOUR_MS (60u * 60 * 1000)
#define DAY_MS  (24u * HOUR_MS)

/* Rows of the table, by the kind of flag. */
#define SETTING(name_, argument_, value_, field_, help_)                              \
	{                                                                             \
		.name = name_, .argument = argument_, .parse = option_value_##value_, \
		.offset = offsetof(struct options, field_), .help = help_,            \
	}
#define NUMBER(name_, argument_, value_, field_, least_, most_, help_)                      \
	{                                                                                   \
		.name = name_, .argument = argument_, .parse = option_value_##value_,       \
		.offset = offsetof(struct options, field_), .help = help_, .least = least_, \
		.most = most_,                                                              \
	}
#define LIST(name_, argument_, value_, help_)                                         \
	{                                                                             \
		.name = name_, .argument = argument_, .parse = option_value_##value_, \
		.flags = OPTION_F_LIST, .help = help_,                                \
	}
#define SWITCH(name_, field_, help_)                                                   \
	{                                                                              \
		.name = name_, .parse = option_value_switch, .flags = OPTION_F_SWITCH, \
		.offset = offsetof(struct options, field_), .help = help_,             \
	}
#define HELPER(name_, argument_, value_, flags_, least_, most_, help_)                \
	{                                                                             \
		.name = name_, .argument = argument_, .parse = option_value_##value_, \
		.flags = flags_, .help = help_, .least = least_, .most = most_,       \
	}
#define TIMEOUT(name_, most_, help_) \
	HELPER(name_, "TIME", duration, OPTION_F_FORWARD_MS, 1, most_, help_)
#define ACTION(name_, action_, help_)                                                         \
	{                                                                                     \
		.name = name_, .parse = option_value_switch,                                  \
		.flags = OPTION_F_SWITCH | OPTION_F_ACTION, .action = action_, .help = help_, \
	}

/* clang-format off: one flag a paragraph */
static const struct option_spec specs[] = {
	SETTING("manifests", "DIR", text, manifests,
		"read the *.yaml, *.yml and *.json of DIR and follow its changes"),
	SETTING("kubeconfig", "FILE", text, kubeconfig,
		"watch the cluster of FILE; without either: the cluster we run in"),
	LIST("interface", "IF", interface,
	     "attach to IF (again for more) [the devices of the default routes]"),
	LIST("address", "IP", address,
	     "serve HTTP on IP (again for more) [every address of the node]"),
	SETTING("http-port", "PORT", port, http_port, "port of plain HTTP, 0 for none [80]"),
	SETTING("https-port", "PORT", port, https_port, "port of HTTPS, 0 for none [443]"),
	SETTING("node-name", "NAME", node, node_name,
		"this node's name in Kubernetes [every backend counts as local]"),
	SETTING("ingress-class", "NAME", text, ingress_class,
		"class that is ours without an IngressClass object [sluice]"),
	SETTING("controller", "NAME", text, controller,
		"spec.controller of IngressClasses that are ours [sluice.dev/ingress]"),
	SWITCH("watch-ingress-without-class", watch_without_class,
	       "serve Ingresses that name no class as well"),
	SETTING("default-backend", "NS/SVC:PORT", service_ref, default_backend,
		"upstream of requests that no route matches"),
	SETTING("default-certificate", "NS/SECRET", object_ref, default_certificate,
		"certificate of hosts without one [made at start]"),
	SWITCH("allow-external-name", allow_external_name, "serve Services of type ExternalName"),

	NUMBER("proxy-workers", "N", number, proxy_workers, 1, SLUICE_WORKERS_MAX / 2,
	       "processes of the helper [one a core]"),
	SETTING("proxy-user", "NAME", text, proxy_user,
		"user of the helper, name or number [sluice-proxy, else 65532]"),
	SETTING("proxy-binary", "FILE", text, proxy_binary,
		"the helper [sluice-proxy beside sluiced]"),
	HELPER("splice", "auto|off", splice, 0, 0, 0,
	       "both: the helper relays in user space [auto]"),
	NUMBER("drain-timeout", "TIME", duration, drain_timeout_ms, 0, DAY_MS,
	       "how long a replaced or ended helper may finish its conns [30s]"),
	TIMEOUT("client-head-timeout", HOUR_MS, "for a whole request head, then 408 [30s]"),
	TIMEOUT("client-idle-timeout", DAY_MS, "between the requests of a client [75s]"),
	TIMEOUT("body-timeout", DAY_MS,
		"without a byte while a body moves, then 408 or an abort [60s]"),
	TIMEOUT("connect-timeout", HOUR_MS, "to connect to one backend, then the next [2s]"),
	TIMEOUT("response-timeout", DAY_MS, "for the head of a response, then 504 [60s]"),
	TIMEOUT("upstream-idle-timeout", DAY_MS, "of a kept connection to a backend [55s]"),
	TIMEOUT("tunnel-idle-timeout", 24 * DAY_MS, "without a byte in a tunnel [1h]"),
	HELPER("max-head", "BYTES", bytes, OPTION_F_FORWARD_BYTES, 1024, 16384,
	       "longest request head, then 431 [16k]"),
	HELPER("max-target", "BYTES", bytes, OPTION_F_FORWARD_BYTES, 8000, 16384,
	       "longest request target, then 414 [16000]"),
	HELPER("max-fields", "N", number, OPTION_F_FORWARD, 8, 1024,
	       "most fields of a request, then 431 [100]"),
	HELPER("max-body", "BYTES", bytes, OPTION_F_FORWARD_BYTES, 0, 1ull << 50,
	       "longest request body where a route says nothing, then 413; 0: any [0]"),
	HELPER("max-conns", "N", number, OPTION_F_FORWARD, 1, 10000000,
	       "conns of clients that one worker holds, then 503 [50000]"),
	HELPER("upstream-idle-max", "N", number, OPTION_F_FORWARD, 0, 1000000,
	       "idle connections to backends that one worker keeps [1024]"),
	HELPER("upstream-idle-backend-max", "N", number, OPTION_F_FORWARD, 0, 1000000,
	       "the same, to one backend [128]"),
	HELPER("trust", "ADDRESS/BITS", range, OPTION_F_FORWARD | OPTION_F_LIST, 0, 0,
	       "peers whose X-Forwarded-* is believed (again for more) [none]"),
	HELPER("allow-underscores", NULL, switch, OPTION_F_FORWARD | OPTION_F_SWITCH, 0, 0,
	       "forward request fields with _ in the name"),
	HELPER("access-log", "off|text|json", access_log, OPTION_F_FORWARD, 0, 0,
	       "a line for each request, to stdout [off]"),

	SETTING("admin", "ADDRESS:PORT", listen, admin,
		"where /healthz, /readyz and /metrics are; or off [127.0.0.1:9901]"),
	SETTING("bpffs", "DIR", text, bpffs, "mount point of the BPF file system [/sys/fs/bpf]"),
	SETTING("xdp-mode", "auto|generic", xdp_mode, force_generic,
		"auto tries native XDP first [auto]"),
	NUMBER("flows-max", "N", number, flows_max, 1024, 1u << 28,
	       "entries of each flow table [262144]"),
	SWITCH("takeover", takeover,
	       "end the sluiced that runs with this --bpffs and go on in its place"),
	SETTING("log-format", "text|json", log_format, log_format, "form of log lines [text]"),
	SETTING("log-level", "LEVEL", log_level, log_level,
		"least of debug, info, warn, error that is written [info]"),
	ACTION("cleanup", ACTION_CLEANUP, "end the helper, remove programs, maps, routes; exit"),
	ACTION("version", ACTION_VERSION, "print the version; exit"),
	ACTION("help", ACTION_HELP, "print this; exit"),
};
/* clang-format on */

#define SPECS_COUNT (sizeof(specs) / sizeof(specs[0]))

static int forward(struct options *options, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Adds one argument for the helper. Return: 0; -ENOMEM. */
static int forward(struct options *options, const char *format, ...)
{
	char **grown;
	va_list args;
	char *text;
	int length;

	grown = reallocarray(options->proxy_args, options->proxy_args_count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	options->proxy_args = grown;
	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		return -ENOMEM;
	grown[options->proxy_args_count++] = text;
	return 0;
}

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
		return forward(options, "--%s=%u", spec->name, scratch->number);
	if (spec->flags & OPTION_F_FORWARD_BYTES)
		return forward(options, "--%s=%" PRIu64, spec->name, scratch->bytes);
	if (spec->flags & OPTION_F_SWITCH)
		return scratch->is ? forward(options, "--%s", spec->name) : 0;
	return forward(options, "--%s=%s", spec->name, text);
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
	if (!err && out->https_port)
		err = forward(out, "--https-port=%u", out->https_port);
	if (!err && out->log_format == LOG_JSON)
		err = forward(out, "--log-format=json");
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
