/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vec.h - room in a growing array
 */
#ifndef SLUICE_TABLE_VEC_H
#define SLUICE_TABLE_VEC_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/**
 * vec_reserve - make room for @more items beyond @count
 * @items: address of the array pointer, which may move
 * Return: 0; -ENOMEM, array unchanged.
 */
static inline int vec_reserve(void *items, size_t *capacity, size_t count, size_t more, size_t size)
{
	void **array = (void **)items;
	size_t wanted = *capacity ? *capacity : 4;
	void *moved;

	if (count + more <= *capacity)
		return 0;
	while (wanted < count + more)
		wanted *= 2;
	moved = realloc(*array, wanted * size);
	if (!moved)
		return -ENOMEM;
	*array = moved;
	*capacity = wanted;
	return 0;
}

#endif /* SLUICE_TABLE_VEC_H */
