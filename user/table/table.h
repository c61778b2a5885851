/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - the compiled state: what the maps and the helper's snapshot should say
 *
 * table_update() takes the changes of a model and yields a delta: exactly what must be written. It
 * does no I/O. After any sequence of changes the table equals the one compiled from nothing with
 * the same final model, ids aside; a property test holds it to that.
 */
#ifndef SLUICE_TABLE_TABLE_H
#define SLUICE_TABLE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/inet.h"
#include "model/model.h"
#include "sluice_schema.h"

struct table; /* opaque, owns everything it hands out */

struct table_frontend_addr {
	struct inet_addr addr;
};

/* The most that an annotation may say about the share of a backend. */
#define TABLE_WEIGHT_MAX 1000u

/* How a packet reaches a pod of another node, and how it is packed for that. */
enum table_l4_mode { TABLE_L4_SNAT, TABLE_L4_DSR };
enum table_l4_encapsulation { TABLE_L4_IPIP, TABLE_L4_GUE };

/**
 * table_inspect_fn - can the certificate of a Secret be served with its key?
 * Return: NULL, with the time when it ends; else why not, in words that go after the Secret's name,
 * a text that stays.
 */
typedef const char *table_inspect_fn(const struct secret *secret, int64_t *end_unix_s);

struct table_options {
	const char *ingress_class;       /* --ingress-class */
	const char *controller;          /* --controller */
	const char *nginx_class;         /* --nginx-class; NULL: none */
	const char *nginx_config_map;    /* "NS/NAME" of its ConfigMap, or NULL */
	const char *lb_class;            /* Service loadBalancerClass */
	bool watch_without_class;        /* --watch-ingress-without-class */
	const char *default_backend;     /* "NS/SVC:PORT" or NULL */
	const char *default_certificate; /* "NS/SECRET" or NULL */
	bool allow_external_name;
	const char *node_name;             /* "" if not known: every backend counts as local */
	const struct inet_addr *addresses; /* --address: where HTTP is served; none: wildcard */
	size_t addresses_count;
	uint16_t http_port, https_port; /* host order; 0: not served */
	uint64_t affinity_secret[2];    /* of this machine; 0 where Services have a uid */
	/* For Services that do not say. */
	enum table_l4_mode l4_mode;
	enum table_l4_encapsulation l4_encapsulation;
	uint32_t l4_rate_per_s;    /* new flows a second that one source may begin; 0: any number */
	table_inspect_fn *inspect; /* NULL: certificates are looked at for PEM alone */
};

/* A frontend as the maps will hold it. */
struct table_frontend {
	struct inet_addr addr; /* 0.0.0.0 or :: for any */
	uint16_t port;         /* host order; 0 for FRONTEND_ADDRESS */
	uint8_t proto;         /* IPPROTO_*; 0 for FRONTEND_ADDRESS */
	uint32_t id;           /* from 1, stable while the frontend lives */
	uint32_t upstream_id;
	uint16_t flags;
	uint8_t kind;        /* enum sluice_frontend_kind */
	uint32_t ranges_id;  /* as in struct frontend */
	uint32_t affinity_s; /* likewise */
	uint32_t rate_per_s; /* likewise */
	/* With FRONTEND_F_SOURCE_RANGES; owned by the table, ascending. */
	const struct inet_network *ranges;
	size_t ranges_count;
	char *owner; /* owned by the table; "Service ns/name", "http" */
};

struct table_backend {
	uint32_t id; /* from 1 */
	uint32_t generation;
	uint32_t upstream_id;
	struct inet_addr addr;
	uint16_t port;              /* host order */
	uint8_t state;              /* enum sluice_backend_state */
	uint8_t flags;              /* enum sluice_backend_flag */
	uint16_t weight;            /* 1 to TABLE_WEIGHT_MAX */
	bool terminating;           /* draining, and not to come back */
	struct inet_addr node_addr; /* zero if local or not known */
};

struct table_upstream {
	uint32_t id; /* from 1 */
	char name[SLUICE_UPSTREAM_NAME_MAX];
	uint32_t flags;          /* enum sluice_upstream_flag */
	const uint32_t *members; /* usable backend ids, ascending by backend identity */
	uint32_t members_count;
	uint32_t backends_active, backends_draining;
	bool wants_ring;       /* an l4 frontend uses it */
	uint32_t weights_hash; /* of the members' weights: another ring is due when it changes */
};

enum problem_severity { PROBLEM_WARNING, PROBLEM_NOTE };

/* Something that is not served as written: one log line and one Event each. */
struct problem {
	enum object_kind kind;
	char *namespace, *name, *uid; /* owned */
	enum problem_severity severity;
	char *reason;  /* owned; CamelCase, stable: "InvalidPath", "ServiceNotFound", "Conflict" */
	char *field;   /* owned; may be "" */
	char *message; /* owned; names value, reason and what is done instead */
};

/*
 * What changed. Arrays are owned by the delta; strings and member lists inside are borrowed from
 * the table and valid until the next table_update(). Order to apply: backends_set, upstreams_set,
 * frontends_set, routes (snapshot), frontends_removed, upstreams_removed, backends_removed.
 */
struct table_delta {
	struct table_backend *backends_set;
	size_t backends_set_count;
	uint32_t *backends_removed; /* ids: mark down now, reuse after a quarantine */
	size_t backends_removed_count;
	struct table_upstream *upstreams_set;
	size_t upstreams_set_count;
	uint32_t *upstreams_removed;
	size_t upstreams_removed_count;
	struct table_frontend *frontends_set;
	size_t frontends_set_count;
	struct table_frontend *frontends_removed;
	size_t frontends_removed_count;
	bool routes_changed;            /* build and send a snapshot */
	bool certificates_changed;      /* a Secret in use changed */
	bool denylist_changed;          /* see table_denylist() */
	struct problem *problems_added; /* owned, with their strings */
	size_t problems_added_count;
	struct problem *problems_cleared;
	size_t problems_cleared_count;
	uint64_t generation; /* of the table after this change */
};

struct table_upstream_id {
	uint32_t id;
	char name[SLUICE_UPSTREAM_NAME_MAX];
};

struct table_backend_id {
	uint32_t id, generation, upstream_id;
	struct inet_addr addr;
	uint16_t port; /* host order */
};

struct table_frontend_id {
	uint32_t id;
	struct inet_addr addr;
	uint16_t port; /* host order */
	uint8_t proto;
};

/* What maps that survived a restart say, so that ids keep their meaning and flows live on. */
struct table_ids {
	struct table_upstream_id *upstreams; /* owned */
	size_t upstreams_count;
	struct table_backend_id *backends; /* owned */
	size_t backends_count;
	struct table_frontend_id *frontends; /* owned */
	size_t frontends_count;
	uint64_t generation;
};

void table_ids_free(struct table_ids *ids);

/**
 * table_new - an empty table
 * @options: copied, strings too
 * @ids: ids in use by adopted maps, or NULL; copied
 * Return: 0; -EINVAL with a log line for options that contradict themselves; -ENOMEM.
 */
int table_new(const struct table_options *options, const struct table_ids *ids, struct table **out);
void table_free(struct table *table);

/**
 * table_update - take in the noted changes of @model (does not clear them)
 * @now_ms: monotonic; ids removed longer ago than TABLE_QUARANTINE_MS may be used again
 * @out: owned by the caller, freed by table_delta_free(); empty arrays if nothing changed
 * The first call yields everything that is set; adopted ids without a use come out as removed.
 * Return: 0; -ENOMEM: nothing is lost, the next call with the same changes completes the work.
 */
int table_update(struct table *table, const struct model *model, uint64_t now_ms,
		 struct table_delta **out);
void table_delta_free(struct table_delta *delta);

#define TABLE_QUARANTINE_MS 60000u

/**
 * table_set_addresses - HTTP is served on other addresses now (interfaces changed)
 * Each address gets frontends of its own. Without options.addresses they stand beside the wildcard
 * frontends (which stay); with it they take the place of options.addresses. They count as addresses
 * of the node. Noted for the next table_update(). Copied. Return: 0; -ENOMEM.
 */
int table_set_addresses(struct table *table, const struct inet_addr *addresses, size_t count);

/**
 * table_set_node_addresses - addresses that the node itself has, whatever is served on them
 * Packets to ports of these that no frontend has go up the stack (ssh lives there); without this,
 * an l4 frontend on an address that is not an HTTP one hides the other ports of it. Noted for the
 * next table_update(). Copied. Return: 0; -ENOMEM.
 */
int table_set_node_addresses(struct table *table, const struct inet_addr *addresses, size_t count);

/**
 * table_set_external - addresses that a host name of an ExternalName Service stands for now
 * @count: 0: none, or the name is not asked for any more
 * Noted for the next table_update(). Copied. Return: 0; -ENOMEM.
 */
int table_set_external(struct table *table, const char *host, const struct inet_addr *addresses,
		       size_t count);

/* Calls @fn for each host name that an ExternalName Service in use names, some more than once;
 * none unless options.allow_external_name. Stops at non-zero and returns it. */
typedef int table_external_fn(void *ctx, const char *host);
int table_each_external(const struct table *table, const struct model *model, table_external_fn *fn,
			void *ctx);

struct table_counts {
	uint32_t frontends, upstreams, backends, routes, hosts, problems;
};
void table_count(const struct table *table, struct table_counts *out);

/**
 * table_snapshot - serialise the routing part into a sealed memfd for the helper (snapshot.h)
 * Return: 0 with *fd_out owned by the caller and *bytes_out its size; -errno.
 */
int table_snapshot(const struct table *table, int *fd_out, size_t *bytes_out);

/* Every problem in use, borrowed until the next table_update(). */
const struct problem *table_problems(const struct table *table, size_t *count);

/* A route as people read it. Strings borrowed for the time of the call. */
struct table_route_view {
	const char *host; /* "" for rules without a host */
	const char *path;
	enum path_type type;
	bool regex;
	bool is_default;      /* the host's default backend: matches what no path does */
	const char *upstream; /* "ns/svc:port" */
	uint32_t upstream_id;
	const char *ingress; /* "ns/name"; "" for --default-backend */
	bool tls;
};
typedef int table_route_fn(void *ctx, const struct table_route_view *route);

/* Calls @fn for each route in order of precedence within each host; stops at non-zero and returns
 * it. */
int table_each_route(const struct table *table, table_route_fn *fn, void *ctx);

/* Networks that the ConfigMaps sluice-denylist name, ascending. Borrowed until the next
 * table_update(). */
const struct inet_network *table_denylist(const struct table *table, size_t *count);

/* A Service with externalTrafficPolicy Local, whose health others ask for on a port of the node. */
struct table_health_check {
	const char *namespace, *name; /* borrowed for the time of the call */
	uint16_t port;                /* host order */
	uint32_t local_endpoints;     /* ready ones on this node */
};
typedef int table_health_check_fn(void *ctx, const struct table_health_check *check);

/* Calls @fn for each health check of an l4 Service; stops at non-zero and returns it. */
int table_each_health_check(const struct table *table, const struct model *model,
			    table_health_check_fn *fn, void *ctx);

/* A Secret that the helper needs. */
enum table_secret_use {
	TABLE_SECRET_CERTIFICATE, /* tls.crt and tls.key, served by SNI as the snapshot says */
	TABLE_SECRET_DEFAULT,     /* the certificate of --default-certificate */
	TABLE_SECRET_CA,          /* ca.crt, to verify the backends of a route */
};
typedef int table_secret_fn(void *ctx, enum table_secret_use use, const char *namespace,
			    const char *name);

/* Calls @fn once for each Secret and use that is named by a route or host and present in the model
 * with the right type and data; no order. Stops at non-zero and returns it. */
int table_each_secret(const struct table *table, table_secret_fn *fn, void *ctx);

typedef int table_certificate_fn(void *ctx, const char *name, int64_t end_unix_s);

/* Calls @fn once for each certificate in use ("namespace/secret"), no order. Without .inspect none.
 * Stops at non-zero and returns it. */
int table_each_certificate(const struct table *table, table_certificate_fn *fn, void *ctx);

/* True if the Ingress is of our class (its status is ours to write). */
bool table_owns_ingress(const struct table *table, const char *namespace, const char *name);

#endif /* SLUICE_TABLE_TABLE_H */
