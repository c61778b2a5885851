// SPDX-License-Identifier: Apache-2.0
#include "table/problems.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table/vec.h"

static void problem_clear(struct problem *problem)
{
	free(problem->namespace);
	free(problem->name);
	free(problem->uid);
	free(problem->reason);
	free(problem->field);
	free(problem->message);
	memset(problem, 0, sizeof(*problem));
}

static int problem_copy(struct problem *to, const struct problem *from)
{
	*to = (struct problem){
		.kind = from->kind,
		.severity = from->severity,
		.namespace = strdup(from->namespace),
		.name = strdup(from->name),
		.uid = strdup(from->uid),
		.reason = strdup(from->reason),
		.field = strdup(from->field),
		.message = strdup(from->message),
	};
	if (to->namespace && to->name && to->uid && to->reason && to->field && to->message)
		return 0;
	problem_clear(to);
	return -ENOMEM;
}

static int problem_compare(const void *left, const void *right)
{
	const struct problem *a = left, *b = right;
	int order = a->kind != b->kind ? (int)a->kind - (int)b->kind : strcmp(a->name, b->name);

	if (!order)
		order = strcmp(a->namespace, b->namespace);
	if (!order)
		order = strcmp(a->field, b->field);
	if (!order)
		order = strcmp(a->reason, b->reason);
	if (!order)
		order = strcmp(a->message, b->message);
	if (!order)
		order = strcmp(a->uid, b->uid);
	return order ? order : (int)a->severity - (int)b->severity;
}

/* Sorts; the same problem twice is kept once. */
static void sort(struct problem_set *set)
{
	size_t kept = 0;

	if (set->count)
		qsort(set->items, set->count, sizeof(*set->items), problem_compare);
	for (size_t i = 0; i < set->count; i++) {
		if (kept && problem_compare(&set->items[kept - 1], &set->items[i]) == 0)
			problem_clear(&set->items[i]);
		else
			set->items[kept++] = set->items[i];
	}
	set->count = kept;
}

static int append(struct problem_set *set, const struct problem *problem)
{
	int err = vec_reserve(&set->items, &set->capacity, set->count, 1, sizeof(*set->items));

	if (!err)
		err = problem_copy(&set->items[set->count], problem);
	if (!err)
		set->count++;
	return err;
}

int problems_add(struct problem_set *set, const struct problem_object *object,
		 enum problem_severity severity, const char *reason, const char *field,
		 const char *format, ...)
{
	struct problem problem = {
		.kind = object->kind,
		.severity = severity,
		.namespace = (char *)object->namespace,
		.name = (char *)object->name,
		.uid = (char *)object->uid,
		.reason = (char *)reason,
		.field = (char *)field,
	};
	va_list args;
	int err;

	va_start(args, format);
	if (vasprintf(&problem.message, format, args) < 0)
		problem.message = NULL;
	va_end(args);
	if (!problem.message)
		return -ENOMEM;
	err = append(set, &problem);
	free(problem.message);
	return err;
}

void problems_clear(struct problem_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		problem_clear(&set->items[i]);
	free(set->items);
	memset(set, 0, sizeof(*set));
}

/* Both sorted. Appends to @to what @of has and @in has not. */
static int append_missing(const struct problem_set *of, const struct problem_set *in,
			  struct problem_set *to)
{
	int err = 0;
	size_t j = 0;

	for (size_t i = 0; i < of->count && !err; i++) {
		int order = 1;

		while (j < in->count && (order = problem_compare(&in->items[j], &of->items[i])) < 0)
			j++;
		if (j == in->count || order != 0)
			err = append(to, &of->items[i]);
	}
	return err;
}

static void truncate_to(struct problem_set *set, size_t count)
{
	while (set->count > count)
		problem_clear(&set->items[--set->count]);
}

int problems_replace(struct problem_set *before, struct problem_set *now, struct problem_set *added,
		     struct problem_set *cleared)
{
	size_t added_count = added->count, cleared_count = cleared->count;
	int err;

	sort(now);
	err = append_missing(now, before, added);
	if (!err)
		err = append_missing(before, now, cleared);
	if (err) {
		truncate_to(added, added_count);
		truncate_to(cleared, cleared_count);
		return err;
	}
	problems_clear(before);
	*before = *now;
	memset(now, 0, sizeof(*now));
	return 0;
}

void problems_cancel(struct problem_set *added, struct problem_set *cleared)
{
	size_t kept_added = 0, kept_cleared = 0, i = 0, j = 0;

	sort(added);
	sort(cleared);
	while (i < added->count || j < cleared->count) {
		int order = i == added->count ? 1
			    : j == cleared->count
				    ? -1
				    : problem_compare(&added->items[i], &cleared->items[j]);

		if (order < 0) {
			added->items[kept_added++] = added->items[i++];
		} else if (order > 0) {
			cleared->items[kept_cleared++] = cleared->items[j++];
		} else {
			problem_clear(&added->items[i++]);
			problem_clear(&cleared->items[j++]);
		}
	}
	added->count = kept_added;
	cleared->count = kept_cleared;
}
