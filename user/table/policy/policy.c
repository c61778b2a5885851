// SPDX-License-Identifier: Apache-2.0
/*
 * policy.c - one table of annotations: name, form of the value, field
 */
#include "table/policy/policy.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table/policy/l4_policy.h"
#include "table/policy/policy_values.h"

/* What becomes of a policy whose value cannot be read. */
enum fate {
	FATE_DEFAULT, /* as if it was not written */
	FATE_SHUT,    /* given, and empty: what was to be shut must not stand open */
	FATE_CLOSED,  /* as FATE_SHUT, where empty would be open: 503 */
};

struct annotation {
	const char *name; /* without the prefix */
	enum policy_field field;
	policy_parse_fn *parse;
	size_t offset; /* in struct policy */
	const char *expected;
	const struct policy_word *words; /* for policy_parse_word() */
	enum fate fate;
};

static const struct policy_word protocols[] = {
	{ "http", ROUTE_HTTP }, { "https", ROUTE_HTTPS }, { "h2c", ROUTE_H2C }, { "h2", ROUTE_H2 },
	{ "grpc", ROUTE_GRPC }, { "grpcs", ROUTE_GRPCS }, { NULL, 0 },
};

static const struct policy_word balances[] = {
	{ "round-robin", BALANCE_ROUND_ROBIN }, { "least-requests", BALANCE_LEAST_REQUESTS },
	{ "hash-source", BALANCE_HASH_SOURCE }, { "hash-header", BALANCE_HASH_HEADER },
	{ "hash-cookie", BALANCE_HASH_COOKIE }, { NULL, 0 },
};

static const struct policy_word affinities[] = { { "none", 0 }, { "cookie", 1 }, { NULL, 0 } };
static const struct policy_word same_sites[] = {
	{ "lax", 1 }, { "strict", 2 }, { "none", 3 }, { NULL, 0 }
};
static const struct policy_word proxy_protocols[] = { { "v1", 1 }, { "v2", 2 }, { NULL, 0 } };

#define A_DURATION "a time above 0 such as 5s, 1500ms or 1m30s"
#define A_TRUTH    "\"true\" or \"false\""
#define A_TOKEN    "a name of letters, digits and -_., at most 64"
#define A_COUNT    "a number from 1 to 1000"

static const struct annotation annotations[] = {
#define X(id, type, field, place, name, parse, words, fate, expected)            \
	{ name,     POLICY_##id, policy_##parse, offsetof(struct policy, field), \
	  expected, words,       FATE_##fate },
	POLICY_LIST(X)
#undef X
};

#define ANNOTATIONS (sizeof(annotations) / sizeof(annotations[0]))

void policy_give(struct policy *policy, enum policy_field field)
{
	policy->given[field / 64] |= UINT64_C(1) << field % 64;
}

static void take_back(struct policy *policy, enum policy_field field)
{
	policy->given[field / 64] &= ~(UINT64_C(1) << field % 64);
}

static int parse_one(const struct key_value *pair, const struct problem_object *object,
		     struct policy *policy, struct problem_set *problems)
{
	const char *name = pair->key + sizeof(POLICY_PREFIX) - 1;
	const struct annotation *annotation = annotations;
	char field[128];
	int err;

	if (l4_policy_knows(object->kind, pair->key))
		return 0;
	snprintf(field, sizeof(field), "metadata.annotations[%.96s]", pair->key);
	while (annotation < annotations + ANNOTATIONS && strcmp(annotation->name, name) != 0)
		annotation++;
	if (!name[0] || annotation == annotations + ANNOTATIONS)
		return problems_add(problems, object, PROBLEM_NOTE, "UnknownAnnotation", field,
				    "%.96s is not an annotation that is known here; ignored",
				    pair->key);
	err = annotation->parse(annotation->words, pair->value,
				(char *)policy + annotation->offset);
	if (!err || (err == -EINVAL && annotation->fate == FATE_SHUT))
		policy_give(policy, annotation->field);
	if (err == -EINVAL && annotation->fate == FATE_CLOSED) {
		policy->closed = true;
		policy_give(policy, POLICY_CLOSED);
	}
	if (err != -EINVAL)
		return err;
	return problems_add(problems, object, PROBLEM_WARNING, "InvalidAnnotation", field,
			    "%s: \"%.64s\" is not %s; %s", pair->key, pair->value,
			    annotation->expected,
			    annotation->fate == FATE_SHUT     ? "nobody is let in"
			    : annotation->fate == FATE_CLOSED ? "503 is answered"
							      : "the default is in use");
}

/* Sources are looked at where requests are: of what is not decrypted there are none. */
static int check_passthrough(const struct problem_object *object, struct policy *policy,
			     struct problem_set *problems)
{
	if (!policy_has(policy, POLICY_SOURCES) || !policy->tls_passthrough)
		return 0;
	policy->tls_passthrough = false;
	return problems_add(problems, object, PROBLEM_WARNING, "InvalidAnnotation",
			    "metadata.annotations[" POLICY_PREFIX "tls-passthrough]",
			    POLICY_PREFIX "tls-passthrough: cannot be together with " POLICY_PREFIX
					  "allow-source-ranges; TLS ends here, the default");
}

/* What makes sense only together. */
static int check_together(const struct problem_object *object, struct policy *policy,
			  struct problem_set *problems)
{
	int err = check_passthrough(object, policy, problems);
	/* load-balance-by asks for its own method. */
	bool keyed =
		policy->balance == BALANCE_HASH_HEADER || policy->balance == BALANCE_HASH_COOKIE;

	if (!err && policy_has(policy, POLICY_HASH_BY) && !policy_has(policy, POLICY_BALANCE)) {
		policy->balance = BALANCE_HASH_TEXT;
		policy_give(policy, POLICY_BALANCE);
	}
	if (err || !keyed || policy_has(policy, POLICY_BALANCE_KEY))
		return err;
	take_back(policy, POLICY_BALANCE);
	return problems_add(problems, object, PROBLEM_WARNING, "InvalidAnnotation",
			    "metadata.annotations[" POLICY_PREFIX "load-balance]",
			    POLICY_PREFIX "load-balance: hash-%s needs " POLICY_PREFIX
					  "load-balance-key; the default is in use",
			    policy->balance == BALANCE_HASH_HEADER ? "header" : "cookie");
}

int policy_parse(const struct object *object, struct policy *out, struct problem_set *problems)
{
	struct problem_object told = { object->kind, object->namespace, object->name, object->uid };
	int err = 0;

	for (size_t i = 0; i < object->annotations_count && !err; i++) {
		const struct key_value *pair = &object->annotations[i];

		if (strncmp(pair->key, POLICY_PREFIX, sizeof(POLICY_PREFIX) - 1) == 0)
			err = parse_one(pair, &told, out, problems);
	}
	if (!err)
		err = check_together(&told, out, problems);
	if (err)
		policy_clear(out);
	return err;
}

#define CLEAR_NUMBER(field)
#define CLEAR_SIZE(field)
#define CLEAR_TRUTH(field)
#define CLEAR_TEXT(field)     free(policy->field);
#define CLEAR_NETWORKS(field) free(policy->field.items);

void policy_clear(struct policy *policy)
{
#define X(id, type, field, ...) CLEAR_##type(field)
	POLICY_LIST(X)
#undef X
	memset(policy, 0, sizeof(*policy));
}

void policy_merge(const struct policy *first, const struct policy *second, struct policy *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned int i = 0; i < POLICY_WORDS; i++)
		out->given[i] = first->given[i] | second->given[i];
#define X(id, type, field, ...)                   \
	if (policy_has(first, POLICY_##id))       \
		out->field = first->field;        \
	else if (policy_has(second, POLICY_##id)) \
		out->field = second->field;
	POLICY_LIST(X)
#undef X
}
