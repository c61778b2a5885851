// SPDX-License-Identifier: Apache-2.0
#include "model/base64.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* Return: bytes written; -EINVAL. */
static long decode_into(const char *text, uint8_t *out)
{
	unsigned int digits = 0, padding = 0;
	uint32_t group = 0;
	long used = 0;

	for (; *text; text++) {
		int value = value_of(*text);

		if (*text == '\n' || *text == '\r')
			continue;
		if (*text == '=' && digits >= 2)
			padding++;
		else if (value < 0 || padding)
			return -EINVAL;
		group = group << 6 | (uint32_t)(value < 0 ? 0 : value);
		if (++digits < 4)
			continue;
		for (unsigned int i = 0; i < 3 - padding; i++)
			out[used++] = (uint8_t)(group >> (16 - 8 * i));
		digits = 0;
		group = 0;
		if (padding)
			return text[1 + strspn(text + 1, "\r\n")] ? -EINVAL : used;
	}
	return digits ? -EINVAL : used;
}

int base64_decode(const char *text, uint8_t **out, size_t *bytes_out)
{
	size_t room = strlen(text) / 4 * 3 + 1;
	uint8_t *bytes = malloc(room);
	long used;

	if (!bytes)
		return -ENOMEM;
	used = decode_into(text, bytes);
	if (used < 0) {
		explicit_bzero(bytes, room);
		free(bytes);
		return -EINVAL;
	}
	*out = bytes;
	*bytes_out = (size_t)used;
	return 0;
}
