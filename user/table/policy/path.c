// SPDX-License-Identifier: Apache-2.0
/*
 * path.c - paths of rules in the form in which requests are compared with them
 */
#include "table/policy/path.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define REGEX_BYTES_MAX 1024 /* a pattern is compiled by every worker: keep it sane */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986, 2.3. */
static bool is_unreserved(int c)
{
	return isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* "." or ".." as an element, once escapes are decoded: no normal path holds one. */
static bool has_dot_segment(const char *path)
{
	for (const char *at = strchr(path, '/'); at; at = strchr(at + 1, '/')) {
		const char *element = at + 1;
		size_t bytes = strcspn(element, "/");

		if ((bytes == 1 && element[0] == '.') ||
		    (bytes == 2 && element[0] == '.' && element[1] == '.'))
			return true;
	}
	return false;
}

/* What no request can hold as it stands: whoever asks for it writes it as an escape. */
static bool needs_escape(char c)
{
	return c == ' ' || (unsigned char)c >= 0x80;
}

const char *path_normalise(const char *path, char **out)
{
	static const char digits[] = "0123456789ABCDEF";
	char *normal = malloc(3 * strlen(path) + 1);
	const char *fault = NULL;
	size_t bytes = 0;

	*out = NULL;
	if (!normal)
		return NULL;
	for (const char *c = path; *c && !fault; c++) {
		int high = *c == '%' ? hex_digit(c[1]) : 0;
		int low = *c == '%' && high >= 0 ? hex_digit(c[2]) : 0;
		int decoded = high * 16 + low;

		if (needs_escape(*c)) {
			normal[bytes++] = '%';
			normal[bytes++] = digits[(unsigned char)*c >> 4];
			normal[bytes++] = digits[*c & 15];
		} else if (*c != '%') {
			normal[bytes++] = *c;
		} else if (high < 0 || low < 0 || !decoded) {
			fault = "holds a broken escape";
		} else if (is_unreserved(decoded)) {
			normal[bytes++] = (char)decoded;
			c += 2;
		} else {
			memcpy(&normal[bytes], c, 3);
			bytes += 3;
			c += 2;
		}
	}
	normal[bytes] = '\0';
	if (!fault && strpbrk(normal, "?#"))
		fault = "holds '?' or '#', which end a path";
	if (!fault && has_dot_segment(normal))
		fault = "holds a dot segment";
	if (!fault && strstr(normal, "//"))
		fault = "holds '//', which requests do not once they are in normal form";
	if (fault) {
		free(normal);
		return fault;
	}
	*out = normal;
	return NULL;
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
