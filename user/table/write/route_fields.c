// SPDX-License-Identifier: Apache-2.0
/*
 * route_fields.c - what a route says, from the policies of its owner and its Service
 */
#include "table/write/route_fields.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* 64 bits of each pair of hex digits in @text, 16 bytes in all; false: it is no UUID. */
static bool read_uuid(const char *text, uint64_t out[2])
{
	unsigned int digits = 0;

	out[0] = out[1] = 0;
	for (; *text; text++) {
		const char *hex = "0123456789abcdef", *at;

		if (*text == '-')
			continue;
		at = strchr(hex, tolower((unsigned char)*text));
		if (!at || digits == 32)
			return false;
		out[digits / 16] = out[digits / 16] << 4 | (uint64_t)(at - hex);
		digits++;
	}
	return digits == 32;
}

/*
 * Nobody outside knows the uid of a Service, and every node does. Where there is none (files) the
 * secret of this machine stands in, told apart by the name of the Service.
 */
static void put_affinity_key(const struct block_writer *writer, const struct service_entry *service,
			     struct route *route)
{
	const uint64_t *secret = writer->table->options.affinity_secret;
	uint64_t name = 0xcbf29ce484222325u; /* FNV-1a, 64 bit */

	if (!read_uuid(service->uid, route->affinity_key)) {
		for (const char *c = service->key; *c; c++)
			name = (name ^ (uint8_t)*c) * 0x100000001b3u;
		route->affinity_key[0] = name;
		route->affinity_key[1] = ~name;
	}
	route->affinity_key[0] ^= secret[0];
	route->affinity_key[1] ^= secret[1];
}

/* Cookie affinity before any other way to choose. */
static void put_balance(struct block_writer *writer, const struct policy *policy,
			const struct service_entry *service, struct route *route)
{
	route->balance = (uint8_t)policy->balance;
	if (policy->affinity) {
		route->balance = BALANCE_COOKIE_AFFINITY;
		route->balance_key = block_put_text(
			writer, policy->cookie_name ? policy->cookie_name : "sluice-affinity");
		route->cookie_same_site = (uint8_t)policy->cookie_same_site;
		if (policy->cookie_secure)
			route->flags |= ROUTE_F_COOKIE_SECURE;
		if (policy->ordered && !policy->cookie_path)
			route->flags |= ROUTE_F_COOKIE_RULE_PATH;
		put_affinity_key(writer, service, route);
	} else if (policy->balance == BALANCE_HASH_TEXT) {
		route->balance_key = block_put_text(writer, policy->hash_by);
	} else if (policy->balance == BALANCE_HASH_HEADER ||
		   policy->balance == BALANCE_HASH_COOKIE) {
		route->balance_key = block_put_text(writer, policy->balance_key);
	}
}

static void put_sources(struct block_writer *writer, const struct policy *policy,
			struct route *route)
{
	if (!policy_has(policy, POLICY_SOURCES))
		return;
	route->flags |= ROUTE_F_SOURCES;
	route->sources_count = (uint32_t)policy->sources.count;
	route->sources =
		block_put_array(writer, policy->sources.items, policy->sources.count,
				sizeof(*policy->sources.items), _Alignof(struct inet_network));
}

static void put_denied(struct block_writer *writer, const struct policy *policy,
		       struct route *route)
{
	if (!policy_has(policy, POLICY_DENIED))
		return;
	route->flags |= ROUTE_F_DENIED;
	route->denied_count = (uint32_t)policy->denied.count;
	route->denied =
		block_put_array(writer, policy->denied.items, policy->denied.count,
				sizeof(*policy->denied.items), _Alignof(struct inet_network));
}

static void put_redirect(const struct block_writer *writer, const struct host_entry *host,
			 const struct policy *policy, struct route *route)
{
	if (policy->force_ssl_redirect)
		route->flags |= ROUTE_F_FORCE_SSL;
	else if (policy_denies(policy, SSL_REDIRECT, ssl_redirect))
		route->flags |= ROUTE_F_NO_SSL_REDIRECT;
	else if (host->tls && !host->tls->passthrough && writer->table->options.https_port)
		route->flags |= ROUTE_F_SSL_REDIRECT;
}

#define PUT_HERE(type, field)
#define PUT_ROUTE(type, field) PUT_##type(field)
#define PUT_NUMBER(field)      route->field = policy->field;
#define PUT_SIZE(field)        route->field = policy->field;
#define PUT_TEXT(field)        route->field = block_put_text(writer, policy->field);

static void put_policy(struct block_writer *writer, const struct policy *policy,
		       const char *namespace, struct route *route)
{
	char ca[512];

#define X(id, type, field, place, ...) PUT_##place(type, field)
	POLICY_LIST(X)
#undef X
	route->protocol = (uint8_t)policy->protocol;
	route->proxy_protocol_out = (uint8_t)policy->proxy_protocol;
	if (policy_denies(policy, BODY_BYTES, body_bytes_max))
		route->flags |= ROUTE_F_BODY_UNLIMITED;
	if (policy_denies(policy, EJECT_AFTER, eject_after))
		route->flags |= ROUTE_F_NEVER_EJECT;
	if (policy->tls_passthrough)
		route->flags |= ROUTE_F_TLS_PASSTHROUGH;
	if (policy_denies(policy, TLS_VERIFY, tls_verify))
		route->flags |= ROUTE_F_BACKEND_TLS_INSECURE;
	if (policy->ca) {
		snprintf(ca, sizeof(ca), "%s/%s", namespace, policy->ca);
		route->ca_name = block_put_own_text(writer, ca);
	}
}

/* What a worker does beside forwarding: it looks at none of this without ROUTE_F_ACTS. */
static void put_actions(const struct policy *policy, struct route *route)
{
	static const uint32_t acting = ROUTE_F_ORDERED | ROUTE_F_CLOSED | ROUTE_F_DENIED |
				       ROUTE_F_CORS | ROUTE_F_FORCE_SSL;

	route->flags |= (policy->ordered ? ROUTE_F_ORDERED : 0u) |
			(policy->closed ? ROUTE_F_CLOSED : 0u) |
			(policy->cut_slash ? ROUTE_F_CUT_SLASH : 0u) |
			(policy->rewrite_whole ? ROUTE_F_REWRITE_WHOLE : 0u) |
			(policy->hsts_subdomains ? ROUTE_F_HSTS_SUBDOMAINS : 0u);
	if (policy->cors)
		route->flags |= ROUTE_F_CORS | ROUTE_F_ADDS |
				(policy->cors_credentials ? ROUTE_F_CORS_CREDENTIALS : 0u);
	else
		route->cors_origins = route->cors_methods = route->cors_headers =
			route->cors_exposed = route->cors_max_age_s = 0;
	if (route->response_headers)
		route->flags |= ROUTE_F_ADDS;
	if (route->flags & acting || route->redirect || route->redirect_host || route->app_root)
		route->flags |= ROUTE_F_ACTS;
}

/*
 * The kernel moves responses as the backend wrote them: only from a backend that is reached in
 * plain HTTP/1.1, and only if the route puts nothing of its own into responses on a plain
 * connection (Strict-Transport-Security goes to TLS clients alone) and counts none of them against
 * its backend.
 */
static bool may_splice(const struct route *route)
{
	return route->protocol == ROUTE_HTTP && route->balance != BALANCE_COOKIE_AFFINITY &&
	       !route->eject_after && !(route->flags & (ROUTE_F_TLS_PASSTHROUGH | ROUTE_F_ADDS));
}

/* A request's body may go past the helper if its backend is spoken to in plain HTTP/1.1: the helper
 * looks at no body, and sees what the backend answers. */
static bool may_splice_upload(const struct route *route)
{
	return route->protocol == ROUTE_HTTP && !(route->flags & ROUTE_F_TLS_PASSTHROUGH);
}

const char *target_upstream_name(const struct target *target)
{
	return target->upstream ? target->upstream->shown.name : target->name;
}

void route_fields_put(struct block_writer *writer, const struct host_entry *host,
		      const struct rule_owner *owner, const struct target *target,
		      struct route *route)
{
	static const struct policy none = {};
	const struct service_entry *service = target->service;
	const struct upstream_entry *upstream = target->upstream;
	struct policy policy, own;

	memset(route, 0, sizeof(*route)); /* padding, too: blocks are compared */
	policy_merge(owner ? &owner->policy : &none, &service->policy, &own);
	policy_merge(&own, owner && owner->nginx ? &writer->table->nginx.defaults : &none, &policy);
	route->upstream_id = upstream ? upstream->shown.id : 0;
	route->upstream_name = block_put_text(writer, target_upstream_name(target));
	route->ingress_name = block_put_text(writer, owner ? owner->key : NULL);
	if (!policy_has(&policy, POLICY_PROTOCOL) && upstream)
		policy.protocol = upstream->app_protocol;
	put_policy(writer, &policy, service->namespace, route);
	put_balance(writer, &policy, service, route);
	put_sources(writer, &policy, route);
	put_denied(writer, &policy, route);
	put_redirect(writer, host, &policy, route);
	route->redirect_host = block_put_text(writer, target->claim->redirect_host);
	put_actions(&policy, route);
	if (may_splice(route))
		route->flags |= ROUTE_F_SPLICE;
	if (may_splice_upload(route))
		route->flags |= ROUTE_F_SPLICE_UPLOAD;
}
