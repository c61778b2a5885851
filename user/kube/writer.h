/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.h - patches of status, some at a time, tried again until they are in or make no sense
 *
 * One job an object at most: a newer one takes the place of one that waits.
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
 * Nothing is sent if the same was written last, and the object has not changed since then: its
 * change comes back by the watch only a moment later.
 * @version: resourceVersion of the object that was looked at
 */
int writer_put(struct writer *writer, const struct kind_resource *resource, const char *namespace,
	       const char *name, const char *version, cJSON *status);

/* Changes the addresses in a status that holds entries of others as well. */
typedef bool writer_edit_fn(void *ctx, const cJSON *object, cJSON *entries);

/**
 * writer_edit - read the object, let @edit change the list status.loadBalancer.ingress, write it
 * @tag: what the edit is to bring about: the same for the same @version is done once
 * @edit: false if nothing is to be written; called from the loop
 * The write fails and is tried again from the reading if anybody else changes the object between.
 */
int writer_edit(struct writer *writer, const struct kind_resource *resource, const char *namespace,
		const char *name, const char *version, const char *tag, writer_edit_fn *edit,
		void *ctx);

/* Forget all that waits, end what runs: we may not write any more. Takes NULL. */
void writer_clear(struct writer *writer);

/* Is nothing left to do? */
bool writer_idle(const struct writer *writer);

#endif /* SLUICE_KUBE_WRITER_H */
