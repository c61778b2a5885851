/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compile.h - the work on one entry each; for the files of table/ only
 *
 * Everything that fails leaves what was in force before.
 */
#ifndef SLUICE_TABLE_COMPILE_COMPILE_H
#define SLUICE_TABLE_COMPILE_COMPILE_H

#include "table/table_priv.h"

/* ---- compile_ingress.c ----------------------------------------------------------------------- */

/* Compiles, compiles again or withdraws one Ingress. Return: 0; -ENOMEM, the old one in force. */
int ingress_compile(struct table *table, const struct model *model, const char *namespace,
		    const char *name);
/* ---- ingress_class.c ------------------------------------------------------------------------- */

bool class_is_ours(const struct table *table, const struct model *model,
		   const struct ingress *ingress);
/* Of --nginx-class: its annotations and defaults count. */
bool class_is_nginx(const struct table *table, const struct model *model,
		    const struct ingress *ingress);

/* ---- compile_target.c ------------------------------------------------------------------------ */

/* What target_resolve() needs to know for its problems. */
struct target_report {
	struct problem_set *problems; /* NULL: say nothing */
	struct problem_object object;
	const char *field; /* "spec.rules[0].http.paths[1].backend" */
	bool pod_ports;    /* a rule may name the port of the pods as well */
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

/* ---- compile_service.c ----------------------------------------------------------------------- */

/* The entry of that name, made if it is not there. Return: 0; -ENOMEM. */
int service_entry_get(struct table *table, const char *namespace, const char *name,
		      struct service_entry **out);
int service_refresh(struct table *table, const struct model *model, struct service_entry *service);
/* Frees it if nothing needs it any more. Return: 0; -ENOMEM, still there. */
int service_collect(struct table *table, struct service_entry *service);
void service_free(struct table *table, struct service_entry *service);

/* ---- compile_l4.c ---------------------------------------------------------------------------- */

bool service_is_l4(const struct table *table, const struct service *service);
/* @out: zeroed; l4_compiled_clear() in any case. Return: 0; -ENOMEM. */
int l4_compile(struct table *table, const struct service *service, struct service_entry *entry,
	       struct problem_set *problems, struct l4_compiled *out);
void l4_compiled_clear(struct table *table, struct l4_compiled *compiled);
/* Notes whether others ask for its health. @service: not read unless entry->is_l4. */
void service_watch_health(struct table *table, struct service_entry *entry,
			  const struct service *service);

/* ---- compile_denylist.c ---------------------------------------------------------------------- */

/* Return: 0; -ENOMEM, the one before in force. */
int denylist_compile(struct table *table, const struct model *model);

/* ---- compile_frontend.c ---------------------------------------------------------------------- */

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

/* ---- upstream.c ------------------------------------------------------------------------------ */

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

/* ---- endpoints.c ----------------------------------------------------------------------------- */

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

/* ---- compile_host.c -------------------------------------------------------------------------- */

/* The host of that name on a listener, made if it is not there. Return: 0; -ENOMEM. */
int host_entry_get(struct table *table, struct listener *listener, const char *name,
		   struct host_entry **out);
/* Makes claim part of its host; both marked. */
void host_attach(struct table *table, struct host_entry *host, struct claim *claim);
void host_detach(struct table *table, struct claim *claim);
int host_refresh(struct table *table, const struct model *model, struct host_entry *host);
void host_free(struct host_entry *host);

/* ---- externals.c ----------------------------------------------------------------------------- */

/* NULL: nothing is known of that name. */
const struct external *external_find(const struct table *table, const char *host);
void externals_clear(struct table *table);
/* After note.c has marked what the changed ones touch: forgets those without an address. */
void externals_settle(struct table *table);
/* The model's Service of an entry if it is of type ExternalName, else NULL. */
const struct service *external_service(const struct model *model,
				       const struct service_entry *entry);

#endif /* SLUICE_TABLE_COMPILE_COMPILE_H */
