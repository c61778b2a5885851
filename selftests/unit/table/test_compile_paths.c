// SPDX-License-Identifier: Apache-2.0
/*
 * test_compile_paths.c - which path of a host answers
 */
#include "unit/lib/table_fixture.h"

struct ask {
	const char *host, *path, *answer;
};

struct path_case {
	const char *name;
	const char *ingress; /* of default/a; backends one two three four all exist */
	struct ask asks[8];
};

#define ONE   "default/one:80"
#define TWO   "default/two:80"
#define THREE "default/three:80"
#define H     "a.com"

static const struct path_case cases[] = {
	{ "prefix matches itself",
	  "host a.com; prefix /foo/bar one:80",
	  { { H, "/foo/bar", ONE } } },
	{ "prefix matches what is below",
	  "host a.com; prefix /foo/bar one:80",
	  { { H, "/foo/bar/baz", ONE }, { H, "/foo/bar/", ONE } } },
	{ "prefix never matches within an element",
	  "host a.com; prefix /foo/bar one:80",
	  { { H, "/foo/barbaz", "404" } } },
	{ "prefix is not matched by its beginning",
	  "host a.com; prefix /foo/bar one:80",
	  { { H, "/foo", "404" }, { H, "/foo/", "404" }, { H, "/", "404" } } },
	{ "prefix is case-sensitive",
	  "host a.com; prefix /foo one:80",
	  { { H, "/Foo", "404" }, { H, "/foo", ONE } } },
	{ "a trailing slash of a prefix changes nothing",
	  "host a.com; prefix /abc/ one:80",
	  { { H, "/abc", ONE },
	    { H, "/abc/", ONE },
	    { H, "/abc/d", ONE },
	    { H, "/abcd", "404" } } },
	{ "without a trailing slash it is the same",
	  "host a.com; prefix /abc one:80",
	  { { H, "/abc", ONE }, { H, "/abc/", ONE } } },
	{ "prefix / matches all",
	  "host a.com; prefix / one:80",
	  { { H, "/", ONE }, { H, "/x", ONE }, { H, "/x/y/z", ONE }, { H, "/%2F", ONE } } },
	{ "/foo beside /foo/: each takes its own",
	  "host a.com; prefix /foo one:80; prefix /foo/ two:80",
	  { { H, "/foo", ONE },
	    { H, "/foo/", TWO },
	    { H, "/foo/x", TWO },
	    { H, "/foox", "404" } } },
	{ "/foo/ beside /foo: order does not matter",
	  "host a.com; prefix /foo/ two:80; prefix /foo one:80",
	  { { H, "/foo", ONE }, { H, "/foo/", TWO }, { H, "/foo/x", TWO } } },
	{ "exact matches the whole path",
	  "host a.com; exact /foo one:80",
	  { { H, "/foo", ONE }, { H, "/foo/", "404" }, { H, "/foo/bar", "404" } } },
	{ "exact with a slash is not without",
	  "host a.com; exact /foo/ one:80",
	  { { H, "/foo/", ONE }, { H, "/foo", "404" } } },
	{ "exact is case-sensitive", "host a.com; exact /foo one:80", { { H, "/FOO", "404" } } },
	{ "exact / is the root alone",
	  "host a.com; exact / one:80",
	  { { H, "/", ONE }, { H, "/x", "404" } } },
	{ "exact before prefix",
	  "host a.com; prefix /foo one:80; exact /foo two:80",
	  { { H, "/foo", TWO }, { H, "/foo/", ONE }, { H, "/foo/x", ONE } } },
	{ "exact before a longer prefix does not apply to it",
	  "host a.com; exact /foo two:80; prefix /foo/bar one:80",
	  { { H, "/foo", TWO }, { H, "/foo/bar", ONE } } },
	{ "the longest prefix wins",
	  "host a.com; prefix / one:80; prefix /a two:80; prefix /a/b three:80",
	  { { H, "/", ONE },
	    { H, "/x", ONE },
	    { H, "/a", TWO },
	    { H, "/a/x", TWO },
	    { H, "/a/b", THREE },
	    { H, "/a/b/c", THREE },
	    { H, "/a/bc", TWO } } },
	{ "the longest prefix wins in any order",
	  "host a.com; prefix /a/b three:80; prefix /a two:80; prefix / one:80",
	  { { H, "/a/b/c", THREE }, { H, "/a/x", TWO }, { H, "/z", ONE } } },
	{ "implementation specific is a prefix",
	  "host a.com; impl /foo one:80",
	  { { H, "/foo", ONE }, { H, "/foo/x", ONE }, { H, "/foox", "404" } } },
	{ "an empty implementation specific path is /",
	  "host a.com; impl - one:80",
	  { { H, "/", ONE }, { H, "/any/thing", ONE } } },
	{ "regular expressions by annotation",
	  "host a.com; impl /re/.* one:80; note sluice.dev/use-regex=true",
	  { { H, "/re/x", ONE }, { H, "/rex", "404" } } },
	{ "the annotation leaves prefixes alone",
	  "host a.com; prefix /foo one:80; note sluice.dev/use-regex=true",
	  { { H, "/foo/x", ONE }, { H, "/foox", "404" } } },
	{ "exact before regular expression before prefix",
	  "host a.com; exact /re/x one:80; impl /re/.* two:80; prefix /re/x three:80; note "
	  "sluice.dev/use-regex=true",
	  { { H, "/re/x", ONE },
	    { H, "/re/y", TWO },
	    { H, "/re/x/y", TWO },
	    { H, "/re", "404" } } },
	{ "the longest regular expression first",
	  "host a.com; impl /r.* one:80; impl /re/.* two:80; note sluice.dev/use-regex=true",
	  { { H, "/re/x", TWO }, { H, "/rx", ONE } } },
	{ "escapes of unreserved characters in a rule are decoded",
	  "host a.com; prefix /%7Euser one:80",
	  { { H, "/~user", ONE }, { H, "/~user/x", ONE } } },
	{ "escapes of other visible characters in a rule are decoded",
	  "host a.com; exact /%40x%7C one:80",
	  { { H, "/@x|", ONE } } },
	{ "other escapes are compared as they stand",
	  "host a.com; exact /a%20b one:80",
	  { { H, "/a%20b", ONE }, { H, "/a b", "404" } } },
	{ "the hex digits of an escape in a rule may be of either case",
	  "host a.com; exact /caf%c3%a9 one:80",
	  { { H, "/caf%C3%A9", ONE } } },
	{ "letters beyond ASCII are compared as escapes",
	  "host a.com; prefix /caf\xc3\xa9 one:80",
	  { { H, "/caf%C3%A9", ONE }, { H, "/caf%C3%A9/x", ONE }, { H, "/caf", "404" } } },
	{ "an escaped letter and the letter are one path",
	  "host a.com; prefix /\xc3\xa9 one:80; prefix /%C3%A9 two:80",
	  { { H, "/%C3%A9", ONE } } },
	{ "dots, underscores and tildes are ordinary",
	  "host a.com; exact /.well-known/acme-challenge/a_B-c~d one:80",
	  { { H, "/.well-known/acme-challenge/a_B-c~d", ONE } } },
	{ "a refused path takes only itself out",
	  "host a.com; prefix /a//b one:80; prefix /ok two:80",
	  { { H, "/a/b", "404" }, { H, "/ok", TWO } } },
	{ "a resource backend takes only itself out",
	  "host a.com; resource prefix /bucket; prefix /ok two:80",
	  { { H, "/bucket", "404" }, { H, "/ok", TWO } } },
	{ "many elements",
	  "host a.com; prefix /a/b/c/d/e/f one:80",
	  { { H, "/a/b/c/d/e/f/g/h", ONE }, { H, "/a/b/c/d/e", "404" } } },
	{ "names that begin alike",
	  "host a.com; prefix /api one:80; prefix /api-v2 two:80; prefix /ap three:80",
	  { { H, "/api", ONE },
	    { H, "/api-v2", TWO },
	    { H, "/ap", THREE },
	    { H, "/api-v3", "404" } } },
};

static void paths__table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;

		fixture_open(&f);
		fixture_service(&f, "default/one", 0, "port 80");
		fixture_service(&f, "default/two", 0, "port 80");
		fixture_service(&f, "default/three", 0, "port 80");
		fixture_ingress(&f, "default/a", 0, cases[i].ingress);
		fixture_update(&f);
		for (const struct ask *ask = cases[i].asks; ask->host; ask++) {
			const char *answer = fixture_ask(&f, ask->host, ask->path);

			if (strcmp(answer, ask->answer) != 0)
				fail_msg("%s: %s is answered by %s, not %s", cases[i].name,
					 ask->path, answer, ask->answer);
		}
		fixture_close(&f);
	}
}

static const char *const refused[] = {
	"prefix foo",       "exact foo",   "prefix /a//b", "exact //",      "prefix /a/./b",
	"prefix /../a",     "exact /a/..", "prefix /a/.",  "prefix /a%2fb", "exact /a%2Fb",
	"prefix /%2e%2e/a", "exact /a?b",  "prefix /a#b",  "prefix /%zz",   "impl /a//b",
	"impl /a/../b",     "impl /a//",
};

static void paths__refused_ones_are_told_with_field(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const struct problem *problem;
		char line[128];
		struct fixture f;

		fixture_open(&f);
		fixture_service(&f, "default/one", 0, "port 80");
		snprintf(line, sizeof(line), "host a.com; prefix /ok one:80; %s one:80",
			 refused[i]);
		fixture_ingress(&f, "default/a", 0, line);
		fixture_update(&f);
		problem = fixture_problem(&f, "default/a", "InvalidPath");
		if (!problem)
			fail_msg("%s was not refused", refused[i]);
		assert_string_equal(problem->field, "spec.rules[0].http.paths[1].path");
		assert_string_equal(fixture_ask(&f, H, "/ok"), ONE);
		assert_int_equal(fixture_problems(&f), 1);
		fixture_close(&f);
	}
}

static void paths__bad_regex_is_left_out_alone(void **state)
{
	static const char *const bad[] = { "/a(", "/a)", "/[a", "/a(*b)", "/(?:a", "/a|*" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char line[128];
		struct fixture f;

		fixture_open(&f);
		fixture_service(&f, "default/one", 0, "port 80");
		snprintf(line, sizeof(line),
			 "host a.com; prefix /ok one:80; impl %s one:80; note "
			 "sluice.dev/use-regex=true",
			 bad[i]);
		fixture_ingress(&f, "default/a", 0, line);
		fixture_update(&f);
		if (!fixture_problem(&f, "default/a", "InvalidRegex"))
			fail_msg("%s was not refused", bad[i]);
		assert_string_equal(fixture_ask(&f, H, "/ok"), ONE);
		fixture_close(&f);
	}
}

/* What only who compiles it sees. */
static void paths__regex_that_does_not_compile_is_left_out_alone(void **state)
{
	static const char *const bad[] = { "/[z-a]", "/a{2,1}",         "/(?<n>a)(?<n>b)",
					   "/a(?z)", "/\\\\p{Nothing}", "/a\\\\1" };
	struct table_options options = fixture_options();

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct problem *problem;
		char line[128];
		struct fixture f;

		fixture_open_with(&f, &options, NULL);
		fixture_service(&f, "default/one", 0, "port 80");
		snprintf(line, sizeof(line),
			 "host a.com; impl /ok/(x|y) one:80; impl %s one:80; note "
			 "sluice.dev/use-regex=true",
			 bad[i]);
		fixture_ingress(&f, "default/a", 0, line);
		fixture_update(&f);
		problem = fixture_problem(&f, "default/a", "InvalidRegex");
		if (!problem)
			fail_msg("%s was not refused", bad[i]);
		assert_string_equal(problem->field, "spec.rules[0].http.paths[1].path");
		assert_non_null(strstr(problem->message, "does not compile: "));
		assert_int_equal(fixture_problems(&f), 1);
		fixture_close(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths__table),
		cmocka_unit_test(paths__refused_ones_are_told_with_field),
		cmocka_unit_test(paths__bad_regex_is_left_out_alone),
		cmocka_unit_test(paths__regex_that_does_not_compile_is_left_out_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
