/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expression.h - path expressions: sluiced asks whether a worker can compile one, the worker compiles it
 *
 * One function compiles for both, so that an Ingress is never accepted with an expression that no
 * worker can use.
 */
#ifndef SLUICE_HANDOFF_EXPRESSION_H
#define SLUICE_HANDOFF_EXPRESSION_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define EXPRESSION_FAULT_MAX 192

/**
 * expression_compile - compile a path expression; it is anchored at the beginning of the path
 * @fault: out, on failure: why, in words that go after the expression
 * Return: the expression, owned by the caller (pcre2_code_free()); NULL if it does not compile.
 */
pcre2_code *expression_compile(const char *text, char fault[EXPRESSION_FAULT_MAX]);

/**
 * expression_fault - can a worker compile this expression of a rule?
 * Return: NULL, or why not, in words that go after it; they stay until the next call.
 */
const char *expression_fault(const char *text);

#endif /* SLUICE_HANDOFF_EXPRESSION_H */
