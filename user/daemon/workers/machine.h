/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine.h - a secret that stays the same on this machine
 */
#ifndef SLUICE_DAEMON_MACHINE_H
#define SLUICE_DAEMON_MACHINE_H

#include <stdint.h>

/**
 * machine_secret - what affinity cookies are keyed with where Services have no uid
 * @path: of the machine id, usually MACHINE_ID_PATH
 * The machine id; where there is none, random bytes: cookies are then given anew after a restart.
 * Never to be shown, only to key a MAC with (machine-id(5)).
 */
void machine_secret(const char *path, uint64_t out[2]);

#define MACHINE_ID_PATH "/etc/machine-id"

#endif /* SLUICE_DAEMON_MACHINE_H */
