/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kube.h - the API server as a source of objects, and writing to it
 *
 * Lists and watches Ingresses, IngressClasses, Services, EndpointSlices, TLS Secrets, Nodes and the
 * ConfigMap of the deny list into one model, on the daemon's loop. One replica at a time (holder of
 * a Lease) writes Ingress and Service status and Events.
 *
 *   config.c     kubeconfig or service account -> address, trust, credentials
 *   http.c       libcurl multi handle on the loop: requests with callbacks
 *   api.c        a request to the API server: path, credentials, error text
 *   split.c      lines of a watch, items of a list, from pieces of any size
 *   reflector.c  list + watch of one resource, always resumed
 *   leader.c     the Lease             holders.c        Leases of nodes that announce addresses
 *   writer.c     a bounded queue of patches
 *   publish.c    Ingress status        vip.c, lb_pool.c  Service status, addresses of pools
 *   recorder.c   Events
 */
#ifndef SLUICE_KUBE_KUBE_H
#define SLUICE_KUBE_KUBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "model/model.h"

struct kube;

/* Strings are copied. */
struct kube_options {
	const char *kubeconfig;        /* file; NULL: service account of the pod */
	const char *context;           /* of the kubeconfig; NULL: its current-context */
	const char *watch_namespaces;  /* "a,b"; NULL or "": all */
	const char *secret_namespaces; /* "a,b": Secrets only of these; NULL: as above */
	const char *label_selector;    /* of Ingresses; NULL: none */

	uint64_t idle_limit_ms; /* a watch that is silent for this long is restarted; 0: 130 s */

	/* Writing. Off: no write and no Lease. */
	bool write;
	const char *identity;          /* of this replica: pod or node name; NULL: host name */
	const char *lease_namespace;   /* NULL: the pod's own, else "sluice-system" */
	const char *lease_name;        /* NULL: "sluice-leader" */
	unsigned int lease_duration_s; /* 0: 15 */
	const char
		*publish_addresses;  /* "IP|HOST,...": status of served Ingresses; NULL: see next */
	const char *publish_service; /* "NS/NAME": copy its status, else its ready endpoints;
					  NULL: Service "sluice" of the Lease's namespace, and
					  without that Service this node */
	const char *node_name;       /* the Node of this replica; NULL: not known */
	const char *lb_class;        /* Services whose status we write; NULL: "sluice.dev/l4" */
	const char *lb_pool;         /* "CIDR|FIRST-LAST|IP,..."; NULL: no addresses are assigned */

	bool announce; /* announce addresses, see kube_holds(); needs no .write */
};

/* Called from the loop, never from inside kube_start() or kube_stop(). Any may be NULL. */
struct kube_callbacks {
	/*
	 * The model has changes. Called at most once a turn of the loop, first after synced().
	 */
	void (*changed)(void *ctx);
	/* Every list has been read to its end: the model is complete. Called once. */
	void (*synced)(void *ctx);
	/*
	 * A whole object was refused and is not in the model. @message NULL: it is valid now, or
	 * gone. Strings are borrowed.
	 */
	void (*refused)(void *ctx, enum object_kind kind, const char *namespace, const char *name,
			const char *uid, const char *message);
	/*
	 * Addresses on which this replica serves HTTP: the default for the status of Ingresses.
	 * @exact: they were configured, and HTTP is served on no others. Borrowed until the loop
	 * continues. Return: their number.
	 */
	size_t (*own_addresses)(void *ctx, const struct inet_addr **addresses, bool *exact);
	/* Is this Ingress of our class? Called for each Ingress when status is written. */
	bool (*owns_ingress)(void *ctx, const char *namespace, const char *name);
	/* The result of kube_holds() may have changed. */
	void (*holders_changed)(void *ctx);
	void *ctx;
};

/**
 * kube_start - read the configuration, begin to list and watch
 * @model: borrowed until kube_stop()
 * Return: 0; -ENOENT, -EINVAL, ... with a log line that names file and field. An unreachable API
 * server is not an error: it is tried again for ever.
 */
int kube_start(struct loop *loop, const struct kube_options *options, struct model *model,
	       const struct kube_callbacks *callbacks, struct kube **out);

/* Releases the Lease if held (waits at most a second). Takes NULL. */
void kube_stop(struct kube *kube);

/*
 * The compiled table may serve other Ingresses or Services than before: call it after each
 * table_update(). It is cheap; the work is deferred and batched.
 */
void kube_table_changed(struct kube *kube);

/**
 * kube_holds - must this node answer for an address of a frontend in a flat network?
 * @until_ms: out, if so: loop_now_ms() when that ends, unless holders_changed() is called earlier
 * False for all addresses without kube_options.announce.
 */
bool kube_holds(const struct kube *kube, const struct inet_addr *addr, uint64_t *until_ms);

/*
 * Starts to take part, when this node serves its addresses; or stops, so that others take over at
 * once. No effect without kube_options.announce. Return: 0; -ENOMEM.
 */
int kube_take_part(struct kube *kube, bool takes_part);

struct kube_event {
	enum object_kind kind;
	const char *namespace, *name, *uid; /* of the object concerned */
	bool warning;                       /* else a note */
	const char *reason;                 /* CamelCase */
	const char *message;
};

/**
 * kube_event - report to users of an object what was left out or adjusted
 * The event is kept, and sent while this replica leads. A repetition within an hour is counted. No
 * effect if writing is off.
 */
void kube_event(struct kube *kube, const struct kube_event *event);

/*
 * The reason no longer holds: a new leader will not report it again. An empty message stands for
 * all messages about that object with that reason.
 */
void kube_event_clear(struct kube *kube, const struct kube_event *event);

/* For /status and /metrics. */
struct kube_counts {
	bool synced, leader;
	uint32_t watches, watches_open; /* wanted / streaming now */
	uint64_t events;                /* of watches, bookmarks not counted */
	uint64_t relists, watch_errors; /* after the first list / watches ended by a failure */
	uint64_t writes, write_errors;  /* requests that write */
	uint64_t last_contact_ms; /* loop_now_ms() of the last byte from the server; 0: never */
	uint64_t refused;         /* objects that are currently refused as a whole */
};
void kube_count(const struct kube *kube, struct kube_counts *out);

#endif /* SLUICE_KUBE_KUBE_H */
