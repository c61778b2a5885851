// SPDX-License-Identifier: Apache-2.0
/*
 * tables.c - /routes and /problems
 */
#include <stdio.h>

#include "admin/pages.h"

static const char *match_name(const struct table_route_view *route)
{
	static const char *const names[] = {
		[PATH_EXACT] = "exact",
		[PATH_PREFIX] = "prefix",
		[PATH_IMPLEMENTATION_SPECIFIC] = "prefix", /* as docs/ingress.md says */
	};

	if (route->is_default)
		return "default";
	return route->regex ? "regex" : names[route->type];
}

static int put_route(void *ctx, const struct table_route_view *route)
{
	struct json_text *out = ctx;

	json_text_begin(out, NULL, '{');
	json_text_string(out, "host", route->host);
	json_text_string(out, "path", route->path);
	json_text_string(out, "match", match_name(route));
	json_text_string(out, "upstream", route->upstream);
	json_text_number(out, "upstream_id", route->upstream_id);
	json_text_string(out, "ingress", route->ingress);
	json_text_bool(out, "tls", route->tls);
	json_text_end(out, '}');
	return 0;
}

int page_routes(const struct admin_options *admin, struct json_text *out)
{
	int err = 0;

	json_text_begin(out, NULL, '{');
	json_text_begin(out, "routes", '[');
	if (*admin->table)
		err = table_each_route(*admin->table, put_route, out);
	json_text_end(out, ']');
	json_text_end(out, '}');
	return err;
}

static void put_problem(struct json_text *out, const struct problem *problem)
{
	json_text_begin(out, NULL, '{');
	json_text_string(out, "kind", object_kind_name(problem->kind));
	json_text_string(out, "namespace", problem->namespace);
	json_text_string(out, "name", problem->name);
	json_text_string(out, "severity", problem->severity == PROBLEM_NOTE ? "note" : "warning");
	json_text_string(out, "reason", problem->reason);
	json_text_string(out, "field", problem->field);
	json_text_string(out, "message", problem->message);
	json_text_end(out, '}');
}

/* The same fields as for an object: the field is the line. */
static void put_source_problem(void *ctx, const struct admin_problem *problem)
{
	struct json_text *out = ctx;
	char field[32] = "";

	if (problem->line)
		snprintf(field, sizeof(field), "line %u", problem->line);
	json_text_begin(out, NULL, '{');
	json_text_string(out, "kind", problem->kind);
	json_text_string(out, "namespace", "");
	json_text_string(out, "name", problem->name);
	json_text_string(out, "severity", "warning");
	json_text_string(out, "reason", problem->reason);
	json_text_string(out, "field", field);
	json_text_string(out, "message", problem->message);
	json_text_end(out, '}');
}

int page_problems(const struct admin_options *admin, struct json_text *out)
{
	const struct problem *problems = NULL;
	size_t count = 0;

	if (*admin->table)
		problems = table_problems(*admin->table, &count);
	json_text_begin(out, NULL, '{');
	json_text_begin(out, "problems", '[');
	if (admin->source_problems)
		admin->source_problems(admin->source_ctx, put_source_problem, out);
	for (size_t i = 0; i < count; i++)
		put_problem(out, &problems[i]);
	json_text_end(out, ']');
	json_text_end(out, '}');
	return 0;
}

static void count_problem(void *ctx, const struct admin_problem *problem)
{
	(void)problem;
	(*(uint32_t *)ctx)++;
}

uint32_t page_problems_count(const struct admin_options *admin)
{
	uint32_t count = 0;
	size_t of_table = 0;

	if (admin->source_problems)
		admin->source_problems(admin->source_ctx, count_problem, &count);
	if (*admin->table)
		table_problems(*admin->table, &of_table);
	return count + (uint32_t)of_table;
}
