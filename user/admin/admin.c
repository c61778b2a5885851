// SPDX-License-Identifier: Apache-2.0
/*
 * admin.c - the TCP and the unix server, and their answers
 */
#include "admin/admin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/http_server.h"
#include "admin/name.h"
#include "admin/pages.h"
#include "base/inet.h"
#include "base/log.h"

#define BACKLOG       64
#define DENYLIST_PATH "/denylist/"

static const struct http_server_limits limits = {
	.conns = 64,
	.idle_timeout_s = 30,
	.memory_bytes = 8192,
};

struct endpoint {
	struct admin *admin; /* borrowed */
	struct http_server server;
	bool trusted; /* unix: peers are checked, and see everything */
};

struct admin {
	struct admin_options options; /* strings not kept */
	struct endpoint tcp, local;
};

/* ---- pages ----------------------------------------------------------------------------------- */

typedef int page_fn(const struct admin_options *options, struct json_text *out);

static int page_healthz(const struct admin_options *options, struct json_text *out)
{
	(void)options;
	json_text_printf(out, "ok");
	return 0;
}

/* 503 until the maps hold all input. */
static int page_readyz(const struct admin_options *options, struct json_text *out)
{
	bool ready = dataplane_view_daemon(options->view)->ready;

	json_text_printf(out, ready ? "ok" : "not ready: the input has not been read to its end");
	return ready ? 0 : -EAGAIN;
}

static int page_own_status(const struct admin_options *options, struct json_text *out)
{
	struct expiry expiry;

	page_expiry(options, &expiry);
	page_status(options->view, page_problems_count(options), &expiry, true, out);
	return 0;
}

static const struct page {
	const char *path, *type;
	bool trusted_only;
	page_fn *fn;
} pages[] = {
	{ "/healthz", "text/plain; charset=utf-8", false, page_healthz },
	{ "/readyz", "text/plain; charset=utf-8", false, page_readyz },
	{ "/metrics", "text/plain; version=0.0.4; charset=utf-8", false, page_metrics },
	{ "/status", "application/json", true, page_own_status },
	{ "/routes", "application/json", true, page_routes },
	{ "/problems", "application/json", true, page_problems },
};

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned int status,
			     const char *type, char *text, size_t bytes)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(bytes, text, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	if (!response) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned int status,
			      const char *reason)
{
	char *text = strdup(reason);

	if (!text)
		return MHD_NO;
	return reply(connection, status, "text/plain; charset=utf-8", text, strlen(text));
}

static bool is_trusted_peer(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct ucred peer;
	socklen_t bytes = sizeof(peer);

	if (!info || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) < 0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid();
}

static enum MHD_Result serve(const struct endpoint *endpoint, struct MHD_Connection *connection,
			     const struct page *page)
{
	struct json_text out = {};
	char *text;
	size_t bytes;
	int err = page->fn(&endpoint->admin->options, &out);
	unsigned int status = MHD_HTTP_OK;

	if (err)
		status = err == -EAGAIN ? MHD_HTTP_SERVICE_UNAVAILABLE
					: MHD_HTTP_INTERNAL_SERVER_ERROR;
	err = json_text_finish(&out, &text, &bytes);
	return err ? MHD_NO : reply(connection, status, page->type, text, bytes);
}

/* ---- records of dropped packets, denylist ---------------------------------------------------- */

static enum MHD_Result serve_drops(const struct endpoint *endpoint,
				   struct MHD_Connection *connection)
{
	const struct admin_options *options = &endpoint->admin->options;
	const char *from = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "from");
	struct json_text out = {};
	char *text;
	size_t bytes;

	if (!options->drop_log)
		return refuse(connection, MHD_HTTP_NOT_FOUND, "no such page\n");
	drop_log_write(options->drop_log(options->l4_ctx), from ? strtoull(from, NULL, 10) : 0,
		       &out);
	if (json_text_finish(&out, &text, &bytes))
		return MHD_NO;
	return reply(connection, MHD_HTTP_OK, "application/json", text, bytes);
}

static enum MHD_Result take_deny(const struct endpoint *endpoint, struct MHD_Connection *connection,
				 const char *network_text, bool deny)
{
	const struct admin_options *options = &endpoint->admin->options;
	struct inet_network network;

	if (inet_network_parse(network_text, &network))
		return refuse(connection, MHD_HTTP_BAD_REQUEST,
			      "not an address or network such as 203.0.113.0/24\n");
	if (network.prefix_bits == 0)
		return refuse(connection, MHD_HTTP_BAD_REQUEST, "that would deny all sources\n");
	switch (options->deny(options->l4_ctx, &network, deny)) {
	case 0:
		return refuse(connection, MHD_HTTP_OK, "ok\n");
	case -EEXIST:
		return refuse(connection, MHD_HTTP_CONFLICT, "a command has already denied it\n");
	case -ENOENT:
		return refuse(connection, MHD_HTTP_NOT_FOUND, "it is not denied\n");
	case -EPERM:
		return refuse(connection, MHD_HTTP_FORBIDDEN,
			      "a ConfigMap " CONFIG_MAP_DENYLIST
			      " denies it: change the ConfigMap\n");
	case -ENOSPC:
		return refuse(connection, MHD_HTTP_INSUFFICIENT_STORAGE, "the denylist is full\n");
	default:
		return refuse(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
			      "the map cannot be written; see the log of sluiced\n");
	}
}

/* Requests beside pages that only the trusted socket accepts. Return: false for any other request.
 */
static bool take_trusted(const struct endpoint *endpoint, struct MHD_Connection *connection,
			 const char *url, const char *method, enum MHD_Result *result)
{
	bool is_put = strcmp(method, "PUT") == 0, is_delete = strcmp(method, "DELETE") == 0;

	if (!endpoint->trusted)
		return false;
	if (strcmp(url, "/drops") == 0 && strcmp(method, "GET") == 0)
		*result = serve_drops(endpoint, connection);
	else if (strncmp(url, DENYLIST_PATH, sizeof(DENYLIST_PATH) - 1) == 0 &&
		 (is_put || is_delete) && endpoint->admin->options.deny)
		*result = take_deny(endpoint, connection, url + sizeof(DENYLIST_PATH) - 1, is_put);
	else
		return false;
	return true;
}

static enum MHD_Result take_request(void *ctx, struct MHD_Connection *connection, const char *url,
				    const char *method, const char *version, const char *upload,
				    size_t *upload_bytes, void **request_state)
{
	static const char head_seen;
	const struct endpoint *endpoint = ctx;
	enum MHD_Result result;

	(void)version;
	(void)upload;
	/* The first call has only the head; the answer waits for the end of a body. */
	if (!*request_state) {
		*request_state = (void *)(uintptr_t)&head_seen;
		return MHD_YES;
	}
	if (*upload_bytes) {
		*upload_bytes = 0;
		return MHD_YES;
	}
	if (endpoint->trusted && !is_trusted_peer(connection))
		return refuse(connection, MHD_HTTP_FORBIDDEN,
			      "only root and the user of sluiced may ask\n");
	if (take_trusted(endpoint, connection, url, method, &result))
		return result;
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (strcmp(pages[i].path, url) != 0)
			continue;
		if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
			return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
				      "only GET and HEAD\n");
		if (pages[i].trusted_only && !endpoint->trusted)
			return refuse(connection, MHD_HTTP_FORBIDDEN,
				      "not served over TCP; sluicectl shows it\n");
		return serve(endpoint, connection, &pages[i]);
	}
	return refuse(connection, MHD_HTTP_NOT_FOUND, "no such page\n");
}

/* ---- listening ------------------------------------------------------------------------------- */

static int listen_at(const struct sockaddr *name, socklen_t bytes, int *out)
{
	int fd = socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, err = 0;

	if (fd < 0)
		return -errno;
	if (name->sa_family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, name, bytes) < 0 || listen(fd, BACKLOG) < 0)
		err = -errno;
	if (err)
		close(fd);
	else
		*out = fd;
	return err;
}

/* "127.0.0.1:9901", "[::1]:9901". Return: length of the name; -EINVAL. */
static int parse_listen(const char *text, struct sockaddr_storage *name)
{
	char addr_text[INET_ADDR_TEXT_MAX];
	const char *colon = strrchr(text, ':');
	bool brackets = text[0] == '[';
	struct inet_addr addr;
	unsigned long port;
	size_t bytes;
	char *end;

	if (!colon || !colon[1] || (brackets && colon[-1] != ']'))
		return -EINVAL;
	bytes = (size_t)(colon - text) - (brackets ? 2 : 0);
	if (bytes >= sizeof(addr_text))
		return -EINVAL;
	memcpy(addr_text, text + brackets, bytes);
	addr_text[bytes] = '\0';
	port = strtoul(colon + 1, &end, 10);
	if (*end || port == 0 || port > UINT16_MAX || inet_addr_parse(addr_text, &addr))
		return -EINVAL;
	return (int)inet_addr_sockaddr(&addr, htons((uint16_t)port), name);
}

static int start_endpoint(struct admin *admin, struct endpoint *endpoint, int fd)
{
	endpoint->admin = admin;
	return http_server_open(&endpoint->server, admin->options.loop, fd, &limits, take_request,
				endpoint);
}

static int start_tcp(struct admin *admin)
{
	struct sockaddr_storage name = {};
	const char *text = admin->options.listen;
	int fd = -1, err, bytes;

	if (!text || strcmp(text, "off") == 0)
		return 0;
	bytes = parse_listen(text, &name);
	err = bytes < 0 ? bytes : listen_at((struct sockaddr *)&name, (socklen_t)bytes, &fd);
	if (!err)
		err = start_endpoint(admin, &admin->tcp, fd);
	if (err)
		log_error("admin: listen on %s: %s", text, strerror(-err));
	return err;
}

static int start_local(struct admin *admin)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	char text[ADMIN_NAME_MAX];
	int bytes = admin_name(admin->options.pin_folder, text);
	int fd = -1, err;

	memcpy(name.sun_path + 1, text, (size_t)bytes);
	err = listen_at((struct sockaddr *)&name,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)bytes),
			&fd);
	admin->local.trusted = true;
	if (!err)
		err = start_endpoint(admin, &admin->local, fd);
	if (err)
		log_error("admin: listen on @%s: %s", text, strerror(-err));
	return err;
}

int admin_start(const struct admin_options *options, struct admin **out)
{
	struct admin *admin = calloc(1, sizeof(*admin));
	int err;

	if (!admin)
		return -ENOMEM;
	admin->options = *options;
	err = start_tcp(admin);
	if (!err)
		err = start_local(admin);
	admin->options.listen = admin->options.pin_folder = NULL;
	if (err) {
		admin_stop(admin);
		return err;
	}
	*out = admin;
	return 0;
}

void admin_stop(struct admin *admin)
{
	if (!admin)
		return;
	http_server_close(&admin->tcp.server);
	http_server_close(&admin->local.server);
	free(admin);
}
