/* SPDX-License-Identifier: Apache-2.0 */
/*
 * l4_policy.h - what a Service says about its l4 frontends beside addresses and ports
 */
#ifndef SLUICE_TABLE_L4_POLICY_H
#define SLUICE_TABLE_L4_POLICY_H

#include <stdbool.h>

#include "table/problems.h"
#include "table/table.h"

struct l4_policy {
	enum table_l4_mode mode; /* how backends of other nodes are reached */
	enum table_l4_encapsulation encapsulation;
	uint32_t rate_per_s; /* new flows a second that one source may begin; 0: any number */
	uint32_t affinity_s; /* 0: none */
	bool has_ranges;     /* only sources in .ranges are served, none if there are none */
	struct inet_network *ranges; /* owned; ascending, no two alike */
	size_t ranges_count;
};

/**
 * l4_policy_weight - of the endpoints of a slice, by its annotation
 * @out: 1 if there is none, or a wrong one
 * Return: 0; -EINVAL the annotation is wrong.
 */
int l4_policy_weight(const struct endpoint_slice *slice, uint16_t *out);

/* Notes what is wrong with the annotation of a slice. Return: 0; -ENOMEM. */
int l4_policy_check_slice(const struct endpoint_slice *slice, struct problem_set *problems);

/* True for annotations that belong here, on an object of that kind. */
bool l4_policy_knows(enum object_kind kind, const char *annotation);

/**
 * l4_policy_parse - from spec and annotations, with the defaults of @options
 * @problems: out; a bad annotation each: the default is in use
 * Return: 0; -EINVAL what must not be guessed is wrong (a problem says it): do not serve; -ENOMEM.
 */
int l4_policy_parse(const struct service *service, const struct table_options *options,
		    struct l4_policy *out, struct problem_set *problems);
void l4_policy_clear(struct l4_policy *policy);

#endif /* SLUICE_TABLE_L4_POLICY_H */
