// SPDX-License-Identifier: Apache-2.0
/*
 * exchange_action.c - what a route does with a request before it is forwarded, in this order:
 *
 *   redirects of the host, a body over the limit (413), a guard that cannot be read (503), a CORS
 *   preflight (204), a redirect of the route, the redirect to https, no backend (503), addresses
 *   that are kept out (403)
 *
 * Only for routes with ROUTE_F_ACTS.
 */
#include <stdio.h>
#include <string.h>

#include "proxy/exchange/exchange_priv.h"

static const char *route_text(const struct exchange *x, uint32_t offset)
{
	return snapshot_text(routing_snapshot(x->routing), offset);
}

static bool path_is_root(struct http_slice path)
{
	return path.bytes == 1 && path.data[0] == '/';
}

void exchange_redirect(struct exchange *x, unsigned int status, const char *location, int bytes)
{
	if (bytes < 0) {
		exchange_fail(x, 500, "no memory for a redirect");
		return;
	}
	exchange_reply(x, &(struct http1_reply){
				  .status = status,
				  .location = { location, (uint32_t)bytes },
				  .keep_alive = true,
			  });
}

bool exchange_redirects_to_https(const struct exchange *x, const struct exchange_path *path)
{
	const struct http_host *host = &x->request.host;

	return !x->https && snapshot_redirects(routing_snapshot(x->routing), x->route, host->name,
					       http_host_route_bytes(host), path->matched.data,
					       path->matched.bytes);
}

void exchange_redirect_to_https(struct exchange *x, struct http_slice path)
{
	const struct settings *settings = x->turn->settings;
	const struct http_host *host = &x->request.host;
	bool v6 = host->kind == HTTP_HOST_IPV6;
	uint16_t port = settings->https_ports_count ? settings->https_ports[0] : 443;
	struct buffer *text = buffer_get(&x->turn->buffers);
	bool cut = x->route && x->route->flags & ROUTE_F_CUT_SLASH && !x->request.query.bytes &&
		   path.bytes && path.data[path.bytes - 1] == '/';
	char port_text[8] = "";
	int bytes;

	if (port != 443)
		snprintf(port_text, sizeof(port_text), ":%u", port);
	bytes = text ? snprintf(text->data, text->size, "https://%s%.*s%s%s%.*s%.*s", v6 ? "[" : "",
				host->name_bytes, host->name, v6 ? "]" : "", port_text,
				(int)(path.bytes - cut), path.data, (int)x->request.query.bytes,
				x->request.query.data ? x->request.query.data : "")
		     : -1;
	if (bytes < 0 || (uint32_t)bytes >= text->size)
		exchange_fail(x, 500, "no memory for a redirect");
	else
		exchange_redirect(x, 308, text->data, bytes);
	buffer_put(&x->turn->buffers, text);
}

/* Path and query as they are forwarded, without one '/' at the end. */
static int target_bytes(const struct exchange *x, struct http_slice path, int *query_bytes)
{
	*query_bytes = (int)x->request.query.bytes;
	if (!*query_bytes && path.bytes && path.data[path.bytes - 1] == '/')
		return (int)path.bytes - 1;
	if (*query_bytes && x->request.query.data[*query_bytes - 1] == '/')
		--*query_bytes;
	return (int)path.bytes;
}

/* @buffer: for the text. Return: bytes; below 0: it does not fit. */
static int fit(int bytes, const struct buffer *buffer)
{
	return bytes < 0 || (uint32_t)bytes >= buffer->size ? -1 : bytes;
}

static void redirect_host(struct exchange *x, struct http_slice path, struct buffer *buffer)
{
	int query_bytes, bytes = target_bytes(x, path, &query_bytes);

	bytes = snprintf(buffer->data, buffer->size, "%s://%s%.*s%.*s", x->https ? "https" : "http",
			 route_text(x, x->route->redirect_host), bytes, path.data, query_bytes,
			 query_bytes ? x->request.query.data : "");
	exchange_redirect(x, 308, buffer->data, fit(bytes, buffer));
}

/* A path gets the scheme and the host that were asked for. */
static void redirect_text(struct exchange *x, unsigned int status, const char *target, bool https,
			  struct buffer *buffer)
{
	const struct http_slice *authority = &x->request.authority;
	int bytes = target[0] == '/' ? snprintf(buffer->data, buffer->size, "%s://%.*s%s",
						https ? "https" : "http", (int)authority->bytes,
						authority->data ? authority->data : "", target)
				     : snprintf(buffer->data, buffer->size, "%s", target);

	exchange_redirect(x, status, buffer->data, fit(bytes, buffer));
}

/* A rewrite-target that is a URL. */
static void redirect_rewritten(struct exchange *x, struct http_slice path, struct buffer *buffer)
{
	bool whole;
	int room = (int)buffer->size - (int)x->request.query.bytes - 1;
	int bytes = room > 0 ? routing_rewrite(x->routing, x->route, path, path, &whole,
					       buffer->data, (size_t)room)
			     : -1;

	if (bytes > 0) {
		memcpy(buffer->data + bytes, x->request.query.data, x->request.query.bytes);
		bytes += (int)x->request.query.bytes;
	}
	exchange_redirect(x, 302, buffer->data, bytes);
}

static bool is_url(const char *text)
{
	return strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
}

/* What the host or the route says without looking at who asks. Return: answered. */
static bool answer_redirect(struct exchange *x, const struct exchange_path *path,
			    struct buffer *buffer)
{
	const struct route *route = x->route;

	if (route->redirect)
		redirect_text(x, route->redirect_status ? route->redirect_status : 302,
			      route_text(x, route->redirect), x->https, buffer);
	else if (route->rewrite_target && is_url(route_text(x, route->rewrite_target)))
		redirect_rewritten(x, path->matched, buffer);
	else
		return false;
	return true;
}

static bool answer_host(struct exchange *x, const struct exchange_path *path, struct buffer *buffer)
{
	const struct route *route = x->route;

	if (route->redirect_host)
		redirect_host(x, path->forwarded, buffer);
	else if (route->app_root && path_is_root(path->matched))
		redirect_text(x, 302, route_text(x, route->app_root), x->peer->tls, buffer);
	else
		return false;
	return true;
}

static bool is_too_long(const struct exchange *x)
{
	return x->request.framing == HTTP1_FRAMING_LENGTH &&
	       x->request.content_length_bytes > exchange_body_bytes_max(x);
}

/* Return: true: it is answered. */
static bool answer_preflight(struct exchange *x)
{
	bool allowed = exchange_read_origin(x);

	if (!allowed || x->method_id != HTTP_METHOD_OPTIONS)
		return false;
	exchange_reply(x, &(struct http1_reply){ .status = 204, .keep_alive = true });
	return true;
}

/* Who is kept out. Return: true: it is answered. */
static bool answer_source(struct exchange *x)
{
	struct inet_addr source;

	if (!(x->route->flags & (ROUTE_F_DENIED | ROUTE_F_SOURCES)))
		return false;
	source = exchange_source(x);
	if (!snapshot_denies(routing_snapshot(x->routing), x->route, &source) &&
	    snapshot_admits(routing_snapshot(x->routing), x->route, &source))
		return false;
	exchange_fail(x, 403, "the route does not let this source in");
	return true;
}

static bool act(struct exchange *x, const struct exchange_path *path, struct buffer *buffer)
{
	if (answer_host(x, path, buffer))
		return true;
	if (is_too_long(x)) {
		exchange_refuse(x, &(struct http1_fault){ .reason = HTTP1_FAULT_BODY_LONG });
		return true;
	}
	if (x->route->flags & ROUTE_F_CLOSED) {
		exchange_fail(x, 503, "a guard of the route cannot be read");
		return true;
	}
	if ((x->route->flags & ROUTE_F_CORS) && answer_preflight(x))
		return true;
	if (answer_redirect(x, path, buffer))
		return true;
	if (exchange_redirects_to_https(x, path)) {
		exchange_redirect_to_https(x, path->forwarded);
		return true;
	}
	if (!picker_has_backend(x->services->picker, x->route->upstream_id)) {
		exchange_fail(x, 503, "the route has no backend");
		return true;
	}
	return answer_source(x);
}

bool exchange_act(struct exchange *x, const struct exchange_path *path)
{
	struct buffer *buffer = buffer_get(&x->turn->buffers);
	bool answered = true;

	if (buffer)
		answered = act(x, path, buffer);
	else
		exchange_fail(x, 500, "no memory for a redirect");
	buffer_put(&x->turn->buffers, buffer);
	return answered;
}
