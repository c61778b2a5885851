/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake.h - put objects of one resource into the model, and remove them
 *
 * Between intake_list_begin() and intake_list_end(), each object that is put is marked. An unmarked
 * object in the model was deleted while no watch was active.
 */
#ifndef SLUICE_KUBE_INTAKE_H
#define SLUICE_KUBE_INTAKE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/strmap.h"
#include "model/model.h"

typedef void intake_refused_fn(void *ctx, enum object_kind kind, const char *namespace,
			       const char *name, const char *uid, const char *message);

struct intake {
	struct model *model; /* borrowed */
	enum object_kind kind;
	const char *namespace; /* borrowed; other namespaces are ignored; NULL: all */
	/* May change an object before it enters the model. NULL: none. Return: 0; -ENOMEM. */
	int (*adjust)(void *ctx, struct object *object);
	intake_refused_fn
		*refused; /* an object is left out (message), or no longer left out (NULL) */
	void *ctx;

	bool listing;
	unsigned int round;        /* of the current list */
	struct strmap seen;        /* "namespace/name" of each object in the current list */
	struct strmap refused_now; /* "namespace/name" -> struct refusal *, owned */
};

/**
 * intake_put - decode an object and put it into the model
 * @json: borrowed. An unusable object is left out and reported to refused().
 * Return: 0; -ENOMEM (it must be read again).
 */
int intake_put(struct intake *intake, const cJSON *json);
int intake_delete(struct intake *intake, const cJSON *json);

void intake_list_begin(struct intake *intake);
/* Deletes objects that were not in the list. Return: as intake_put(). */
int intake_list_end(struct intake *intake);

void intake_free(struct intake *intake);

#endif /* SLUICE_KUBE_INTAKE_H */
