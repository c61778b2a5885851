/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_list.h - one row a policy of a route, from its annotation to the field that a worker reads
 *
 * A row makes: the bit that says whether it is set, the field of struct policy, its merge and its
 * end (table/policy/policy.h), the annotation (policy.c), and, with place ROUTE, the field of
 * struct route with what writes, moves and checks it. `make check` compares docs/ingress.md with
 * the rows. The list is here because both sides of a snapshot need it. A reader uses only type,
 * field and place; only the table knows annotations.
 *
 * X(ID, type, field, place, "annotation", parser, words, fate, "what is expected")
 *
 *   type   NUMBER uint32_t, SIZE uint64_t, TRUTH bool, TEXT a string, NETWORKS a list of networks
 *   field  of struct policy, with its unit in the name
 *   place  ROUTE: a field of that name and type in struct route (TEXT: offset of a text; not for
 *          TRUTH and NETWORKS); HERE: host_block.c makes something else of it, or nothing
 *   words  for parse_word, else NULL
 *   fate   of an invalid value: DEFAULT: as if it was not written; SHUT: set, and empty; CLOSED:
 *          its paths answer 503
 *
 * A row without an annotation is set by the table itself.
 */
#ifndef SLUICE_HANDOFF_POLICY_LIST_H
#define SLUICE_HANDOFF_POLICY_LIST_H

#define POLICY_LIST(X)                                                                             \
	X(REWRITE_TARGET, TEXT, rewrite_target, ROUTE, "rewrite-target", parse_rewrite, NULL,      \
	  DEFAULT, "a path that begins with / and holds no space, ? or #")                         \
	X(USE_REGEX, TRUTH, use_regex, HERE, "use-regex", parse_truth, NULL, DEFAULT, A_TRUTH)     \
	X(SSL_REDIRECT, TRUTH, ssl_redirect, HERE, "ssl-redirect", parse_truth, NULL, DEFAULT,     \
	  A_TRUTH)                                                                                 \
	X(BODY_BYTES, SIZE, body_bytes_max, ROUTE, "proxy-body-size", parse_size, NULL, DEFAULT,   \
	  "a size such as 8m, 512k or 0")                                                          \
	X(CONNECT_TIMEOUT, NUMBER, connect_timeout_ms, ROUTE, "connect-timeout", parse_timeout,    \
	  NULL, DEFAULT, A_DURATION)                                                               \
	X(RESPONSE_TIMEOUT, NUMBER, response_timeout_ms, ROUTE, "response-timeout", parse_timeout, \
	  NULL, DEFAULT, A_DURATION)                                                               \
	X(IDLE_TIMEOUT, NUMBER, idle_timeout_ms, ROUTE, "idle-timeout", parse_timeout, NULL,       \
	  DEFAULT, A_DURATION)                                                                     \
	X(TUNNEL_IDLE_TIMEOUT, NUMBER, tunnel_idle_timeout_ms, ROUTE, "tunnel-idle-timeout",       \
	  parse_timeout, NULL, DEFAULT, A_DURATION)                                                \
	X(BALANCE, NUMBER, balance, HERE, "load-balance", parse_word, balances, DEFAULT,           \
	  "round-robin, least-requests, hash-source, hash-header or hash-cookie")                  \
	X(BALANCE_KEY, TEXT, balance_key, HERE, "load-balance-key", parse_token, NULL, DEFAULT,    \
	  A_TOKEN)                                                                                 \
	X(AFFINITY, NUMBER, affinity, HERE, "affinity", parse_word, affinities, DEFAULT,           \
	  "cookie or none")                                                                        \
	X(COOKIE_NAME, TEXT, cookie_name, HERE, "affinity-cookie-name", parse_token, NULL,         \
	  DEFAULT, A_TOKEN)                                                                        \
	X(COOKIE_MAX_AGE, NUMBER, cookie_max_age_s, ROUTE, "affinity-cookie-max-age",              \
	  parse_seconds, NULL, DEFAULT, "whole seconds or a time such as 1h")                      \
	X(COOKIE_SAME_SITE, NUMBER, cookie_same_site, HERE, "affinity-cookie-same-site",           \
	  parse_word, same_sites, DEFAULT, "Lax, Strict or None")                                  \
	X(COOKIE_SECURE, TRUTH, cookie_secure, HERE, "affinity-cookie-secure", parse_truth, NULL,  \
	  DEFAULT, A_TRUTH)                                                                        \
	X(SOURCES, NETWORKS, sources, HERE, "allow-source-ranges", parse_networks, NULL, SHUT,     \
	  "a list of networks such as 10.0.0.0/8, 2001:db8::/32")                                  \
	X(SLOW_START, NUMBER, slow_start_ms, ROUTE, "slow-start", parse_timeout, NULL, DEFAULT,    \
	  A_DURATION)                                                                              \
	X(EJECT_AFTER, NUMBER, eject_after, ROUTE, "eject-after", parse_count_or_none, NULL,       \
	  DEFAULT, "a number of failures from 0 to 1000")                                          \
	X(EJECT_TIME, NUMBER, eject_time_ms, ROUTE, "eject-time", parse_timeout, NULL, DEFAULT,    \
	  A_DURATION)                                                                              \
	X(CHECK_PATH, TEXT, check_path, ROUTE, "health-check-path", parse_target, NULL, DEFAULT,   \
	  "a path that begins with / and holds no space or #")                                     \
	X(CHECK_INTERVAL, NUMBER, check_interval_ms, ROUTE, "health-check-interval",               \
	  parse_timeout, NULL, DEFAULT, A_DURATION)                                                \
	X(CHECK_TIMEOUT, NUMBER, check_timeout_ms, ROUTE, "health-check-timeout", parse_timeout,   \
	  NULL, DEFAULT, A_DURATION)                                                               \
	X(CHECK_HEALTHY, NUMBER, check_healthy, ROUTE, "health-check-healthy", parse_count, NULL,  \
	  DEFAULT, A_COUNT)                                                                        \
	X(CHECK_UNHEALTHY, NUMBER, check_unhealthy, ROUTE, "health-check-unhealthy", parse_count,  \
	  NULL, DEFAULT, A_COUNT)                                                                  \
	X(HSTS, NUMBER, hsts_max_age_s, ROUTE, "hsts", parse_hsts, NULL, DEFAULT,                  \
	  "\"true\", \"false\" or whole seconds")                                                  \
	X(PROTOCOL, NUMBER, protocol, HERE, "backend-protocol", parse_word, protocols, DEFAULT,    \
	  "http, https, h2c, h2, grpc or grpcs")                                                   \
	X(CA, TEXT, ca, HERE, "backend-ca", parse_name, NULL, DEFAULT,                             \
	  "the name of a Secret in the same namespace")                                            \
	X(SERVER_NAME, TEXT, server_name, ROUTE, "backend-server-name", parse_name, NULL, DEFAULT, \
	  "a DNS name")                                                                            \
	X(TLS_VERIFY, TRUTH, tls_verify, HERE, "backend-tls-verify", parse_truth, NULL, DEFAULT,   \
	  A_TRUTH)                                                                                 \
	X(TLS_PASSTHROUGH, TRUTH, tls_passthrough, HERE, "tls-passthrough", parse_truth, NULL,     \
	  DEFAULT, A_TRUTH)                                                                        \
	X(PROXY_PROTOCOL, NUMBER, proxy_protocol, HERE, "proxy-protocol", parse_word,              \
	  proxy_protocols, DEFAULT, "v1 or v2")                                                    \
	X(FORCE_SSL_REDIRECT, TRUTH, force_ssl_redirect, HERE, "force-ssl-redirect", parse_truth,  \
	  NULL, DEFAULT, A_TRUTH)                                                                  \
	X(CUT_SLASH, TRUTH, cut_slash, HERE, "", parse_truth, NULL, DEFAULT, A_TRUTH)              \
	X(CLOSED, TRUTH, closed, HERE, "", parse_truth, NULL, DEFAULT, A_TRUTH)                    \
	X(ORDERED, TRUTH, ordered, HERE, "", parse_truth, NULL, DEFAULT, A_TRUTH)                  \
	X(DENIED, NETWORKS, denied, HERE, "deny-source-ranges", parse_networks, NULL, CLOSED,      \
	  "a list of networks such as 10.0.0.0/8, 2001:db8::/32")                                  \
	X(REDIRECT, TEXT, redirect, ROUTE, "redirect", parse_location, NULL, DEFAULT,              \
	  "an http or https URL, or a path")                                                       \
	X(REDIRECT_STATUS, NUMBER, redirect_status, ROUTE, "redirect-status",                      \
	  parse_redirect_status, NULL, DEFAULT, "a status from 300 to 308")                        \
	X(APP_ROOT, TEXT, app_root, ROUTE, "app-root", parse_target, NULL, DEFAULT,                \
	  "a path that begins with /")                                                             \
	X(WWW_REDIRECT, TRUTH, www_redirect, HERE, "from-to-www-redirect", parse_truth, NULL,      \
	  DEFAULT, A_TRUTH)                                                                        \
	X(ALIASES, TEXT, aliases, HERE, "server-alias", parse_hosts, NULL, DEFAULT,                \
	  "a list of host names")                                                                  \
	X(REWRITE_WHOLE, TRUTH, rewrite_whole, HERE, "", parse_truth, NULL, DEFAULT, A_TRUTH)      \
	X(RESPONSE_HEADERS, TEXT, response_headers, ROUTE, "response-headers", parse_headers,      \
	  NULL, DEFAULT, "lines of NAME: VALUE, without fields that frame a message")              \
	X(REQUEST_HEADERS, TEXT, request_headers, ROUTE, "request-headers", parse_headers, NULL,   \
	  DEFAULT, "lines of NAME: VALUE, without fields that frame a message")                    \
	X(CORS, TRUTH, cors, HERE, "cors", parse_truth, NULL, DEFAULT, A_TRUTH)                    \
	X(CORS_ORIGINS, TEXT, cors_origins, ROUTE, "cors-allow-origin", parse_origins, NULL,       \
	  DEFAULT, "*, or a list of origins such as https://a.example, https://*.b.example:8443")  \
	X(CORS_METHODS, TEXT, cors_methods, ROUTE, "cors-allow-methods", parse_tokens, NULL,       \
	  DEFAULT, "a list of methods")                                                            \
	X(CORS_HEADERS, TEXT, cors_headers, ROUTE, "cors-allow-headers", parse_tokens, NULL,       \
	  DEFAULT, "a list of field names")                                                        \
	X(CORS_CREDENTIALS, TRUTH, cors_credentials, HERE, "cors-allow-credentials", parse_truth,  \
	  NULL, DEFAULT, A_TRUTH)                                                                  \
	X(CORS_EXPOSED, TEXT, cors_exposed, ROUTE, "cors-expose-headers", parse_tokens, NULL,      \
	  DEFAULT, "a list of field names")                                                        \
	X(CORS_MAX_AGE, NUMBER, cors_max_age_s, ROUTE, "cors-max-age", parse_seconds, NULL,        \
	  DEFAULT, "whole seconds or a time such as 1h")                                           \
	X(UPSTREAM_HOST, TEXT, upstream_host, ROUTE, "upstream-host", parse_template, NULL,        \
	  DEFAULT, "a host name, or a text with variables such as $host")                          \
	X(FORWARDED_PREFIX, TEXT, forwarded_prefix, ROUTE, "forwarded-prefix", parse_target, NULL, \
	  DEFAULT, "a path that begins with /")                                                    \
	X(COOKIE_PATH, TEXT, cookie_path, ROUTE, "affinity-cookie-path", parse_cookie_path, NULL,  \
	  DEFAULT, "a path that begins with /")                                                    \
	X(COOKIE_DOMAIN, TEXT, cookie_domain, ROUTE, "affinity-cookie-domain", parse_name, NULL,   \
	  DEFAULT, "a DNS name")                                                                   \
	X(COOKIE_EXPIRES, NUMBER, cookie_expires_s, ROUTE, "affinity-cookie-expires",              \
	  parse_seconds, NULL, DEFAULT, "whole seconds or a time such as 1h")                      \
	X(HASH_BY, TEXT, hash_by, HERE, "load-balance-by", parse_template, NULL, DEFAULT,          \
	  "a text with variables such as $request_uri")                                            \
	X(HSTS_SUBDOMAINS, TRUTH, hsts_subdomains, HERE, "hsts-include-subdomains", parse_truth,   \
	  NULL, DEFAULT, A_TRUTH)

#endif /* SLUICE_HANDOFF_POLICY_LIST_H */
