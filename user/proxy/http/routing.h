/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routing.h - a snapshot in use: counted by the exchanges that began with it
 */
#ifndef SLUICE_PROXY_ROUTING_H
#define SLUICE_PROXY_ROUTING_H

#include "proxy/http/http_host.h"
#include "proxy/http/http_fields.h"
#include "handoff/snapshot.h"

struct routing;

/**
 * routing_open - take a snapshot into use, its regular expressions compiled
 * @fd: not kept
 * An expression that does not compile matches nothing and is logged.
 * Return: 0 with one reference held by the caller; -EINVAL; -errno.
 */
int routing_open(int fd, struct routing **out);
struct routing *routing_get(struct routing *routing);
void routing_put(struct routing *routing); /* takes NULL; the last one closes the snapshot */

const struct snapshot *routing_snapshot(const struct routing *routing);

/* True if there is a host whose TLS is passed through. */
bool routing_passes_through(const struct routing *routing);

/* TLS settings of a server name as clients send it (none: those of rules without a host); borrowed
 * while a reference is held; NULL: none. */
const struct snapshot_tls *routing_tls_of(const struct routing *routing, const char *server_name,
					  size_t bytes);

/* What rules may ask of a request. All borrowed for the time of the call. */
struct routing_request {
	const struct inet_addr *local; /* that the client dialled */
	uint16_t local_port;           /* host order */
	const struct http_host *host;
	struct http_slice path; /* normal form */
	struct http_slice method;
	struct http_slice query; /* with its '?', or empty */
	const struct http_fields *fields;
};

/* Borrowed while a reference is held; NULL: no route. */
const struct route *routing_match(struct routing *routing, const struct routing_request *request);

/* True if the last routing_match() gave up an expression: its answer is none to rely on, as a rule
 * that keeps others out may have been passed over. */
bool routing_gave_up(const struct routing *routing);

/* The rule of the last match; NULL: there was none. */
const struct rule *routing_rule(const struct routing *routing);

/**
 * routing_rewrite - the path that the rewrite-target of @route makes of a request's path
 * To be called right after the routing_match() that gave @route: groups are those of that match.
 * @path: what was matched
 * @forwarded: the same path as it came, without dot segments
 * @whole: out: the rule names the whole path, not its beginning
 * The result may hold dot segments. Return: bytes written; -ENOBUFS; -ENOENT: the route rewrites
 * nothing.
 */
int routing_rewrite(const struct routing *routing, const struct route *route,
		    struct http_slice path, struct http_slice forwarded, bool *whole, char *out,
		    size_t size);

#endif /* SLUICE_PROXY_ROUTING_H */
