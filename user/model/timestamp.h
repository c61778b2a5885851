/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MODEL_TIMESTAMP_H
#define SLUICE_MODEL_TIMESTAMP_H

#include <stdint.h>

/**
 * timestamp_parse - "2026-11-22T21:40:20Z", also with a fraction (dropped) or an offset
 * Return: 0; -EINVAL, *unix_s untouched. Source: RFC 3339, 5.6.
 */
int timestamp_parse(const char *text, int64_t *unix_s);

#endif /* SLUICE_MODEL_TIMESTAMP_H */
