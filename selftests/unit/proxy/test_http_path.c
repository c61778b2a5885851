// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/http/http_path.h"
#include "unit/lib/guard.h"

struct path_case {
	const char *name, *raw;
	const char *normal;    /* NULL: refused */
	const char *forwarded; /* NULL: as .normal */
	enum http1_fault_reason reason;
};

/* What is forwarded is the normal form; is another text. */
/* Versions of clang-format lay out braces of macros differently. */
/* clang-format off */
#define TO(name, raw, normal) { name, raw, normal, NULL, HTTP1_FAULT_NONE }
#define TO2(name, raw, normal, forwarded) { name, raw, normal, forwarded, HTTP1_FAULT_NONE }
#define BAD(name, raw, reason) { name, raw, NULL, NULL, HTTP1_FAULT_##reason }
/* clang-format on */

static const struct path_case cases[] = {
	TO("empty is the root", "", "/"),
	TO("root", "/", "/"),
	TO("plain", "/a/b.c", "/a/b.c"),
	TO("trailing slash stays", "/a/", "/a/"),
	TO2("unreserved decoded", "/%41%7a%30%2d%2E%5f%7E", "/Az0-._~", "/%41%7a%30%2d%2E%5f%7E"),
	TO2("what ends a path stays", "/%3f%23%25%20", "/%3F%23%25%20", "/%3f%23%25%20"),
	TO2("other visible ones decoded", "/%3a%40%21%7c%5C", "/:@!|\\", "/%3a%40%21%7c%5C"),
	TO2("encoded slash stays", "/a%2Fb%2fc", "/a%2Fb%2Fc", "/a%2Fb%2fc"),
	TO("decoded once only", "/%2541/%252e%252e/", "/%2541/%252e%252e/"),
	TO2("hex digits are upper case", "/%c3%A9", "/%C3%A9", "/%c3%A9"),
	TO("odd characters stay", "/|[]{}^\\\"<>`", "/|[]{}^\\\"<>`"),
	TO2("slashes merged", "//a///b//", "/a/b/", "//a///b//"),
	TO2("only slashes", "////", "/", "////"),
	TO("dot", "/./a/./b/.", "/a/b/"),
	TO("dot at end", "/.", "/"),
	TO("dot dot", "/a/../b", "/b"),
	TO("dot dot at end", "/a/b/..", "/a/"),
	TO("dot dot to root", "/a/..", "/"),
	TO("dot dot with slash", "/a/b/../", "/a/"),
	TO("encoded dots", "/a/%2e%2E/b/%2e/c", "/b/c"),
	TO("half encoded dots", "/a/.%2e/b", "/b"),
	TO("slashes merged before dots", "/a//../b", "/b"),
	TO2("dot dot after merged", "/a/b//..//c", "/a/c", "/a//c"),
	TO2("dot after merged", "/a//./b", "/a/b", "/a//b"),
	TO2("dot at the end after merged", "/a//.", "/a/", "/a//"),
	TO2("dot dot below merged", "//a/../b", "/b", "//b"),
	TO2("only a dot dot goes", "/%61//%c3/./..//b", "/a/b", "/%61///b"),
	TO("three dots are a name", "/.../a", "/.../a"),
	TO("leading dot names", "/.well-known/..a/a..", "/.well-known/..a/a.."),
	TO("dots with parameter are a name", "/..;/a", "/..;/a"),
	TO("encoded slash beside a name", "/a%2fb/../c", "/c"),
	TO2("encoded slash and dots inside names", "/a.%2f.b", "/a.%2F.b", "/a.%2f.b"),
	BAD("above root", "/..", PATH_ABOVE_ROOT),
	BAD("above root with slash", "/../", PATH_ABOVE_ROOT),
	BAD("above root later", "/a/../../b", PATH_ABOVE_ROOT),
	BAD("above root encoded", "/%2e%2e/a", PATH_ABOVE_ROOT),
	BAD("above root over merged slashes", "//..", PATH_ABOVE_ROOT),
	BAD("above root behind a dot", "/./..", PATH_ABOVE_ROOT),
	BAD("encoded slash around dots", "/%2f..%2f", PATH_ENCODED_SLASH),
	BAD("encoded slash before dots", "/a%2f../b", PATH_ENCODED_SLASH),
	BAD("encoded slash behind dots", "/a/..%2Fb", PATH_ENCODED_SLASH),
	BAD("encoded slash beside one dot", "/a/.%2fb", PATH_ENCODED_SLASH),
	BAD("encoded slash beside encoded dots", "/a%2f%2e%2e", PATH_ENCODED_SLASH),
	BAD("dots between encoded slashes", "/a%2f..%2fb", PATH_ENCODED_SLASH),
	BAD("broken escape", "/%zz", TARGET_ESCAPE),
	BAD("cut escape", "/%2", TARGET_ESCAPE),
	BAD("cut escape of nothing", "/%", TARGET_ESCAPE),
	BAD("NUL", "/%00", TARGET_ESCAPE),
	BAD("no slash", "a", TARGET),
	BAD("query", "/a?b", TARGET),
	BAD("fragment", "/a#b", TARGET),
	BAD("space", "/a b", TARGET),
	BAD("control", "/a\x01", TARGET),
	BAD("byte over 0x7f", "/\xc3", TARGET),
};

static struct guard guard, scratch_guard;

static void check(const struct path_case *c, enum http1_fault_reason reason, struct http_slice out)
{
	if (reason != c->reason)
		fail_msg("%s: %s", c->name, http1_fault_name(reason));
	if (c->normal && (out.bytes != strlen(c->normal) || memcmp(out.data, c->normal, out.bytes)))
		fail_msg("%s: '%.*s'", c->name, (int)out.bytes, out.data);
}

static void path__cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct path_case *c = &cases[i];
		uint32_t bytes = (uint32_t)strlen(c->raw);
		char *scratch = scratch_guard.room + GUARD_ROOM - (bytes ? bytes : 1);
		struct http_slice raw = { guard_at_end(&guard, c->raw, bytes), bytes };
		struct http_slice out = { NULL, 0 }, again;

		check(c, http_path_normalize(raw, scratch, &out), out);
		if (!c->normal)
			continue;
		/* What is normal stays as it is, without a copy. */
		assert_int_equal(http_path_normalize(out, scratch, &again), 0);
		check(c, HTTP1_FAULT_NONE, again);
	}
}

static void path__in_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct path_case *c = &cases[i];
		uint32_t bytes = (uint32_t)strlen(c->raw);
		char *both = guard_at_start(&guard, c->raw, bytes);
		struct http_slice out = { NULL, 0 };

		check(c, http_path_normalize((struct http_slice){ both, bytes }, both, &out), out);
	}
}

static void path__forwarded_form_matches_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct path_case *c = &cases[i];
		struct path_case wanted = *c;
		uint32_t bytes = (uint32_t)strlen(c->raw);
		char *both = guard_at_start(&guard, c->raw, bytes);
		char scratch[64];
		struct http_slice out = { NULL, 0 }, again;

		if (c->forwarded)
			wanted.normal = c->forwarded;
		check(&wanted, http_path_resolve(both, bytes, false, &out), out);
		if (!c->normal)
			continue;
		assert_int_equal(http_path_normalize(out, scratch, &again), 0);
		check(c, HTTP1_FAULT_NONE, again);
	}
}

static int setup(void **state)
{
	(void)state;
	guard_open(&guard);
	guard_open(&scratch_guard);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guard_close(&guard);
	guard_close(&scratch_guard);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(path__cases),
		cmocka_unit_test(path__in_place),
		cmocka_unit_test(path__forwarded_form_matches_the_same),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
