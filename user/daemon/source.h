/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.h - where the objects come from: a directory of manifests or an API server
 */
#ifndef SLUICE_DAEMON_SOURCE_H
#define SLUICE_DAEMON_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "admin/admin.h"
#include "base/loop.h"
#include "daemon/options/options.h"
#include "model/model.h"
#include "table/table.h"

struct source;

#define SOURCE_ERROR_MAX 512

/* Called from the loop. */
struct source_callbacks {
	void (*synced)(void *ctx);  /* once: the model is whole */
	void (*changed)(void *ctx); /* it has noted changes */
	bool (*owns_ingress)(void *ctx, const char *namespace, const char *name);
	/* HTTP is served on these, @exact: on no others; as in kube_callbacks. */
	size_t (*own_addresses)(void *ctx, const struct inet_addr **addresses, bool *exact);
	void (*holders_changed)(void *ctx); /* source_holds() may answer otherwise */
	void *ctx;
};

/**
 * source_check - can there be a source at all? To be asked before anything is touched.
 * @error: out, on failure: flag, value, reason
 * Return: 0; -EINVAL none was named; -errno.
 */
int source_check(const struct options *options, char error[SOURCE_ERROR_MAX]);

/* "manifests /dir", "kubernetes (in cluster)", ... */
void source_describe(const struct options *options, char *text, size_t size);

/**
 * source_start - begin to read into @model and to follow changes
 * Return: 0; -errno, with a log line.
 */
int source_start(const struct options *options, struct loop *loop, struct model *model,
		 const struct source_callbacks *callbacks, struct source **out);
void source_stop(struct source *source); /* takes NULL */

/**
 * source_holds - does this node answer for an address in a flat network (--announce l2)?
 * From a directory there are no other nodes: it does. @until_ms: out, if so, loop_now_ms() when
 * that ends, unless holders_changed() is called earlier.
 */
bool source_holds(const struct source *source, const struct inet_addr *addr, uint64_t *until_ms);
/* Be one of the nodes that do, or no longer: then others take over at once. */
int source_take_part(struct source *source, bool takes_part);

/* Read everything again (SIGHUP). */
void source_reread(struct source *source);

/* Calls @fn for each problem of the source itself: files that do not parse. */
void source_each_problem(struct source *source, admin_problem_fn *fn, void *ctx);

/* The table was compiled from the source: for status and Events. */
void source_compiled(struct source *source);
void source_problem(struct source *source, const struct problem *problem, bool cleared);

#endif /* SLUICE_DAEMON_SOURCE_H */
