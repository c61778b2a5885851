// SPDX-License-Identifier: Apache-2.0
/*
 * equal.c - do two versions of an object mean the same
 */
#include "model/kind.h"
#include "model/parts.h"

static bool same_problems(const struct object *a, const struct object *b)
{
	if (a->problems_count != b->problems_count)
		return false;
	for (size_t i = 0; i < a->problems_count; i++)
		if (!same_text(a->problems[i].field, b->problems[i].field) ||
		    !same_text(a->problems[i].message, b->problems[i].message))
			return false;
	return true;
}

bool object_equal(const struct object *a, const struct object *b)
{
	return a->kind == b->kind && same_text(a->namespace, b->namespace) &&
	       same_text(a->name, b->name) && same_text(a->uid, b->uid) &&
	       a->created_unix_s == b->created_unix_s &&
	       same_pairs(a->annotations, a->annotations_count, b->annotations,
			  b->annotations_count) &&
	       same_pairs(a->labels, a->labels_count, b->labels, b->labels_count) &&
	       same_problems(a, b) && kind_ops(a->kind)->equal(a, b);
}
