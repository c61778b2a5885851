/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot.h - the immutable compiled routing table: written by table/, read by the helper
 *
 *   listener -- has hosts -- have rules (path and conditions) -- lead to targets (weighted)
 *                                                                 '-- of one route each
 *
 * A route is what is done with a request and where it goes; rules that do the same share it.
 *
 * One block without pointers (offsets from its start), mapped read-only by every worker. The reader
 * checks header, size and seals once at opening; after that a lookup allocates nothing and makes
 * no system call.
 */
#ifndef SLUICE_TABLE_SNAPSHOT_H
#define SLUICE_TABLE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/inet.h"
#include "handoff/policy_list.h"

struct snapshot; /* an opened one */

enum route_flag {
	ROUTE_F_SSL_REDIRECT = 1 << 2, /* requested; snapshot_redirects() decides */
	ROUTE_F_TLS_PASSTHROUGH = 1 << 3,
	ROUTE_F_COOKIE_SECURE = 1 << 4,
	ROUTE_F_BACKEND_TLS_INSECURE = 1 << 5, /* do not verify the backend's certificate */
	ROUTE_F_NO_SSL_REDIRECT = 1 << 6,      /* never redirect, whatever TLS the host has */
	ROUTE_F_SPLICE = 1 << 8,         /* responses reach the client as the backend wrote them */
	ROUTE_F_SPLICE_UPLOAD = 1 << 9,  /* bodies of requests reach the backend as they are */
	ROUTE_F_BODY_UNLIMITED = 1 << 7, /* proxy-body-size "0": overrides the helper's own limit */
	ROUTE_F_SOURCES = 1 << 18,       /* only clients in .sources are allowed */
	ROUTE_F_NEVER_EJECT = 1 << 16,   /* eject-after "0" */
	/* One of those below is set, or a field that exchange_action.c acts on. */
	ROUTE_F_ACTS = 1 << 19,
	ROUTE_F_ADDS = 1 << 20,          /* fields to responses, those of our own as well */
	ROUTE_F_ORDERED = 1 << 21,       /* the order of checks of an Ingress of the nginx class */
	ROUTE_F_CLOSED = 1 << 22,        /* something that guards it cannot be read: 503 */
	ROUTE_F_DENIED = 1 << 23,        /* clients in .denied are not let in */
	ROUTE_F_CUT_SLASH = 1 << 24,     /* a redirect to https drops one '/' at the end */
	ROUTE_F_REWRITE_WHOLE = 1 << 25, /* .rewrite_target takes the place of the whole path */
	ROUTE_F_CORS = 1 << 26,
	ROUTE_F_CORS_CREDENTIALS = 1 << 27,
	ROUTE_F_HSTS_SUBDOMAINS = 1 << 28,
	ROUTE_F_COOKIE_RULE_PATH = 1 << 29, /* Path of the affinity cookie: that of the rule */
	ROUTE_F_FORCE_SSL = 1 << 30,        /* redirect to https, whatever TLS the host has */
};

enum route_protocol { /* sluice.dev/backend-protocol */
		      ROUTE_HTTP = 0,
		      ROUTE_HTTPS,
		      ROUTE_H2C,
		      ROUTE_H2, /* over TLS */
		      ROUTE_GRPC,
		      ROUTE_GRPCS,
};

enum route_balance { /* sluice.dev/load-balance */
		     BALANCE_ROUND_ROBIN = 0,
		     BALANCE_LEAST_REQUESTS,
		     BALANCE_HASH_SOURCE,
		     BALANCE_HASH_HEADER, /* .balance_key names it */
		     BALANCE_HASH_COOKIE,
		     BALANCE_COOKIE_AFFINITY, /* cookie set by us */
		     BALANCE_HASH_TEXT,       /* .balance_key is a text with variables */
};

#define SNAPSHOT_FIELD_HERE(type, field)
#define SNAPSHOT_FIELD_ROUTE(type, field) SNAPSHOT_FIELD_##type(field)
#define SNAPSHOT_FIELD_NUMBER(field)      uint32_t field;
#define SNAPSHOT_FIELD_SIZE(field)        uint64_t field;
#define SNAPSHOT_FIELD_TEXT(field)        uint32_t field; /* text or 0 */

/*
 * What is done with the requests of one target, and where they go: an upstream and its policy, all
 * values resolved at compile time (annotation of the Ingress, else of the Service, else 0 = the
 * helper's own default). Strings are offsets from the start of the snapshot to NUL-terminated text;
 * 0: none.
 */
struct route {
	uint32_t upstream_id;       /* 0: known to have no upstream (unknown service): 503 */
	uint32_t flags;             /* enum route_flag */
	uint32_t upstream_name;     /* text "ns/svc:port" */
	uint32_t ingress_name;      /* text "ns/name" */
	uint8_t protocol;           /* enum route_protocol */
	uint8_t balance;            /* enum route_balance */
	uint8_t proxy_protocol_out; /* 0, 1 or 2 */
	uint8_t cookie_same_site;   /* 0 unset, 1 Lax, 2 Strict, 3 None */
	uint32_t balance_key;       /* text: header or cookie name */
	uint32_t ca_name;           /* text "ns/secret" or 0 */
	uint32_t redirect_host;     /* text: requests are redirected to this host; or 0 */
	/* Rows of POLICY_LIST that stand as they are; 0: the helper's own default, or none. */
#define X(id, type, field, place, ...) SNAPSHOT_FIELD_##place(type, field)
	POLICY_LIST(X)
#undef X
	/* Secret by which cookies name backends: of the Service, the same on every node. */
	uint64_t affinity_key[2];
	uint32_t sources, sources_count; /* struct inet_network[], with ROUTE_F_SOURCES */
	uint32_t denied, denied_count;   /* struct inet_network[], with ROUTE_F_DENIED */
};

enum rule_flag {
	RULE_F_DEFAULT_BACKEND = 1 << 0, /* the default backend, not a path */
	RULE_F_REGEX = 1 << 1,           /* .path is a regular expression */
	RULE_F_EXACT = 1 << 2,           /* .path is all of the path, not the beginning of it */
};

/* What a request has to be like, and the targets that it then has. */
struct rule {
	uint32_t flags;                        /* enum rule_flag */
	uint32_t path;                         /* text as matched; 0 with RULE_F_DEFAULT_BACKEND */
	uint32_t next;                         /* the next candidate of the same path; 0: none */
	uint32_t regex;                        /* with RULE_F_REGEX: its number in the host */
	uint32_t conditions, conditions_count; /* numbers in the host; all have to hold */
	uint32_t targets, targets_count;       /* numbers in the host; from 1 */
};

/**
 * snapshot_open - map and check a snapshot
 * @fd: sealed memfd; not kept, the caller may close it
 * Return: 0; -EINVAL if header, size or seals are not right; -errno of mmap.
 */
int snapshot_open(int fd, struct snapshot **out);
void snapshot_close(struct snapshot *snapshot); /* takes NULL */

uint64_t snapshot_generation(const struct snapshot *snapshot);

/* Regular expressions of the snapshot, to be compiled once: index 0 .. count - 1. */
uint32_t snapshot_regex_count(const struct snapshot *snapshot);
const char *snapshot_regex(const struct snapshot *snapshot, uint32_t index);

/* What a condition looks at. */
enum snapshot_part { SNAPSHOT_METHOD, SNAPSHOT_HEADER, SNAPSHOT_QUERY };

/*
 * What a lookup asks of a request; supplied by the helper.
 * regex: does a regular expression of the snapshot match? @path: it is that of a rule's path; else
 *        one of a condition. value: the method, or the first header or query parameter of that
 *        name; false: there is none. draw: a random number.
 */
struct snapshot_asked {
	bool (*regex)(void *ctx, uint32_t regex_index, const char *text, size_t bytes, bool path);
	bool (*value)(void *ctx, enum snapshot_part part, const char *name, const char **value,
		      size_t *bytes);
	uint64_t (*draw)(void *ctx);
	void *ctx;
};

struct snapshot_listener;

/* A listener that the snapshot names: of that address and port, else the one of all Ingresses. */
const struct snapshot_listener *snapshot_listener_of(const struct snapshot *snapshot,
						     const struct inet_addr *addr, uint16_t port);

struct snapshot_request {
	const struct snapshot_listener *listener; /* NULL: the one of all Ingresses */
	/* Lower case, no port, no trailing dot; "" if the request has none or an IP literal (only
	 * rules without a host match then). */
	const char *host;
	size_t host_bytes;
	const char *path; /* normal form, begins with '/', without the query */
	size_t path_bytes;
	const struct snapshot_asked *asked;
};

/**
 * snapshot_match - the route of a request: of the first rule whose conditions hold, by weight
 * @rule: out, may be NULL: the rule that matched, or NULL
 * Return: borrowed route; NULL: no rule matches, or none of its targets has a weight.
 */
const struct route *snapshot_match(const struct snapshot *snapshot,
				   const struct snapshot_request *request,
				   const struct rule **rule);

const char *snapshot_text(const struct snapshot *snapshot, uint32_t offset);

/* True if the route lets requests of this address in. */
bool snapshot_admits(const struct snapshot *snapshot, const struct route *route,
		     const struct inet_addr *addr);

/* True if the route keeps requests of this address out, whatever else it says. */
bool snapshot_denies(const struct snapshot *snapshot, const struct route *route,
		     const struct inet_addr *addr);

/* Calls @fn for each route that has a .check_path; several may have the same upstream. */
typedef void snapshot_route_fn(void *ctx, const struct route *route);
void snapshot_each_check(const struct snapshot *snapshot, snapshot_route_fn *fn, void *ctx);

/* TLS settings of a server name (SNI or Host): exact, then wildcard, then those of rules without a
 * host. */
struct snapshot_tls {
	uint32_t secret_name;       /* text "ns/secret"; 0: the default certificate */
	uint32_t flags;             /* enum snapshot_tls_flag */
	uint32_t upstream_id;       /* passthrough only; 0 there: no upstream, close */
	uint32_t upstream_name;     /* text, passthrough only */
	uint8_t proxy_protocol_out; /* passthrough only: 0, 1 or 2 */
	uint8_t pad[3];
	uint32_t connect_timeout_ms, tunnel_idle_timeout_ms; /* passthrough only, 0: default */
};
enum snapshot_tls_flag {
	SNAPSHOT_TLS_F_REDIRECT = 1 << 0,    /* host has a tls entry: plain HTTP is redirected */
	SNAPSHOT_TLS_F_PASSTHROUGH = 1 << 1, /* hand the connection to .upstream_id undecrypted */
};
const struct snapshot_tls *snapshot_tls_of(const struct snapshot *snapshot, const char *host,
					   size_t host_bytes);

/* True if any host's TLS is passed through. Looks at all hosts. */
bool snapshot_passes_through(const struct snapshot *snapshot);

/**
 * snapshot_redirects - does plain HTTP for this request get a 308 to https?
 * True for hosts with TLS (exact or wildcard) unless the route's Ingress says ssl-redirect "false";
 * never below /.well-known/acme-challenge/. @route: the result of snapshot_match(), or NULL.
 */
bool snapshot_redirects(const struct snapshot *snapshot, const struct route *route,
			const char *host, size_t host_bytes, const char *path, size_t path_bytes);

#endif /* SLUICE_TABLE_SNAPSHOT_H */
