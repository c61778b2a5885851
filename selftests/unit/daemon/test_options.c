// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/options/options_parse.h"

#define ARGUMENTS_MAX 16

struct parsed {
	struct options options;
	char error[OPTIONS_ERROR_MAX];
	int err;
	char *argv[ARGUMENTS_MAX]; /* owned: options point into them */
	char *environment[4];      /* owned */
};

/* Parses "sluiced" + @flags (parted by blanks) with @variables (likewise). */
static void parse(struct parsed *p, const char *flags, const char *variables)
{
	char *copy = strdup(flags), *rest = copy;
	char *variables_copy = strdup(variables), *variables_rest = variables_copy;
	int argc = 0;
	size_t n = 0;
	char *word;

	memset(p, 0, sizeof(*p));
	p->argv[argc++] = strdup("sluiced");
	while ((word = strsep(&rest, " ")))
		if (*word)
			p->argv[argc++] = strdup(word);
	while ((word = strsep(&variables_rest, " ")))
		if (*word)
			p->environment[n++] = strdup(word);
	free(copy);
	free(variables_copy);
	p->err = options_parse(argc, p->argv, p->environment, &p->options, p->error);
}

static void parsed_free(struct parsed *p)
{
	options_free(&p->options);
	for (size_t i = 0; i < ARGUMENTS_MAX; i++)
		free(p->argv[i]);
	for (size_t i = 0; i < 4; i++)
		free(p->environment[i]);
}

static void options__have_the_documented_defaults(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, "", "");
	assert_int_equal(p.err, 0);
	assert_int_equal(p.options.action, ACTION_RUN);
	assert_null(p.options.manifests);
	assert_int_equal(p.options.http_port, 80);
	assert_int_equal(p.options.https_port, 443);
	assert_string_equal(p.options.ingress_class, "sluice");
	assert_string_equal(p.options.controller, "sluice.dev/ingress");
	assert_string_equal(p.options.admin, "127.0.0.1:9901");
	assert_string_equal(p.options.bpffs, "/sys/fs/bpf");
	assert_string_equal(p.options.node_name, "");
	assert_int_equal(p.options.interfaces_count, 0);
	assert_int_equal(p.options.addresses_count, 0);
	assert_int_equal(p.options.l4.mode, TABLE_L4_SNAT);
	assert_int_equal(p.options.l4.encapsulation, TABLE_L4_IPIP);
	assert_int_equal(p.options.l4.source_port_min, 61000);
	assert_int_equal(p.options.l4.source_port_max, 65535);
	assert_int_equal(p.options.l4.gue_port, 6080);
	assert_int_equal(p.options.l4.new_flows_max, 125000);
	assert_false(p.options.l4.pass_unknown_ports);
	assert_true(options_workers(&p.options) >= 1);
	parsed_free(&p);
}

static void options__are_taken_from_both_spellings_and_the_last_counts(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p,
	      "--http-port 1 --manifests /m --http-port=8080 --proxy-workers 3 "
	      "--drain-timeout=1500ms",
	      "");
	assert_int_equal(p.err, 0);
	assert_string_equal(p.options.manifests, "/m");
	assert_int_equal(p.options.http_port, 8080);
	assert_int_equal(options_workers(&p.options), 3);
	assert_int_equal(p.options.drain_timeout_ms, 1500);
	parsed_free(&p);
}

static void options__lists_grow_and_drop_repetitions(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, "--interface eth0 --interface=eth1,eth0 --address 192.0.2.1,2001:db8::1", "");
	assert_int_equal(p.err, 0);
	assert_int_equal(p.options.interfaces_count, 2);
	assert_string_equal(p.options.interfaces[1], "eth1");
	assert_int_equal(p.options.addresses_count, 2);
	parsed_free(&p);
}

static void options__flag_wins_over_environment(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, "--http-port 81",
	      "SLUICED_HTTP_PORT=82 SLUICED_HTTPS_PORT=444 SLUICED_WATCH_INGRESS_WITHOUT_CLASS="
	      "true");
	assert_int_equal(p.err, 0);
	assert_int_equal(p.options.http_port, 81);
	assert_int_equal(p.options.https_port, 444);
	assert_true(p.options.watch_without_class);
	parsed_free(&p);
}

static void options__of_the_helper_are_handed_on_as_it_reads_them(void **state)
{
	static const char *const wanted[] = {
		"--connect-timeout=500", "--max-body=1048576", "--trust=10.0.0.0/8",
		"--trust=2001:db8::/32", "--max-conns=7",      "--allow-underscores",
		"--max-conns-source=9",  "--https-port=443",   "--log-format=json",
	};
	struct parsed p;

	(void)state;
	parse(&p,
	      "--connect-timeout 500ms --max-body=1m --trust 10.0.0.0/8,2001:db8::/32 "
	      "--max-conns 7 --allow-underscores --max-conns-source 9 --log-format json",
	      "");
	assert_int_equal(p.err, 0);
	assert_int_equal(p.options.proxy_args_count, sizeof(wanted) / sizeof(wanted[0]));
	for (size_t i = 0; i < p.options.proxy_args_count; i++)
		assert_string_equal(p.options.proxy_args[i], wanted[i]);
	parsed_free(&p);
}

static void options__switch_can_be_switched_off(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, "--allow-external-name=false", "SLUICED_ALLOW_EXTERNAL_NAME=true");
	assert_int_equal(p.err, 0);
	assert_false(p.options.allow_external_name);
	parsed_free(&p);
}

static void options__actions_are_recognised(void **state)
{
	static const struct {
		const char *flags;
		enum options_action action;
	} cases[] = { { "--help", ACTION_HELP },
		      { "-h", ACTION_HELP },
		      { "--version", ACTION_VERSION },
		      { "--cleanup --bpffs /b", ACTION_CLEANUP } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct parsed p;

		parse(&p, cases[i].flags, "");
		assert_int_equal(p.err, 0);
		assert_int_equal(p.options.action, cases[i].action);
		parsed_free(&p);
	}
}

static void options__splice_is_auto_on_or_off(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, "--splice off", "");
	assert_int_equal(p.err, 0);
	parsed_free(&p);
	parse(&p, "--splice auto", "");
	assert_int_equal(p.err, 0);
	parsed_free(&p);
	assert_int_equal(p.options.splice, SPLICE_IF_PROVEN);
	parse(&p, "--splice on", "");
	assert_int_equal(p.err, 0);
	assert_int_equal(p.options.splice, SPLICE_ALWAYS);
	parsed_free(&p);
	parse(&p, "--splice maybe", "");
	assert_int_equal(p.err, -22);
	assert_non_null(strstr(p.error, "maybe"));
	parsed_free(&p);
}

/* Each error names the flag (or variable) and the value. */
/* size: a table of cases */
static void options__errors_name_flag_and_value(void **state)
{
	static const struct {
		const char *flags, *variables, *flag, *value;
	} cases[] = {
		{ "--http-port 70000", "", "--http-port", "'70000'" },
		{ "--http-port=", "", "--http-port", "''" },
		{ "--http-port", "", "--http-port", "PORT is missing" },
		{ "--https-port -1", "", "--https-port", "'-1'" },
		{ "", "SLUICED_HTTP_PORT=x", "SLUICED_HTTP_PORT", "'x'" },
		{ "--address 1.2.3", "", "--address", "'1.2.3'" },
		{ "--address 0.0.0.0", "", "--address", "'0.0.0.0'" },
		{ "--interface a234567890123456", "", "--interface", "'a234567890123456'" },
		{ "--interface eth0,", "", "--interface", "''" },
		{ "--default-backend web", "", "--default-backend", "'web'" },
		{ "--default-backend a/b:0", "", "--default-backend", "'a/b:0'" },
		{ "--default-backend a/b:A", "", "--default-backend", "'a/b:A'" },
		{ "--default-certificate a/", "", "--default-certificate", "'a/'" },
		{ "--default-certificate A/b", "", "--default-certificate", "'A/b'" },
		{ "--proxy-workers 0", "", "--proxy-workers", "'0'" },
		{ "--proxy-workers 129", "", "--proxy-workers", "'129'" },
		{ "--drain-timeout 30", "", "--drain-timeout", "'30'" },
		{ "--drain-timeout 25h", "", "--drain-timeout", "'25h'" },
		{ "--admin 9901", "", "--admin", "'9901'" },
		{ "--admin ::1:9901", "", "--admin", "'::1:9901'" },
		{ "--admin localhost:9901", "", "--admin", "'localhost:9901'" },
		{ "--log-format xml", "", "--log-format", "'xml'" },
		{ "--log-level loud", "", "--log-level", "'loud'" },
		{ "--xdp-mode fast", "", "--xdp-mode", "'fast'" },
		{ "--max-head 1", "", "--max-head", "'1'" },
		{ "--max-body 1t", "", "--max-body", "'1t'" },
		{ "--max-body k", "", "--max-body", "'k'" },
		{ "--trust 10.0.0.0/33", "", "--trust", "'10.0.0.0/33'" },
		{ "--trust 10.0.0.0/8,x", "", "--trust", "'x'" },
		{ "--access-log yes", "", "--access-log", "'yes'" },
		{ "--connect-timeout 0s", "", "--connect-timeout", "'0s'" },
		{ "--connect-timeout 2h", "", "--connect-timeout", "'2h'" },
		{ "--flows-max 0", "", "--flows-max", "'0'" },
		{ "--l4-mode nat", "", "--l4-mode", "'nat'" },
		{ "--l4-encapsulation vxlan", "", "--l4-encapsulation", "'vxlan'" },
		{ "--snat-ports 1000-2000", "", "--snat-ports", "'1000-2000'" },
		{ "--snat-ports 2000-1999", "", "--snat-ports", "'2000-1999'" },
		{ "--snat-ports 2000", "", "--snat-ports", "'2000'" },
		{ "--snat-ports 2000-65536", "", "--snat-ports", "'2000-65536'" },
		{ "--node-address ::", "", "--node-address", "'::'" },
		{ "--return-interface a/b", "", "--return-interface", "'a/b'" },
		{ "--l4-rate-limit -1", "", "--l4-rate-limit", "'-1'" },
		{ "--probe maybe", "", "--probe", "'maybe'" },
		{ "--shutdown-delay 5", "", "--shutdown-delay", "'5'" },
		{ "--takeover=perhaps", "", "--takeover", "'perhaps'" },
		{ "--node-name A_b", "", "--node-name", "'A_b'" },
		{ "--no-such 1", "", "--no-such", "no such flag" },
		{ "--=1", "", "--=1", "only flags" },
		{ "stray", "", "'stray'", "only flags" },
		{ "--manifests /a --kubeconfig /b", "", "--manifests", "one source" },
		{ "--http-port 80 --https-port 80", "", "--http-port", "the same" },
		{ "--http-port 0 --https-port 0", "", "--http-port", "nothing to serve" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct parsed p;

		parse(&p, cases[i].flags, cases[i].variables);
		if (p.err != -22 || !strstr(p.error, cases[i].flag) ||
		    !strstr(p.error, cases[i].value))
			fail_msg("%s %s: %d, %s", cases[i].flags, cases[i].variables, p.err,
				 p.error);
		parsed_free(&p);
	}
}

static void options__good_values_pass(void **state)
{
	static const char *const cases[] = {
		"--admin off",
		"--admin [::1]:9901",
		"--admin 0.0.0.0:1",
		"--default-backend ns/svc:http",
		"--default-backend ns/svc:8080",
		"--default-certificate ns/a.b-c",
		"--node-name node-1.example.com",
		"--http-port 0",
		"--log-format json --log-level debug",
		"--drain-timeout 0s",
		"--drain-timeout 2h",
		"--shutdown-delay 5s",
		"--probe ready",
		"--probe=live --bpffs /sys/fs/bpf",
		"--xdp-mode generic",
		"--xdp-mode tc",
		"--flows-max 65536",
		"--l4-mode dsr --l4-encapsulation gue --gue-port 6081",
		"--snat-ports 20000-29999",
		"--node-address 192.0.2.1 --node-address 2001:db8::1",
		"--node-address 192.0.2.1,2001:db8::1",
		"--return-interface flannel.1 --return-interface cilium_vxlan",
		"--new-flows-max 0 --l4-rate-limit 50 --pass-unknown-ports",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct parsed p;

		parse(&p, cases[i], "");
		if (p.err)
			fail_msg("%s: %s", cases[i], p.error);
		parsed_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options__have_the_documented_defaults),
		cmocka_unit_test(options__are_taken_from_both_spellings_and_the_last_counts),
		cmocka_unit_test(options__lists_grow_and_drop_repetitions),
		cmocka_unit_test(options__flag_wins_over_environment),
		cmocka_unit_test(options__of_the_helper_are_handed_on_as_it_reads_them),
		cmocka_unit_test(options__switch_can_be_switched_off),
		cmocka_unit_test(options__actions_are_recognised),
		cmocka_unit_test(options__splice_is_auto_on_or_off),
		cmocka_unit_test(options__errors_name_flag_and_value),
		cmocka_unit_test(options__good_values_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
