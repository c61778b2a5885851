// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proxy/exchange/exchange_priv.h"

/* RFC 6797 7.2: over plain HTTP the field must not be sent. */
static void add_hsts(const struct exchange *x, struct exchange_added *added)
{
	static const char name[] = "Strict-Transport-Security";
	int bytes;

	if (!x->https || !x->route || !x->route->hsts_max_age_s)
		return;
	bytes = snprintf(added->hsts, sizeof(added->hsts), "max-age=%u%s", x->route->hsts_max_age_s,
			 x->route->flags & ROUTE_F_HSTS_SUBDOMAINS ? "; includeSubDomains" : "");
	exchange_add(added, (struct http_slice){ name, sizeof(name) - 1 },
		     (struct http_slice){ added->hsts, (uint32_t)bytes });
}

/* Path of the cookie: that of the route, that of the rule, or all of the host: the same Service may
 * be behind other paths, and then the same pod is. */
static const char *cookie_path(const struct exchange *x)
{
	const struct snapshot *snapshot = routing_snapshot(x->routing);

	if (x->route->cookie_path)
		return snapshot_text(snapshot, x->route->cookie_path);
	if (x->route->flags & ROUTE_F_COOKIE_RULE_PATH && x->rule && x->rule->path &&
	    !(x->rule->flags & RULE_F_REGEX))
		return snapshot_text(snapshot, x->rule->path);
	return "/";
}

static int expires(const struct exchange *x, char *out, size_t size)
{
	time_t at = time(NULL) + x->route->cookie_expires_s;
	struct tm tm;

	gmtime_r(&at, &tm);
	return (int)strftime(out, size, "; Expires=%a, %d %b %Y %H:%M:%S GMT", &tm);
}

static void add_affinity(const struct exchange *x, struct exchange_added *added)
{
	static const char *const same_site[] = { "", "; SameSite=Lax", "; SameSite=Strict",
						 "; SameSite=None" };
	const struct snapshot *snapshot;
	char max_age[32] = "", until[64] = "", domain[272] = "";
	bool secure;
	int bytes;

	if (!x->balance.new_tag)
		return;
	snapshot = routing_snapshot(x->routing);
	if (x->route->cookie_max_age_s)
		snprintf(max_age, sizeof(max_age), "; Max-Age=%u", x->route->cookie_max_age_s);
	if (x->route->cookie_expires_s)
		expires(x, until, sizeof(until));
	if (x->route->cookie_domain)
		snprintf(domain, sizeof(domain), "; Domain=%s",
			 snapshot_text(snapshot, x->route->cookie_domain));
	secure = x->route->flags & ROUTE_F_COOKIE_SECURE ||
		 (x->route->flags & ROUTE_F_ORDERED && x->https);
	bytes = snprintf(added->cookie, sizeof(added->cookie),
			 "%s=%016" PRIx64 "; Path=%s; HttpOnly%s%s%s%s%s",
			 snapshot_text(snapshot, x->route->balance_key), x->balance.new_tag,
			 cookie_path(x), max_age, until, domain,
			 same_site[x->route->cookie_same_site & 3], secure ? "; Secure" : "");
	if (bytes > 0 && (size_t)bytes < sizeof(added->cookie))
		exchange_add(added, HTTP_SLICE("Set-Cookie"),
			     (struct http_slice){ added->cookie, (uint32_t)bytes });
}

/* The next "NAME: VALUE" of lines. Return: false at the end. */
static bool next_line(const char **lines, struct http_slice *name, struct http_slice *value)
{
	const char *line = *lines, *colon = strchr(line, ':');
	size_t bytes = strcspn(line, "\n");

	if (!colon || !bytes)
		return false;
	*name = (struct http_slice){ line, (uint32_t)(colon - line) };
	*lines = line + bytes + (line[bytes] == '\n');
	colon++;
	while (*colon == ' ' || *colon == '\t')
		colon++;
	*value = (struct http_slice){ colon, (uint32_t)(line + bytes - colon) };
	return true;
}

static void add_lines(const struct exchange *x, struct exchange_added *added)
{
	const char *lines = snapshot_text(routing_snapshot(x->routing), x->route->response_headers);
	struct http_slice name, value;

	while (x->route->response_headers && next_line(&lines, &name, &value))
		exchange_add(added, name, value);
}

void exchange_added_always(const struct exchange *x, struct exchange_added *out)
{
	out->count = 0;
	out->bytes = 0;
	if (!x->route || !(x->route->flags & ROUTE_F_ADDS))
		return;
	exchange_add_cors(x, out);
	add_lines(x, out);
}

void exchange_added_fields(const struct exchange *x, struct exchange_added *out)
{
	exchange_added_always(x, out);
	add_hsts(x, out);
	add_affinity(x, out);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void send_field(struct exchange_sent *sent, struct http_slice name, struct http_slice value)
{
	if (sent->count == EXCHANGE_SENT_MAX)
		return;
	sent->fields[sent->count++] = (struct http1_extra_field){ name, value };
	sent->bytes += name.bytes + value.bytes + EXCHANGE_FRAME_BYTES;
}

static void send_host(const struct exchange *x, struct exchange_sent *sent)
{
	const char *text = snapshot_text(routing_snapshot(x->routing), x->route->upstream_host);
	int bytes = exchange_text(x, text, sent->host_text, sizeof(sent->host_text));

	if (bytes > 0)
		sent->host = (struct http_slice){ sent->host_text, (uint32_t)bytes };
	sent->bytes += sizeof(sent->host_text);
}

bool exchange_sent_fields(const struct exchange *x, struct exchange_sent *out)
{
	const struct snapshot *snapshot = routing_snapshot(x->routing);
	const struct route *route = x->route;
	struct http_slice name, value, scheme = { "https", x->https ? 5 : 4 };
	const char *lines;

	if (!route->request_headers && !route->upstream_host && !route->forwarded_prefix &&
	    !(route->flags & ROUTE_F_ORDERED))
		return false;
	out->count = out->bytes = 0;
	out->host = (struct http_slice){ NULL, 0 };
	if (route->flags & ROUTE_F_ORDERED) {
		send_field(out, HTTP_SLICE("X-Forwarded-Scheme"), scheme);
		send_field(out, HTTP_SLICE("X-Scheme"), scheme);
	}
	if (route->forwarded_prefix) {
		lines = snapshot_text(snapshot, route->forwarded_prefix);
		send_field(out, HTTP_SLICE("X-Forwarded-Prefix"),
			   (struct http_slice){ lines, (uint32_t)strlen(lines) });
	}
	lines = snapshot_text(snapshot, route->request_headers);
	while (route->request_headers && next_line(&lines, &name, &value))
		send_field(out, name, value);
	if (route->upstream_host)
		send_host(x, out);
	return true;
}
