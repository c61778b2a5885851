/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regex.h - regular expressions of rules: compiled and matched in one place, with the same limits
 *
 * sluiced asks here whether an expression of a rule compiles; a worker compiles and matches it
 * here. So what sluiced accepts is what a worker can match.
 */
#ifndef SLUICE_HANDOFF_REGEX_H
#define SLUICE_HANDOFF_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGEX_FAULT_MAX 192
#define REGEX_UNSET     ((size_t)-1) /* a group that took no part in the match */

struct regex;         /* compiled; may be shared by any number of matchers */
struct regex_matcher; /* room for the groups of one match, and the limits of each match */

/**
 * regex_new - compile an expression; it matches from the beginning of a text, byte by byte
 * @fault: out on failure, in words that go after the expression
 * Return: owned by the caller; NULL on failure.
 */
struct regex *regex_new(const char *pattern, char fault[REGEX_FAULT_MAX]);
void regex_free(struct regex *regex); /* takes NULL */

/**
 * regex_fault - does the expression compile?
 * Return: NULL, or why not, in words that go after it; they stay until the next call.
 */
const char *regex_fault(const char *pattern);

/**
 * regex_matcher_new - @groups_max: group 0, which is all that matched, and those in brackets
 * Return: owned by the caller; NULL without memory.
 */
struct regex_matcher *regex_matcher_new(uint32_t groups_max);
void regex_matcher_free(struct regex_matcher *matcher); /* takes NULL */

#define REGEX_BUDGET_NS 2000000u /* CPU time of all matches that share a budget */

/* What the expressions of one request may cost together; zeroed: nothing was spent. */
struct regex_budget {
	uint64_t begun_ns, begun_cpu_ns;
	bool spent; /* a match was given up: whether it fits is not known */
};

/**
 * regex_match - a match costs at most about a millisecond, and with the others of its budget
 *               REGEX_BUDGET_NS; what would cost more is given up
 * There is no JIT: a worker compiles expressions of each new table in its sandbox, in which memory
 * never becomes code.
 * Return: how many groups were filled, those that follow are unset; 0: no match, or given up.
 */
uint32_t regex_match(struct regex_matcher *matcher, const struct regex *regex, const char *text,
		     size_t bytes, struct regex_budget *budget);

/**
 * regex_is_costly - can a request be found whose match with this expression is given up?
 * Tried with texts that repeat the characters of the expression, so "no" is not certain.
 */
bool regex_is_costly(const char *pattern);

/* Of the last match: begin and end of each group in the text, REGEX_UNSET for one without a part in
 * it. Borrowed until the next match. */
const size_t *regex_groups(const struct regex_matcher *matcher);

#endif /* SLUICE_HANDOFF_REGEX_H */
