// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/tree.h"

/* All documents as compact JSON, one a line. */
static int append_document(void *ctx, const cJSON *document)
{
	char *text = cJSON_PrintUnformatted(document), *out = ctx;

	if (*out)
		strcat(out, "\n");
	strcat(out, text);
	free(text);
	return 0;
}

static int read_text(const char *text, size_t bytes, char *out, struct tree_error *error)
{
	/* A copy of exact size lets ASan see a step beyond. */
	char *copy = malloc(bytes ? bytes : 1);
	int err;

	memcpy(copy, text, bytes);
	*out = '\0';
	*error = (struct tree_error){};
	err = tree_read_yaml(copy, bytes, append_document, out, error);
	free(copy);
	return err;
}

struct yaml_case {
	const char *name, *yaml, *json;
};

static void check_all(const struct yaml_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct tree_error error;
		char out[4096];

		if (read_text(cases[i].yaml, strlen(cases[i].yaml), out, &error))
			fail_msg("%s: line %u: %s", cases[i].name, error.line, error.message);
		if (strcmp(out, cases[i].json) != 0)
			fail_msg("%s: %s, not %s", cases[i].name, out, cases[i].json);
	}
}

static void yaml__scalars_have_the_types_that_kubernetes_sees(void **state)
{
	static const struct yaml_case cases[] = {
		{ "string", "a b", "\"a b\"" },
		{ "quoted number", "'80'", "\"80\"" },
		{ "quoted bool", "\"true\"", "\"true\"" },
		{ "block", "|\n  8080\n", "\"8080\\n\"" },
		{ "integer", "80", "80" },
		{ "negative", "-5", "-5" },
		{ "plus", "+5", "5" },
		{ "hex", "0x1F", "31" },
		{ "octal, old", "0644", "420" },
		{ "octal, new", "0o644", "420" },
		{ "no octal", "089", "89" },
		{ "binary", "0b101", "5" },
		{ "underscores", "1_000", "1000" },
		{ "float", "1.5", "1.5" },
		{ "float without zero", ".5", "0.5" },
		{ "exponent", "1e3", "1000" },
		{ "version", "1.2.3", "\"1.2.3\"" },
		{ "address", "10.0.0.1", "\"10.0.0.1\"" },
		{ "base 60 is none", "1:30", "\"1:30\"" },
		{ "time", "2026-11-22T21:40:20Z", "\"2026-11-22T21:40:20Z\"" },
		{ "date", "2026-11-22", "\"2026-11-22\"" },
		{ "hex prefix alone", "0x", "\"0x\"" },
		{ "dash alone in a list", "[-]", "[\"-\"]" },
		{ "dot", ".", "\".\"" },
		{ "exponent alone", "1e", "\"1e\"" },
		{ "infinity", ".inf", "\".inf\"" },
		{ "beyond a double", "1e400", "\"1e400\"" },
		{ "true", "[true, True, yes, on, y]", "[true,true,true,true,true]" },
		{ "false", "[false, FALSE, no, Off, N]", "[false,false,false,false,false]" },
		{ "null", "[~, null, NULL, ]", "[null,null,null]" },
		{ "words that only begin so", "[nope, truely, yesterday]",
		  "[\"nope\",\"truely\",\"yesterday\"]" },
	};

	(void)state;
	check_all(cases, sizeof(cases) / sizeof(cases[0]));
}

static void yaml__structure(void **state)
{
	static const struct yaml_case cases[] = {
		{ "nothing", "", "" },
		{ "comment", "# nothing\n", "" },
		{ "empty documents", "---\n---\n...\n---\na: 1\n", "{\"a\":1}" },
		{ "two documents", "a: 1\n---\nb: [x, {y: z}]\n",
		  "{\"a\":1}\n{\"b\":[\"x\",{\"y\":\"z\"}]}" },
		{ "JSON is YAML", "{\"a\": [1, \"x\", null, {\"b\\/c\": true}]}",
		  "{\"a\":[1,\"x\",null,{\"b/c\":true}]}" },
		{ "keys are strings", "80: a\ntrue: b\n\"x\": c\n",
		  "{\"80\":\"a\",\"true\":\"b\",\"x\":\"c\"}" },
		{ "missing values", "a:\nb: \n", "{\"a\":null,\"b\":null}" },
		{ "alias", "a: &x {p: 1}\nb: *x\nc: [*x]\n",
		  "{\"a\":{\"p\":1},\"b\":{\"p\":1},\"c\":[{\"p\":1}]}" },
		{ "alias of a scalar", "a: &x 80\nb: *x\n", "{\"a\":80,\"b\":80}" },
		{ "anchor given anew", "a: &x 1\nb: *x\nc: &x 2\nd: *x\n",
		  "{\"a\":1,\"b\":1,\"c\":2,\"d\":2}" },
		{ "merge", "a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  p: 3\n",
		  "{\"a\":{\"p\":1,\"q\":2},\"b\":{\"p\":3,\"q\":2}}" },
		{ "merge of a list, the first counts", "b:\n  <<: [{p: 1}, {p: 2, q: 3}]\n",
		  "{\"b\":{\"p\":1,\"q\":3}}" },
		{ "quoted merge key is a key", "'<<': 1\n", "{\"<<\":1}" },
		{ "anchor within what is merged", "b:\n  <<: {p: &y {z: 1}}\nc: *y\n",
		  "{\"b\":{\"p\":{\"z\":1}},\"c\":{\"z\":1}}" },
		{ "byte order mark",
		  "\xef\xbb\xbf"
		  "a: 1\n",
		  "{\"a\":1}" },
		{ "tags that say what a node is", "!!map\na: !!str 80\nb: !!seq [!!str true, x]\n",
		  "{\"a\":\"80\",\"b\":[\"true\",\"x\"]}" },
		{ "line ends of others", "a: 1\r\nb: x\r\n", "{\"a\":1,\"b\":\"x\"}" },
	};

	(void)state;
	check_all(cases, sizeof(cases) / sizeof(cases[0]));
}

static void yaml__faults_name_line_and_reason(void **state)
{
	static const struct {
		const char *name, *yaml;
		unsigned int line;
		const char *message;
	} cases[] = {
		{ "tab", "a:\n\tb: 1\n", 2, "found character that cannot start any token" },
		{ "bad indent", "a: 1\n b: 2\n", 2, "mapping values are not allowed" },
		{ "open flow", "a: [1, 2\n", 2, "did not find expected ',' or ']'" },
		{ "open quote", "a: \"x\n", 2, "found unexpected end of stream" },
		{ "twice", "a: 1\nb: 2\na: 3\n", 3, "key 'a' appears twice in a map" },
		{ "twice, quoted", "a: 1\n'a': 3\n", 2, "key 'a' appears twice in a map" },
		{ "twice in flow", "x: {a: 1, a: 2}\n", 1, "key 'a' appears twice in a map" },
		{ "tag", "a: 1\nb: !!binary YQ==\n", 2,
		  "tags such as 'tag:yaml.org,2002:binary' are not supported" },
		{ "tag of another type", "a: !!str {}\n", 1,
		  "tags such as 'tag:yaml.org,2002:str' are not supported" },
		{ "own tag", "b: !Ref x\n", 1, "tags such as '!Ref' are not supported" },
		{ "tag on a map", "b: !x {}\n", 1, "tags such as '!x' are not supported" },
		{ "unknown alias", "a: *x\n", 1, "alias '*x' has no anchor before it" },
		{ "alias in itself", "a: &x\n  b: *x\n", 2, "alias '*x' is inside its own anchor" },
		{ "anchors end with the document", "a: &x 1\n---\nb: *x\n", 3,
		  "alias '*x' has no anchor before it" },
		{ "map as key", "? {a: 1}\n: 2\n", 1,
		  "a key of a map is a string, not a list or map" },
		{ "no key", "~: 2\n", 1, "a key of a map is missing" },
		{ "merge of a scalar", "a:\n  <<: 5\n", 2, "a merge key ('<<') takes a map" },
		{ "NUL by escape", "a: \"x\\0y\"\n", 1, "a NUL character in a string" },
		{ "no UTF-8", "a: 1\nb: \xff\xfe\n", 2, "invalid leading UTF-8 octet" },
		{ "control character", "a: 1\nb: \x01\n", 2, "control characters are not allowed" },
		{ "cut off", "a:\n  - b: 1\n    c", 4, "could not find expected ':'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tree_error error;
		char out[4096];
		int err = read_text(cases[i].yaml, strlen(cases[i].yaml), out, &error);

		if (err != -EINVAL || error.line != cases[i].line ||
		    !strstr(error.message, cases[i].message))
			fail_msg("%s: %d, line %u: %s", cases[i].name, err, error.line,
				 error.message);
	}
}

static void yaml__aliases_are_bounded(void **state)
{
	struct tree_error error;
	char text[4096] = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n", out[64];
	size_t used = strlen(text);

	(void)state;
	for (int i = 1; i < 12; i++)
		used += (size_t)sprintf(text + used,
					"a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i,
					i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	assert_int_equal(read_text(text, used, out, &error), -EINVAL);
	assert_string_equal(error.message, "aliases stand for more than 100000 nodes");
}

static void yaml__depth_is_bounded(void **state)
{
	static char text[20000], out[20000];
	struct tree_error error;

	(void)state;
	memset(text, '[', 9000);
	assert_int_equal(read_text(text, 9000, out, &error), -EINVAL);
	assert_string_equal(error.message, "nested deeper than 256 levels");
	memset(text, '[', 256);
	memset(text + 256, ']', 256);
	assert_int_equal(read_text(text, 512, out, &error), 0);
}

static void yaml__depth_through_aliases_is_bounded(void **state)
{
	static char text[300000], out[16];
	struct tree_error error;
	size_t used = (size_t)sprintf(text, "a0: &a0 [x]\n");

	(void)state;
	for (int i = 1; i < 300; i++)
		used += (size_t)sprintf(text + used, "a%d: &a%d [*a%d]\n", i, i, i - 1);
	assert_int_equal(read_text(text, used, out, &error), -EINVAL);
	assert_string_equal(error.message, "nested deeper than 256 levels");
}

static void yaml__many_keys_are_still_told_apart(void **state)
{
	static char text[100000], out[100000];
	struct tree_error error;
	size_t used = 0;

	(void)state;
	for (int i = 0; i < 5000; i++)
		used += (size_t)sprintf(text + used, "k%d: 1\n", i);
	assert_int_equal(read_text(text, used, out, &error), 0);
	used += (size_t)sprintf(text + used, "k4711: 1\n");
	assert_int_equal(read_text(text, used, out, &error), -EINVAL);
	assert_int_equal(error.line, 5001);
	assert_string_equal(error.message, "key 'k4711' appears twice in a map");
}

static int note_lines(void *ctx, const cJSON *document)
{
	unsigned int *lines = ctx;

	lines[0] = tree_line(document);
	lines[1] = tree_line(cJSON_GetObjectItemCaseSensitive(document, "a"));
	return 7;
}

static void yaml__lines_are_known_and_the_caller_may_stop(void **state)
{
	static const char text[] = "# x\n---\nb: 1\na:\n  - 1\n---\nc: 1\n";
	unsigned int lines[2] = {};
	struct tree_error error;

	(void)state;
	assert_int_equal(tree_read_yaml(text, strlen(text), note_lines, lines, &error), 7);
	assert_int_equal(lines[0], 3);
	assert_int_equal(lines[1], 5);
}

static void json__documents_and_faults(void **state)
{
	static const struct {
		const char *name, *json;
		int err;
		const char *out;
		unsigned int line;
	} cases[] = {
		{ "one", "{\"a\":[1,2]}\n", 0, "{\"a\":[1,2]}", 0 },
		{ "two", "{\"a\":1}\n {\"b\":2} ", 0, "{\"a\":1}\n{\"b\":2}", 0 },
		{ "nothing", " \n", 0, "", 0 },
		{ "escaped backslash before u0000", "\"\\\\u0000\"", 0, "\"\\\\u0000\"", 0 },
		{ "cut off", "{\"a\":\n1", -EINVAL, "not JSON", 2 },
		{ "comma", "{\"a\":1,\n\n}", -EINVAL, "not JSON", 3 },
		{ "twice", "{\"x\":{\"a\":1,\"a\":2}}", -EINVAL, "key 'a' appears twice in a map",
		  1 },
		{ "NUL", "{\n\"a\":\"x\\u0000\"}", -EINVAL, "a NUL character in a string", 2 },
		{ "no UTF-8", "\n\"\xc0\x80\"", -EINVAL, "not UTF-8", 2 },
		{ "surrogate", "\"\xed\xa0\x80\"", -EINVAL, "not UTF-8", 1 },
		{ "words", "nothing", -EINVAL, "not JSON", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tree_error error = {};
		char out[256] = "";
		int err = tree_read_json(cases[i].json, strlen(cases[i].json), append_document, out,
					 &error);

		if (err != cases[i].err || error.line != cases[i].line ||
		    strcmp(err ? error.message : out, cases[i].out) != 0)
			fail_msg("%s: %d, line %u: %s %s", cases[i].name, err, error.line,
				 error.message, out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yaml__scalars_have_the_types_that_kubernetes_sees),
		cmocka_unit_test(yaml__structure),
		cmocka_unit_test(yaml__faults_name_line_and_reason),
		cmocka_unit_test(yaml__aliases_are_bounded),
		cmocka_unit_test(yaml__depth_is_bounded),
		cmocka_unit_test(yaml__depth_through_aliases_is_bounded),
		cmocka_unit_test(yaml__many_keys_are_still_told_apart),
		cmocka_unit_test(yaml__lines_are_known_and_the_caller_may_stop),
		cmocka_unit_test(json__documents_and_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
