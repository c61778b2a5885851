/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life.h - the life of sluiced: start, drain, end
 */
#ifndef SLUICE_DAEMON_LIFE_H
#define SLUICE_DAEMON_LIFE_H

#include "daemon/daemon.h"

/**
 * life_start - load, attach, adopt, begin to read
 * @d: with .options, .pin_folder, .loop, .instance and .helper filled
 * Return: 0; -errno, with a log line. life_close() is due in any case.
 */
int life_start(struct daemon *d);

/* Ends all parts but loop and instance; pinned state and the workers stay. */
void life_close(struct daemon *d);

/**
 * life_end - not ready any more, serve on for --shutdown-delay, drain the workers, stop the loop
 * Asked again: at once. A sluiced that takes over in that time gets everything as it is.
 */
void life_end(struct daemon *d);

/* True if the process was asked to end and no other sluiced has taken over. */
bool life_removes_all(const struct daemon *d);

#endif /* SLUICE_DAEMON_LIFE_H */
