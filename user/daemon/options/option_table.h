/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option_table.h - every flag of sluiced: one row each
 */
#ifndef SLUICE_DAEMON_OPTION_TABLE_H
#define SLUICE_DAEMON_OPTION_TABLE_H

#include "daemon/options/option_values.h"

enum option_flag {
	OPTION_F_SWITCH = 1 << 0, /* "--name" without a value means "true" */
	OPTION_F_LIST = 1 << 1,   /* may be given again; commas part the values */
	OPTION_F_ACTION = 1 << 2, /* .action, not a setting */
	/* A flag of the helper, which gets the checked text, or a number of ms or bytes. */
	OPTION_F_FORWARD = 1 << 3,
	OPTION_F_FORWARD_MS = 1 << 4,
	OPTION_F_FORWARD_BYTES = 1 << 5,
};

struct option_spec {
	const char *name;
	const char *argument; /* its name in --help, NULL for switches */
	option_value_fn *parse;
	size_t offset; /* into struct options; 0 where .parse knows the field */
	unsigned int flags;
	enum options_action action;
	const char *help;
	uint64_t least, most; /* of .parse */
};

#define OPTION_F_FOR_HELPER (OPTION_F_FORWARD | OPTION_F_FORWARD_MS | OPTION_F_FORWARD_BYTES)

/* In the order of --help; ends with a name of NULL. */
#define OPTION_SPECS_MAX 128 /* with room */
extern const struct option_spec option_specs[OPTION_SPECS_MAX];

#endif /* SLUICE_DAEMON_OPTION_TABLE_H */
