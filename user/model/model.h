/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.h - the Kubernetes objects that matter here, validated, and the set of them
 *
 * Sources (files/, kube/) decode objects into these structs (decode.h) and put them into one
 * struct model; table/ compiles the model. Nothing below table/ knows a Kubernetes word.
 */
#ifndef SLUICE_MODEL_MODEL_H
#define SLUICE_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/inet.h"
#include "base/strmap.h"
#include "model/kind_list.h"

/* A v1 Endpoints becomes one or more of ENDPOINT_SLICE, see .from_endpoints. */
enum object_kind {
#define X(id, name) OBJECT_##id,
	OBJECT_KIND_LIST(X)
#undef X
		OBJECT_KINDS,
};

/* "Ingress", "Service", ... as Kubernetes spells it. */
const char *object_kind_name(enum object_kind kind);

struct key_value {
	char *key;   /* owned */
	char *value; /* owned */
};

#define CREATED_NEVER INT64_MAX /* no creationTimestamp: counts as the youngest */

struct object {
	enum object_kind kind;
	char *namespace;        /* owned; "" for cluster-scoped; "default" if a file gives none */
	char *name;             /* owned */
	char *uid;              /* owned; "" in files */
	char *resource_version; /* owned; "" in files */
	int64_t created_unix_s; /* CREATED_NEVER if absent */
	int64_t generation;
	struct key_value *annotations; /* owned array */
	size_t annotations_count;
	struct key_value *labels; /* owned array */
	size_t labels_count;
	/* Parts of the object that decode.h left out or adjusted, for Events and logs. */
	struct object_problem *problems; /* owned array */
	size_t problems_count;
};

/* One part of an object that is not served, or not as written. */
struct object_problem {
	char *field;   /* owned; "spec.rules[0].http.paths[2].path" */
	char *message; /* owned; value and reason */
};

struct service_port_ref {
	char *name;      /* owned; NULL if given by number */
	uint16_t number; /* host order; 0 if given by name */
};

struct ingress_backend {
	char *service; /* owned; NULL for a resource backend */
	struct service_port_ref port;
	char *resource; /* owned; "apiGroup/Kind/name" for messages, NULL for a service backend */
};

enum path_type { PATH_EXACT, PATH_PREFIX, PATH_IMPLEMENTATION_SPECIFIC };

struct ingress_path {
	char *path; /* owned; as written, "" only if implementation specific */
	enum path_type type;
	struct ingress_backend backend;
	size_t index; /* in the object as written, for field names */
};

struct ingress_rule {
	char *host; /* owned; lower case, "" for none, "*.foo.com" as written */
	bool has_http;
	struct ingress_path *paths; /* owned array, refused ones left out */
	size_t paths_count;
	size_t index;
};

struct ingress_tls {
	char **hosts; /* owned array of owned strings */
	size_t hosts_count;
	char *secret_name; /* owned; NULL if absent */
	size_t index;
};

struct address_entry {  /* of status.loadBalancer.ingress */
	char *ip;       /* owned or NULL */
	char *hostname; /* owned or NULL */
};

struct ingress {
	struct object meta; /* first: an object pointer is an ingress pointer */
	char *class_name;   /* owned; spec.ingressClassName, NULL if absent */
	struct ingress_backend *default_backend; /* owned or NULL */
	struct ingress_rule *rules;              /* owned array, refused ones left out */
	size_t rules_count;
	bool has_rules;          /* as written: true also if every rule was refused */
	struct ingress_tls *tls; /* owned array */
	size_t tls_count;
	struct address_entry *status; /* owned array: the status at the API server now */
	size_t status_count;
};

struct ingress_class {
	struct object meta;
	char *controller; /* owned */
	bool is_default;
};

struct service_port {
	char *name;      /* owned; "" for none */
	uint16_t number; /* host order */
	uint8_t proto;   /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP */
	uint16_t node_port;
	char *app_protocol;     /* owned or NULL */
	uint16_t target_number; /* of the pods; 0: named, or as .number */
	char *target_name;      /* owned or NULL */
};

enum service_type {
	SERVICE_CLUSTER_IP,
	SERVICE_NODE_PORT,
	SERVICE_LOAD_BALANCER,
	SERVICE_EXTERNAL_NAME,
};

struct service {
	struct object meta;
	enum service_type type;
	char *load_balancer_class; /* owned or NULL */
	char *external_name;       /* owned or NULL */
	/* owned; spec.loadBalancerIP. Not the status: an address that we wrote there must not
	 * outlive the spec that requested it. */
	struct inet_addr *load_balancer_ips;
	size_t load_balancer_ips_count;
	struct inet_addr *external_ips; /* owned */
	size_t external_ips_count;
	struct service_port *ports; /* owned array */
	size_t ports_count;
	char **source_ranges; /* owned; CIDR text, validated */
	size_t source_ranges_count;
	bool external_traffic_local;
	bool publish_not_ready;
	bool session_affinity_client_ip;
	uint32_t session_affinity_timeout_s;
	uint16_t health_check_node_port;
	bool wants_ipv4, wants_ipv6;  /* spec.ipFamilies; only IPv4 if absent */
	struct address_entry *status; /* owned array: status.loadBalancer.ingress now */
	size_t status_count;
};

struct slice_port {
	char *name;      /* owned; "" for none */
	uint16_t number; /* host order; 0: absent ("all ports"), never usable here */
	uint8_t proto;
};

struct slice_endpoint {
	struct inet_addr addr;            /* the first address: the API defines only that one */
	bool ready, serving, terminating; /* with the API's defaults applied */
	char *node_name;                  /* owned or NULL */
	char *target_name;                /* owned or NULL: the pod */
};

struct endpoint_slice {
	struct object meta;
	char *service_name; /* owned; label kubernetes.io/service-name, "" if missing */
	bool from_endpoints;
	struct slice_port *ports; /* owned array */
	size_t ports_count;
	struct slice_endpoint *endpoints; /* owned array */
	size_t endpoints_count;
};

struct secret {
	struct object meta;
	char *type; /* owned */
	/* Decoded from base64; NULL if absent. Zeroed before they are freed. */
	uint8_t *tls_crt, *tls_key, *ca_crt;
	size_t tls_crt_bytes, tls_key_bytes, ca_crt_bytes;
	uint8_t *tls_ocsp; /* owned; DER of an OCSP response */
	size_t tls_ocsp_bytes;
};

#define CONFIG_MAP_DENYLIST "sluice-denylist" /* networks whose packets are dropped */

struct config_map {
	struct object meta;
	struct key_value *data; /* owned array */
	size_t data_count;
};

struct node {
	struct object meta;
	struct inet_addr *internal_ips, *external_ips; /* owned arrays */
	size_t internal_ips_count, external_ips_count;
	bool ready;
};

struct lease {
	struct object meta;
	char *holder;        /* owned; "" for no holder */
	char *renewed;       /* owned; as written: only compared, never parsed */
	uint32_t duration_s; /* 0 if absent */
};

/* Value of an annotation or label, NULL if absent. Borrowed. */
const char *object_annotation(const struct object *object, const char *key);
const char *object_label(const struct object *object, const char *key);

/**
 * object_free - free an object of any kind
 * @object: NULL, or what decode or model_take() returned
 */
void object_free(struct object *object);

/* Same meaning: all but resourceVersion, status, generation and when a Lease was renewed. Serves to
 * ignore saves without a change. */
bool object_equal(const struct object *a, const struct object *b);

/*
 * The set of all objects, by kind and namespace/name. Each put or delete is noted in a change list
 * that the compiler reads and clears: the work follows the change.
 */
struct model_change {
	enum object_kind kind;
	char *namespace;    /* owned */
	char *name;         /* owned */
	struct object *old; /* owned by the change list; NULL if the object is new */
			    /* The present object is found with model_get(); NULL there: deleted. */
};

struct model {
	struct strmap objects[OBJECT_KINDS]; /* "namespace/name" -> struct object *, owned */
	struct strmap slices_of; /* "namespace/service" -> struct object_list * of slices, owned */
	struct model_change *changes; /* owned; at most one an object, see model_put() */
	size_t changes_count, changes_capacity;
	struct strmap changed; /* "kind/namespace/name" -> change index + 1 */
};

struct object_list {
	struct object **items; /* owned array of borrowed objects */
	size_t count, capacity;
};

void model_init(struct model *model);
void model_free(struct model *model);

/**
 * model_put - add or replace an object
 * @object: ownership moves to the model, also on failure
 * A put that changes nothing (object_equal) keeps the new object but notes no change. Two puts of
 * one object between two reads of the change list make one change with the first's old object.
 * Return: 0; -ENOMEM.
 */
int model_put(struct model *model, struct object *object);

/* Deletes; returns 0, or -ENOENT if there is no such object, -ENOMEM. */
int model_delete(struct model *model, enum object_kind kind, const char *namespace,
		 const char *name);

/* Borrowed until the next put or delete of that object; NULL if there is none. */
struct object *model_get(const struct model *model, enum object_kind kind, const char *namespace,
			 const char *name);

/* Slices of one Service, borrowed; NULL if there are none. */
const struct object_list *model_slices_of(const struct model *model, const char *namespace,
					  const char *service);

/* Forgets the changes noted so far (after the compiler has taken them in). */
void model_clear_changes(struct model *model);

#endif /* SLUICE_MODEL_MODEL_H */
