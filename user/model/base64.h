/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MODEL_BASE64_H
#define SLUICE_MODEL_BASE64_H

#include <stddef.h>
#include <stdint.h>

/**
 * base64_decode - standard alphabet, padded; line ends are skipped, as Go's decoder does
 * @out: owned by the caller, at least one byte long also if the text is empty
 * Return: 0; -EINVAL; -ENOMEM. Source: RFC 4648, 4.
 */
int base64_decode(const char *text, uint8_t **out, size_t *bytes_out);

#endif /* SLUICE_MODEL_BASE64_H */
