// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kube/lb_pool.h"
#include "kube/texts.h"

static bool is_listed(void *ctx, const struct inet_addr *addr)
{
	char text[INET_ADDR_TEXT_MAX];

	return texts_have(ctx, inet_addr_format(addr, text));
}

/* All addresses of a family in the order in which they are given out, as text. */
static char *give_out(const char *ranges, bool v4)
{
	char error[LB_POOL_ERROR_MAX] = "", text[INET_ADDR_TEXT_MAX];
	struct texts used = { 0 };
	char *all = calloc(1, 4096);
	struct inet_addr addr;
	struct lb_pool pool;

	assert_int_equal(lb_pool_parse(ranges, &pool, error), 0);
	while (lb_pool_find_free(&pool, v4, is_listed, &used, &addr) == 0) {
		assert_true(lb_pool_has(&pool, &addr));
		inet_addr_format(&addr, text);
		assert_int_equal(texts_add(&used, text), 0);
		strcat(strcat(all, *all ? " " : ""), text);
	}
	lb_pool_free(&pool);
	texts_free(&used);
	return all;
}

static void pool__what_is_given_out(void **state)
{
	static const struct {
		const char *name, *ranges;
		bool v4;
		const char *given;
	} rows[] = {
		{ "network without its ends", "192.0.2.0/30", true, "192.0.2.1 192.0.2.2" },
		{ "network written by an address in it", "192.0.2.2/30", true,
		  "192.0.2.1 192.0.2.2" },
		{ "two addresses are both used", "192.0.2.0/31", true, "192.0.2.0 192.0.2.1" },
		{ "one address", "192.0.2.7/32", true, "192.0.2.7" },
		{ "one address without a length", "192.0.2.7", true, "192.0.2.7" },
		{ "range over a byte's end", "10.0.0.254-10.0.1.1", true,
		  "10.0.0.254 10.0.0.255 10.0.1.0 10.0.1.1" },
		{ "order as written", "10.0.0.9,10.0.0.1", true, "10.0.0.9 10.0.0.1" },
		{ "spaces", " 10.0.0.9, 10.0.0.1 ", true, "10.0.0.9 10.0.0.1" },
		{ "families apart", "10.0.0.1,2001:db8::5", false, "2001:db8::5" },
		{ "v6 network without its first", "2001:db8::/126", false,
		  "2001:db8::1 2001:db8::2 2001:db8::3" },
		{ "none of the family", "10.0.0.1", false, "" },
		{ "the last of all", "255.255.255.254-255.255.255.255", true,
		  "255.255.255.254 255.255.255.255" },
	};

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		char *given = give_out(rows[row].ranges, rows[row].v4);

		print_message("%s\n", rows[row].name);
		assert_string_equal(given, rows[row].given);
		free(given);
	}
}

static void pool__what_is_refused(void **state)
{
	static const struct {
		const char *ranges, *why;
	} rows[] = {
		{ "10.0.0.0/33", "'10.0.0.0/33': not a prefix length" },
		{ "10.0.0.0/", "'10.0.0.0/': not a prefix length" },
		{ "10.0.0.0/+8", "'10.0.0.0/+8': not a prefix length" },
		{ "2001:db8::/129", "'2001:db8::/129': not a prefix length" },
		{ "10.0.0", "'10.0.0': not an IP address" },
		{ "10.0.0.9-10.0.0.1", "'10.0.0.9-10.0.0.1': the end is before the beginning" },
		{ "10.0.0.1-2001:db8::1",
		  "'10.0.0.1-2001:db8::1': the end is not an address of the same family" },
		{ "0.0.0.0-0.0.0.3",
		  "'0.0.0.0-0.0.0.3': the unspecified address cannot be assigned" },
	};

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		char error[LB_POOL_ERROR_MAX] = "";
		struct lb_pool pool;

		assert_int_equal(lb_pool_parse(rows[row].ranges, &pool, error), -EINVAL);
		assert_string_equal(error, rows[row].why);
	}
}

static void pool__huge_network_costs_nothing(void **state)
{
	char error[LB_POOL_ERROR_MAX], text[INET_ADDR_TEXT_MAX];
	struct texts used = { 0 };
	struct inet_addr addr;
	struct lb_pool pool;

	(void)state;
	assert_int_equal(lb_pool_parse("2001:db8::/32", &pool, error), 0);
	assert_int_equal(lb_pool_find_free(&pool, false, is_listed, &used, &addr), 0);
	assert_string_equal(inet_addr_format(&addr, text), "2001:db8::1");
	lb_pool_free(&pool);
}

static void texts__sorted_and_each_once(void **state)
{
	struct texts texts = { 0 }, same = { 0 };
	char *joined;

	(void)state;
	assert_int_equal(texts_add_list(&texts, "c,a,,b,a"), 0);
	assert_int_equal(texts_add_list(&same, "b c a"), 0);
	assert_true(texts_equal(&texts, &same));
	joined = texts_join(&texts);
	assert_string_equal(joined, "a,b,c");
	assert_true(texts_have(&texts, "b"));
	assert_false(texts_have(&texts, "bb"));
	free(joined);
	texts_free(&texts);
	texts_free(&same);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pool__what_is_given_out),
		cmocka_unit_test(pool__what_is_refused),
		cmocka_unit_test(pool__huge_network_costs_nothing),
		cmocka_unit_test(texts__sorted_and_each_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
