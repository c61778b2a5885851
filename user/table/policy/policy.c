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

#define SECONDS_PER_YEAR 31536000u
#define COUNT_MAX        1000u
#define NETWORKS_MAX     1024u /* looked through for each request */

struct annotation;

/* Reads @text into the field at @field. Return: 0; -EINVAL; -ENOMEM. */
typedef int parse_fn(const struct annotation *annotation, const char *text, void *field);

struct word {
	const char *text;
	uint32_t value;
};

/* What becomes of a policy whose value cannot be read. */
enum fate {
	FATE_DEFAULT, /* as if it was not written */
	FATE_SHUT,    /* given, and empty: what was to be shut must not stand open */
};

struct annotation {
	const char *name; /* without the prefix */
	enum policy_field field;
	parse_fn *parse;
	size_t offset; /* in struct policy */
	const char *expected;
	const struct word *words; /* for parse_word */
	enum fate fate;
};

static const struct word protocols[] = {
	{ "http", ROUTE_HTTP }, { "https", ROUTE_HTTPS }, { "h2c", ROUTE_H2C }, { "h2", ROUTE_H2 },
	{ "grpc", ROUTE_GRPC }, { "grpcs", ROUTE_GRPCS }, { NULL, 0 },
};

static const struct word balances[] = {
	{ "round-robin", BALANCE_ROUND_ROBIN }, { "least-requests", BALANCE_LEAST_REQUESTS },
	{ "hash-source", BALANCE_HASH_SOURCE }, { "hash-header", BALANCE_HASH_HEADER },
	{ "hash-cookie", BALANCE_HASH_COOKIE }, { NULL, 0 },
};

static const struct word affinities[] = { { "none", 0 }, { "cookie", 1 }, { NULL, 0 } };
static const struct word same_sites[] = {
	{ "lax", 1 }, { "strict", 2 }, { "none", 3 }, { NULL, 0 }
};
static const struct word proxy_protocols[] = { { "v1", 1 }, { "v2", 2 }, { NULL, 0 } };

static int parse_word(const struct annotation *annotation, const char *text, void *field)
{
	for (const struct word *word = annotation->words; word->text; word++) {
		if (strcasecmp(word->text, text) == 0) {
			*(uint32_t *)field = word->value;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_truth(const struct annotation *annotation, const char *text, void *field)
{
	(void)annotation;
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return -EINVAL;
	*(bool *)field = text[0] == 't';
	return 0;
}

/* Decimal digits at *text, moved past; -EINVAL if there are none or too many. */
static int read_number(const char **text, uint64_t *out)
{
	uint64_t number = 0;
	int digits = 0;

	for (; isdigit((unsigned char)**text); (*text)++, digits++)
		number = number * 10 + (uint64_t)(**text - '0');
	if (!digits || digits > 15)
		return -EINVAL;
	*out = number;
	return 0;
}

/* "1500ms", "90s", "1m30s", "2h", or a number of seconds; above 0, at most 49 days. */
static int parse_duration_ms(const char *text, uint64_t max_ms, uint64_t *out)
{
	static const struct {
		const char *unit;
		uint32_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	uint64_t sum_ms = 0, number;
	const char *at = text;

	while (*at) {
		size_t i = 0;

		if (read_number(&at, &number))
			return -EINVAL;
		if (!*at && sum_ms == 0) { /* no unit at all: seconds */
			sum_ms = number * 1000;
			break;
		}
		while (i < 4 && strncmp(at, units[i].unit, strlen(units[i].unit)) != 0)
			i++;
		if (i == 4 || number > max_ms)
			return -EINVAL;
		at += strlen(units[i].unit);
		sum_ms += number * units[i].ms;
	}
	if (!sum_ms || sum_ms > max_ms)
		return -EINVAL;
	*out = sum_ms;
	return 0;
}

static int parse_timeout(const struct annotation *annotation, const char *text, void *field)
{
	uint64_t ms;
	int err = parse_duration_ms(text, UINT32_MAX, &ms);

	(void)annotation;
	if (!err)
		*(uint32_t *)field = (uint32_t)ms;
	return err;
}

static int parse_seconds(const struct annotation *annotation, const char *text, void *field)
{
	uint64_t ms = 0;
	int err = strcmp(text, "0") ? parse_duration_ms(text, UINT32_MAX * 1000ull, &ms) : 0;

	(void)annotation;
	if (!err && ms % 1000)
		err = -EINVAL;
	if (!err)
		*(uint32_t *)field = (uint32_t)(ms / 1000);
	return err;
}

static int parse_hsts(const struct annotation *annotation, const char *text, void *field)
{
	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
		*(uint32_t *)field = text[0] == 't' ? SECONDS_PER_YEAR : 0;
		return 0;
	}
	return parse_seconds(annotation, text, field);
}

/* "512k", "8m", "1g" (powers of 1024, also K, Ki, ...), or bytes; "0": no limit. */
static int parse_size(const struct annotation *annotation, const char *text, void *field)
{
	static const char units[] = "kmgt";
	const char *unit;
	uint64_t number;
	int shift = 0;

	(void)annotation;
	if (read_number(&text, &number))
		return -EINVAL;
	if (*text) {
		unit = strchr(units, tolower((unsigned char)*text));
		if (!unit)
			return -EINVAL;
		shift = 10 * (int)(unit - units + 1);
		text++;
		if (*text == 'i')
			text++;
	}
	if (*text || number > UINT64_MAX >> (shift + 1))
		return -EINVAL;
	*(uint64_t *)field = number << shift;
	return 0;
}

static int parse_count_or_none(const struct annotation *annotation, const char *text, void *field)
{
	uint64_t number;

	(void)annotation;
	if (read_number(&text, &number) || *text || number > COUNT_MAX)
		return -EINVAL;
	*(uint32_t *)field = (uint32_t)number;
	return 0;
}

static int parse_count(const struct annotation *annotation, const char *text, void *field)
{
	uint32_t number;
	int err = parse_count_or_none(annotation, text, &number);

	if (!err && !number)
		err = -EINVAL;
	if (!err)
		*(uint32_t *)field = number;
	return err;
}

static int keep_text(const char *text, void *field)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*(char **)field);
	*(char **)field = copy;
	return 0;
}

/* A field name or a cookie name: an RFC 9110 token. */
static int parse_token(const struct annotation *annotation, const char *text, void *field)
{
	(void)annotation;
	if (!*text || strlen(text) > 64)
		return -EINVAL;
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("!#$%&'*+-.^_`|~", *c))
			return -EINVAL;
	return keep_text(text, field);
}

/* A path, and a query if it is to have one. */
static int parse_target(const struct annotation *annotation, const char *text, void *field)
{
	(void)annotation;
	if (text[0] != '/' || strlen(text) > 2048)
		return -EINVAL;
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '#')
			return -EINVAL; /* signed char or not: bytes over 0x7f are refused, too */
	return keep_text(text, field);
}

static int parse_rewrite(const struct annotation *annotation, const char *text, void *field)
{
	return strchr(text, '?') ? -EINVAL : parse_target(annotation, text, field);
}

/* Networks between commas, blanks around them. */
static int parse_networks(const struct annotation *annotation, const char *text, void *field)
{
	struct policy_networks *networks = field;
	struct inet_network *items = calloc(strlen(text) / 2 + 1, sizeof(*items));
	char *copy = strdup(text), *rest = copy, *part;
	int err = items && copy ? 0 : -ENOMEM;
	size_t count = 0;

	(void)annotation;
	while (!err && (part = strsep(&rest, ","))) {
		part += strspn(part, " \t");
		part[strcspn(part, " \t")] = '\0';
		err = inet_network_parse(part, &items[count++]);
	}
	free(copy);
	if (!err && count > NETWORKS_MAX)
		err = -EINVAL;
	free(networks->items);
	networks->items = err ? NULL : items;
	networks->count = err ? 0 : count;
	if (err)
		free(items);
	return err;
}

/* A DNS name (of a server, or of a Secret: the same form). */
static int parse_name(const struct annotation *annotation, const char *text, void *field)
{
	size_t bytes = strlen(text);

	(void)annotation;
	if (!bytes || bytes > 253 || !isalnum((unsigned char)text[0]) ||
	    !isalnum((unsigned char)text[bytes - 1]) || strstr(text, ".."))
		return -EINVAL;
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '.')
			return -EINVAL;
	return keep_text(text, field);
}

#define A_DURATION "a time above 0 such as 5s, 1500ms or 1m30s"
#define A_TRUTH    "\"true\" or \"false\""
#define A_TOKEN    "a name of letters, digits and -_., at most 64"
#define A_COUNT    "a number from 1 to 1000"

static const struct annotation annotations[] = {
#define X(id, type, field, place, name, parse, words, fate, expected) \
	{ name, POLICY_##id, parse, offsetof(struct policy, field), expected, words, FATE_##fate },
	POLICY_LIST(X)
#undef X
};

#define ANNOTATIONS (sizeof(annotations) / sizeof(annotations[0]))

static void give(struct policy *policy, enum policy_field field)
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
	if (annotation == annotations + ANNOTATIONS)
		return problems_add(problems, object, PROBLEM_NOTE, "UnknownAnnotation", field,
				    "%.96s is not an annotation that is known here; ignored",
				    pair->key);
	err = annotation->parse(annotation, pair->value, (char *)policy + annotation->offset);
	if (!err || (err == -EINVAL && annotation->fate == FATE_SHUT))
		give(policy, annotation->field);
	if (err != -EINVAL)
		return err;
	return problems_add(
		problems, object, PROBLEM_WARNING, "InvalidAnnotation", field,
		"%s: \"%.64s\" is not %s; %s", pair->key, pair->value, annotation->expected,
		annotation->fate == FATE_SHUT ? "nobody is let in" : "the default is in use");
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
	bool keyed =
		policy->balance == BALANCE_HASH_HEADER || policy->balance == BALANCE_HASH_COOKIE;

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
	struct policy policy = {};
	int err = 0;

	for (size_t i = 0; i < object->annotations_count && !err; i++) {
		const struct key_value *pair = &object->annotations[i];

		if (strncmp(pair->key, POLICY_PREFIX, sizeof(POLICY_PREFIX) - 1) == 0)
			err = parse_one(pair, &told, &policy, problems);
	}
	if (!err)
		err = check_together(&told, &policy, problems);
	if (err) {
		policy_clear(&policy);
		return err;
	}
	*out = policy;
	return 0;
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
