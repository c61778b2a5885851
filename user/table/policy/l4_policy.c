// SPDX-License-Identifier: Apache-2.0
#include "table/policy/l4_policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table/policy/policy_prefix.h"

#define MODE          POLICY_PREFIX "l4-mode"
#define ENCAPSULATION POLICY_PREFIX "l4-encapsulation"
#define RATE          POLICY_PREFIX "l4-rate-limit"
#define WEIGHT        POLICY_PREFIX "l4-weight"

/* The form that came before spec.loadBalancerSourceRanges; counts where that is empty. */
#define SOURCE_RANGES "service.beta.kubernetes.io/load-balancer-source-ranges"

#define RATE_MAX 1000000u

/* A Service being read. */
struct reading {
	const struct service *service;
	struct problem_object object;
	struct problem_set *problems;
	struct l4_policy *out;
};

bool l4_policy_knows(enum object_kind kind, const char *annotation)
{
	return kind == OBJECT_SERVICE &&
	       (strcmp(annotation, MODE) == 0 || strcmp(annotation, ENCAPSULATION) == 0 ||
		strcmp(annotation, RATE) == 0);
}

static int refuse_value(const struct reading *r, const char *name, const char *value,
			const char *expected)
{
	char field[128];

	snprintf(field, sizeof(field), "metadata.annotations[%s]", name);
	return problems_add(r->problems, &r->object, PROBLEM_WARNING, "InvalidAnnotation", field,
			    "%s: \"%.64s\" is not %s; the default is in use", name, value,
			    expected);
}

/* Decimal, from @least to @most. Return: 0; -EINVAL. */
static int parse_number(const char *text, uint32_t least, uint32_t most, uint32_t *out)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long number;

	if (!digits || digits > 9 || text[digits])
		return -EINVAL;
	number = strtoul(text, NULL, 10);
	if (number < least || number > most)
		return -EINVAL;
	*out = (uint32_t)number;
	return 0;
}

static int read_mode(const struct reading *r)
{
	const char *text = object_annotation(&r->service->meta, MODE);

	if (!text)
		return 0;
	if (strcmp(text, "snat") == 0)
		r->out->mode = TABLE_L4_SNAT;
	else if (strcmp(text, "dsr") == 0)
		r->out->mode = TABLE_L4_DSR;
	else
		return refuse_value(r, MODE, text, "snat or dsr");
	return 0;
}

static int read_encapsulation(const struct reading *r)
{
	const char *text = object_annotation(&r->service->meta, ENCAPSULATION);

	if (!text)
		return 0;
	if (strcmp(text, "ipip") == 0)
		r->out->encapsulation = TABLE_L4_IPIP;
	else if (strcmp(text, "gue") == 0)
		r->out->encapsulation = TABLE_L4_GUE;
	else
		return refuse_value(r, ENCAPSULATION, text, "ipip or gue");
	return 0;
}

static int read_rate(const struct reading *r)
{
	const char *text = object_annotation(&r->service->meta, RATE);

	if (text && parse_number(text, 0, RATE_MAX, &r->out->rate_per_s))
		return refuse_value(r, RATE, text, "a number of new flows a second, 0 for any");
	return 0;
}

int l4_policy_weight(const struct endpoint_slice *slice, uint16_t *out)
{
	const char *text = object_annotation(&slice->meta, WEIGHT);
	uint32_t weight = 1;
	int err = text ? parse_number(text, 1, TABLE_WEIGHT_MAX, &weight) : 0;

	*out = (uint16_t)weight;
	return err;
}

int l4_policy_check_slice(const struct endpoint_slice *slice, struct problem_set *problems)
{
	const struct object *meta = &slice->meta;
	struct problem_object object = { meta->kind, meta->namespace, meta->name, meta->uid };
	uint16_t weight;

	if (!l4_policy_weight(slice, &weight))
		return 0;
	return problems_add(problems, &object, PROBLEM_WARNING, "InvalidAnnotation",
			    "metadata.annotations[" WEIGHT "]",
			    WEIGHT ": \"%.64s\" is not a whole number from 1 to %u; 1 is in use",
			    object_annotation(meta, WEIGHT), TABLE_WEIGHT_MAX);
}

/* ---- source ranges --------------------------------------------------------------------------- */

static int add_range(struct l4_policy *policy, const struct inet_network *range)
{
	struct inet_network *grown;

	grown = reallocarray(policy->ranges, policy->ranges_count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	grown[policy->ranges_count++] = *range;
	policy->ranges = grown;
	return 0;
}

/* "10.0.0.0/8, 192.0.2.0/24" */
static int read_ranges_annotation(const struct reading *r, const char *text)
{
	char *copy = strdup(text), *rest = copy, *word;
	struct inet_network range;
	int err = copy ? 0 : -ENOMEM;

	while (!err && (word = strsep(&rest, ", \t"))) {
		if (!*word)
			continue;
		r->out->has_ranges = true;
		if (!inet_network_parse(word, &range))
			err = add_range(r->out, &range);
		else
			err = problems_add(
				r->problems, &r->object, PROBLEM_WARNING, "InvalidAnnotation",
				"metadata.annotations[" SOURCE_RANGES "]",
				"\"%.64s\" is not a network such as 10.0.0.0/8; left out", word);
	}
	free(copy);
	return err;
}

static int range_compare(const void *a, const void *b)
{
	return inet_network_compare(a, b);
}

static int read_ranges(const struct reading *r)
{
	const char *text = object_annotation(&r->service->meta, SOURCE_RANGES);
	struct l4_policy *policy = r->out;
	struct inet_network range;
	size_t kept = 0;
	int err = 0;

	policy->has_ranges = r->service->source_ranges_count != 0;
	for (size_t i = 0; i < r->service->source_ranges_count && !err; i++)
		if (!inet_network_parse(r->service->source_ranges[i], &range))
			err = add_range(policy, &range);
	if (!err && !policy->has_ranges && text)
		err = read_ranges_annotation(r, text);
	if (err)
		return err;
	if (policy->ranges_count)
		qsort(policy->ranges, policy->ranges_count, sizeof(range), range_compare);
	for (size_t i = 0; i < policy->ranges_count; i++)
		if (!kept || inet_network_compare(&policy->ranges[kept - 1], &policy->ranges[i]))
			policy->ranges[kept++] = policy->ranges[i];
	policy->ranges_count = kept;
	if (!policy->has_ranges || policy->ranges_count)
		return 0;
	/* No range at all would admit everybody, which is not what a list of ranges asks for. */
	err = problems_add(r->problems, &r->object, PROBLEM_WARNING, "InvalidSourceRanges",
			   "metadata.annotations[" SOURCE_RANGES "]",
			   "none of the networks is valid; the Service is not served");
	return err ? err : -EINVAL;
}

int l4_policy_parse(const struct service *service, const struct table_options *options,
		    struct l4_policy *out, struct problem_set *problems)
{
	struct l4_policy policy = {
		.mode = options->l4_mode,
		.encapsulation = options->l4_encapsulation,
		.rate_per_s = options->l4_rate_per_s,
	};
	struct reading r = {
		.service = service,
		.object = { OBJECT_SERVICE, service->meta.namespace, service->meta.name,
			    service->meta.uid },
		.problems = problems,
		.out = &policy,
	};
	int err;

	if (service->session_affinity_client_ip)
		policy.affinity_s = service->session_affinity_timeout_s;
	err = read_mode(&r);
	if (!err)
		err = read_encapsulation(&r);
	if (!err)
		err = read_rate(&r);
	if (!err)
		err = read_ranges(&r);
	if (err) {
		l4_policy_clear(&policy);
		return err;
	}
	*out = policy;
	return 0;
}

void l4_policy_clear(struct l4_policy *policy)
{
	free(policy->ranges);
	*policy = (struct l4_policy){};
}
