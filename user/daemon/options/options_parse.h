/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options_parse.h - the settings of sluiced as flags and environment give them
 */
#ifndef SLUICE_DAEMON_OPTIONS_OPTIONS_PARSE_H
#define SLUICE_DAEMON_OPTIONS_OPTIONS_PARSE_H

#include <stdio.h>

#include "daemon/options/options.h"

#define OPTIONS_ERROR_MAX 512

/**
 * options_parse - settings from flags and environment
 * @environment: as environ; a flag given wins over its variable
 * @out: freed by options_free(), also after a failure
 * @error: out, on failure: which flag, which value, why
 * --help, --version and --cleanup need no source. Return: 0; -EINVAL; -ENOMEM.
 */
int options_parse(int argc, char **argv, char **environment, struct options *out,
		  char error[OPTIONS_ERROR_MAX]);

/* The text of --help. */
void options_print_help(FILE *out);

#endif /* SLUICE_DAEMON_OPTIONS_OPTIONS_PARSE_H */
