/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_priv.h - what a table is made of; for the files of table/ only
 *
 *   rule_owner --has--> claims --on--> host_entry          (paths, default backends, TLS of a host)
 *                             '---lead to---> upstream_entry <--of-- service_entry
 *   service_entry --has--> frontend claims --on--> frontend_entry   (type LoadBalancer)
 *
 * A change marks the entries it touches; table_update() works the marked ones off in the order
 * ingresses, services, frontends, hosts, upstreams. Marking and unmarking allocate nothing, and an
 * entry is unmarked only once its work is done: memory may run out anywhere without anything being
 * forgotten.
 */
#ifndef SLUICE_TABLE_TABLE_PRIV_H
#define SLUICE_TABLE_TABLE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/strmap.h"
#include "model/model.h"
#include "table/ids.h"
#include "table/policy/l4_policy.h"
#include "table/policy/policy.h"
#include "table/problems.h"
#include "handoff/snapshot_format.h"
#include "table/table.h"

/* Name of the entry that holds the overall default backend; no host can be called so. */
#define DEFAULT_HOST "\001default"

/* ---- Secrets --------------------------------------------------------------------------------- */

struct secret_entry {
	char *key;              /* owned; "namespace/name" */
	char *namespace, *name; /* owned */
	LIST_HEAD(, secret_use) uses;
	uint32_t usable[TABLE_SECRET_CA + 1]; /* uses of each kind that are in force */
	bool inspected;                       /* since it last changed */
	const char *fault; /* of its certificate, not owned; NULL: it can be served */
	int64_t end_unix_s;
};

/* One place that names a Secret; exactly one of the owners is set, or none (an option). */
struct secret_use {
	LIST_ENTRY(secret_use) of_secret;
	struct secret_entry *secret; /* borrowed; NULL: not in use */
	enum table_secret_use use;
	struct claim *claim;           /* borrowed */
	struct rule_owner *owner;      /* borrowed */
	struct service_entry *service; /* borrowed */
	bool usable; /* in force, and the Secret is there with the right type and data */
};

/* ---- hosts and what is claimed on them ------------------------------------------------------- */

enum claim_kind {
	CLAIM_HOST, /* the host has rules; the target, if any, is the Ingress' default backend */
	CLAIM_PATH,
	CLAIM_TLS,
};

/* One of the places where requests go. */
struct target {
	uint32_t weight;                 /* its share among the targets of the claim */
	struct service_entry *service;   /* borrowed; NULL: no target at all */
	struct upstream_entry *upstream; /* borrowed, one reference held; NULL: 503 */
	char *name;                      /* owned; "ns/svc:port", for routes without an upstream */
	LIST_ENTRY(target) of_service;   /* in service->targets */
	struct claim *claim;             /* borrowed: what it is part of */
};

/* What a request has to be like beside host and path. */
struct condition {
	enum snapshot_part part;
	enum snapshot_test test;
	char *name;  /* owned; of a header in lower case; NULL with SNAPSHOT_METHOD */
	char *value; /* owned; to be equal to, or an expression; NULL with SNAPSHOT_PRESENT */
};

struct claim {
	LIST_ENTRY(claim) of_host; /* in host->claims */
	struct rule_owner *owner;  /* borrowed; NULL: --default-backend */
	struct host_entry *host;   /* borrowed */
	enum claim_kind kind;
	enum path_type type; /* PATH_EXACT or PATH_PREFIX; with .regex neither counts */
	bool regex;
	bool passthrough;     /* CLAIM_TLS: hand over undecrypted to .target */
	uint32_t rule, index; /* of rules[].paths[] or tls[].hosts[], for fields of problems */
	const char *path;     /* CLAIM_PATH: one of the two below, in which it is matched */
	char *normal;         /* owned; a path in normal form; NULL: it has none */
	char *pattern;        /* owned; the path as an expression; NULL: it has none */
	bool wants_regex;     /* all paths of the host are to be expressions, of the nginx class */
	bool stands_in;       /* made for an alias: gives way where the host has rules */
	char *redirect_host;  /* owned; every request is redirected to this host; or NULL */
	struct condition *conditions; /* owned array; CLAIM_PATH */
	size_t conditions_count;
	struct target target;  /* CLAIM_HOST, CLAIM_PATH, passthrough */
	struct target *others; /* owned array: more targets, by weight; CLAIM_PATH */
	size_t others_count;
	struct secret_use secret; /* CLAIM_TLS */
};

LIST_HEAD(claim_list, claim);
LIST_HEAD(target_list, target);

/* Where clients dial. All Ingresses share the first one, which takes what no other takes. */
struct listener {
	char *key;                   /* owned; of the owner; "" of the first */
	uint32_t number;             /* index in table->listeners */
	struct inet_addr *addresses; /* owned; none: every address */
	size_t addresses_count;
	uint16_t port; /* host order; 0: every port */
	bool suffix;   /* a wildcard host covers any number of labels */
	size_t hosts_count;
};

struct host_entry {
	char *key;                 /* owned; see host_entry_get() */
	const char *name;          /* in .key; "": rules without a host; or DEFAULT_HOST */
	struct listener *listener; /* borrowed */
	struct claim_list claims;
	size_t claims_count;
	/* What is in force; borrowed from the claims. */
	struct claim **routes; /* owned array in order of precedence */
	size_t routes_count;
	struct claim *default_backend, *tls;
	void *block; /* owned; struct snapshot_host and what belongs to it, or NULL */
	struct problem_set problems;
	LIST_ENTRY(host_entry) of_marked;
	bool marked;
};

/* ---- objects --------------------------------------------------------------------------------- */

struct rule_owner;

/* What differs between the kinds of objects that own rules. */
struct rule_owner_ops {
	enum object_kind kind;
	/* Compiles, compiles again or withdraws the object. Return: 0; -ENOMEM, the old one stays
	 * in force. */
	int (*compile)(struct table *table, const struct model *model, const char *namespace,
		       const char *name);
};

/* An object that claims paths and TLS of hosts: an Ingress, or another front end's object. */
struct rule_owner {
	const struct rule_owner_ops *ops;
	char *key;              /* owned; "namespace/name" */
	char *namespace, *name; /* owned */
	char *uid;              /* owned */
	int64_t created_unix_s;
	bool nginx; /* an Ingress of the nginx class: its defaults count */
	struct policy policy;
	struct claim *claims; /* owned array */
	size_t claims_count;
	struct secret_use ca;
	struct problem_set problems;
	LIST_ENTRY(rule_owner) of_marked;
	bool marked;
};

/* What a Service of our class asks for. */
struct l4_compiled {
	struct l4_policy policy;
	struct frontend_claim *claims; /* owned array */
	size_t claims_count;
};

struct service_entry {
	char *key;              /* owned; "namespace/name" */
	char *namespace, *name; /* owned */
	char *uid;              /* owned */
	int64_t created_unix_s;
	struct policy policy;
	struct target_list targets;
	LIST_HEAD(, upstream_entry) upstreams;
	struct l4_compiled l4;
	bool is_l4;
	bool health_check; /* listed in table->health_checks */
	LIST_ENTRY(service_entry) of_health_checks;
	bool refresh; /* marked because it changed, not only to see if it is still needed */
	sa_family_t l4_family; /* of the only family of its l4 frontends; 0: none, or both */
	struct secret_use ca;
	struct problem_set problems;
	LIST_ENTRY(service_entry) of_marked;
	bool marked;
};

/* ---- upstreams ------------------------------------------------------------------------------- */

/* Which of the endpoints belong to it, beside its Service and port. */
enum upstream_scope {
	SCOPE_ALL = 0,
	SCOPE_V4 = 1 << 0,
	SCOPE_V6 = 1 << 1,
	SCOPE_NODE = 1 << 2, /* externalTrafficPolicy: Local */
};

struct upstream_entry {
	struct table_upstream shown;   /* .members owned */
	struct service_entry *service; /* borrowed */
	LIST_ENTRY(upstream_entry) of_service;
	uint16_t port; /* of the Service, host order */
	uint8_t proto;
	uint8_t scope;        /* enum upstream_scope */
	uint8_t app_protocol; /* enum route_protocol that the Service port itself asks for */
	uint32_t references, ring_references;
	struct table_backend *backends; /* owned; ascending by (addr, port) */
	size_t backends_count;
	struct problem_set problems;
	bool announced; /* a delta has told of it */
	bool in_delta;  /* listed in changes.upstreams_set */
	LIST_ENTRY(upstream_entry) of_marked;
	bool marked;
};

/* ---- frontends ------------------------------------------------------------------------------- */

struct frontend_claim {
	LIST_ENTRY(frontend_claim) of_frontend;
	struct frontend_entry *frontend; /* borrowed */
	struct service_entry *service;   /* borrowed; NULL: HTTP */
	struct upstream_entry
		*upstream; /* borrowed, one reference held; NULL: HTTP or an address */
	uint16_t flags;
};

struct frontend_entry {
	struct table_frontend shown; /* .owner and .ranges owned */
	char *key;                   /* owned */
	LIST_HEAD(, frontend_claim) claims;
	struct problem_set problems;
	LIST_ENTRY(frontend_entry) of_marked;
	bool marked;
	bool in_delta;
};

/* The last answer of table_problems(): its strings belong to the sets. */
struct problem_cache {
	struct problem *items; /* owned */
};

/* What a host name stands for. */
struct external {
	struct inet_addr *addresses; /* owned */
	size_t count;
	bool changed; /* since the last update */
};

/* ---- the table ------------------------------------------------------------------------------- */

/* What is to be told by the next delta. */
struct changes {
	struct table_backend *backends_set; /* owned */
	size_t backends_set_count, backends_set_capacity;
	uint32_t *backends_removed; /* owned */
	size_t backends_removed_count, backends_removed_capacity;
	struct upstream_entry **upstreams_set; /* owned array of borrowed entries */
	size_t upstreams_set_count, upstreams_set_capacity;
	uint32_t *upstreams_removed; /* owned */
	size_t upstreams_removed_count, upstreams_removed_capacity;
	struct frontend_entry **frontends_set; /* owned array of borrowed entries */
	size_t frontends_set_count, frontends_set_capacity;
	struct table_frontend *frontends_removed; /* owned, .owner too */
	size_t frontends_removed_count, frontends_removed_capacity;
	struct problem_set problems_added, problems_cleared;
	bool routes, certificates, denylist;
};

struct table {
	struct table_options options;     /* strings and addresses owned */
	struct inet_addr *node_addresses; /* owned */
	size_t node_addresses_count;
	bool started;           /* the first update is over */
	bool addresses_changed; /* since the last update */
	bool http_everywhere;   /* no --address: wildcard frontends of both families */
	uint64_t generation;
	uint64_t now_ms; /* of the update that runs */
	struct ids upstream_ids, backend_ids, frontend_ids;
	struct table_ids adopted; /* owned, until the first update is over */

	struct strmap ingresses; /* "namespace/name" -> struct rule_owner *, owned */
	struct strmap services;  /* "namespace/name" -> struct service_entry *, owned */
	struct strmap upstreams; /* name -> struct upstream_entry *, owned */
	struct strmap hosts;     /* key -> struct host_entry *, owned */
	struct strmap frontends; /* key -> struct frontend_entry *, owned */
	struct strmap secrets;   /* "namespace/name" -> struct secret_entry *, owned */

	struct listener **listeners; /* owned array of owned; NULL: a number that is free */
	size_t listeners_count;

	struct strmap externals; /* host -> struct external *, owned */
	bool externals_changed;

	struct claim default_claim;            /* of --default-backend */
	struct secret_use default_certificate; /* of --default-certificate */
	struct frontend_claim *http_frontends; /* owned array */
	size_t http_frontends_count;
	struct problem_set option_problems;

	LIST_HEAD(, rule_owner) marked_owners;
	LIST_HEAD(, service_entry) marked_services;
	LIST_HEAD(, upstream_entry) marked_upstreams;
	LIST_HEAD(, host_entry) marked_hosts;
	LIST_HEAD(, frontend_entry) marked_frontends;
	LIST_HEAD(, service_entry) health_checks;

	struct {
		struct policy defaults; /* of Ingresses of the nginx class */
		struct problem_set problems;
	} nginx;

	struct inet_network *denylist; /* owned; ascending */
	size_t denylist_count;
	struct problem_set denylist_problems;
	bool denylist_marked;
	struct changes changes;

	uint32_t routes_count, backends_count; /* in force */
	uint32_t hash_seed;
	char **old_owners; /* owned: of frontends_removed in the last delta */
	size_t old_owners_count;
	struct problem_cache *problem_cache; /* owned */
	bool default_marked;                 /* .default_claim is to be resolved again */
};

#endif /* SLUICE_TABLE_TABLE_PRIV_H */
