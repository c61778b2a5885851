/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_hash_key.h - the secret by which nodes spread flows over pods
 */
#ifndef SLUICE_DAEMON_FLOW_HASH_KEY_H
#define SLUICE_DAEMON_FLOW_HASH_KEY_H

#include <stdint.h>

#define FLOW_HASH_KEY_BYTES_MIN 16

/**
 * flow_hash_key_read - the key that a file holds
 * @out: never 0
 * Return: 0; -EINVAL shorter than FLOW_HASH_KEY_BYTES_MIN; -errno.
 */
int flow_hash_key_read(const char *path, uint64_t *out);

#endif /* SLUICE_DAEMON_FLOW_HASH_KEY_H */
