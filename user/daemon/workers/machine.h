/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine.h - a secret that stays the same on this machine
 */
#ifndef SLUICE_DAEMON_MACHINE_H
#define SLUICE_DAEMON_MACHINE_H

#include <stdint.h>

/**
 * machine_secret - the key of affinity cookies if Services have no uid
 * @path: of the machine id, usually MACHINE_ID_PATH
 * The machine id; without one, random bytes: cookies then change after a restart. Never show it;
 * use it only to key a MAC (machine-id(5)).
 */
void machine_secret(const char *path, uint64_t out[2]);

#define MACHINE_ID_PATH "/etc/machine-id"

#endif /* SLUICE_DAEMON_MACHINE_H */
