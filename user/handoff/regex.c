// SPDX-License-Identifier: Apache-2.0
#include "handoff/regex.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Bounds what one path may cost with a bad expression: about a millisecond. */
#define MATCH_LIMIT 20000u
#define HEAP_KB     1024u

/* Texts that try what an expression can cost. */
#define COSTLY_BYTES      1000u
#define COSTLY_PREFIX_MAX 200u
#define COSTLY_TAIL_MAX   300u

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

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The clock that costs no system call comes first; time of other processes is not counted. */
static bool is_spent(const struct regex_budget *budget)
{
	return clock_ns(CLOCK_MONOTONIC) - budget->begun_ns > REGEX_BUDGET_NS &&
	       clock_ns(CLOCK_THREAD_CPUTIME_ID) - budget->begun_cpu_ns > REGEX_BUDGET_NS;
}

uint32_t regex_match(struct regex_matcher *matcher, const struct regex *regex, const char *text,
		     size_t bytes, struct regex_budget *budget)
{
	int found;

	if (budget->spent)
		return 0;
	if (!budget->begun_ns) {
		budget->begun_ns = clock_ns(CLOCK_MONOTONIC);
		budget->begun_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	}
	found = pcre2_match(code_of(regex), (PCRE2_SPTR)text, bytes, 0, 0, matcher->data,
			    matcher->limits);
	if (found == PCRE2_ERROR_NOMATCH) {
		budget->spent = is_spent(budget);
		return 0;
	}
	if (found < 0) { /* a limit was reached */
		budget->spent = true;
		return 0;
	}
	return found ? (uint32_t)found : matcher->groups_max; /* 0: more than there is room for */
}

/* Literal characters that the pattern begins with. */
static size_t literal_prefix(const char *pattern)
{
	size_t bytes = strcspn(pattern, "\\^$.[|()?*+{");

	/* A quantifier belongs to the character before it. */
	return bytes && strchr("?*+{", pattern[bytes]) && pattern[bytes] ? bytes - 1 : bytes;
}

/* One repetition alone takes a text at most as often as it is long. */
static bool repeats_twice(const char *pattern)
{
	unsigned int repetitions = 0;

	for (const char *c = pattern; *c; c++) {
		if (*c == '\\' && c[1])
			c++;
		else if (*c == '*' || *c == '+' || *c == '{')
			repetitions++;
	}
	return repetitions > 1;
}

static bool tries_too_much(const struct regex *regex, struct regex_matcher *matcher,
			   const char *text, size_t bytes)
{
	struct regex_budget budget = { 0 };

	regex_match(matcher, regex, text, bytes, &budget);
	return budget.spent;
}

bool regex_is_costly(const char *pattern)
{
	static const char usual[] = "a0/-.";
	char fault[REGEX_FAULT_MAX], text[COSTLY_PREFIX_MAX + COSTLY_BYTES + COSTLY_TAIL_MAX];
	size_t tail = strnlen(pattern, COSTLY_TAIL_MAX - 1);
	struct regex *regex = regex_new(pattern, fault);
	struct regex_matcher *matcher = regex_matcher_new(1);
	size_t prefix = literal_prefix(pattern);
	bool tried[256] = { false }, costly = false;
	size_t bytes;
	const char *sources[] = { usual, pattern };

	if (!repeats_twice(pattern))
		goto out;
	if (prefix > COSTLY_PREFIX_MAX)
		prefix = COSTLY_PREFIX_MAX;
	bytes = prefix + COSTLY_BYTES + 1;
	memcpy(text, pattern, prefix);
	/* No expression of a path wants the first octet. PCRE2 looks for others that an
	 * expression has to find before it begins: it may find them, or not. */
	text[bytes - 1] = '\x01';
	memcpy(text + bytes, pattern, tail);
	for (unsigned int i = 0; regex && matcher && i < 2; i++) {
		for (const char *c = sources[i]; *c && !costly; c++) {
			if (tried[(unsigned char)*c] || !isgraph((unsigned char)*c))
				continue;
			tried[(unsigned char)*c] = true;
			memset(text + prefix, *c, COSTLY_BYTES);
			costly = tries_too_much(regex, matcher, text, bytes) ||
				 tries_too_much(regex, matcher, text, bytes + tail);
		}
	}
out:
	regex_matcher_free(matcher);
	regex_free(regex);
	return costly;
}

const size_t *regex_groups(const struct regex_matcher *matcher)
{
	return pcre2_get_ovector_pointer(matcher->data);
}
