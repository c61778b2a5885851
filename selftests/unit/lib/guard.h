/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.h - memory between two pages that nobody may touch: a read one octet too far is a crash
 */
#ifndef SLUICE_SELFTESTS_GUARD_H
#define SLUICE_SELFTESTS_GUARD_H

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#define GUARD_PAGE 4096u
#define GUARD_ROOM (32u * GUARD_PAGE)

struct guard {
	char *room; /* owned, GUARD_ROOM bytes */
};

static inline void guard_open(struct guard *guard)
{
	char *all = mmap(NULL, GUARD_ROOM + 2 * GUARD_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	assert(all != MAP_FAILED);
	guard->room = all + GUARD_PAGE;
	assert(mprotect(guard->room, GUARD_ROOM, PROT_READ | PROT_WRITE) == 0);
}

static inline void guard_close(struct guard *guard)
{
	munmap(guard->room - GUARD_PAGE, GUARD_ROOM + 2 * GUARD_PAGE);
}

/* A copy whose last octet is the last one that may be read. */
static inline char *guard_at_end(struct guard *guard, const char *text, size_t bytes)
{
	char *copy = guard->room + GUARD_ROOM - bytes;

	memcpy(copy, text, bytes);
	return copy;
}

/* A copy whose first octet is the first one that may be read. */
static inline char *guard_at_start(struct guard *guard, const char *text, size_t bytes)
{
	memcpy(guard->room, text, bytes);
	return guard->room;
}

#endif /* SLUICE_SELFTESTS_GUARD_H */
