// SPDX-License-Identifier: Apache-2.0
#include "admin/health_ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/http_server.h"
#include "base/json_text.h"
#include "base/log.h"

#define BACKLOG 64

static const struct http_server_limits limits = {
	.conns = 64,
	.idle_timeout_s = 10,
	.memory_bytes = 4096,
};

struct health_port {
	LIST_ENTRY(health_port) entry;
	char *namespace, *name; /* owned; of the Service */
	uint16_t port;          /* host order */
	uint32_t local_endpoints;
	bool wanted;
	bool refused; /* already reported that it cannot be opened */
	struct http_server server;
};

struct health_ports {
	struct loop *loop; /* borrowed */
	LIST_HEAD(, health_port) all;
};

/* ---- answers --------------------------------------------------------------------------------- */

static int write_body(const struct health_port *port, char **text, size_t *bytes)
{
	struct json_text out = {};

	json_text_begin(&out, NULL, '{');
	json_text_begin(&out, "service", '{');
	json_text_string(&out, "namespace", port->namespace);
	json_text_string(&out, "name", port->name);
	json_text_end(&out, '}');
	json_text_number(&out, "localEndpoints", port->local_endpoints);
	json_text_bool(&out, "serviceProxyHealthy", true);
	json_text_end(&out, '}');
	return json_text_finish(&out, text, bytes);
}

static enum MHD_Result take_request(void *ctx, struct MHD_Connection *connection, const char *url,
				    const char *method, const char *version, const char *upload,
				    size_t *upload_bytes, void **request_state)
{
	static const char head_seen;
	const struct health_port *port = ctx;
	struct MHD_Response *response;
	enum MHD_Result result;
	char *text, weight[16];
	size_t bytes;

	(void)url;
	(void)method;
	(void)version;
	(void)upload;
	/* The first call has only the head; the answer waits for the end of a body. */
	if (!*request_state || *upload_bytes) {
		*request_state = (void *)(uintptr_t)&head_seen;
		*upload_bytes = 0;
		return MHD_YES;
	}
	if (write_body(port, &text, &bytes))
		return MHD_NO;
	response = MHD_create_response_from_buffer(bytes, text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return MHD_NO;
	}
	snprintf(weight, sizeof(weight), "%" PRIu32, port->local_endpoints);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "X-Load-Balancing-Endpoint-Weight", weight);
	result = MHD_queue_response(
		connection, port->local_endpoints ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
		response);
	MHD_destroy_response(response);
	return result;
}

/* ---- opening and closing --------------------------------------------------------------------- */

/* On all addresses, of both families if the host has both. */
static int listen_on(uint16_t port, int family, int *out)
{
	struct sockaddr_in6 name6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in name4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	bool v6 = family == AF_INET6;
	int on = 1, off = 0, err = 0;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (v6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, v6 ? (struct sockaddr *)&name6 : (struct sockaddr *)&name4,
		 v6 ? sizeof(name6) : sizeof(name4)) < 0 ||
	    listen(fd, BACKLOG) < 0)
		err = -errno;
	if (err)
		close(fd);
	else
		*out = fd;
	return err;
}

static int open_port(const struct health_ports *ports, struct health_port *port)
{
	int fd = -1;
	int err = listen_on(port->port, AF_INET6, &fd);

	if (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL)
		err = listen_on(port->port, AF_INET, &fd);
	return err ? err
		   : http_server_open(&port->server, ports->loop, fd, &limits, take_request, port);
}

static void try_open(const struct health_ports *ports, struct health_port *port)
{
	int err = port->server.mhd ? 0 : open_port(ports, port);

	if (err && !port->refused)
		log_warn("Service %s/%s: healthCheckNodePort %u: %s%s; trying again",
			 port->namespace, port->name, port->port, strerror(-err),
			 err == -EADDRINUSE
				 ? " (kube-proxy may be listening there, with the same answer)"
				 : "");
	port->refused = err != 0;
}

/* ---- what is wanted -------------------------------------------------------------------------- */

static void drop(struct health_port *port)
{
	http_server_close(&port->server);
	LIST_REMOVE(port, entry);
	free(port->namespace);
	free(port->name);
	free(port);
}

static int add(struct health_ports *ports, const struct table_health_check *check,
	       struct health_port **out)
{
	struct health_port *port = calloc(1, sizeof(*port));

	if (!port)
		return -ENOMEM;
	port->namespace = strdup(check->namespace);
	port->name = strdup(check->name);
	port->port = check->port;
	LIST_INSERT_HEAD(&ports->all, port, entry);
	if (!port->namespace || !port->name) {
		drop(port);
		return -ENOMEM;
	}
	*out = port;
	return 0;
}

static int want(void *ctx, const struct table_health_check *check)
{
	struct health_ports *ports = ctx;
	struct health_port *port;
	int err = 0;

	LIST_FOREACH(port, &ports->all, entry)
	{
		if (port->port == check->port && strcmp(port->name, check->name) == 0 &&
		    strcmp(port->namespace, check->namespace) == 0)
			break;
	}
	if (!port)
		err = add(ports, check, &port);
	if (err)
		return err;
	port->local_endpoints = check->local_endpoints;
	port->wanted = true;
	return 0;
}

int health_ports_update(struct health_ports *ports, const struct table *table,
			const struct model *model)
{
	struct health_port *port, *next;
	int err;

	LIST_FOREACH(port, &ports->all, entry)
	{
		port->wanted = false;
	}
	err = table_each_health_check(table, model, want, ports);
	/* Close ports first: another Service may have taken the number. */
	for (port = LIST_FIRST(&ports->all); port && !err; port = next) {
		next = LIST_NEXT(port, entry);
		if (!port->wanted)
			drop(port);
	}
	LIST_FOREACH(port, &ports->all, entry)
	{
		try_open(ports, port);
	}
	return err;
}

int health_ports_new(struct loop *loop, struct health_ports **out)
{
	struct health_ports *ports = calloc(1, sizeof(*ports));

	if (!ports)
		return -ENOMEM;
	ports->loop = loop;
	LIST_INIT(&ports->all);
	*out = ports;
	return 0;
}

void health_ports_free(struct health_ports *ports)
{
	while (ports && !LIST_EMPTY(&ports->all))
		drop(LIST_FIRST(&ports->all));
	free(ports);
}
