// SPDX-License-Identifier: Apache-2.0
#include "model/timestamp.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* @pattern: a digit stands for any digit, any other character for itself */
static bool has_form(const char *text, const char *pattern)
{
	for (; *pattern; text++, pattern++) {
		if (*pattern == '0' ? *text < '0' || *text > '9' : *text != *pattern)
			return false;
	}
	return true;
}

static int digits(const char *text, int count)
{
	int value = 0;

	while (count--)
		value = value * 10 + (*text++ - '0');
	return value;
}

/* "Z" or "+hh:mm". Return: 0; -EINVAL. */
static int parse_offset(const char *text, int *offset_s)
{
	if ((text[0] == 'Z' || text[0] == 'z') && !text[1]) {
		*offset_s = 0;
		return 0;
	}
	if ((text[0] != '+' && text[0] != '-') || !has_form(text + 1, "00:00") || text[6])
		return -EINVAL;
	*offset_s = (digits(text + 1, 2) * 60 + digits(text + 4, 2)) * 60;
	if (text[0] == '-')
		*offset_s = -*offset_s;
	return 0;
}

int timestamp_parse(const char *text, int64_t *unix_s)
{
	struct tm tm = {}, normal;
	int offset_s;
	time_t seconds;

	if (!has_form(text, "0000-00-00") || (text[10] != 'T' && text[10] != 't') ||
	    !has_form(text + 11, "00:00:00"))
		return -EINVAL;
	tm.tm_year = digits(text, 4) - 1900;
	tm.tm_mon = digits(text + 5, 2) - 1;
	tm.tm_mday = digits(text + 8, 2);
	tm.tm_hour = digits(text + 11, 2);
	tm.tm_min = digits(text + 14, 2);
	tm.tm_sec = digits(text + 17, 2);
	text += 19;
	if (*text == '.') {
		if (text[1] < '0' || text[1] > '9')
			return -EINVAL;
		for (text++; *text >= '0' && *text <= '9';)
			text++;
	}
	normal = tm;
	seconds = timegm(&normal);
	/* timegm() carries 31 April over into May: no such day was meant. */
	if (parse_offset(text, &offset_s) || normal.tm_mon != tm.tm_mon ||
	    normal.tm_mday != tm.tm_mday || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return -EINVAL;
	*unix_s = (int64_t)seconds - offset_s;
	return 0;
}
