// SPDX-License-Identifier: Apache-2.0
#include "handoff/regex.h"

#include <stdio.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Bounds what one path may cost with a bad expression: about a millisecond. */
#define MATCH_LIMIT 20000u
#define HEAP_KB     1024u

/* struct regex is PCRE2's own: there is nothing to add to it. */
static pcre2_code *code_of(const struct regex *regex)
{
	return (pcre2_code *)(uintptr_t)regex;
}

struct regex_matcher {
	pcre2_match_data *data;      /* owned */
	pcre2_match_context *limits; /* owned */
	uint32_t groups_max;
};

struct regex *regex_new(const char *pattern, char fault[REGEX_FAULT_MAX])
{
	PCRE2_UCHAR why[128] = "";
	PCRE2_SIZE offset;
	pcre2_code *code;
	int error;

	code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
			     PCRE2_ANCHORED | PCRE2_NEVER_UTF, &error, &offset, NULL);
	if (code)
		return (struct regex *)code;
	pcre2_get_error_message(error, why, sizeof(why));
	snprintf(fault, REGEX_FAULT_MAX, "does not compile: %s at character %zu", (const char *)why,
		 (size_t)offset);
	return NULL;
}

void regex_free(struct regex *regex)
{
	pcre2_code_free(code_of(regex));
}

const char *regex_fault(const char *pattern)
{
	static char fault[REGEX_FAULT_MAX];
	struct regex *regex = regex_new(pattern, fault);

	if (!regex)
		return fault;
	regex_free(regex);
	return NULL;
}

struct regex_matcher *regex_matcher_new(uint32_t groups_max)
{
	struct regex_matcher *matcher = calloc(1, sizeof(*matcher));

	if (!matcher)
		return NULL;
	matcher->groups_max = groups_max;
	matcher->data = pcre2_match_data_create(groups_max, NULL);
	matcher->limits = pcre2_match_context_create(NULL);
	if (!matcher->data || !matcher->limits) {
		regex_matcher_free(matcher);
		return NULL;
	}
	pcre2_set_match_limit(matcher->limits, MATCH_LIMIT);
	pcre2_set_heap_limit(matcher->limits, HEAP_KB);
	return matcher;
}

void regex_matcher_free(struct regex_matcher *matcher)
{
	if (!matcher)
		return;
	pcre2_match_data_free(matcher->data);
	pcre2_match_context_free(matcher->limits);
	free(matcher);
}

uint32_t regex_match(struct regex_matcher *matcher, const struct regex *regex, const char *text,
		     size_t bytes)
{
	int found = pcre2_match(code_of(regex), (PCRE2_SPTR)text, bytes, 0, 0, matcher->data,
				matcher->limits);

	if (found < 0)
		return 0;
	return found ? (uint32_t)found : matcher->groups_max; /* 0: more than there is room for */
}

const size_t *regex_groups(const struct regex_matcher *matcher)
{
	return pcre2_get_ovector_pointer(matcher->data);
}
