/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TABLE_SNAPSHOT_CHECK_H
#define SLUICE_TABLE_SNAPSHOT_CHECK_H

#include <stddef.h>

/**
 * snapshot_check - may lookups trust every offset and count of these bytes?
 * @base: aligned to a page, not changing
 * Return: 0; -EINVAL.
 */
int snapshot_check(const void *base, size_t bytes);

#endif /* SLUICE_TABLE_SNAPSHOT_CHECK_H */
