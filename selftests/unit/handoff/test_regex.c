// SPDX-License-Identifier: Apache-2.0
/*
 * test_regex.c - expressions of rules: what compiles, what matches, what is given up
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "handoff/regex.h"

#define GROUPS 10u

/* Groups of @pattern in @text; 0: no match. */
static uint32_t match(const char *pattern, const char *text, size_t groups[2 * GROUPS])
{
	struct regex_matcher *matcher = regex_matcher_new(GROUPS);
	char fault[REGEX_FAULT_MAX];
	struct regex *regex = regex_new(pattern, fault);
	struct regex_budget budget = { 0 };
	uint32_t count;

	assert_non_null(matcher);
	assert_non_null(regex);
	count = regex_match(matcher, regex, text, strlen(text), &budget);
	memcpy(groups, regex_groups(matcher), 2 * GROUPS * sizeof(*groups));
	regex_free(regex);
	regex_matcher_free(matcher);
	return count;
}

static void regex__matches_from_the_beginning_only(void **state)
{
	size_t groups[2 * GROUPS];

	(void)state;
	assert_int_equal(match("/b", "/a/b", groups), 0);
	assert_int_equal(match("/a", "/a/b", groups), 1);
	assert_int_equal(groups[0], 0);
	assert_int_equal(groups[1], 2);
}

static void regex__group_without_a_part_is_unset(void **state)
{
	size_t groups[2 * GROUPS];

	(void)state;
	assert_int_equal(match("/(x)?(y)", "/y", groups), 3);
	assert_int_equal(groups[2], REGEX_UNSET);
	assert_int_equal(groups[4], 1);
	assert_int_equal(groups[5], 2);
}

static void regex__more_groups_than_there_is_room_for_still_match(void **state)
{
	size_t groups[2 * GROUPS];

	(void)state;
	assert_int_equal(match("/(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)", "/abcdefghijk", groups),
			 GROUPS);
	assert_int_equal(groups[2 * GROUPS - 1], 10);
}

static void regex__costly_match_is_given_up(void **state)
{
	size_t groups[2 * GROUPS];

	(void)state;
	/* It does match, after about 2^18 steps. */
	assert_int_equal(match("/(?:a?){18}a{18}$", "/aaaaaaaaaaaaaaaaaa", groups), 0);
	assert_int_equal(match("/(?:a?){4}a{4}$", "/aaaa", groups), 1);
}

static void regex__fault_says_what_and_where(void **state)
{
	const char *fault = regex_fault("/[z-a]");

	(void)state;
	assert_non_null(fault);
	assert_non_null(strstr(fault, "does not compile: "));
	assert_non_null(strstr(fault, " at character "));
	assert_null(regex_fault("/[a-z]"));
}

/* What one match may not cost, many may not either. */
static void regex__matches_of_one_budget_are_given_up_together(void **state)
{
	struct regex_matcher *matcher = regex_matcher_new(GROUPS);
	char fault[REGEX_FAULT_MAX], text[8001];
	struct regex *regex = regex_new("/(a|b)*.*.*c", fault);
	struct regex_budget budget = { 0 };
	unsigned int done = 0;

	(void)state;
	assert_non_null(matcher);
	assert_non_null(regex);
	memset(text, 'x', sizeof(text));
	text[0] = '/';
	while (!budget.spent && done < 100000) {
		assert_int_equal(regex_match(matcher, regex, text, 40, &budget), 0);
		done++;
	}
	assert_true(budget.spent);
	assert_int_equal(regex_match(matcher, regex, "/c", 2, &budget), 0);
	budget = (struct regex_budget){ 0 };
	assert_int_not_equal(regex_match(matcher, regex, "/c", 2, &budget), 0);
	assert_false(budget.spent);
	regex_free(regex);
	regex_matcher_free(matcher);
}

static void regex__costly_ones_are_found(void **state)
{
	static const char *const costly[] = {
		"/(a+)+$",
		"/(x+x+)+y",
		"/([a-z]+)*/end",
		"/(.*)(.*)(.*)(.*)!$",
		"/files/(\\w+\\s?)*#",
	};
	static const char *const cheap[] = {
		"/",
		"/something(/|$)(.*)",
		"/([a-z]+)/([0-9]+)$",
		"/.*\\.php$",
		"/api/v[0-9]+/.*",
		"/a(/b)?(/c)?",
		"/[^/]+/[^/]+/x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(costly) / sizeof(costly[0]); i++)
		if (!regex_is_costly(costly[i]))
			fail_msg("%s is not found", costly[i]);
	for (size_t i = 0; i < sizeof(cheap) / sizeof(cheap[0]); i++)
		if (regex_is_costly(cheap[i]))
			fail_msg("%s is called costly", cheap[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regex__matches_from_the_beginning_only),
		cmocka_unit_test(regex__group_without_a_part_is_unset),
		cmocka_unit_test(regex__more_groups_than_there_is_room_for_still_match),
		cmocka_unit_test(regex__costly_match_is_given_up),
		cmocka_unit_test(regex__matches_of_one_budget_are_given_up_together),
		cmocka_unit_test(regex__costly_ones_are_found),
		cmocka_unit_test(regex__fault_says_what_and_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
