// SPDX-License-Identifier: Apache-2.0
#include "model/scalar.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_TEXT_MAX 64 /* longer is not a number that any field takes */

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_float(const char *text)
{
	size_t before, after = 0;

	text += *text == '-' || *text == '+';
	before = strspn(text, "0123456789");
	text += before;
	if (*text == '.') {
		text++;
		after = strspn(text, "0123456789");
		text += after;
	}
	if (!before && !after)
		return false;
	if (*text == 'e' || *text == 'E') {
		text++;
		text += *text == '-' || *text == '+';
		if (!is_digit(*text))
			return false;
		text += strspn(text, "0123456789");
	}
	return !*text;
}

/* @base: out, 8 with a leading 0 as well. Return: the first digit. */
static const char *skip_prefix(const char *text, int *base)
{
	*base = 10;
	if (text[0] != '0' || !text[1])
		return text;
	*base = 8;
	switch (text[1]) {
	case 'x':
	case 'X':
		*base = 16;
		return text + 2;
	case 'o':
	case 'O':
		return text + 2;
	case 'b':
	case 'B':
		*base = 2;
		return text + 2;
	default:
		return text + 1;
	}
}

static bool parse_integer(const char *text, double *out)
{
	bool negative = *text == '-';
	unsigned long long value;
	char *end;
	int base;

	text += *text == '-' || *text == '+';
	text = skip_prefix(text, &base);
	/* strtoull() would take blanks, signs and a second prefix. */
	if (!strchr("0123456789abcdefABCDEF", *text) || !*text ||
	    (base == 16 && (text[1] == 'x' || text[1] == 'X')))
		return false;
	errno = 0;
	value = strtoull(text, &end, base);
	if (errno || *end)
		return false;
	*out = negative ? -(double)value : (double)value;
	return true;
}

static bool parse_number(const char *text, double *out)
{
	char plain[NUMBER_TEXT_MAX];
	size_t used = 0;

	if (!is_digit(*text) && !strchr("+-.", *text))
		return false;
	for (; *text; text++) {
		if (used == sizeof(plain) - 1)
			return false;
		if (*text != '_')
			plain[used++] = *text;
	}
	plain[used] = '\0';
	if (parse_integer(plain, out))
		return true;
	if (!is_float(plain))
		return false;
	errno = 0;
	*out = strtod(plain, NULL);
	return errno != ERANGE;
}

cJSON *scalar_resolve(const char *text)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const trues[] = { "true", "True", "TRUE", "yes", "Yes", "YES",
					     "on",   "On",   "ON",   "y",   "Y",   NULL };
	static const char *const falses[] = { "false", "False", "FALSE", "no", "No", "NO",
					      "off",   "Off",   "OFF",   "n",  "N",  NULL };
	double number;

	if (is_one_of(text, nulls))
		return cJSON_CreateNull();
	if (strlen(text) <= sizeof("false") && strchr("tTyYoOfFnN", *text)) {
		if (is_one_of(text, trues))
			return cJSON_CreateTrue();
		if (is_one_of(text, falses))
			return cJSON_CreateFalse();
	}
	if (parse_number(text, &number))
		return cJSON_CreateNumber(number);
	return cJSON_CreateString(text);
}
