// SPDX-License-Identifier: Apache-2.0
#include "daemon/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "files/files.h"
#include "kube/kube.h"

#define SERVICE_HOST "KUBERNETES_SERVICE_HOST" /* set in each pod */

/* One of the two. */
struct source {
	struct files *files; /* owned */
	struct kube *kube;   /* owned */
	struct source_callbacks callbacks;
};

int source_check(const struct options *options, char error[SOURCE_ERROR_MAX])
{
	struct stat st;
	int err = 0;

	if (options->manifests) {
		if (stat(options->manifests, &st))
			err = -errno;
		else if (!S_ISDIR(st.st_mode))
			err = -ENOTDIR;
		else if (access(options->manifests, R_OK | X_OK))
			err = -errno;
		if (err)
			snprintf(error, SOURCE_ERROR_MAX, "--manifests '%.300s': %s",
				 options->manifests, strerror(-err));
	} else if (options->kubeconfig) {
		if (access(options->kubeconfig, R_OK)) {
			err = -errno;
			snprintf(error, SOURCE_ERROR_MAX, "--kubeconfig '%.300s': %s",
				 options->kubeconfig, strerror(-err));
		}
	} else if (!getenv(SERVICE_HOST)) {
		err = -EINVAL;
		snprintf(error, SOURCE_ERROR_MAX,
			 "nothing to read: give --manifests DIR or --kubeconfig FILE; this is no "
			 "pod of a cluster (" SERVICE_HOST " is not set)");
	}
	return err;
}

void source_describe(const struct options *options, char *text, size_t size)
{
	if (options->manifests)
		snprintf(text, size, "manifests %s", options->manifests);
	else if (options->kubeconfig)
		snprintf(text, size, "kubernetes by %s", options->kubeconfig);
	else
		snprintf(text, size, "kubernetes, in the cluster");
}

/* ---- files ----------------------------------------------------------------------------------- */

static int start_files(const struct options *options, struct loop *loop, struct model *model,
		       struct source *source)
{
	struct files_options files_options = {
		.loop = loop,
		.model = model,
		.dir = options->manifests,
		.synced = source->callbacks.synced,
		.changed = source->callbacks.changed,
		.ctx = source->callbacks.ctx,
	};
	char error[FILES_ERROR_MAX] = "";
	int err;

	err = files_start(&files_options, &source->files, error);
	if (err)
		log_error("--manifests: %s", error);
	return err;
}

/* ---- kube ------------------------------------------------------------------------------------ */

static void kube_refused(void *ctx, enum object_kind kind, const char *namespace, const char *name,
			 const char *uid, const char *message)
{
	struct source *source = ctx;
	struct kube_event event = {
		.kind = kind,
		.namespace = namespace,
		.name = name,
		.uid = uid,
		.warning = true,
		.reason = "Invalid",
		.message = message ? message : "",
	};

	if (!message) {
		log_debug("%s %s/%s: no longer refused", object_kind_name(kind), namespace, name);
		kube_event_clear(source->kube, &event);
		return;
	}
	log_warn("%s %s/%s: %s; the object is left out", object_kind_name(kind), namespace, name,
		 message);
	kube_event(source->kube, &event);
}

static void kube_synced(void *ctx)
{
	const struct source *source = ctx;

	source->callbacks.synced(source->callbacks.ctx);
}

static void kube_changed(void *ctx)
{
	const struct source *source = ctx;

	source->callbacks.changed(source->callbacks.ctx);
}

static bool kube_owns_ingress(void *ctx, const char *namespace, const char *name)
{
	const struct source *source = ctx;

	return source->callbacks.owns_ingress(source->callbacks.ctx, namespace, name);
}

static size_t kube_own_addresses(void *ctx, const struct inet_addr **addresses, bool *exact)
{
	const struct source *source = ctx;

	return source->callbacks.own_addresses(source->callbacks.ctx, addresses, exact);
}

static void kube_holders_changed(void *ctx)
{
	const struct source *source = ctx;

	source->callbacks.holders_changed(source->callbacks.ctx);
}

bool source_holds(const struct source *source, const struct inet_addr *addr, uint64_t *until_ms)
{
	if (source->kube)
		return kube_holds(source->kube, addr, until_ms);
	*until_ms = UINT64_MAX;
	return true;
}

int source_take_part(struct source *source, bool takes_part)
{
	return source->kube ? kube_take_part(source->kube, takes_part) : 0;
}

static int start_kube(const struct options *options, struct loop *loop, struct model *model,
		      struct source *source)
{
	struct kube_options kube_options = {
		.kubeconfig = options->kubeconfig,
		.context = options->kube.context,
		.watch_namespaces = options->kube.watch_namespaces,
		.secret_namespaces = options->kube.secret_namespaces,
		.label_selector = options->kube.label_selector,
		.write = options->kube.write_status,
		.identity = *options->node_name ? options->node_name : NULL,
		.node_name = options->node_name,
		.lease_namespace = options->kube.lease_namespace,
		.lease_name = options->kube.lease_name,
		.publish_addresses = options->kube.publish_addresses,
		.publish_service = options->kube.publish_service,
		.lb_pool = options->kube.lb_pool,
		.announce = options->announce_l2,
	};
	struct kube_callbacks callbacks = {
		.changed = kube_changed,
		.synced = kube_synced,
		.refused = kube_refused,
		.owns_ingress = kube_owns_ingress,
		.own_addresses = kube_own_addresses,
		.holders_changed = kube_holders_changed,
		.ctx = source,
	};

	return kube_start(loop, &kube_options, model, &callbacks, &source->kube);
}

/* ---- either ---------------------------------------------------------------------------------- */

int source_start(const struct options *options, struct loop *loop, struct model *model,
		 const struct source_callbacks *callbacks, struct source **out)
{
	struct source *source = calloc(1, sizeof(*source));
	int err;

	if (!source)
		return -ENOMEM;
	source->callbacks = *callbacks;
	if (options->manifests)
		err = start_files(options, loop, model, source);
	else
		err = start_kube(options, loop, model, source);
	if (err) {
		source_stop(source);
		return err;
	}
	*out = source;
	return 0;
}

void source_stop(struct source *source)
{
	if (!source)
		return;
	files_stop(source->files);
	kube_stop(source->kube);
	free(source);
}

void source_reread(struct source *source)
{
	if (source->files)
		files_reread(source->files);
	else
		log_info("source: the API server is watched all the time; nothing to read again");
}

void source_each_problem(struct source *source, admin_problem_fn *fn, void *ctx)
{
	const struct files_problem *problems;
	size_t count;

	if (!source || !source->files)
		return;
	problems = files_problems(source->files, &count);
	for (size_t i = 0; i < count; i++) {
		struct admin_problem problem = {
			.kind = "File",
			.name = problems[i].file,
			.line = problems[i].line,
			.reason = "InvalidManifest",
			.message = problems[i].message,
		};

		fn(ctx, &problem);
	}
}

void source_compiled(struct source *source)
{
	if (source->kube)
		kube_table_changed(source->kube);
}

void source_problem(struct source *source, const struct problem *problem, bool cleared)
{
	char message[1024];
	struct kube_event event = {
		.kind = problem->kind,
		.namespace = problem->namespace,
		.name = problem->name,
		.uid = problem->uid,
		.warning = problem->severity == PROBLEM_WARNING,
		.reason = problem->reason,
		.message = message,
	};

	if (!source->kube)
		return;
	snprintf(message, sizeof(message), "%s%s%s", problem->field, *problem->field ? ": " : "",
		 problem->message);
	if (cleared)
		kube_event_clear(source->kube, &event);
	else
		kube_event(source->kube, &event);
}
