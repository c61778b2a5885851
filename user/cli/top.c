// SPDX-License-Identifier: Apache-2.0
/*
 * top.c - current traffic: rates between two readings of the counters
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/active.h"
#include "cli/cli.h"
#include "cli/names.h"

#define CLEAR_SCREEN "\033[H\033[2J"

struct line {
	bool is_backend;
	uint32_t id;
	char name[SLUICE_UPSTREAM_NAME_MAX + NAMES_ENDPOINT_MAX + 16];
	struct traffic now, before;
	uint32_t active;
};

struct top {
	const struct cli *cli; /* borrowed */
	struct names names;
	struct active active;
	struct line *lines; /* owned */
	size_t count, before_count;
	struct line *before; /* owned: the previous reading, in the order of reading */
};

static int add(struct top *top, const struct line *line)
{
	struct line *grown = reallocarray(top->lines, top->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	grown[top->count++] = *line;
	top->lines = grown;
	return 0;
}

static void find_before(const struct top *top, struct line *line)
{
	line->before = line->now;
	for (size_t i = 0; i < top->before_count; i++)
		if (top->before[i].is_backend == line->is_backend && top->before[i].id == line->id)
			line->before = top->before[i].now;
}

static int take_frontend(void *ctx, const struct frontend_view *frontend)
{
	struct top *top = ctx;
	struct line line = { .id = frontend->value.frontend_id };
	char endpoint[NAMES_ENDPOINT_MAX];
	int err;

	if (frontend->value.kind == FRONTEND_ADDRESS || frontend->value.kind == FRONTEND_NONE)
		return 0;
	err = dataplane_view_frontend_traffic(top->cli->view, line.id, &line.now);
	if (err)
		return err;
	snprintf(line.name, sizeof(line.name), "%s %s",
		 names_endpoint(&frontend->addr, frontend->port, endpoint),
		 names_protocol(frontend->proto));
	line.active = active_of(&top->active.frontends, line.id);
	find_before(top, &line);
	return add(top, &line);
}

static int take_backend(void *ctx, const struct backend_view *backend)
{
	struct top *top = ctx;
	struct line line = { .is_backend = true, .id = backend->id };
	int err = dataplane_view_backend_traffic(top->cli->view, line.id, &line.now);

	/* Backends that only HTTP uses have no packets here. */
	if (err || !line.now.packets)
		return err;
	snprintf(line.name, sizeof(line.name), "%s of %s", names_backend(&top->names, line.id),
		 names_upstream(&top->names, backend->value.upstream_id));
	line.active = active_of(&top->active.backends, line.id);
	find_before(top, &line);
	return add(top, &line);
}

static uint64_t bytes_gone(const struct line *line)
{
	return line->now.bytes - line->before.bytes;
}

static int busiest_first(const void *left, const void *right)
{
	const struct line *a = left, *b = right;
	uint64_t x = bytes_gone(a), y = bytes_gone(b);

	if (a->is_backend != b->is_backend)
		return (int)a->is_backend - (int)b->is_backend;
	return x < y ? 1 : x > y ? -1 : strcmp(a->name, b->name);
}

static double rate(uint64_t now, uint64_t before, double seconds)
{
	return (double)(now - before) / seconds;
}

static int print_table(const struct top *top, double seconds)
{
	struct columns table;

	columns_begin(&table, "|PACKETS/S|BITS/S|NEW FLOWS/S|ACTIVE FLOWS");
	for (size_t i = 0; i < top->count; i++) {
		const struct line *line = &top->lines[i];

		columns_add(&table, "%s %s", line->is_backend ? "backend " : "frontend",
			    line->name);
		columns_add(&table, "%.0f", rate(line->now.packets, line->before.packets, seconds));
		columns_add(&table, "%.0f", 8 * rate(line->now.bytes, line->before.bytes, seconds));
		columns_add(&table, "%.0f", rate(line->now.flows, line->before.flows, seconds));
		columns_add(&table, "%u", line->active);
	}
	if (isatty(STDOUT_FILENO))
		fputs(CLEAR_SCREEN, stdout);
	return cli_finish_table(&table, "counters", 0);
}

static int print_json(const struct top *top, double seconds)
{
	struct json_text json = {};

	json_text_begin(&json, NULL, '{');
	json_text_number(&json, "interval_ms", (uint64_t)(seconds * 1000));
	json_text_begin(&json, "rates", '[');
	for (size_t i = 0; i < top->count; i++) {
		const struct line *line = &top->lines[i];

		json_text_begin(&json, NULL, '{');
		json_text_string(&json, "kind", line->is_backend ? "backend" : "frontend");
		json_text_number(&json, "id", line->id);
		json_text_string(&json, "name", line->name);
		json_text_number(&json, "packets_per_s",
				 (uint64_t)rate(line->now.packets, line->before.packets, seconds));
		json_text_number(
			&json, "bits_per_s",
			(uint64_t)(8 * rate(line->now.bytes, line->before.bytes, seconds)));
		json_text_number(&json, "new_flows_per_s",
				 (uint64_t)rate(line->now.flows, line->before.flows, seconds));
		json_text_number(&json, "flows_active", line->active);
		json_text_end(&json, '}');
	}
	json_text_end(&json, ']');
	json_text_end(&json, '}');
	return cli_print_json(&json, 0);
}

/* Reads all counters; the previous reading is kept for the rates. */
static int read_all(struct top *top)
{
	int err;

	free(top->before);
	top->before = top->lines;
	top->before_count = top->count;
	top->lines = NULL;
	top->count = 0;
	names_free(&top->names);
	active_clear(&top->active);
	err = names_read(top->cli->view, &top->names);
	if (!err)
		err = active_read(top->cli->view, &top->active);
	if (!err)
		err = dataplane_view_frontends(top->cli->view, take_frontend, top);
	if (!err)
		err = dataplane_view_backends(top->cli->view, take_backend, top);
	return err;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int verb_top(const struct cli *cli)
{
	const struct timespec pause = { .tv_sec = cli->interval_ms / 1000,
					.tv_nsec = cli->interval_ms % 1000 * 1000000L };
	struct top top = { .cli = cli };
	double last_s = now_s();
	int result = CLI_OK, err = read_all(&top);

	for (uint32_t round = 0; !err && result == CLI_OK && (!cli->rounds || round < cli->rounds);
	     round++) {
		double at_s;

		nanosleep(&pause, NULL);
		at_s = now_s();
		err = read_all(&top);
		if (err)
			break;
		if (top.count)
			qsort(top.lines, top.count, sizeof(*top.lines), busiest_first);
		result = cli->json ? print_json(&top, at_s - last_s)
				   : print_table(&top, at_s - last_s);
		last_s = at_s;
	}
	free(top.lines);
	free(top.before);
	names_free(&top.names);
	active_clear(&top.active);
	return err ? cli_check_read("counters", err) : result;
}
