// SPDX-License-Identifier: Apache-2.0
#include "admin/pages.h"

const char *page_attach_mode(unsigned int mode)
{
	static const char *const names[] = {
		[ATTACH_NONE] = "none",           [ATTACH_XDP_NATIVE] = "native",
		[ATTACH_XDP_GENERIC] = "generic", [ATTACH_TCX] = "tcx",
		[ATTACH_CLSACT] = "clsact",       [ATTACH_TC_L4] = "tc",
	};

	return mode < sizeof(names) / sizeof(names[0]) ? names[mode] : "unknown";
}

static void put_interfaces(const struct daemon_state *state, struct json_text *out)
{
	json_text_begin(out, "interfaces", '[');
	for (uint32_t i = 0; i < state->interfaces_count && i < SLUICE_INTERFACES_MAX; i++) {
		const struct interface_state *interface = &state->interfaces[i];

		json_text_begin(out, NULL, '{');
		json_text_string(out, "name", interface->name);
		json_text_number(out, "ifindex", interface->ifindex);
		json_text_string(out, "xdp", page_attach_mode(interface->xdp_mode));
		json_text_string(out, "tc", page_attach_mode(interface->tc_mode));
		json_text_bool(out, "dispatcher", interface->dispatcher);
		json_text_end(out, '}');
	}
	json_text_end(out, ']');
}

static void put_expiry(const struct expiry *expiry, struct json_text *out)
{
	json_text_begin(out, "certificates", '{');
	json_text_number(out, "count", expiry->certificates);
	json_text_number(out, "expired", expiry->expired);
	json_text_number(out, "ending_soon", expiry->soon);
	json_text_string(out, "first", expiry->first);
	json_text_number(out, "first_end_unix_s", (uint64_t)expiry->first_unix_s);
	json_text_end(out, '}');
}

static void put_splice(const struct dataplane_view *view, struct json_text *out)
{
	const struct daemon_state *state = dataplane_view_daemon(view);
	struct worker_stats sum = {};

	page_workers_sum(view, &sum);
	json_text_begin(out, "splice", '{');
	json_text_bool(out, "on", state->splice);
	json_text_string(out, "reason", state->splice_reason);
	json_text_number(out, "exchanges", sum.spliced_exchanges);
	json_text_number(out, "tunnels", sum.spliced_tunnels);
	json_text_number(out, "uploads", sum.spliced_uploads);
	json_text_number(out, "bytes", sum.spliced_bytes);
	json_text_number(out, "takeovers", sum.splice_windows);
	json_text_begin(out, "relayed", '{');
	for (unsigned int i = SPLICE_WHY_NONE + 1; i < SPLICE_WHY_MAX; i++)
		if (sum.splice_reasons[i] && page_splice_reason(i))
			json_text_number(out, page_splice_reason(i), sum.splice_reasons[i]);
	json_text_end(out, '}');
	json_text_end(out, '}');
}

void page_status(const struct dataplane_view *view, uint32_t problems, const struct expiry *expiry,
		 bool running, struct json_text *out)
{
	const struct daemon_state *state = dataplane_view_daemon(view);

	json_text_begin(out, NULL, '{');
	json_text_bool(out, "running", running);
	json_text_bool(out, "ready", state->ready);
	json_text_string(out, "version", state->version);
	json_text_number(out, "schema", state->schema);
	json_text_number(out, "generation", state->generation);
	json_text_number(out, "pid", running ? state->pid : 0);
	json_text_string(out, "node", state->node_name);
	json_text_string(out, "source", state->source);
	json_text_number(out, "started_unix_s", state->started_unix_s);
	json_text_number(out, "synced_unix_s", state->synced_unix_s);
	json_text_number(out, "workers", state->workers);
	json_text_number(out, "frontends", state->frontends);
	json_text_number(out, "routes", state->routes);
	json_text_number(out, "upstreams", state->upstreams);
	json_text_number(out, "backends", state->backends);
	json_text_number(out, "problems", problems);
	if (expiry)
		put_expiry(expiry, out);
	put_splice(view, out);
	put_interfaces(state, out);
	json_text_end(out, '}');
}
