// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

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

static int put_packets(const struct admin_options *admin, struct json_text *out)
{
	uint64_t stats[STAT_MAX] = {}, drops[DROP_MAX] = {};
	int err = dataplane_view_stats(admin->view, stats);

	if (!err)
		err = dataplane_view_drops(admin->view, drops);
	if (err)
		return err;
	head(out, "packets_total", "counter", "Packets seen by XDP and TC, by kind.");
	labelled(out, "packets_total", "kind", "not_ours", stats[STAT_PACKETS_NOT_OURS]);
	labelled(out, "packets_total", "kind", "l4", stats[STAT_PACKETS_L4]);
	labelled(out, "packets_total", "kind", "http", stats[STAT_PACKETS_HTTP]);
	labelled(out, "packets_total", "kind", "reply", stats[STAT_PACKETS_REPLY]);
	one(out, "flows_created_total", "counter", "L4 flows begun.", stats[STAT_FLOWS_CREATED]);
	one(out, "flows_not_inserted_total", "counter",
	    "L4 flows forwarded by hash without an entry.", stats[STAT_FLOWS_NOT_INSERTED]);
	one(out, "flows_repicked_total", "counter",
	    "L4 flows that got another backend, because theirs was gone.",
	    stats[STAT_FLOWS_REPICKED]);
	for (unsigned int i = STAT_STEERED + 1; i < STAT_MAX; i++) {
		char name[64];

		if (!dataplane_stat_name(i))
			continue;
		snprintf(name, sizeof(name), "%s_total", dataplane_stat_name(i));
		one(out, name, "counter", dataplane_stat_text(i), stats[i]);
	}
	one(out, "conns_steered_total", "counter", "HTTP connections steered to a worker.",
	    stats[STAT_STEERED]);
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

static void put_responses(const struct worker_stats *sum, struct json_text *out)
{
	head(out, "responses_total", "counter", "Responses sent to clients, by class of status.");
	labelled(out, "responses_total", "class", "1xx", sum->responses_1xx);
	labelled(out, "responses_total", "class", "2xx", sum->responses_2xx);
	labelled(out, "responses_total", "class", "3xx", sum->responses_3xx);
	labelled(out, "responses_total", "class", "4xx", sum->responses_4xx);
	labelled(out, "responses_total", "class", "5xx", sum->responses_5xx);
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

/* Numbers of worker_stats that are printed unchanged. */
static const struct {
	const char *name, *type, *help;
	size_t offset;
} helper_fields[] = {
/* Versions of clang-format lay out braces of macros differently. */
/* clang-format off */
#define FIELD(name, type, field, help) { name, type, help, offsetof(struct worker_stats, field) }
	/* clang-format on */
	FIELD("conns_open", "gauge", conns_open, "Client connections open."),
	FIELD("conns_accepted_total", "counter", conns_accepted, "Client connections accepted."),
	FIELD("requests_total", "counter", requests, "Requests read."),
	FIELD("own_replies_total", "counter", own_replies,
	      "Responses made by the helper itself, not by a backend."),
	FIELD("client_received_bytes_total", "counter", client_bytes_in,
	      "Bytes received from clients."),
	FIELD("client_sent_bytes_total", "counter", client_bytes_out, "Bytes sent to clients."),
	FIELD("upstream_conns_open", "gauge", upstream_conns_open,
	      "Connections to backends, idle ones included."),
	FIELD("upstream_connects_total", "counter", upstream_connects,
	      "Connections to backends begun."),
	FIELD("upstream_connect_errors_total", "counter", upstream_connect_errors,
	      "Connections to backends that failed."),
	FIELD("upstream_reused_total", "counter", upstream_reused,
	      "Exchanges on an existing connection."),
	FIELD("upstream_retries_total", "counter", upstream_retries,
	      "Requests given to another backend."),
	FIELD("bad_requests_total", "counter", bad_requests, "Requests refused by the parser."),
	FIELD("bad_responses_total", "counter", bad_responses,
	      "Responses of backends that were not valid HTTP."),
	FIELD("timeouts_total", "counter", timeouts, "Expired time limits."),
	FIELD("access_log_dropped_total", "counter", access_log_dropped,
	      "Lines of the access log that could not be written in time."),
	FIELD("http2_conns_open", "gauge", http2_conns_open,
	      "Open client connections that use HTTP/2."),
	FIELD("http2_conns_total", "counter", http2_conns, "Client connections that used HTTP/2."),
	FIELD("http2_streams_total", "counter", http2_streams,
	      "Streams that HTTP/2 clients began."),
	FIELD("tls_handshakes_total", "counter", tls_handshakes,
	      "TLS handshakes with clients that were completed."),
	FIELD("tls_resumptions_total", "counter", tls_resumptions,
	      "Of these, those that resumed a session."),
	FIELD("tls_errors_total", "counter", tls_errors,
	      "TLS handshakes with clients that failed."),
	FIELD("tls_passthroughs_total", "counter", tls_passthroughs,
	      "TLS connections passed to a backend undecrypted."),
	FIELD("upstream_tls_errors_total", "counter", upstream_tls_errors,
	      "TLS handshakes with backends that failed, untrusted certificates included."),
	FIELD("proxy_header_errors_total", "counter", proxy_header_errors,
	      "Connections ended for a bad or missing PROXY header."),
	FIELD("backend_ejections_total", "counter", backend_ejections,
	      "Times that a worker ejected a backend for its failures."),
	FIELD("health_checks_total", "counter", health_checks,
	      "Active checks of backends that finished."),
	FIELD("health_check_failures_total", "counter", health_check_failures,
	      "Active checks of backends that failed."),
#undef FIELD
};

static void put_splice(const struct worker_stats *sum, struct json_text *out)
{
	one(out, "spliced_exchanges_total", "counter",
	    "Responses that the kernel moved completely.", sum->spliced_exchanges);
	one(out, "spliced_tunnels_total", "counter", "Tunnels whose bytes the kernel may move.",
	    sum->spliced_tunnels);
	one(out, "spliced_uploads_total", "counter",
	    "Requests with a body that the kernel moved, in part or completely.",
	    sum->spliced_uploads);
	one(out, "spliced_bytes_total", "counter", "Bytes that the kernel moved.",
	    sum->spliced_bytes);
	one(out, "splice_takeovers_total", "counter",
	    "Times that the relay took over from a slow receiver.", sum->splice_windows);
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
	for (size_t i = 0; i < sizeof(helper_fields) / sizeof(helper_fields[0]); i++)
		one(out, helper_fields[i].name, helper_fields[i].type, helper_fields[i].help,
		    *(const __u64 *)((const char *)&sum + helper_fields[i].offset));
	put_responses(&sum, out);
	put_faults("request_faults_total", "Requests that were refused, by reason.",
		   sum.request_faults, out);
	put_faults("response_faults_total", "Responses that were not passed on, by reason.",
		   sum.response_faults, out);
	put_splice(&sum, out);
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
