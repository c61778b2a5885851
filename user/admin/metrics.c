// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "admin/pages.h"

#define LATENCY_BUCKETS     (sizeof(((struct worker_stats *)0)->latency_bucket) / sizeof(__u64))
#define LATENCY_BUCKET_0_US 64u /* worker_stats.latency_bucket: bucket i is below 2^i * 64 us */

static void head(struct json_text *out, const char *name, const char *type, const char *help)
{
	json_text_printf(out, "# HELP sluice_%s %s\n# TYPE sluice_%s %s\n", name, help, name, type);
}

static void one(struct json_text *out, const char *name, const char *type, const char *help,
		uint64_t value)
{
	head(out, name, type, help);
	json_text_printf(out, "sluice_%s %" PRIu64 "\n", name, value);
}

static void labelled(struct json_text *out, const char *name, const char *label, const char *value,
		     uint64_t count)
{
	json_text_printf(out, "sluice_%s{%s=\"%s\"} %" PRIu64 "\n", name, label, value, count);
}

/* One row of the lists of sluice_stats.h. */
struct series {
	const char *name, *type, *labels, *help; /* .labels: "" or 'label="value"' */
	size_t place;                            /* of its number */
};

/* @before: the row before it, NULL: none. Rows of one series share its head. */
static void put_series(const struct series *series, const struct series *before, uint64_t value,
		       struct json_text *out)
{
	if (!before || strcmp(before->name, series->name) != 0)
		head(out, series->name, series->type, series->help);
	json_text_printf(out, "sluice_%s%s%s%s %" PRIu64 "\n", series->name,
			 *series->labels ? "{" : "", series->labels, *series->labels ? "}" : "",
			 value);
}

/* ---- the daemon ------------------------------------------------------------------------------ */

/* Return: @text without characters that would end a label value. */
static const char *label_text(const char *text)
{
	for (const char *c = text; *c; c++)
		if (*c == '"' || *c == '\\' || *c == '\n')
			return "";
	return text;
}

static void put_daemon(const struct admin_options *admin, struct json_text *out)
{
	const struct daemon_state *state = dataplane_view_daemon(admin->view);

	head(out, "build_info", "gauge", "The running version; the value is 1.");
	labelled(out, "build_info", "version", label_text(state->version), 1);
	one(out, "ready", "gauge", "1 if all input has been read and is in the maps.",
	    state->ready);
	one(out, "start_time_seconds", "gauge", "Start of sluiced, Unix time.",
	    state->started_unix_s);
	one(out, "synced_time_seconds", "gauge", "When the maps last held all input, Unix time.",
	    state->synced_unix_s);
	one(out, "generation", "gauge", "Number of the compiled table in use.", state->generation);
	one(out, "workers", "gauge", "Workers of the helper that should run.", state->workers);
	one(out, "frontends", "gauge", "Frontends in use.", state->frontends);
	one(out, "routes", "gauge", "Routes in use.", state->routes);
	one(out, "upstreams", "gauge", "Upstreams in use.", state->upstreams);
	one(out, "backends", "gauge", "Backends in use, draining ones included.", state->backends);
	one(out, "splice", "gauge", "1 if the kernel may move responses and tunnels.",
	    state->splice);
	one(out, "problems", "gauge", "Objects and files that are not served as written.",
	    page_problems_count(admin));
}

static void put_certificates(const struct admin_options *admin, struct json_text *out)
{
	struct expiry expiry;

	page_expiry(admin, &expiry);
	one(out, "certificates", "gauge", "Certificates of Secrets in use.", expiry.certificates);
	one(out, "certificates_expired", "gauge", "Of these, those that have expired.",
	    expiry.expired);
	one(out, "certificates_ending_soon", "gauge", "Of these, those that expire within 14 days.",
	    expiry.soon);
	if (expiry.certificates)
		one(out, "certificates_first_end_time_seconds", "gauge",
		    "When the first of them expires, Unix time.", (uint64_t)expiry.first_unix_s);
}

/* ---- packets --------------------------------------------------------------------------------- */

/* Rows of SLUICE_STAT_LIST: .place is the number of the counter. */
static const struct series stat_series[] = {
#define X(number, symbol, name, series, labels, help) { series, "counter", labels, help, number },
	SLUICE_STAT_LIST(X)
#undef X
};

static int put_packets(const struct admin_options *admin, struct json_text *out)
{
	uint64_t stats[STAT_MAX] = {}, drops[DROP_MAX] = {};
	int err = dataplane_view_stats(admin->view, stats);

	if (!err)
		err = dataplane_view_drops(admin->view, drops);
	if (err)
		return err;
	for (size_t i = 0; i < sizeof(stat_series) / sizeof(stat_series[0]); i++)
		put_series(&stat_series[i], i ? &stat_series[i - 1] : NULL,
			   stats[stat_series[i].place], out);
	head(out, "drops_total", "counter", "Packets dropped, by reason.");
	for (unsigned int i = DROP_NONE + 1; i < DROP_MAX; i++)
		if (dataplane_drop_name(i))
			labelled(out, "drops_total", "reason", dataplane_drop_name(i), drops[i]);
	return 0;
}

/* ---- the helper ------------------------------------------------------------------------------ */

static void put_latency(const struct worker_stats *sum, struct json_text *out)
{
	uint64_t below = 0;

	head(out, "exchange_seconds", "histogram",
	     "From the first byte of a request to the last of its response.");
	for (unsigned int i = 0; i < LATENCY_BUCKETS; i++) {
		below += sum->latency_bucket[i];
		if (i < LATENCY_BUCKETS - 1)
			json_text_printf(
				out, "sluice_exchange_seconds_bucket{le=\"%.6f\"} %" PRIu64 "\n",
				(double)((uint64_t)LATENCY_BUCKET_0_US << i) / 1e6, below);
	}
	json_text_printf(out, "sluice_exchange_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", below);
	json_text_printf(out, "sluice_exchange_seconds_sum %.6f\n",
			 (double)sum->latency_sum_us / 1e6);
	json_text_printf(out, "sluice_exchange_seconds_count %" PRIu64 "\n", below);
}

static void put_faults(const char *name, const char *help, const __u64 counts[FAULT_MAX],
		       struct json_text *out)
{
	static const char *const reasons[FAULT_MAX] = {
#define X(number, name, metric, text) [number] = metric,
		SLUICE_FAULT_LIST(X)
#undef X
	};

	head(out, name, "counter", help);
	for (unsigned int i = FAULT_NONE + 1; i < FAULT_MAX; i++)
		if (reasons[i])
			labelled(out, name, "reason", reasons[i], counts[i]);
}

#define COUNTER "counter"
#define GAUGE   "gauge"

/* Rows of SLUICE_COUNTER_LIST: .place is the offset in struct worker_stats. */
static const struct series worker_series[] = {
#define X(field, kind, series, labels, help) \
	{ series, kind, labels, help, offsetof(struct worker_stats, field) },
	SLUICE_COUNTER_LIST(X)
#undef X
};

static void put_relayed(const struct worker_stats *sum, struct json_text *out)
{
	head(out, "relayed_total", "counter", "Exchanges and tunnels that were relayed, and why.");
	for (unsigned int i = SPLICE_WHY_NONE + 1; i < SPLICE_WHY_MAX; i++)
		if (page_splice_reason(i))
			labelled(out, "relayed_total", "reason", page_splice_reason(i),
				 sum->splice_reasons[i]);
}

static void put_helper(const struct admin_options *admin, struct json_text *out)
{
	struct worker_stats sum = {};

	page_workers_sum(admin->view, &sum);
	for (size_t i = 0; i < sizeof(worker_series) / sizeof(worker_series[0]); i++)
		put_series(&worker_series[i], i ? &worker_series[i - 1] : NULL,
			   *(const __u64 *)((const char *)&sum + worker_series[i].place), out);
	put_faults("request_faults_total", "Requests that were refused, by reason.",
		   sum.request_faults, out);
	put_faults("response_faults_total", "Responses that were not passed on, by reason.",
		   sum.response_faults, out);
	put_relayed(&sum, out);
	put_latency(&sum, out);
}

int page_metrics(const struct admin_options *admin, struct json_text *out)
{
	int err;

	put_daemon(admin, out);
	put_certificates(admin, out);
	put_helper(admin, out);
	err = put_packets(admin, out);
	return err ? err : put_l4_traffic(admin, out);
}
