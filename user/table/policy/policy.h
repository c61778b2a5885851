/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h - what the annotations of one Ingress or Service ask for
 */
#ifndef SLUICE_TABLE_POLICY_H
#define SLUICE_TABLE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "table/policy/policy_prefix.h"
#include "table/policy/policy_values.h"
#include "table/problems.h"
#include "handoff/policy_list.h"
#include "handoff/snapshot.h"

/* Numbers of the rows of POLICY_LIST. */
enum policy_field {
#define X(id, ...) POLICY_##id,
	POLICY_LIST(X)
#undef X
		POLICY_FIELDS
};

#define POLICY_WORDS (((unsigned int)POLICY_FIELDS + 63u) / 64u)

#define POLICY_FIELD_NUMBER(field)   uint32_t field;
#define POLICY_FIELD_SIZE(field)     uint64_t field;
#define POLICY_FIELD_TRUTH(field)    bool field;
#define POLICY_FIELD_TEXT(field)     char *field; /* owned or NULL */
#define POLICY_FIELD_NETWORKS(field) struct policy_networks field;

/* The annotations of one object. A field that is not given is 0. */
struct policy {
	uint64_t given[POLICY_WORDS]; /* see policy_has() */
#define X(id, type, field, ...) POLICY_FIELD_##type(field)
	POLICY_LIST(X)
#undef X
};

static inline bool policy_has(const struct policy *policy, enum policy_field field)
{
	return policy->given[field / 64] >> field % 64 & 1;
}

void policy_give(struct policy *policy, enum policy_field field);

/* Given, and false. */
#define policy_denies(policy, id, field) (policy_has(policy, POLICY_##id) && !(policy)->field)

/**
 * policy_parse - read the annotations of @object
 * @out: in, out: what stands there already gives way; cleared on failure
 * @problems: out, a bad or unknown one each: it is left out, the default stays in use
 * Return: 0; -ENOMEM.
 */
int policy_parse(const struct object *object, struct policy *out, struct problem_set *problems);
void policy_clear(struct policy *policy);

/* Field by field: what @first gives, else what @second gives. Strings borrowed from both. */
void policy_merge(const struct policy *first, const struct policy *second, struct policy *out);

#endif /* SLUICE_TABLE_POLICY_H */
