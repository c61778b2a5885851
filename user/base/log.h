/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - one line an event, as text for people or JSON for collectors, to stderr
 */
#ifndef SLUICE_BASE_LOG_H
#define SLUICE_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

/**
 * log_setup - choose format and threshold; call once before the first line
 * @program: name in each line, not copied, must outlive the process' logging
 */
void log_setup(const char *program, enum log_format format, enum log_level least);

/**
 * log_parse_format - "text" or "json"
 * Return: 0; -EINVAL for anything else, *out untouched.
 */
int log_parse_format(const char *text, enum log_format *out);

/**
 * log_parse_level - "debug", "info", "warn" or "error"
 * Return: 0; -EINVAL for anything else, *out untouched.
 */
int log_parse_level(const char *text, enum log_level *out);

/* The name of a level, as log_parse_level() reads it. */
const char *log_level_name(enum log_level level);

/**
 * log_line - write one line; never blocks for long, never fails visibly
 * Control characters in the message are escaped: a line is always one line.
 */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* True if a line of this level would be written: to skip costly arguments. */
bool log_enabled(enum log_level level);

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#endif /* SLUICE_BASE_LOG_H */
