// SPDX-License-Identifier: Apache-2.0
#include "admin/name.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

/* FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
#define FNV_OFFSET 0xcbf29ce484222325u
#define FNV_PRIME  0x100000001b3u

int admin_name(const char *pin_folder, char name[ADMIN_NAME_MAX])
{
	uint64_t hash = FNV_OFFSET;

	for (const unsigned char *c = (const unsigned char *)pin_folder; *c; c++)
		hash = (hash ^ *c) * FNV_PRIME;
	return snprintf(name, ADMIN_NAME_MAX, "sluice/%016" PRIx64 "/admin", hash);
}
