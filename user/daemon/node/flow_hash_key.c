// SPDX-License-Identifier: Apache-2.0
#include "daemon/node/flow_hash_key.h"

#include <errno.h>
#include <stdio.h>

/* FNV-1a, 64 bits (public domain, Fowler, Noll, Vo): nobody sees the result, so it need not hide
 * the text. */
#define FNV_OFFSET 0xcbf29ce484222325ull
#define FNV_PRIME  0x100000001b3ull

#define KEY_BYTES_MAX 4096

int flow_hash_key_read(const char *path, uint64_t *out)
{
	uint8_t bytes[KEY_BYTES_MAX];
	uint64_t hash = FNV_OFFSET;
	FILE *file = fopen(path, "re");
	size_t count;
	int err = 0;

	if (!file)
		return -errno;
	count = fread(bytes, 1, sizeof(bytes), file);
	if (ferror(file))
		err = -EIO;
	fclose(file);
	if (err)
		return err;
	/* An editor ends a text with a new line, `kubectl create secret` does not. */
	while (count && (bytes[count - 1] == '\n' || bytes[count - 1] == '\r'))
		count--;
	if (count < FLOW_HASH_KEY_BYTES_MIN)
		return -EINVAL;
	for (size_t i = 0; i < count; i++)
		hash = (hash ^ bytes[i]) * FNV_PRIME;
	*out = hash ? hash : 1;
	return 0;
}
