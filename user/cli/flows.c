// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/names.h"
#include "sluice_flow.h"

struct flows {
	struct flow_filter filter;
	struct names names;
	struct columns table;
	struct json_text json;
	uint64_t now_ns; /* of the clock of the flows' time stamps */
};

static uint64_t idle_ms(const struct flows *f, const struct flow_view *flow)
{
	uint64_t seen_ns = flow->value.last_seen_ns;

	return f->now_ns > seen_ns ? (f->now_ns - seen_ns) / 1000000 : 0;
}

/* Since its first packet; the entry counts in 2^30 ns. */
static uint64_t age_s(const struct flows *f, const struct flow_view *flow)
{
	uint64_t begun_ns = (uint64_t)flow->value.begun << FLOW_BEGUN_SHIFT;

	return f->now_ns > begun_ns ? (f->now_ns - begun_ns) / 1000000000 : 0;
}

static bool is_over(const struct flows *f, const struct flow_view *flow)
{
	return sluice_flow_is_over(flow->proto, flow->value.state, flow->value.flags,
				   flow->value.last_seen_ns, f->now_ns);
}

static int put_json(void *ctx, const struct flow_view *flow)
{
	struct flows *f = ctx;
	char text[INET_ADDR_TEXT_MAX];

	if (!flow_filter_matches(&f->filter, flow))
		return 0;
	json_text_begin(&f->json, NULL, '{');
	json_text_string(&f->json, "protocol", names_protocol(flow->proto));
	json_text_string(&f->json, "client_address", inet_addr_format(&flow->saddr, text));
	json_text_number(&f->json, "client_port", flow->sport);
	json_text_string(&f->json, "frontend_address", inet_addr_format(&flow->daddr, text));
	json_text_number(&f->json, "frontend_port", flow->dport);
	json_text_number(&f->json, "frontend_id", flow->value.frontend_id);
	json_text_number(&f->json, "backend_id", flow->value.backend_id);
	json_text_string(&f->json, "backend", names_backend(&f->names, flow->value.backend_id));
	json_text_number(&f->json, "source_port", ntohs(flow->value.source_port));
	json_text_string(&f->json, "state", names_flow_state(flow->value.state));
	json_text_bool(&f->json, "over", is_over(f, flow));
	json_text_number(&f->json, "age_s", age_s(f, flow));
	json_text_number(&f->json, "idle_ms", idle_ms(f, flow));
	json_text_end(&f->json, '}');
	return 0;
}

static int put_row(void *ctx, const struct flow_view *flow)
{
	struct flows *f = ctx;
	char text[NAMES_ENDPOINT_MAX];

	if (!flow_filter_matches(&f->filter, flow))
		return 0;
	columns_add(&f->table, "%s", names_protocol(flow->proto));
	columns_add(&f->table, "%s", names_endpoint(&flow->saddr, flow->sport, text));
	columns_add(&f->table, "%s", names_endpoint(&flow->daddr, flow->dport, text));
	columns_add(&f->table, "%s", names_backend(&f->names, flow->value.backend_id));
	columns_add(&f->table, "%s",
		    is_over(f, flow) ? "over" : names_flow_state(flow->value.state));
	columns_add(&f->table, "%" PRIu64 " s", age_s(f, flow));
	columns_add(&f->table, "%.1f s", (double)idle_ms(f, flow) / 1000);
	return 0;
}

int verb_flows(const struct cli *cli)
{
	struct timespec now;
	struct flows f = { .filter = cli->filter };
	int err = names_read(cli->view, &f.names);

	if (!err)
		err = flow_filter_prepare(&f.filter, cli->view);

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	f.now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	if (cli->json) {
		json_text_begin(&f.json, NULL, '{');
		json_text_begin(&f.json, "flows", '[');
		if (!err)
			err = dataplane_view_flows(cli->view, put_json, &f);
		json_text_end(&f.json, ']');
		json_text_end(&f.json, '}');
		err = cli_print_json(&f.json, err);
	} else {
		columns_begin(&f.table, "PROTOCOL|CLIENT|FRONTEND|BACKEND|STATE|AGE|IDLE");
		if (!err)
			err = dataplane_view_flows(cli->view, put_row, &f);
		columns_sort(&f.table);
		err = cli_finish_table(&f.table, "flows", err);
	}
	names_free(&f.names);
	flow_filter_clear(&f.filter);
	return err;
}
