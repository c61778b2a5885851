// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/name.h"
#include "base/json_text.h"
#include "cli/columns.h"
#include "cli/names.h"

/* The table as it would be printed. Freed by the caller. */
static char *printed(struct columns *table)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	assert_int_equal(columns_print(table, out), 0);
	fclose(out);
	return text;
}

static void columns__are_as_wide_as_their_widest_cell(void **state)
{
	struct columns table;
	char *text;

	(void)state;
	columns_begin(&table, "A|LONG HEADING|C");
	columns_add(&table, "%s", "wide cell");
	columns_add(&table, "%d", 1);
	columns_add(&table, "x");
	columns_add(&table, "é");
	columns_add(&table, "22");
	columns_add(&table, "%s", "");
	assert_int_equal(columns_rows(&table), 2);
	text = printed(&table);
	assert_string_equal(text, "A          LONG HEADING  C\n"
				  "wide cell  1             x\n"
				  "é          22\n");
	free(text);
}

static void columns__sort_numbers_as_numbers(void **state)
{
	static const char *const cells[] = { "10.0.0.10:80", "10.0.0.9:80", "10.0.0.9:9" };
	struct columns table;
	char *text;

	(void)state;
	columns_begin(&table, "ADDRESS");
	for (size_t i = 0; i < 3; i++)
		columns_add(&table, "%s", cells[i]);
	columns_sort(&table);
	text = printed(&table);
	assert_string_equal(text, "ADDRESS\n10.0.0.9:9\n10.0.0.9:80\n10.0.0.10:80\n");
	free(text);
}

static void columns__let_no_control_character_through(void **state)
{
	struct columns table;
	char *text;

	(void)state;
	columns_begin(&table, "|");
	columns_add(&table, "a\x1b[2Jb\nc");
	columns_add(&table, "d");
	text = printed(&table);
	assert_string_equal(text, "a?[2Jb?c  d\n");
	free(text);
}

static void json_text__is_json(void **state)
{
	struct json_text json = {};
	char *text;
	size_t bytes;

	(void)state;
	json_text_begin(&json, NULL, '{');
	json_text_string(&json, "a\"", "x\\y\n\x01z é");
	json_text_number(&json, "n", UINT64_MAX);
	json_text_bool(&json, "b", true);
	json_text_string(&json, "none", NULL);
	json_text_begin(&json, "list", '[');
	json_text_begin(&json, NULL, '{');
	json_text_end(&json, '}');
	json_text_number(&json, NULL, 1);
	json_text_end(&json, ']');
	json_text_begin(&json, "empty", '[');
	json_text_end(&json, ']');
	json_text_end(&json, '}');
	assert_int_equal(json_text_finish(&json, &text, &bytes), 0);
	assert_string_equal(text,
			    "{\"a\\\"\":\"x\\\\y\\u000a\\u0001z é\",\"n\":18446744073709551615,"
			    "\"b\":true,\"none\":null,\"list\":[{},1],\"empty\":[]}\n");
	assert_int_equal(bytes, strlen(text));
	free(text);
}

static void names__endpoint_has_brackets_for_ipv6(void **state)
{
	char text[NAMES_ENDPOINT_MAX];
	struct inet_addr addr;

	(void)state;
	inet_addr_parse("192.0.2.1", &addr);
	assert_string_equal(names_endpoint(&addr, 80, text), "192.0.2.1:80");
	inet_addr_parse("2001:db8::1", &addr);
	assert_string_equal(names_endpoint(&addr, 443, text), "[2001:db8::1]:443");
}

static void names__of_what_is_not_there(void **state)
{
	struct names names = {};

	(void)state;
	assert_string_equal(names_upstream(&names, 7), "-");
	assert_string_equal(names_backend(&names, 0), "-");
}

/* FNV-1a 64 of "a": af63dc4c8601ec8c, from the test vectors of its authors. */
static void admin_name__hashes_the_folder(void **state)
{
	char name[ADMIN_NAME_MAX];

	(void)state;
	admin_name("a", name);
	assert_string_equal(name, "sluice/af63dc4c8601ec8c/admin");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns__are_as_wide_as_their_widest_cell),
		cmocka_unit_test(columns__sort_numbers_as_numbers),
		cmocka_unit_test(columns__let_no_control_character_through),
		cmocka_unit_test(json_text__is_json),
		cmocka_unit_test(names__endpoint_has_brackets_for_ipv6),
		cmocka_unit_test(names__of_what_is_not_there),
		cmocka_unit_test(admin_name__hashes_the_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
