/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h - the sluice.dev/ annotations of one Ingress or Service
 */
#ifndef SLUICE_TABLE_POLICY_H
#define SLUICE_TABLE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/inet.h"
#include "table/problems.h"
#include "handoff/snapshot.h"

#define POLICY_PREFIX "sluice.dev/"

/* One bit each in .given; a field without its bit means nothing. */
enum policy_field {
	POLICY_PROTOCOL = 1 << 0,
	POLICY_BALANCE = 1 << 1,
	POLICY_BALANCE_KEY = 1 << 2,
	POLICY_AFFINITY = 1 << 3,
	POLICY_COOKIE_NAME = 1 << 4,
	POLICY_COOKIE_MAX_AGE = 1 << 5,
	POLICY_COOKIE_SAME_SITE = 1 << 6,
	POLICY_COOKIE_SECURE = 1 << 7,
	POLICY_CONNECT_TIMEOUT = 1 << 8,
	POLICY_RESPONSE_TIMEOUT = 1 << 9,
	POLICY_IDLE_TIMEOUT = 1 << 10,
	POLICY_TUNNEL_IDLE_TIMEOUT = 1 << 11,
	POLICY_BODY_BYTES = 1 << 12,
	POLICY_SSL_REDIRECT = 1 << 13,
	POLICY_HSTS = 1 << 14,
	POLICY_REWRITE_TARGET = 1 << 15,
	POLICY_USE_REGEX = 1 << 16,
	POLICY_TLS_PASSTHROUGH = 1 << 17,
	POLICY_PROXY_PROTOCOL = 1 << 18,
	POLICY_SERVER_NAME = 1 << 19,
	POLICY_CA = 1 << 20,
	POLICY_TLS_VERIFY = 1 << 21,
	POLICY_SLOW_START = 1 << 22,
	POLICY_EJECT_AFTER = 1 << 23,
	POLICY_EJECT_TIME = 1 << 24,
	POLICY_CHECK_PATH = 1 << 25,
	POLICY_CHECK_INTERVAL = 1 << 26,
	POLICY_CHECK_TIMEOUT = 1 << 27,
	POLICY_CHECK_HEALTHY = 1 << 28,
	POLICY_CHECK_UNHEALTHY = 1 << 29,
	POLICY_SOURCES = 1 << 30,
};

struct policy {
	uint32_t given; /* enum policy_field */
	uint32_t protocol, balance, affinity, same_site, proxy_protocol;
	uint32_t cookie_max_age_s, hsts_max_age_s;
	uint32_t connect_timeout_ms, response_timeout_ms, idle_timeout_ms, tunnel_idle_timeout_ms;
	uint32_t slow_start_ms, eject_after, eject_time_ms;
	uint32_t check_interval_ms, check_timeout_ms, check_healthy, check_unhealthy;
	struct inet_network
		*sources; /* owned; with POLICY_SOURCES and none of them nobody is let in */
	size_t sources_count;
	uint64_t body_bytes;
	bool cookie_secure, ssl_redirect, use_regex, tls_passthrough, tls_verify;
	char *balance_key, *cookie_name, *rewrite_target, *server_name, *ca, *check_path;
	/* owned or NULL */
};

/**
 * policy_parse - read the annotations of @object
 * @problems: out, a bad or unknown one each: it is left out, the default stays in force
 * Return: 0; -ENOMEM.
 */
int policy_parse(const struct object *object, struct policy *out, struct problem_set *problems);
void policy_clear(struct policy *policy);

/* Field by field: what @first gives, else what @second gives. Strings borrowed from both. */
void policy_merge(const struct policy *first, const struct policy *second, struct policy *out);

#endif /* SLUICE_TABLE_POLICY_H */
