/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.h - patches of status, some at a time, tried again until they succeed or are obsolete
 *
 * At most one job per object: a newer one replaces one that waits.
 */
#ifndef SLUICE_KUBE_WRITER_H
#define SLUICE_KUBE_WRITER_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/loop.h"
#include "kube/api.h"

struct writer;

int writer_new(struct loop *loop, struct api *api, struct writer **out);
void writer_free(struct writer *writer); /* takes NULL */

/**
 * writer_put - write the status of an object
 * @status: owned by the writer from now on, also on failure
 * Sends nothing if the same status was written last and the object has not changed since: the watch
 * delivers our own change a moment later.
 * @version: resourceVersion of the object that was looked at
 */
int writer_put(struct writer *writer, const struct kind_resource *resource, const char *namespace,
	       const char *name, const char *version, cJSON *status);

/* Changes the addresses in a status that also has entries of others. */
typedef bool writer_edit_fn(void *ctx, const cJSON *object, cJSON *entries);

/**
 * writer_edit - read the object, let @edit change the list status.loadBalancer.ingress, write it
 * @tag: the goal of the edit: the same tag for the same @version is done once
 * @edit: false: no write is needed; called from the loop
 * If another client changes the object meanwhile, the write fails, and the job starts again with
 * reading.
 */
int writer_edit(struct writer *writer, const struct kind_resource *resource, const char *namespace,
		const char *name, const char *version, const char *tag, writer_edit_fn *edit,
		void *ctx);

/* Drops waiting jobs and ends running ones: we may no longer write. Takes NULL. */
void writer_clear(struct writer *writer);

/* Is there no job left? */
bool writer_idle(const struct writer *writer);

#endif /* SLUICE_KUBE_WRITER_H */
