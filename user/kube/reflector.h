/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reflector.h - one resource of the API server, kept equal in the model
 *
 *   start -> streaming list ---- end of initial events ----> watch <---.
 *      |        | not offered                                  |       | ended: resume from the
 *      |        v                                              |       | last version seen
 *      '-> pages of a list -> last page --------------------> watch ---'
 *                                                              | version expired, or silent twice
 *   list again, keep objects: <-------------------------------'
 *   objects stay until the list has been read to its end, then those not in it are deleted
 */
#ifndef SLUICE_KUBE_REFLECTOR_H
#define SLUICE_KUBE_REFLECTOR_H

#include <stdbool.h>

#include "kube/api.h"
#include "kube/intake.h"
#include "model/model.h"

struct reflector;

struct reflector_options {
	const struct kind_resource *resource; /* borrowed for the life of the process */
	enum object_kind kind;
	const char *namespace;      /* copied; NULL: all */
	const char *label_selector; /* copied; NULL: none */
	const char *field_selector; /* copied; NULL: none */
	uint64_t idle_limit_ms;     /* of a watch; 0: REFLECTOR_IDLE_LIMIT_MS */
	/* If it may not be read, or is not served, it counts as read and empty. */
	bool optional;
};

/* Bookmarks arrive about once a minute (59.7 s and 60.0 s were seen): two of them may be lost. */
#define REFLECTOR_IDLE_LIMIT_MS 130000u
/* Of a streaming list: a server without them may send the objects, and then wait for changes. */
#define REFLECTOR_LIST_LIMIT_MS 3000u

/* Calls to the source that owns the reflectors. */
struct reflector_events {
	void (*changed)(void *ctx); /* the model may have noted a change */
	void (*synced)(void *ctx);  /* the first list has been read to its end; once */
	void (*reached)(void *ctx); /* the server answers again, after failures */
	int (*adjust)(void *ctx, struct object *object); /* as in struct intake */
	intake_refused_fn *refused;
	void *ctx;
};

struct reflector_counts {
	bool synced, open;
	uint64_t events, relists, errors, refused;
};

/**
 * reflector_start - list and watch until reflector_stop()
 * @api, @model: borrowed; @events: copied
 */
int reflector_start(struct loop *loop, struct api *api, struct model *model,
		    const struct reflector_options *options, const struct reflector_events *events,
		    struct reflector **out);
void reflector_stop(struct reflector *reflector); /* takes NULL */

/* The server answers somebody: if this one waits because it could not reach it, it tries now. */
void reflector_wake(struct reflector *reflector);

void reflector_count(const struct reflector *reflector, struct reflector_counts *out);

#endif /* SLUICE_KUBE_REFLECTOR_H */
