// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES_MAX 4096

static struct {
	const char *program; /* borrowed */
	enum log_format format;
	enum log_level least;
} config = { "sluice", LOG_TEXT, LOG_INFO };

static const char *const level_names[] = { "debug", "info", "warn", "error" };

void log_setup(const char *program, enum log_format format, enum log_level least)
{
	config.program = program;
	config.format = format;
	config.least = least;
}

int log_parse_format(const char *text, enum log_format *out)
{
	if (strcmp(text, "text") == 0)
		*out = LOG_TEXT;
	else if (strcmp(text, "json") == 0)
		*out = LOG_JSON;
	else
		return -EINVAL;
	return 0;
}

int log_parse_level(const char *text, enum log_level *out)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

bool log_enabled(enum log_level level)
{
	return level >= config.least;
}

/* Appends src to dst[*used..size) with controls (and in JSON quotes) escaped; truncates text that
 * is too long. */
static void append_escaped(char *dst, size_t size, size_t *used, const char *src, bool json)
{
	for (const unsigned char *c = (const unsigned char *)src; *c; c++) {
		if (*used + 8 >= size)
			return;
		if (json && (*c == '"' || *c == '\\')) {
			dst[(*used)++] = '\\';
			dst[(*used)++] = (char)*c;
		} else if (*c < 0x20 || *c == 0x7f) {
			*used += (size_t)sprintf(dst + *used, json ? "\\u%04x" : "\\x%02x", *c);
		} else {
			dst[(*used)++] = (char)*c;
		}
	}
}

void log_line(enum log_level level, const char *format, ...)
{
	bool json = config.format == LOG_JSON;
	char message[LINE_BYTES_MAX / 2];
	char line[LINE_BYTES_MAX];
	int saved_errno = errno;
	struct timespec now;
	struct tm utc;
	va_list args;
	size_t used;

	if (!log_enabled(level))
		return;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	used = strftime(line, sizeof(line), json ? "{\"time\":\"%FT%T" : "%FT%T", &utc);
	used += (size_t)snprintf(
		line + used, sizeof(line) - used,
		json ? ".%03ldZ\",\"level\":\"%s\",\"program\":\"%s\",\"message\":\""
		     : ".%03ldZ %s %s: ",
		now.tv_nsec / 1000000, level_names[level], config.program);
	append_escaped(line, sizeof(line) - 4, &used, message, json);
	if (json) {
		line[used++] = '"';
		line[used++] = '}';
	}
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0) {
		/* No place is left to report it. */
	}
	errno = saved_errno;
}
