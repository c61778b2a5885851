/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SELFTESTS_UNIT_FIXTURE_H
#define SLUICE_SELFTESTS_UNIT_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

/* A file below selftests/fixtures, owned by the caller, with a NUL after its end. */
static inline char *fixture_read(const char *name, size_t *bytes)
{
	char path[256];
	FILE *file;
	char *text;

	snprintf(path, sizeof(path), "selftests/fixtures/%s", name);
	file = fopen(path, "r");
	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	*bytes = (size_t)ftell(file);
	rewind(file);
	text = malloc(*bytes + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, *bytes, file), *bytes);
	text[*bytes] = '\0';
	fclose(file);
	return text;
}

#endif /* SLUICE_SELFTESTS_UNIT_FIXTURE_H */
