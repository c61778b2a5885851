// SPDX-License-Identifier: Apache-2.0
#include "kube/http_request.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEPALIVE_IDLE_S  15L
#define KEEPALIVE_PROBE_S 5L
#define KEEPALIVE_PROBES  3
#define PEER_DEAD_MS      30000
#define URL_BYTES_MAX     4096

/* The kernel detects a silent death too, when a peer answers no probe or acknowledges no byte. */
static int on_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
	unsigned int dead_ms = PEER_DEAD_MS;
	int probes = KEEPALIVE_PROBES;

	(void)ctx;
	(void)purpose;
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof(dead_ms));
	return CURL_SOCKOPT_OK;
}

static int add_header(struct curl_slist **list, const char *name, const char *value)
{
	size_t size = strlen(name) + strlen(value) + 3;
	char *line = malloc(size);
	struct curl_slist *grown;

	if (!line)
		return -ENOMEM;
	snprintf(line, size, "%s: %s", name, value);
	grown = curl_slist_append(*list, line);
	explicit_bzero(line, size); /* it may contain the token */
	free(line);
	if (!grown)
		return -ENOMEM;
	*list = grown;
	return 0;
}

static void set_pem(CURL *easy, const struct kube_pem *pem, CURLoption file, CURLoption blob)
{
	struct curl_blob data = { pem->data.bytes, pem->data.count, CURL_BLOB_NOCOPY };

	if (pem->data.bytes)
		curl_easy_setopt(easy, blob, &data);
	else if (pem->file)
		curl_easy_setopt(easy, file, pem->file);
}

/*
 * The address to connect to. With tls-server-name, the URL has that name (for SNI and
 * verification), and the connection still goes to the server.
 */
static int set_url(struct http_request *request, const char *target)
{
	const struct kube_config *config = request->http->config;
	static const char scheme[] = "https://";
	char url[URL_BYTES_MAX], connect_to[URL_BYTES_MAX];
	const char *authority = config->server + sizeof(scheme) - 1;
	size_t authority_bytes, host_bytes;
	const char *port;

	snprintf(url, sizeof(url), "%s%s", config->server, target);
	if (config->tls_server_name && strncmp(config->server, scheme, sizeof(scheme) - 1) == 0) {
		authority_bytes = strcspn(authority, "/");
		port = memrchr(authority, ':', authority_bytes);
		if (port && memchr(port, ']', authority_bytes - (size_t)(port - authority)))
			port = NULL; /* a colon of an IPv6 address */
		host_bytes = port ? (size_t)(port - authority) : authority_bytes;
		snprintf(connect_to, sizeof(connect_to), "::%.*s:%.*s", (int)host_bytes, authority,
			 port ? (int)(authority_bytes - host_bytes - 1) : 3,
			 port ? port + 1 : "443");
		request->connect_to = curl_slist_append(NULL, connect_to);
		if (!request->connect_to)
			return -ENOMEM;
		curl_easy_setopt(request->easy, CURLOPT_CONNECT_TO, request->connect_to);
		snprintf(url, sizeof(url), "%s%s%.*s%s%s", scheme, config->tls_server_name,
			 port ? (int)(authority_bytes - host_bytes) : 0, port ? port : "",
			 authority + authority_bytes, target);
	}
	return curl_easy_setopt(request->easy, CURLOPT_URL, url) == CURLE_OK ? 0 : -ENOMEM;
}

static void set_connection(const struct http *http, CURL *easy)
{
	const struct kube_config *config = http->config;

	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	/* Watches share one HTTP/2 connection. Without TLS the version is not negotiated, so never
	 * wait. */
	if (strncmp(config->server, "https:", 6) == 0)
		curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_LIMIT_MS);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_PROBE_S);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "sluiced/" SLUICE_VERSION);
	if (config->proxy_url)
		curl_easy_setopt(easy, CURLOPT_PROXY, config->proxy_url);
	if (config->skip_verify) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	set_pem(easy, &config->ca, CURLOPT_CAINFO, CURLOPT_CAINFO_BLOB);
	set_pem(easy, &config->cert, CURLOPT_SSLCERT, CURLOPT_SSLCERT_BLOB);
	set_pem(easy, &config->key, CURLOPT_SSLKEY, CURLOPT_SSLKEY_BLOB);
	if (loop_now_ms() < http->distrust_until_ms)
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
}

static int set_headers(struct http_request *request, const struct http_call *call)
{
	const char *token = kube_config_token(request->http->config, request->http->token_refused);
	char bearer[8] = "Bearer ";
	int err = add_header(&request->headers, "Accept", "application/json");

	if (!err && call->content_type)
		err = add_header(&request->headers, "Content-Type", call->content_type);
	if (!err)
		err = add_header(&request->headers, "Expect", ""); /* no 100-continue */
	if (!err && token) {
		size_t size = sizeof(bearer) + strlen(token);
		char *value = malloc(size);

		if (!value)
			return -ENOMEM;
		snprintf(value, size, "%s%s", bearer, token);
		err = add_header(&request->headers, "Authorization", value);
		explicit_bzero(value, size);
		free(value);
	}
	curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, request->headers);
	return err;
}

int http_request_setup(struct http_request *request)
{
	const struct http_call *call = &request->call;
	int err;

	set_connection(request->http, request->easy);
	err = set_url(request, call->target);
	if (!err)
		err = set_headers(request, call);
	if (err)
		return err;
	curl_easy_setopt(request->easy, CURLOPT_CUSTOMREQUEST, call->method);
	if (call->content &&
	    curl_easy_setopt(request->easy, CURLOPT_COPYPOSTFIELDS, call->content) != CURLE_OK)
		return -ENOMEM;
	return 0;
}
