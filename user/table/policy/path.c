// SPDX-License-Identifier: Apache-2.0
/*
 * path.c - paths of rules in the form in which requests are compared with them
 */
#include "table/policy/path.h"

#include <stdlib.h>
#include <string.h>

#include "handoff/path_form.h"

#define REGEX_BYTES_MAX 1024 /* a pattern is compiled by every worker: keep it sane */

/* What no request can hold as it stands: a client that asks for it writes it as an escape. */
static bool needs_escape(char c)
{
	return (unsigned char)c <= ' ' || (unsigned char)c >= 0x7f;
}

/* Return: owned by the caller; NULL if there is no memory. */
static char *escape(const char *path)
{
	static const char digits[] = "0123456789ABCDEF";
	char *out = malloc(3 * strlen(path) + 1);
	size_t bytes = 0;

	if (!out)
		return NULL;
	for (const char *c = path; *c; c++) {
		if (!needs_escape(*c)) {
			out[bytes++] = *c;
			continue;
		}
		out[bytes++] = '%';
		out[bytes++] = digits[(unsigned char)*c >> 4];
		out[bytes++] = digits[*c & 15];
	}
	out[bytes] = '\0';
	return out;
}

static const char *fault_of(const char *path, char *normal)
{
	size_t escaped_bytes = strlen(path);
	size_t bytes, resolved_bytes;

	if (strpbrk(path, "?#"))
		return "holds '?' or '#', which end a path";
	if (path[0] != '/')
		return "does not begin with '/'";
	if (!path_form_escapes_valid(path, escaped_bytes))
		return "holds a broken escape";
	bytes = path_form_decode(path, escaped_bytes, normal);
	normal[bytes] = '\0';
	if (strstr(normal, "//"))
		return "holds '//', which requests do not once they are in normal form";
	resolved_bytes = bytes;
	switch (path_form_resolve(normal, &resolved_bytes, true)) {
	case PATH_FORM_ENCODED_SLASH:
		return "holds '%2F' beside a dot segment, which is refused in requests";
	case PATH_FORM_ABOVE_ROOT:
		return "holds a dot segment";
	default:
		return resolved_bytes == bytes ? NULL : "holds a dot segment";
	}
}

const char *path_normalise(const char *path, char **out)
{
	char *escaped = escape(path);
	char *normal = escaped ? malloc(strlen(escaped) + 1) : NULL;
	const char *fault = normal ? fault_of(escaped, normal) : NULL;

	free(escaped);
	if (fault) {
		free(normal);
		normal = NULL;
	}
	*out = normal;
	return fault;
}

/* Past a bracket expression that begins at @c; NULL if it does not end. */
static const char *skip_bracket(const char *c)
{
	c++;
	if (*c == '^')
		c++;
	if (*c == ']')
		c++;
	for (; *c && *c != ']'; c++)
		if (*c == '\\' && c[1])
			c++;
	return *c ? c : NULL;
}

const char *path_regex_fault(const char *pattern)
{
	bool repeatable = false; /* something stands before that a quantifier may repeat */
	int depth = 0;

	if (strlen(pattern) > REGEX_BYTES_MAX)
		return "is longer than 1024 bytes";
	for (const char *c = pattern; *c; c++) {
		if (*c == '\\') {
			if (!*++c)
				return "ends in a backslash";
			repeatable = true;
			continue;
		}
		if ((*c == '*' || *c == '+') && !repeatable)
			return "repeats nothing";
		if (*c == '?' && !repeatable && !(c > pattern && c[-1] == '('))
			return "repeats nothing";
		if (*c == '(')
			depth++;
		if (*c == ')' && --depth < 0)
			return "closes a group that is not open";
		if (*c == '[') {
			c = skip_bracket(c);
			if (!c)
				return "has a '[' without ']'";
		}
		repeatable = *c != '(' && *c != '|' && *c != '^';
	}
	return depth ? "has a '(' without ')'" : NULL;
}
