/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake.h - objects of one resource into the model, and out of it again
 *
 * Between intake_list_begin() and intake_list_end() each object that is put is marked; what was in
 * the model and is not marked at the end has been deleted while nobody watched.
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
	const char *namespace; /* borrowed; what is outside is not ours; NULL: all */
	/* May change an object before the model sees it. NULL: none. Return: 0; -ENOMEM. */
	int (*adjust)(void *ctx, struct object *object);
	intake_refused_fn *refused; /* an object is left out (message) or no longer so (NULL) */
	void *ctx;

	bool listing;
	unsigned int round;        /* of the list at hand */
	struct strmap seen;        /* "namespace/name" of what the list at hand holds */
	struct strmap refused_now; /* "namespace/name" -> struct refusal *, owned */
};

/**
 * intake_put - decode an object and put it into the model
 * @json: borrowed. One that cannot be used is left out, and told to refused().
 * Return: 0; -ENOMEM (it must be read again).
 */
int intake_put(struct intake *intake, const cJSON *json);
int intake_delete(struct intake *intake, const cJSON *json);

void intake_list_begin(struct intake *intake);
/* Deletes what the list did not hold. Return: as intake_put(). */
int intake_list_end(struct intake *intake);

void intake_free(struct intake *intake);

#endif /* SLUICE_KUBE_INTAKE_H */
