// SPDX-License-Identifier: Apache-2.0
/*
 * test_rewrite.c - what becomes of a path by rewrite-target
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/http/rewrite.h"

static struct http_slice slice(const char *text)
{
	return (struct http_slice){ text, (uint32_t)strlen(text) };
}

static void prefix__what_comes_behind_is_kept(void **state)
{
	static const struct {
		const char *target, *prefix, *path, *wanted;
	} cases[] = {
		{ "/", "/app", "/app", "/" },
		{ "/", "/app", "/app/", "/" },
		{ "/", "/app", "/app/x/y", "/x/y" },
		{ "/", "/app/", "/app", "/" },
		{ "/", "/app/", "/app/x", "/x" },
		{ "/new", "/app", "/app", "/new" },
		{ "/new", "/app", "/app/", "/new/" },
		{ "/new", "/app", "/app/x", "/new/x" },
		{ "/new/", "/app", "/app", "/new/" },
		{ "/new/", "/app", "/app/x", "/new/x" },
		{ "/new", "/", "/", "/new/" },
		{ "/new", "/", "/x", "/new/x" },
		{ "/", "/", "/x", "/x" },
		{ "/a$1b", "/app", "/app/x", "/ab/x" },
		{ "/a$", "/app", "/app/x", "/a$/x" },
		{ "/", "/img", "/img/https://x//y", "/https://x//y" },
		{ "/", "/img", "/img//x", "/x" },
		{ "/", "/img", "//%69mg//", "/" },
		{ "/n", "/a/b", "//%61//b//c//d", "/n/c//d" },
		{ "/n", "/caf%C3%A9", "/caf%c3%a9/%c3", "/n/%c3" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[64];
		int bytes = rewrite_prefix(cases[i].target, cases[i].prefix, slice(cases[i].path),
					   out, sizeof(out));

		if (bytes < 0 || (size_t)bytes != strlen(cases[i].wanted) ||
		    memcmp(out, cases[i].wanted, (size_t)bytes) != 0)
			fail_msg("%s of %s by %s: %.*s", cases[i].path, cases[i].prefix,
				 cases[i].target, bytes, out);
	}
}

static void whole__groups_are_put_in(void **state)
{
	const struct rewrite_match match = {
		.groups = { { "/a/b", 4 },
			    { "/", 1 },
			    { "b", 1 },
			    { NULL, 0 },
			    { "a|\"\\%2F@", 8 },
			    [9] = { "n", 1 } },
	};
	static const struct {
		const char *target, *wanted;
	} cases[] = {
		{ "/x", "/x" },     { "/$2", "/b" },   { "/$2$2/$1", "/bb//" },
		{ "/$0", "//a/b" }, { "/$3/", "//" },  { "/$9", "/n" },
		{ "/$12", "//2" },  { "/$x", "/$x" },  { "/$", "/$" },
		{ "/$$2", "/$b" },  { "/a$2", "/ab" }, { "/$4", "/a%7C%22%5C%2F@" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[64];
		int bytes = rewrite_whole(cases[i].target, &match, out, sizeof(out));

		if (bytes < 0 || (size_t)bytes != strlen(cases[i].wanted) ||
		    memcmp(out, cases[i].wanted, (size_t)bytes) != 0)
			fail_msg("%s: %.*s", cases[i].target, bytes, out);
	}
}

static void rewrite__says_when_there_is_no_room(void **state)
{
	const struct rewrite_match match = { .groups = { { "0123456789", 10 } } };
	char out[16];

	(void)state;
	assert_int_equal(rewrite_whole("/$0$0", &match, out, sizeof(out)), -ENOBUFS);
	assert_int_equal(rewrite_whole("/$0", &match, out, 11), 11);
	assert_int_equal(rewrite_whole("/$0", &match, out, 10), -ENOBUFS);
	assert_int_equal(rewrite_prefix("/123456", "/a", slice("/a/12345678"), out, sizeof(out)),
			 16);
	assert_int_equal(rewrite_prefix("/1234567", "/a", slice("/a/12345678"), out, sizeof(out)),
			 -ENOBUFS);
	assert_int_equal(rewrite_whole("/x", NULL, out, sizeof(out)), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefix__what_comes_behind_is_kept),
		cmocka_unit_test(whole__groups_are_put_in),
		cmocka_unit_test(rewrite__says_when_there_is_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
