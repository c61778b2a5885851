// SPDX-License-Identifier: Apache-2.0
#include "kube/kube.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "kube/api.h"
#include "kube/holders.h"
#include "kube/leader.h"
#include "kube/publish.h"
#include "kube/recorder.h"
#include "kube/reflector.h"
#include "kube/vip.h"
#include "kube/writer.h"

#define REVIEW_MS          250u     /* changes within this time are handled together */
#define OWN_SERVICE        "sluice" /* as in manifests/ */
#define LEASE_NAME         "sluice-leader"
#define LEASE_NAMESPACE    "sluice-system"
#define LB_CLASS           "sluice.dev/l4"
#define IDENTITY_BYTES_MAX 256

struct kube {
	struct loop *loop;   /* borrowed */
	struct model *model; /* borrowed */
	struct api api;
	const char *own_namespace; /* borrowed: of the options, the configuration, or a literal */
	struct kube_callbacks callbacks;
	struct loop_timer *turn;       /* owned: fires at the end of a turn with a change */
	struct reflector **reflectors; /* owned array of owned reflectors */
	size_t reflectors_count, reflectors_synced;
	bool synced, api_started;

	/* NULL without writing. */
	struct leader *leader;     /* owned */
	struct writer *writer;     /* owned */
	struct publish *publish;   /* owned */
	struct recorder *recorder; /* owned */
	struct vip *vip;           /* owned; also used without writing */
	struct holders *holders;   /* owned; NULL: no address is announced */
	struct loop_timer *review; /* owned */
	bool review_waits;
};

/* The watched kinds, and their filters. */
static const struct {
	enum object_kind kind;
	const char *field_selector;
	bool optional;
} watched[] = {
	{ OBJECT_INGRESS_CLASS, NULL, false },
	{ OBJECT_SERVICE, NULL, false },
	{ OBJECT_ENDPOINT_SLICE, NULL, false },
	{ OBJECT_SECRET, "type=kubernetes.io/tls", false },
	{ OBJECT_INGRESS, NULL, false },
	{ OBJECT_NODE, NULL, true },
	{ OBJECT_CONFIG_MAP, "metadata.name=" CONFIG_MAP_DENYLIST, true },
};

#define WATCHED_COUNT (sizeof(watched) / sizeof(watched[0]))

/* ---- what is written ------------------------------------------------------------------------- */

static void review_soon(struct kube *kube)
{
	if (kube->review_waits)
		return;
	kube->review_waits = true;
	loop_timer_arm(kube->review, REVIEW_MS);
}

static void on_review(void *ctx)
{
	struct kube *kube = ctx;
	bool leads = leader_leads(kube->leader);

	kube->review_waits = false;
	if (!kube->synced)
		return;
	vip_review(kube->vip, leads);
	if (leads)
		publish_review(kube->publish);
}

/* Whoever waits for the server to come back need not wait any longer. */
static void on_reached(void *ctx)
{
	struct kube *kube = ctx;

	for (size_t i = 0; i < kube->reflectors_count; i++)
		reflector_wake(kube->reflectors[i]);
}

static void on_leads(void *ctx, bool leads)
{
	struct kube *kube = ctx;

	recorder_lead(kube->recorder, leads);
	if (!leads)
		writer_clear(kube->writer);
	review_soon(kube);
}

static void on_vip_problem(void *ctx, const struct service *service, const char *reason,
			   const char *message, bool holds)
{
	struct kube *kube = ctx;
	struct kube_event event = {
		.kind = OBJECT_SERVICE,
		.namespace = service->meta.namespace,
		.name = service->meta.name,
		.uid = service->meta.uid,
		.warning = true,
		.reason = reason,
		.message = message,
	};

	if (!holds) {
		kube_event_clear(kube, &event);
		return;
	}
	log_warn("kube: Service %s/%s: %s", event.namespace, event.name, message);
	kube_event(kube, &event);
}

static int adjust(void *ctx, struct object *object)
{
	struct kube *kube = ctx;

	if (object->kind != OBJECT_SERVICE)
		return 0;
	return vip_adjust(kube->vip, (struct service *)object);
}

static int start_publish(struct kube *kube, const struct kube_options *options)
{
	struct publish_options publish = {
		.addresses = options->publish_addresses,
		.service = options->publish_service,
		.or_this_node = !options->publish_service,
		.node_name = options->node_name ? options->node_name : "",
		.owns_ingress = kube->callbacks.owns_ingress,
		.own_addresses = kube->callbacks.own_addresses,
		.ctx = kube->callbacks.ctx,
	};
	char *own_service = NULL;
	int err;

	if (!publish.service) {
		if (asprintf(&own_service, "%s/%s", kube->own_namespace, OWN_SERVICE) < 0)
			return -ENOMEM;
		publish.service = own_service;
	}
	err = publish_new(kube->model, kube->leader, kube->writer, &publish, &kube->publish);
	free(own_service);
	return err;
}

static int start_writing(struct kube *kube, const struct kube_options *options)
{
	char host_name[IDENTITY_BYTES_MAX] = "sluice";
	struct leader_options leader = {
		.namespace = kube->own_namespace,
		.name = options->lease_name ? options->lease_name : LEASE_NAME,
		.identity = options->identity,
		.duration_s = options->lease_duration_s,
		.changed = on_leads,
		.reached = on_reached,
		.ctx = kube,
	};
	int err;

	gethostname(host_name, sizeof(host_name) - 1);
	if (!leader.identity || !*leader.identity)
		leader.identity = host_name;
	err = recorder_new(kube->loop, &kube->api, leader.identity, &kube->recorder);
	if (!err)
		err = leader_start(kube->loop, &kube->api, &leader, &kube->leader);
	return err ? err : start_publish(kube, options);
}

static int start_vip(struct kube *kube, const struct kube_options *options)
{
	const struct vip_options vip = {
		.lb_class = options->lb_class ? options->lb_class : LB_CLASS,
		.pool = options->lb_pool,
		.problem = on_vip_problem,
		.ctx = kube,
	};
	int err = loop_timer_new(kube->loop, on_review, kube, &kube->review);

	if (!err)
		err = writer_new(kube->loop, &kube->api, &kube->writer);
	return err ? err : vip_new(kube->model, kube->writer, &vip, &kube->vip);
}

void kube_table_changed(struct kube *kube)
{
	review_soon(kube);
}

void kube_event(struct kube *kube, const struct kube_event *event)
{
	if (kube->recorder)
		recorder_add(kube->recorder, event);
}

void kube_event_clear(struct kube *kube, const struct kube_event *event)
{
	if (kube->recorder)
		recorder_clear(kube->recorder, event);
}

/* ---- from the reflectors --------------------------------------------------------------------- */

static void on_turn(void *ctx)
{
	struct kube *kube = ctx;

	if (kube->reflectors_synced < kube->reflectors_count)
		return;
	if (!kube->synced) {
		kube->synced = true;
		malloc_trim(0); /* memory that was needed only while reading the lists */
		log_info("kube: all lists have been read: %zu ingresses, %zu services, %zu slices",
			 kube->model->objects[OBJECT_INGRESS].count,
			 kube->model->objects[OBJECT_SERVICE].count,
			 kube->model->objects[OBJECT_ENDPOINT_SLICE].count);
		if (kube->callbacks.synced)
			kube->callbacks.synced(kube->callbacks.ctx);
	}
	if (kube->callbacks.changed)
		kube->callbacks.changed(kube->callbacks.ctx);
	review_soon(kube); /* a status may have changed, which the table ignores */
	holders_review_soon(kube->holders);
}

static void on_changed(void *ctx)
{
	struct kube *kube = ctx;

	loop_timer_arm(kube->turn, 0);
}

/* Leases are renewed all the time; only the holders depend on them. */
static void on_leases_changed(void *ctx)
{
	struct kube *kube = ctx;

	holders_review_soon(kube->holders);
}

static void on_synced(void *ctx)
{
	struct kube *kube = ctx;

	kube->reflectors_synced++;
	loop_timer_arm(kube->turn, 0);
}

static void on_refused(void *ctx, enum object_kind kind, const char *namespace, const char *name,
		       const char *uid, const char *message)
{
	struct kube *kube = ctx;

	if (kube->callbacks.refused)
		kube->callbacks.refused(kube->callbacks.ctx, kind, namespace, name, uid, message);
}

/* ---- start and stop -------------------------------------------------------------------------- */

static int add_reflector(struct kube *kube, const struct reflector_options *options)
{
	const struct reflector_events events = {
		.changed = options->kind == OBJECT_LEASE ? on_leases_changed : on_changed,
		.synced = on_synced,
		.reached = on_reached,
		.adjust = adjust,
		.refused = on_refused,
		.ctx = kube,
	};
	struct reflector **grown = reallocarray(kube->reflectors, kube->reflectors_count + 1,
						sizeof(struct reflector *));
	int err;

	if (!grown)
		return -ENOMEM;
	kube->reflectors = grown;
	err = reflector_start(kube->loop, &kube->api, kube->model, options, &events,
			      &grown[kube->reflectors_count]);
	if (!err)
		kube->reflectors_count++;
	return err;
}

/* One reflector for each namespace of a list "a,b", or one for all. */
static int add_reflectors(struct kube *kube, struct reflector_options *options,
			  const char *namespaces)
{
	char *copy, *rest, *name;
	int err = 0;

	if (!options->resource->namespaced || !namespaces || !*namespaces)
		return add_reflector(kube, options);
	copy = strdup(namespaces);
	if (!copy)
		return -ENOMEM;
	rest = copy;
	while (!err && (name = strsep(&rest, ","))) {
		if (!*name)
			continue;
		options->namespace = name;
		err = add_reflector(kube, options);
	}
	free(copy);
	return err;
}

static int watch_all(struct kube *kube, const struct kube_options *options)
{
	int err = 0;

	for (size_t i = 0; i < WATCHED_COUNT && !err; i++) {
		struct reflector_options wanted = {
			.resource = kind_resource(watched[i].kind),
			.kind = watched[i].kind,
			.field_selector = watched[i].field_selector,
			.idle_limit_ms = options->idle_limit_ms,
			.optional = watched[i].optional,
		};
		const char *namespaces = options->watch_namespaces;

		if (watched[i].kind == OBJECT_INGRESS)
			wanted.label_selector = options->label_selector;
		else if (watched[i].kind == OBJECT_SECRET && options->secret_namespaces)
			namespaces = options->secret_namespaces;
		else if (watched[i].kind == OBJECT_CONFIG_MAP)
			namespaces = kube->own_namespace;
		err = add_reflectors(kube, &wanted, namespaces);
	}
	return err;
}

static void on_holders_changed(void *ctx)
{
	struct kube *kube = ctx;

	if (kube->synced && kube->callbacks.holders_changed)
		kube->callbacks.holders_changed(kube->callbacks.ctx);
}

static int start_holders(struct kube *kube, const struct kube_options *options)
{
	struct reflector_options leases = {
		.resource = kind_resource(OBJECT_LEASE),
		.kind = OBJECT_LEASE,
		.namespace = kube->own_namespace,
		.idle_limit_ms = options->idle_limit_ms,
		.optional = true,
	};
	struct holders_options holders = {
		.namespace = kube->own_namespace,
		.node_name = options->node_name,
		.duration_s = options->lease_duration_s,
		.changed = on_holders_changed,
		.ctx = kube,
	};
	char host_name[IDENTITY_BYTES_MAX] = "sluice";
	int err = add_reflector(kube, &leases);

	gethostname(host_name, sizeof(host_name) - 1);
	if (!holders.node_name || !*holders.node_name)
		holders.node_name = host_name;
	return err ? err
		   : holders_new(kube->loop, &kube->api, kube->model, &holders, &kube->holders);
}

bool kube_holds(const struct kube *kube, const struct inet_addr *addr, uint64_t *until_ms)
{
	return kube->holders && holders_holds(kube->holders, addr, until_ms);
}

int kube_take_part(struct kube *kube, bool takes_part)
{
	if (!kube->holders)
		return 0;
	if (takes_part)
		return holders_join(kube->holders);
	holders_leave(kube->holders);
	return 0;
}

static const char *own_namespace(const struct kube *kube, const struct kube_options *options)
{
	if (options->lease_namespace)
		return options->lease_namespace;
	if (!options->kubeconfig && *kube->api.config.namespace)
		return kube->api.config.namespace;
	return LEASE_NAMESPACE;
}

int kube_start(struct loop *loop, const struct kube_options *options, struct model *model,
	       const struct kube_callbacks *callbacks, struct kube **out)
{
	struct kube *kube = calloc(1, sizeof(*kube));
	int err;

	if (!kube)
		return -ENOMEM;
	kube->loop = loop;
	kube->model = model;
	kube->callbacks = *callbacks;
	err = loop_timer_new(loop, on_turn, kube, &kube->turn);
	if (err)
		goto out;
	err = api_start(&kube->api, loop, options->kubeconfig, options->context);
	if (err)
		goto out;
	kube->api_started = true;
	kube->own_namespace = own_namespace(kube, options);
	log_info("kube: API server %s", kube->api.config.server);
	err = start_vip(kube, options);
	if (!err)
		err = watch_all(kube, options);
	if (!err && options->write)
		err = start_writing(kube, options);
	if (!err && options->announce)
		err = start_holders(kube, options);
	if (err)
		goto out;
	*out = kube;
	return 0;
out:
	kube_stop(kube);
	return err;
}

void kube_stop(struct kube *kube)
{
	if (!kube)
		return;
	for (size_t i = 0; i < kube->reflectors_count; i++)
		reflector_stop(kube->reflectors[i]);
	free(kube->reflectors);
	writer_clear(kube->writer);
	holders_free(kube->holders);
	leader_stop(kube->leader);
	publish_free(kube->publish);
	recorder_free(kube->recorder);
	vip_free(kube->vip);
	writer_free(kube->writer);
	loop_timer_free(kube->review);
	if (kube->api_started)
		api_stop(&kube->api);
	loop_timer_free(kube->turn);
	free(kube);
}

void kube_count(const struct kube *kube, struct kube_counts *out)
{
	memset(out, 0, sizeof(*out));
	out->synced = kube->synced;
	out->leader = leader_leads(kube->leader);
	out->watches = (uint32_t)kube->reflectors_count;
	for (size_t i = 0; i < kube->reflectors_count; i++) {
		struct reflector_counts counts;

		reflector_count(kube->reflectors[i], &counts);
		out->watches_open += counts.open;
		out->events += counts.events;
		out->relists += counts.relists;
		out->watch_errors += counts.errors;
		out->refused += counts.refused;
	}
	out->writes = kube->api.writes;
	out->write_errors = kube->api.write_errors;
	out->last_contact_ms = http_last_contact_ms(kube->api.http);
}
