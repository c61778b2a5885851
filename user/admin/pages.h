/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pages.h - the page of each path of the admin endpoint
 */
#ifndef SLUICE_ADMIN_PAGES_H
#define SLUICE_ADMIN_PAGES_H

#include "admin/admin.h"
#include "base/json_text.h"

/* Prometheus text format 0.0.4; the series are listed in docs/metrics.md. Return: 0; -errno. */
int page_metrics(const struct admin_options *admin, struct json_text *out);

/* The part of it that names l4 frontends and backends. Return: 0; -errno. */
int put_l4_traffic(const struct admin_options *admin, struct json_text *out);

/* Of the certificates in use that come from Secrets. */
struct expiry {
	uint32_t certificates, expired;
	uint32_t soon;        /* end within two weeks */
	int64_t first_unix_s; /* when the first one expires, or expired; 0: there is none */
	char first[320];      /* "namespace/secret" */
};

void page_expiry(const struct admin_options *admin, struct expiry *out);

/**
 * page_status - the daemon, its interfaces, counts
 * @problems: current number; the entry in the maps does not include those of the source
 * @expiry: NULL: not known
 * @running: false: the data is from the maps that a daemon left
 */
void page_status(const struct dataplane_view *view, uint32_t problems, const struct expiry *expiry,
		 bool running, struct json_text *out);

int page_routes(const struct admin_options *admin, struct json_text *out);
int page_problems(const struct admin_options *admin, struct json_text *out);

/* All current problems. */
uint32_t page_problems_count(const struct admin_options *admin);

/* Sum over all workers. */
void page_workers_sum(const struct dataplane_view *view, struct worker_stats *sum);

/* Name of an enum sluice_attach_mode. */
const char *page_attach_mode(unsigned int mode);

/* Name of an enum sluice_splice_reason; NULL: none. */
const char *page_splice_reason(unsigned int reason);

#endif /* SLUICE_ADMIN_PAGES_H */
