/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nginx_list.h - one row an annotation nginx.ingress.kubernetes.io/NAME: what becomes of it
 *
 * X("name", standing, place, parser, words, fate, "text")
 *
 *   standing  HONOURED; DIFFERS: honoured, in another way that the text says; EFFECTLESS: nothing
 *             has to be done; MISSING: not honoured; NEVER: will not be
 *   place     POLICY(ID, field): of struct policy; VALUE(field): of struct nginx_values, which
 *             nginx_policy.c turns into policies; NOWHERE
 *   parser    policy_parse_... or nginx_parse_...
 *   fate      of an invalid value: DEFAULT, or CLOSED: it guards something, so its paths answer
 *             503. MISSING and NEVER with CLOSED do so for any value but "false".
 *   text      the sluice.dev/ counterpart, what differs, or why not; docs/migration.md has it
 */
#ifndef SLUICE_TABLE_POLICY_NGINX_LIST_H
#define SLUICE_TABLE_POLICY_NGINX_LIST_H

#define NGINX_LIST(X)                                                                              \
	X("affinity", HONOURED, VALUE(affinity), nginx_parse_affinity, NULL, DEFAULT, "affinity")  \
	X("affinity-mode", DIFFERS, NOWHERE, nginx_parse_mode, NULL, DEFAULT,                      \
	  "a session stays as long as its pod, as with persistent")                                \
	X("affinity-canary-behavior", MISSING, NOWHERE, NULL, NULL, DEFAULT,                       \
	  "a canary is chosen anew for each request")                                              \
	X("session-cookie-name", HONOURED, POLICY(COOKIE_NAME, cookie_name), policy_parse_token,   \
	  NULL, DEFAULT, "affinity-cookie-name")                                                   \
	X("session-cookie-max-age", HONOURED, POLICY(COOKIE_MAX_AGE, cookie_max_age_s),            \
	  nginx_parse_number, NULL, DEFAULT, "affinity-cookie-max-age")                            \
	X("session-cookie-expires", HONOURED, POLICY(COOKIE_EXPIRES, cookie_expires_s),            \
	  nginx_parse_number, NULL, DEFAULT, "affinity-cookie-expires")                            \
	X("session-cookie-path", HONOURED, POLICY(COOKIE_PATH, cookie_path),                       \
	  policy_parse_cookie_path, NULL, DEFAULT, "affinity-cookie-path")                         \
	X("session-cookie-domain", HONOURED, POLICY(COOKIE_DOMAIN, cookie_domain),                 \
	  policy_parse_name, NULL, DEFAULT, "affinity-cookie-domain")                              \
	X("session-cookie-samesite", HONOURED, POLICY(COOKIE_SAME_SITE, cookie_same_site),         \
	  policy_parse_word, nginx_same_sites, DEFAULT, "affinity-cookie-same-site")               \
	X("session-cookie-secure", HONOURED, POLICY(COOKIE_SECURE, cookie_secure),                 \
	  nginx_parse_truth, NULL, DEFAULT, "affinity-cookie-secure")                              \
	X("session-cookie-conditional-samesite-none", MISSING, NOWHERE, NULL, NULL, DEFAULT,       \
	  "browsers that refuse SameSite=None are gone")                                           \
	X("session-cookie-change-on-failure", DIFFERS, NOWHERE, nginx_parse_truth, NULL, DEFAULT,  \
	  "a client always leaves a failing pod")                                                  \
	X("session-cookie-hash", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT, "obsolete there, too")  \
	X("allowlist-source-range", HONOURED, POLICY(SOURCES, sources), policy_parse_networks,     \
	  NULL, CLOSED, "allow-source-ranges")                                                     \
	X("whitelist-source-range", HONOURED, VALUE(whitelist), nginx_parse_networks_or_none,      \
	  NULL, CLOSED, "allow-source-ranges; allowlist-source-range counts where both stand")     \
	X("denylist-source-range", HONOURED, POLICY(DENIED, denied), policy_parse_networks, NULL,  \
	  CLOSED, "deny-source-ranges")                                                            \
	X("app-root", HONOURED, POLICY(APP_ROOT, app_root), policy_parse_target, NULL, DEFAULT,    \
	  "app-root")                                                                              \
	X("auth-type", MISSING, NOWHERE, NULL, NULL, CLOSED, "passwords are not checked yet")      \
	X("auth-secret", MISSING, NOWHERE, NULL, NULL, CLOSED, "passwords are not checked yet")    \
	X("auth-secret-type", MISSING, NOWHERE, NULL, NULL, DEFAULT,                               \
	  "passwords are not checked yet")                                                         \
	X("auth-realm", MISSING, NOWHERE, NULL, NULL, DEFAULT, "passwords are not checked yet")    \
	X("auth-url", MISSING, NOWHERE, NULL, NULL, CLOSED, "no authority is asked yet")           \
	X("auth-signin", MISSING, NOWHERE, NULL, NULL, DEFAULT, "no authority is asked yet")       \
	X("auth-signin-redirect-param", MISSING, NOWHERE, NULL, NULL, DEFAULT,                     \
	  "no authority is asked yet")                                                             \
	X("auth-method", MISSING, NOWHERE, NULL, NULL, DEFAULT, "no authority is asked yet")       \
	X("auth-response-headers", MISSING, NOWHERE, NULL, NULL, DEFAULT,                          \
	  "no authority is asked yet")                                                             \
	X("auth-request-redirect", MISSING, NOWHERE, NULL, NULL, DEFAULT,                          \
	  "no authority is asked yet")                                                             \
	X("auth-proxy-set-headers", MISSING, NOWHERE, NULL, NULL, DEFAULT,                         \
	  "no authority is asked yet")                                                             \
	X("auth-cache-key", MISSING, NOWHERE, NULL, NULL, DEFAULT, "no authority is asked yet")    \
	X("auth-cache-duration", MISSING, NOWHERE, NULL, NULL, DEFAULT,                            \
	  "no authority is asked yet")                                                             \
	X("auth-always-set-cookie", MISSING, NOWHERE, NULL, NULL, DEFAULT,                         \
	  "no authority is asked yet")                                                             \
	X("auth-keepalive", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,                              \
	  "connections are kept anyway")                                                           \
	X("auth-keepalive-requests", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,                     \
	  "connections are kept anyway")                                                           \
	X("auth-keepalive-share-vars", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,                   \
	  "connections are kept anyway")                                                           \
	X("auth-keepalive-timeout", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,                      \
	  "connections are kept anyway")                                                           \
	X("enable-global-auth", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,                          \
	  "there is no global authority")                                                          \
	X("satisfy", MISSING, NOWHERE, NULL, NULL, CLOSED, "all of the conditions have to hold")   \
	X("auth-tls-secret", MISSING, NOWHERE, NULL, NULL, CLOSED,                                 \
	  "client certificates are not asked for yet")                                             \
	X("auth-tls-verify-client", MISSING, NOWHERE, NULL, NULL, DEFAULT,                         \
	  "client certificates are not asked for yet")                                             \
	X("auth-tls-verify-depth", MISSING, NOWHERE, NULL, NULL, DEFAULT,                          \
	  "client certificates are not asked for yet")                                             \
	X("auth-tls-pass-certificate-to-upstream", MISSING, NOWHERE, NULL, NULL, DEFAULT,          \
	  "client certificates are not asked for yet")                                             \
	X("auth-tls-match-cn", MISSING, NOWHERE, NULL, NULL, CLOSED,                               \
	  "client certificates are not asked for yet")                                             \
	X("auth-tls-error-page", MISSING, NOWHERE, NULL, NULL, DEFAULT,                            \
	  "client certificates are not asked for yet")                                             \
	X("backend-protocol", HONOURED, POLICY(PROTOCOL, protocol), policy_parse_word,             \
	  nginx_protocols, DEFAULT,                                                                \
	  "backend-protocol, backend-tls-verify; AUTO_HTTP and FCGI are missing")                  \
	X("secure-backends", MISSING, NOWHERE, NULL, NULL, DEFAULT,                                \
	  "replaced by backend-protocol: HTTPS, long ago")                                         \
	X("canary", MISSING, NOWHERE, NULL, NULL, DEFAULT,                                         \
	  "the Ingress is left out: all requests go to the main one")                              \
	X("canary-by-header", MISSING, NOWHERE, NULL, NULL, DEFAULT, "see canary")                 \
	X("canary-by-header-value", MISSING, NOWHERE, NULL, NULL, DEFAULT, "see canary")           \
	X("canary-by-header-pattern", MISSING, NOWHERE, NULL, NULL, DEFAULT, "see canary")         \
	X("canary-by-cookie", MISSING, NOWHERE, NULL, NULL, DEFAULT, "see canary")                 \
	X("canary-weight", MISSING, NOWHERE, NULL, NULL, DEFAULT, "see canary")                    \
	X("canary-weight-total", MISSING, NOWHERE, NULL, NULL, DEFAULT, "see canary")              \
	X("connection-proxy-header", MISSING, NOWHERE, NULL, NULL, DEFAULT,                        \
	  "connections to backends are kept")                                                      \
	X("enable-cors", HONOURED, POLICY(CORS, cors), nginx_parse_truth, NULL, DEFAULT, "cors")   \
	X("cors-allow-origin", HONOURED, POLICY(CORS_ORIGINS, cors_origins), nginx_parse_origins,  \
	  NULL, DEFAULT, "cors-allow-origin")                                                      \
	X("cors-allow-methods", HONOURED, POLICY(CORS_METHODS, cors_methods), policy_parse_tokens, \
	  NULL, DEFAULT, "cors-allow-methods")                                                     \
	X("cors-allow-headers", HONOURED, POLICY(CORS_HEADERS, cors_headers), policy_parse_tokens, \
	  NULL, DEFAULT, "cors-allow-headers")                                                     \
	X("cors-allow-credentials", HONOURED, POLICY(CORS_CREDENTIALS, cors_credentials),          \
	  nginx_parse_truth, NULL, DEFAULT, "cors-allow-credentials")                              \
	X("cors-expose-headers", HONOURED, POLICY(CORS_EXPOSED, cors_exposed),                     \
	  policy_parse_tokens, NULL, DEFAULT, "cors-expose-headers")                               \
	X("cors-max-age", HONOURED, POLICY(CORS_MAX_AGE, cors_max_age_s), nginx_parse_number,      \
	  NULL, DEFAULT, "cors-max-age")                                                           \
	X("custom-headers", MISSING, NOWHERE, NULL, NULL, CLOSED, "response-headers")              \
	X("custom-http-errors", MISSING, NOWHERE, NULL, NULL, DEFAULT,                             \
	  "errors pass as the backend sends them")                                                 \
	X("disable-proxy-intercept-errors", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,              \
	  "errors pass as the backend sends them")                                                 \
	X("default-backend", MISSING, NOWHERE, NULL, NULL, DEFAULT,                                \
	  "a Service without endpoints answers 503")                                               \
	X("from-to-www-redirect", HONOURED, POLICY(WWW_REDIRECT, www_redirect), nginx_parse_truth, \
	  NULL, DEFAULT, "from-to-www-redirect; without a port in Location")                       \
	X("server-alias", DIFFERS, POLICY(ALIASES, aliases), policy_parse_hosts, NULL, DEFAULT,    \
	  "server-alias; no regular expressions")                                                  \
	X("permanent-redirect", HONOURED, VALUE(permanent), policy_parse_location, NULL, DEFAULT,  \
	  "redirect")                                                                              \
	X("permanent-redirect-code", HONOURED, VALUE(permanent_status), nginx_parse_number, NULL,  \
	  DEFAULT, "redirect-status")                                                              \
	X("temporal-redirect", HONOURED, VALUE(temporal), nginx_parse_url, NULL, DEFAULT,          \
	  "redirect")                                                                              \
	X("temporal-redirect-code", HONOURED, VALUE(temporal_status), nginx_parse_number, NULL,    \
	  DEFAULT, "redirect-status")                                                              \
	X("relative-redirects", MISSING, NOWHERE, NULL, NULL, DEFAULT,                             \
	  "Location has scheme and host")                                                          \
	X("ssl-redirect", HONOURED, POLICY(SSL_REDIRECT, ssl_redirect), nginx_parse_truth, NULL,   \
	  DEFAULT, "ssl-redirect")                                                                 \
	X("force-ssl-redirect", HONOURED, POLICY(FORCE_SSL_REDIRECT, force_ssl_redirect),          \
	  nginx_parse_truth, NULL, DEFAULT, "force-ssl-redirect")                                  \
	X("preserve-trailing-slash", HONOURED, VALUE(preserve_slash), nginx_parse_truth, NULL,     \
	  DEFAULT, "the slash is cut for the nginx class only")                                    \
	X("ssl-passthrough", HONOURED, POLICY(TLS_PASSTHROUGH, tls_passthrough),                   \
	  nginx_parse_truth, NULL, DEFAULT, "tls-passthrough")                                     \
	X("ssl-ciphers", MISSING, NOWHERE, NULL, NULL, DEFAULT,                                    \
	  "ciphers are those of the process")                                                      \
	X("ssl-prefer-server-ciphers", MISSING, NOWHERE, NULL, NULL, DEFAULT,                      \
	  "ciphers are those of the process")                                                      \
	X("ssl-protocols", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT, "never existed there")        \
	X("load-balance", HONOURED, VALUE(balance), policy_parse_word, nginx_balances, DEFAULT,    \
	  "load-balance")                                                                          \
	X("upstream-hash-by", HONOURED, POLICY(HASH_BY, hash_by), policy_parse_template, NULL,     \
	  DEFAULT, "load-balance-by")                                                              \
	X("upstream-hash-by-subset", MISSING, NOWHERE, NULL, NULL, DEFAULT,                        \
	  "a key has one backend")                                                                 \
	X("upstream-hash-by-subset-size", MISSING, NOWHERE, NULL, NULL, DEFAULT,                   \
	  "a key has one backend")                                                                 \
	X("upstream-vhost", HONOURED, POLICY(UPSTREAM_HOST, upstream_host), policy_parse_template, \
	  NULL, DEFAULT, "upstream-host")                                                          \
	X("x-forwarded-prefix", HONOURED, VALUE(forwarded_prefix), policy_parse_target, NULL,      \
	  DEFAULT, "forwarded-prefix")                                                             \
	X("service-upstream", MISSING, NOWHERE, NULL, NULL, DEFAULT,                               \
	  "requests go to the endpoints")                                                          \
	X("limit-rps", MISSING, NOWHERE, NULL, NULL, CLOSED, "requests are not counted yet")       \
	X("limit-rpm", MISSING, NOWHERE, NULL, NULL, CLOSED, "requests are not counted yet")       \
	X("limit-connections", MISSING, NOWHERE, NULL, NULL, CLOSED,                               \
	  "requests are not counted yet")                                                          \
	X("limit-burst-multiplier", MISSING, NOWHERE, NULL, NULL, DEFAULT,                         \
	  "requests are not counted yet")                                                          \
	X("limit-allowlist", MISSING, NOWHERE, NULL, NULL, DEFAULT,                                \
	  "requests are not counted yet")                                                          \
	X("limit-whitelist", MISSING, NOWHERE, NULL, NULL, DEFAULT,                                \
	  "requests are not counted yet")                                                          \
	X("limit-rate", MISSING, NOWHERE, NULL, NULL, DEFAULT, "responses are not slowed down")    \
	X("limit-rate-after", MISSING, NOWHERE, NULL, NULL, DEFAULT,                               \
	  "responses are not slowed down")                                                         \
	X("mirror-target", MISSING, NOWHERE, NULL, NULL, DEFAULT, "no copies are sent yet")        \
	X("mirror-host", MISSING, NOWHERE, NULL, NULL, DEFAULT, "no copies are sent yet")          \
	X("mirror-request-body", MISSING, NOWHERE, NULL, NULL, DEFAULT, "no copies are sent yet")  \
	X("proxy-body-size", HONOURED, POLICY(BODY_BYTES, body_bytes_max), nginx_parse_size, NULL, \
	  DEFAULT, "proxy-body-size")                                                              \
	X("client-body-buffer-size", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,                     \
	  "no whole body is buffered")                                                             \
	X("proxy-buffering", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,                             \
	  "no whole body is buffered")                                                             \
	X("proxy-request-buffering", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,                     \
	  "no whole body is buffered")                                                             \
	X("proxy-buffer-size", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,                           \
	  "heads of responses may have 64 KiB")                                                    \
	X("proxy-buffers-number", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,                        \
	  "no whole body is buffered")                                                             \
	X("proxy-busy-buffers-size", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,                     \
	  "no whole body is buffered")                                                             \
	X("proxy-max-temp-file-size", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,                    \
	  "no whole body is buffered")                                                             \
	X("proxy-http-version", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,                          \
	  "backends are spoken to in HTTP/1.1")                                                    \
	X("proxy-connect-timeout", HONOURED, POLICY(CONNECT_TIMEOUT, connect_timeout_ms),          \
	  nginx_parse_seconds, NULL, DEFAULT, "connect-timeout")                                   \
	X("proxy-read-timeout", HONOURED, VALUE(read_timeout_ms), nginx_parse_seconds, NULL,       \
	  DEFAULT, "response-timeout, idle-timeout, tunnel-idle-timeout")                          \
	X("proxy-send-timeout", HONOURED, VALUE(send_timeout_ms), nginx_parse_seconds, NULL,       \
	  DEFAULT, "idle-timeout, of which the longer counts")                                     \
	X("proxy-next-upstream", MISSING, NOWHERE, NULL, NULL, DEFAULT,                            \
	  "another backend is tried if the connection failed")                                     \
	X("proxy-next-upstream-tries", MISSING, NOWHERE, NULL, NULL, DEFAULT,                      \
	  "another backend is tried if the connection failed")                                     \
	X("proxy-next-upstream-timeout", MISSING, NOWHERE, NULL, NULL, DEFAULT,                    \
	  "another backend is tried if the connection failed")                                     \
	X("proxy-cookie-domain", MISSING, NOWHERE, NULL, NULL, DEFAULT,                            \
	  "cookies pass as the backend sets them")                                                 \
	X("proxy-cookie-path", MISSING, NOWHERE, NULL, NULL, DEFAULT,                              \
	  "cookies pass as the backend sets them")                                                 \
	X("proxy-redirect-from", MISSING, NOWHERE, NULL, NULL, DEFAULT,                            \
	  "Location passes as the backend sends it")                                               \
	X("proxy-redirect-to", MISSING, NOWHERE, NULL, NULL, DEFAULT,                              \
	  "Location passes as the backend sends it")                                               \
	X("proxy-ssl-secret", DIFFERS, VALUE(ssl_secret), nginx_parse_name, NULL, CLOSED,          \
	  "backend-ca; the client certificate in it is not used")                                  \
	X("proxy-ssl-verify", HONOURED, VALUE(ssl_verify), policy_parse_word, nginx_switches,      \
	  DEFAULT, "backend-tls-verify")                                                           \
	X("proxy-ssl-name", HONOURED, POLICY(SERVER_NAME, server_name), policy_parse_name, NULL,   \
	  DEFAULT, "backend-server-name")                                                          \
	X("proxy-ssl-server-name", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,                       \
	  "the server name is always sent")                                                        \
	X("proxy-ssl-verify-depth", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,                      \
	  "the depth of the TLS library counts")                                                   \
	X("proxy-ssl-ciphers", MISSING, NOWHERE, NULL, NULL, DEFAULT,                              \
	  "ciphers are those of the process")                                                      \
	X("proxy-ssl-protocols", MISSING, NOWHERE, NULL, NULL, DEFAULT,                            \
	  "protocols are those of the process")                                                    \
	X("rewrite-target", HONOURED, POLICY(REWRITE_TARGET, rewrite_target), nginx_parse_rewrite, \
	  NULL, DEFAULT,                                                                           \
	  "rewrite-target, which replaces the part that matched where a Prefix did")               \
	X("use-regex", HONOURED, POLICY(USE_REGEX, use_regex), nginx_parse_truth, NULL, DEFAULT,   \
	  "use-regex, for paths of that Ingress only")                                             \
	X("enable-access-log", MISSING, NOWHERE, NULL, NULL, DEFAULT,                              \
	  "the access log is of the process")                                                      \
	X("enable-rewrite-log", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,                          \
	  "--log-level=debug shows decisions")                                                     \
	X("use-port-in-redirects", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,                       \
	  "a port that is not the default is in Location")                                         \
	X("http2-push-preload", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT, "browsers dropped push") \
	X("websocket-services", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,                          \
	  "WebSockets need no annotation")                                                         \
	X("tls-acme", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT, "cert-manager reads it")           \
	X("enable-opentelemetry", MISSING, NOWHERE, NULL, NULL, DEFAULT,                           \
	  "traceparent passes, no spans are made")                                                 \
	X("opentelemetry-trust-incoming-span", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,           \
	  "traceparent passes, no spans are made")                                                 \
	X("opentelemetry-operation-name", EFFECTLESS, NOWHERE, NULL, NULL, DEFAULT,                \
	  "traceparent passes, no spans are made")                                                 \
	X("fastcgi-index", MISSING, NOWHERE, NULL, NULL, DEFAULT, "FastCGI is not spoken")         \
	X("fastcgi-params-configmap", MISSING, NOWHERE, NULL, NULL, CLOSED,                        \
	  "FastCGI is not spoken")                                                                 \
	X("enable-modsecurity", NEVER, NOWHERE, NULL, NULL, CLOSED,                                \
	  "there is no web application firewall here")                                             \
	X("enable-owasp-core-rules", NEVER, NOWHERE, NULL, NULL, CLOSED,                           \
	  "there is no web application firewall here")                                             \
	X("modsecurity-snippet", NEVER, NOWHERE, NULL, NULL, CLOSED,                               \
	  "there is no web application firewall here")                                             \
	X("modsecurity-transaction-id", NEVER, NOWHERE, NULL, NULL, DEFAULT,                       \
	  "there is no web application firewall here")                                             \
	X("configuration-snippet", NEVER, NOWHERE, nginx_parse_snippet, NULL, CLOSED,              \
	  "response-headers, request-headers, redirect, deny-source-ranges")                       \
	X("server-snippet", NEVER, NOWHERE, nginx_parse_snippet, NULL, CLOSED,                     \
	  "see configuration-snippet")                                                             \
	X("location-snippet", NEVER, NOWHERE, nginx_parse_snippet, NULL, CLOSED,                   \
	  "see configuration-snippet")                                                             \
	X("auth-snippet", NEVER, NOWHERE, nginx_parse_snippet, NULL, CLOSED,                       \
	  "see configuration-snippet")                                                             \
	X("stream-snippet", NEVER, NOWHERE, NULL, NULL, DEFAULT,                                   \
	  "a Service with loadBalancerClass sluice.dev/l4")

#endif /* SLUICE_TABLE_POLICY_NGINX_LIST_H */
