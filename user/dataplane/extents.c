// SPDX-License-Identifier: Apache-2.0
#include "dataplane/extents.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Room for one more element. Return: 0; -ENOMEM, array unchanged. */
static int array_grow(void **array, size_t *capacity, size_t count, size_t element_bytes)
{
	size_t wanted = *capacity ? *capacity * 2 : 16;
	void *grown;

	if (count < *capacity)
		return 0;
	grown = reallocarray(*array, wanted, element_bytes);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*capacity = wanted;
	return 0;
}

static int free_insert(struct extents *extents, size_t at, struct extent extent)
{
	int err = array_grow((void **)&extents->free, &extents->free_capacity, extents->free_count,
			     sizeof(*extents->free));

	if (err)
		return err;
	memmove(&extents->free[at + 1], &extents->free[at],
		(extents->free_count - at) * sizeof(*extents->free));
	extents->free[at] = extent;
	extents->free_count++;
	return 0;
}

static void free_delete(struct extents *extents, size_t at)
{
	extents->free_count--;
	memmove(&extents->free[at], &extents->free[at + 1],
		(extents->free_count - at) * sizeof(*extents->free));
}

int extents_init(struct extents *extents, uint32_t count)
{
	memset(extents, 0, sizeof(*extents));
	return free_insert(extents, 0, (struct extent){ 0, count });
}

void extents_free(struct extents *extents)
{
	free(extents->free);
	free(extents->quarantine);
	memset(extents, 0, sizeof(*extents));
}

/* Index of the first free extent that ends after @offset. */
static size_t free_find(const struct extents *extents, uint32_t offset)
{
	size_t low = 0, high = extents->free_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct extent *e = &extents->free[middle];

		if (e->offset + e->count <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int extents_reserve(struct extents *extents, uint32_t offset, uint32_t count)
{
	size_t at = free_find(extents, offset);
	struct extent *e, rest;

	if (count == 0)
		return 0;
	if (at == extents->free_count)
		return -EEXIST;
	e = &extents->free[at];
	if (offset < e->offset || count > e->offset + e->count - offset)
		return -EEXIST;
	rest.offset = offset + count;
	rest.count = e->offset + e->count - rest.offset;
	if (offset == e->offset) {
		*e = rest;
		if (rest.count == 0)
			free_delete(extents, at);
		return 0;
	}
	if (rest.count > 0 && free_insert(extents, at + 1, rest))
		return -ENOMEM;
	e = &extents->free[at];
	e->count = offset - e->offset;
	return 0;
}

/* Makes a range free, joined with its neighbours. Return: 0; -ENOMEM. */
static int free_add(struct extents *extents, struct extent extent)
{
	size_t at = free_find(extents, extent.offset);
	struct extent *next = at < extents->free_count ? &extents->free[at] : NULL;
	struct extent *previous = at > 0 ? &extents->free[at - 1] : NULL;

	if (previous && previous->offset + previous->count == extent.offset) {
		previous->count += extent.count;
		if (next && previous->offset + previous->count == next->offset) {
			previous->count += next->count;
			free_delete(extents, at);
		}
		return 0;
	}
	if (next && extent.offset + extent.count == next->offset) {
		next->offset = extent.offset;
		next->count += extent.count;
		return 0;
	}
	return free_insert(extents, at, extent);
}

static void quarantine_release(struct extents *extents, uint64_t now_ms)
{
	size_t n = 0;

	while (n < extents->quarantine_count &&
	       now_ms - extents->quarantine[n].freed_ms >= EXTENTS_QUARANTINE_MS) {
		if (free_add(extents, extents->quarantine[n].extent))
			break; /* stays in quarantine until there is memory */
		n++;
	}
	if (n == 0)
		return; /* also while there is no array yet: memmove() takes no NULL */
	extents->quarantine_count -= n;
	memmove(extents->quarantine, extents->quarantine + n,
		extents->quarantine_count * sizeof(*extents->quarantine));
}

int extents_take(struct extents *extents, uint32_t count, uint64_t now_ms, uint32_t *offset)
{
	quarantine_release(extents, now_ms);
	for (size_t i = 0; i < extents->free_count; i++) {
		struct extent *e = &extents->free[i];

		if (e->count < count)
			continue;
		*offset = e->offset;
		e->offset += count;
		e->count -= count;
		if (e->count == 0)
			free_delete(extents, i);
		return 0;
	}
	return -ENOSPC;
}

int extents_give(struct extents *extents, uint32_t offset, uint32_t count, uint64_t now_ms)
{
	int err;

	if (count == 0)
		return 0;
	err = array_grow((void **)&extents->quarantine, &extents->quarantine_capacity,
			 extents->quarantine_count, sizeof(*extents->quarantine));
	if (err)
		return err;
	extents->quarantine[extents->quarantine_count++] = (struct quarantined_extent){
		{ offset, count },
		now_ms,
	};
	return 0;
}
