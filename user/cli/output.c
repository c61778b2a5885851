// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

int cli_check_read(const char *map, int err)
{
	if (!err)
		return CLI_OK;
	fprintf(stderr, "sluicectl: read %s: %s\n", map, strerror(-err));
	return CLI_FAILED;
}

int cli_print_json(struct json_text *json, int err)
{
	char *text = NULL;
	size_t bytes;
	int failed = json_text_finish(json, &text, &bytes);

	if (!err)
		err = failed;
	if (!err && (fwrite(text, 1, bytes, stdout) != bytes || fflush(stdout)))
		err = CLI_FAILED; /* a closed pipe: there is no reader */
	else if (err < 0)
		err = cli_check_read("maps", err);
	free(text);
	return err;
}

int cli_finish_table(struct columns *table, const char *map, int err)
{
	int print_err = 0;

	/* Data that was read before a failure is still shown. */
	if (!err || columns_rows(table))
		print_err = columns_print(table, stdout);
	else
		columns_free(table);
	if (err)
		return cli_check_read(map, err);
	return print_err ? CLI_FAILED : CLI_OK;
}
