/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compile.h - what a table is made of; for the files of table/ alone
 *
 *   ingress_entry --has--> claims --on--> host_entry       (paths, default backends, TLS of a host)
 *                             '---lead to---> upstream_entry <--of-- service_entry
 *   service_entry --has--> frontend claims --on--> frontend_entry   (type LoadBalancer)
 *
 * A change marks the entries it touches; table_update() works the marked ones off in the order
 * ingresses, services, frontends, hosts, upstreams. Marking and unmarking allocate nothing, and an
 * entry is unmarked only once its work is done: memory may run out anywhere without anything being
 * forgotten.
 */
#ifndef SLUICE_TABLE_COMPILE_H
#define SLUICE_TABLE_COMPILE_H

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

/* ---- Secrets ---------------------------------------------------------------------------------- */

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
	struct ingress_entry *ingress; /* borrowed */
	struct service_entry *service; /* borrowed */
	bool usable; /* in force, and the Secret is there with the right type and data */
};

/* ---- hosts and what is claimed on them ------------------------------------------------------ */

enum claim_kind {
	CLAIM_HOST, /* the host has rules; the target, if any, is the Ingress' default backend */
	CLAIM_PATH,
	CLAIM_TLS,
};

/* Where a request goes. */
struct target {
	struct service_entry *service;   /* borrowed; NULL: no target at all */
	struct upstream_entry *upstream; /* borrowed, one reference held; NULL: 503 */
	char *name;                      /* owned; "ns/svc:port", for routes without an upstream */
	LIST_ENTRY(target) of_service;   /* in service->targets */
	struct claim *claim;             /* borrowed: what it is part of */
};

struct claim {
	LIST_ENTRY(claim) of_host;     /* in host->claims */
	struct ingress_entry *ingress; /* borrowed; NULL: --default-backend */
	struct host_entry *host;       /* borrowed */
	enum claim_kind kind;
	enum path_type type; /* PATH_EXACT or PATH_PREFIX; with .regex neither counts */
	bool regex;
	bool passthrough;         /* CLAIM_TLS: hand over undecrypted to .target */
	uint32_t rule, index;     /* of rules[].paths[] or tls[].hosts[], for fields of problems */
	char *path;               /* owned; CLAIM_PATH: in the form in which it is matched */
	struct target target;     /* CLAIM_HOST, CLAIM_PATH, passthrough */
	struct secret_use secret; /* CLAIM_TLS */
};

LIST_HEAD(claim_list, claim);
LIST_HEAD(target_list, target);

struct host_entry {
	char *name; /* owned; "": rules without a host; or DEFAULT_HOST */
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

/* ---- objects ---------------------------------------------------------------------------------- */

struct ingress_entry {
	char *key;              /* owned; "namespace/name" */
	char *namespace, *name; /* owned */
	char *uid;              /* owned */
	int64_t created_unix_s;
	struct policy policy;
	struct claim *claims; /* owned array */
	size_t claims_count;
	struct secret_use ca;
	struct problem_set problems;
	LIST_ENTRY(ingress_entry) of_marked;
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

/* ---- upstreams -------------------------------------------------------------------------------- */

/* Which of the endpoints belong to it, beside its Service and port. */
enum upstream_scope {
	SCOPE_ALL = 0,
	SCOPE_V4 = 1 << 0,
	SCOPE_V6 = 1 << 1,
	SCOPE_NODE = 1 << 2, /* externalTrafficPolicy: Local */
};

struct upstream_entry {
	struct table_upstream public;  /* .members owned */
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

/* ---- frontends -------------------------------------------------------------------------------- */

struct frontend_claim {
	LIST_ENTRY(frontend_claim) of_frontend;
	struct frontend_entry *frontend; /* borrowed */
	struct service_entry *service;   /* borrowed; NULL: HTTP */
	struct upstream_entry
		*upstream; /* borrowed, one reference held; NULL: HTTP or an address */
	uint16_t flags;
};

struct frontend_entry {
	struct table_frontend public; /* .owner and .ranges owned */
	char *key;                    /* owned */
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

/* ---- the table -------------------------------------------------------------------------------- */

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

	struct strmap ingresses; /* "namespace/name" -> struct ingress_entry *, owned */
	struct strmap services;  /* "namespace/name" -> struct service_entry *, owned */
	struct strmap upstreams; /* name -> struct upstream_entry *, owned */
	struct strmap hosts;     /* name -> struct host_entry *, owned */
	struct strmap frontends; /* key -> struct frontend_entry *, owned */
	struct strmap secrets;   /* "namespace/name" -> struct secret_entry *, owned */

	struct strmap externals; /* host -> struct external *, owned */
	bool externals_changed;

	struct claim default_claim;            /* of --default-backend */
	struct secret_use default_certificate; /* of --default-certificate */
	struct frontend_claim *http_frontends; /* owned array */
	size_t http_frontends_count;
	struct problem_set option_problems;

	LIST_HEAD(, ingress_entry) marked_ingresses;
	LIST_HEAD(, service_entry) marked_services;
	LIST_HEAD(, upstream_entry) marked_upstreams;
	LIST_HEAD(, host_entry) marked_hosts;
	LIST_HEAD(, frontend_entry) marked_frontends;
	LIST_HEAD(, service_entry) health_checks;

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

/* ---- table.c: marking ------------------------------------------------------------------------- */

void mark_ingress(struct table *table, struct ingress_entry *ingress);
/* To see if it is still needed; _changed: to compile it again, too. */
void mark_service(struct table *table, struct service_entry *service);
void mark_service_changed(struct table *table, struct service_entry *service);
void mark_upstream(struct table *table, struct upstream_entry *upstream);
void mark_host(struct table *table, struct host_entry *host);
void mark_frontend(struct table *table, struct frontend_entry *frontend);

/* Takes an entry off the list of the marked ones; nothing if it is not on it. */
#define unmark(entry)                                  \
	do {                                           \
		if ((entry)->marked)                   \
			LIST_REMOVE(entry, of_marked); \
		(entry)->marked = false;               \
	} while (0)

/* Older first: creation time, then "namespace/name". An int as of strcmp(). */
int age_compare(int64_t a_created_unix_s, const char *a_key, int64_t b_created_unix_s,
		const char *b_key);

/* "namespace/name", owned by the caller; NULL without memory. */
char *key_of(const char *namespace, const char *name);

/* ---- note.c ----------------------------------------------------------------------------------- */

/* Marks what the noted changes touch and compiles the Ingresses among them. Return: 0; -ENOMEM. */
int note_changes(struct table *table, const struct model *model);
/* The first time: all that the model holds, whatever its change list says. */
int note_all(struct table *table, const struct model *model);
/* Marks what depends on a Service. Return: 0; -ENOMEM. */
int note_service(struct table *table, const struct model *model, const char *namespace,
		 const char *name);

/* ---- options.c -------------------------------------------------------------------------------- */

/* Return: 0; -EINVAL with a log line; -ENOMEM. options_clear() in any case. */
int options_copy(const struct table_options *from, struct table *table);
void options_clear(struct table *table);
/* What --default-backend and --default-certificate name. */
int options_compile(struct table *table, const struct model *model);

/* ---- compile_ingress.c ------------------------------------------------------------------------ */

/* Compiles, compiles again or withdraws one Ingress. Return: 0; -ENOMEM, the old one in force. */
int ingress_compile(struct table *table, const struct model *model, const char *namespace,
		    const char *name);
void ingress_free(struct table *table, struct ingress_entry *ingress);
bool class_is_ours(const struct table *table, const struct model *model,
		   const struct ingress *ingress);

/* ---- compile_target.c ------------------------------------------------------------------------- */

/* What target_resolve() needs to know for its problems. */
struct target_report {
	struct problem_set *problems; /* NULL: say nothing */
	struct problem_object object;
	const char *field; /* "spec.rules[0].http.paths[1].backend" */
};

/**
 * target_resolve - find Service, port and upstream of a backend
 * @target: zeroed but for .claim; keeps one reference of the upstream
 * Return: 0; -ENOENT a backend that is refused (left out); -ENOMEM.
 */
int target_resolve(struct table *table, const struct model *model, const char *namespace,
		   const struct ingress_backend *backend, const struct target_report *report,
		   struct target *target);
void target_release(struct table *table, struct target *target);

/* The port that @ref names; a number that stands for TCP and UDP means TCP. NULL if none. */
const struct service_port *service_port_find(const struct service *service,
					     const struct service_port_ref *ref);

/* ---- compile_service.c ------------------------------------------------------------------------ */

/* The entry of that name, made if it is not there. Return: 0; -ENOMEM. */
int service_entry_get(struct table *table, const char *namespace, const char *name,
		      struct service_entry **out);
int service_refresh(struct table *table, const struct model *model, struct service_entry *service);
/* Frees it if nothing needs it any more. Return: 0; -ENOMEM, still there. */
int service_collect(struct table *table, struct service_entry *service);
void service_free(struct table *table, struct service_entry *service);

/* ---- compile_l4.c ----------------------------------------------------------------------------- */

bool service_is_l4(const struct table *table, const struct service *service);
/* @out: zeroed; l4_compiled_clear() in any case. Return: 0; -ENOMEM. */
int l4_compile(struct table *table, const struct service *service, struct service_entry *entry,
	       struct problem_set *problems, struct l4_compiled *out);
void l4_compiled_clear(struct table *table, struct l4_compiled *compiled);
/* Notes whether others ask for its health. @service: not read unless entry->is_l4. */
void service_watch_health(struct table *table, struct service_entry *entry,
			  const struct service *service);

/* ---- compile_denylist.c ----------------------------------------------------------------------- */

/* Return: 0; -ENOMEM, the one before in force. */
int denylist_compile(struct table *table, const struct model *model);

/* ---- compile_frontend.c ----------------------------------------------------------------------- */

/* Claims addr:port/proto, or the address alone with port and proto 0. */
int frontend_claim_add(struct table *table, const struct inet_addr *addr, uint16_t port,
		       uint8_t proto, struct frontend_claim *claim);
void frontend_claim_drop(struct table *table, struct frontend_claim *claim);
int frontend_refresh(struct table *table, const struct model *model,
		     struct frontend_entry *frontend);
void frontend_free(struct frontend_entry *frontend);
/* The HTTP frontends of the addresses in force. */
int frontends_http(struct table *table);
#define FRONTEND_KEY_MAX 48
void frontend_key(const struct inet_addr *addr, uint16_t port, uint8_t proto,
		  char key[FRONTEND_KEY_MAX]);

/* ---- upstream.c ------------------------------------------------------------------------------- */

/* Return: 0 with one reference; -ENOSPC no id is free; -EINVAL the name is too long; -ENOMEM. */
int upstream_acquire(struct table *table, struct service_entry *service, uint16_t port,
		     uint8_t proto, uint8_t scope, bool ring, struct upstream_entry **out);
void upstream_release(struct table *table, struct upstream_entry *upstream, bool ring);
int upstream_refresh(struct table *table, const struct model *model,
		     struct upstream_entry *upstream);
void upstream_free(struct upstream_entry *upstream);
#define BACKEND_KEY_MAX 64
void backend_key(uint32_t upstream_id, const struct inet_addr *addr, uint16_t port,
		 char key[BACKEND_KEY_MAX]);

/* ---- endpoints.c ------------------------------------------------------------------------------ */

/* Is it this node, or no node that is known? @node_name: may be NULL. */
bool node_is_here(const struct table *table, const char *node_name);

/**
 * endpoints_collect - the backends that the slices of an upstream's Service name
 * @out: owned by the caller; ascending by (addr, port), no two alike; id and generation 0
 * @serving: out, owned; for each whether it may serve when none is ready
 * Return: 0; -ENOMEM.
 */
int endpoints_collect(const struct table *table, const struct model *model,
		      const struct upstream_entry *upstream, struct table_backend **out,
		      size_t *count, bool **serving);

/* ---- compile_host.c, host_block.c ------------------------------------------------------------- */

int host_entry_get(struct table *table, const char *name, struct host_entry **out);
/* Makes claim part of its host; both marked. */
void host_attach(struct table *table, struct host_entry *host, struct claim *claim);
void host_detach(struct table *table, struct claim *claim);
int host_refresh(struct table *table, const struct model *model, struct host_entry *host);
void host_free(struct host_entry *host);
/* Serialises what is in force on a host. @out: owned by the caller. Return: 0; -ENOMEM. */
int host_block_build(const struct table *table, const struct host_entry *host, void **out);

/* ---- secrets.c -------------------------------------------------------------------------------- */

/* Return: 0; -ENOMEM. @use: zeroed but for its owner and .use. */
int secret_use_add(struct table *table, const char *namespace, const char *name,
		   struct secret_use *use);
void secret_use_drop(struct table *table, struct secret_use *use);
/* NULL if the Secret can be used so, else why it cannot, in words that go after its name. */
const char *secret_fault(const struct table *table, const struct model *model,
			 const struct secret_use *use);
/* Marks who names the Secret. Return: 0; -ENOMEM. */
int secret_changed(struct table *table, const char *namespace, const char *name);
/* Settles whether it is usable, and notes it if that is news. */
void secret_use_judge(struct table *table, struct secret_use *use, bool usable);

/* ---- snapshot_write.c, view.c: what they have no place for elsewhere ------------------------------ */

/* All problem sets of the table, one after the other; NULL at the end. *@position starts zeroed. */
struct problem_walk {
	size_t step, position;
};
const struct problem_set *problem_walk_next(const struct table *table, struct problem_walk *walk);

/* ---- delta.c ---------------------------------------------------------------------------------- */

int delta_make(struct table *table, struct table_delta **out);
void changes_clear(struct table *table);

/* ---- externals.c ------------------------------------------------------------------------------ */

/* NULL: nothing is known of that name. */
const struct external *external_find(const struct table *table, const char *host);
/* Marks what the names touch that were set since the last update. Return: 0; -ENOMEM. */
int externals_note(struct table *table, const struct model *model);
void externals_clear(struct table *table);

/* ---- path.c ----------------------------------------------------------------------------------- */

/**
 * path_normalise - the form in which requests will be compared with a rule's path
 * Escapes of unreserved characters decoded, others as they stand; what cannot be in a request
 * (spaces, bytes above ASCII) as escapes in upper case, the way browsers send it.
 * @out: owned by the caller
 * Return: NULL, or why the path can never match, in words that go after it; *out NULL: no memory.
 */
const char *path_normalise(const char *path, char **out);

/* NULL, or what is wrong with a regular expression as far as can be seen without compiling it. */
const char *regex_fault(const char *pattern);

#endif /* SLUICE_TABLE_COMPILE_H */
