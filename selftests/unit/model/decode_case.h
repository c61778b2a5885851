/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode_case.h - tables of objects and what decoding them says
 */
#ifndef SELFTESTS_UNIT_DECODE_CASE_H
#define SELFTESTS_UNIT_DECODE_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/decode.h"

struct decode_case {
	const char *name;
	const char *json; /* with ' for " */
	int err;
	const char *says; /* the error, or all problems as "field: message; ..." ; NULL: nothing */
};

/* Decodes JSON written with ' for ". */
static inline int decode_quoted(const char *text, struct decode_result *result,
				char error[DECODE_ERROR_MAX])
{
	char *json_text = strdup(text);
	cJSON *json;
	int err;

	for (char *c = json_text; *c; c++)
		if (*c == '\'')
			*c = '"';
	json = cJSON_Parse(json_text);
	if (!json)
		fail_msg("the test's own JSON is broken: %s", text);
	*error = '\0';
	err = decode_object(json, NULL, result, error);
	cJSON_Delete(json);
	free(json_text);
	return err;
}

static inline void decode_problems(const struct decode_result *result, char *out, size_t size)
{
	size_t used = 0;

	*out = '\0';
	for (size_t i = 0; i < result->count; i++)
		for (size_t j = 0; j < result->objects[i]->problems_count && used < size; j++)
			used += (size_t)snprintf(out + used, size - used, "%s%s: %s",
						 used ? "; " : "",
						 result->objects[i]->problems[j].field,
						 result->objects[i]->problems[j].message);
}

static inline void decode_case_run(const struct decode_case *c)
{
	char error[DECODE_ERROR_MAX], problems[8192] = "";
	struct decode_result result = {};
	int err = decode_quoted(c->json, &result, error);
	const char *said = err ? error : problems;

	decode_problems(&result, problems, sizeof(problems));
	if (err != c->err || strcmp(said, c->says ? c->says : "") != 0)
		fail_msg("%s: %d \"%s\", not %d \"%s\"", c->name, err, said, c->err,
			 c->says ? c->says : "");
	decode_result_free(&result);
}

#define DECODE_CASES_RUN(cases)                                               \
	do {                                                                  \
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) \
			decode_case_run(&(cases)[i]);                         \
	} while (0)

/* One object that decodes. Freed by the caller with object_free(). */
static inline struct object *decode_one(const char *text)
{
	char error[DECODE_ERROR_MAX];
	struct decode_result result = {};
	struct object *object;

	if (decode_quoted(text, &result, error))
		fail_msg("%s", error);
	assert_int_equal(result.count, 1);
	object = result.objects[0];
	free(result.objects);
	return object;
}

#endif /* SELFTESTS_UNIT_DECODE_CASE_H */
