/* SPDX-License-Identifier: Apache-2.0 */
/*
 * problems.h - what one compiled thing (Ingress, host, Service...) could not serve as written
 */
#ifndef SLUICE_TABLE_PROBLEMS_H
#define SLUICE_TABLE_PROBLEMS_H

#include <stddef.h>

#include "table/table.h"

struct problem_set {
	struct problem *items; /* owned, with their strings */
	size_t count, capacity;
};

/* The object that a problem is told of. Strings borrowed. */
struct problem_object {
	enum object_kind kind;
	const char *namespace, *name, *uid;
};

/**
 * problems_add - note one; the same one twice counts once after problems_replace()
 * @field: "" if no field is to blame
 * Return: 0; -ENOMEM.
 */
int problems_add(struct problem_set *set, const struct problem_object *object,
		 enum problem_severity severity, const char *reason, const char *field,
		 const char *format, ...) __attribute__((format(printf, 6, 7)));

void problems_clear(struct problem_set *set);

/**
 * problems_replace - put @now in the place of @before and note the difference
 * @before: sorted, as an earlier call left it; emptied and filled with what was in @now
 * @now: emptied
 * @added, @cleared: out, copies appended
 * Return: 0; -ENOMEM: @before as it was, @now still owned by the caller.
 */
int problems_replace(struct problem_set *before, struct problem_set *now, struct problem_set *added,
		     struct problem_set *cleared);

/* Takes out of both what one added and the other cleared: no news in the end. */
void problems_cancel(struct problem_set *added, struct problem_set *cleared);

#endif /* SLUICE_TABLE_PROBLEMS_H */
