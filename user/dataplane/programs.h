/* SPDX-License-Identifier: Apache-2.0 */
/*
 * programs.h - programs pinned beside the maps
 *
 * A sluiced of the same build finds its programs there, verified already, and starts in a tenth of
 * the time. And what is attached is known by them without CAP_SYS_ADMIN, which it takes to get the
 * descriptor of a program by its id. The pins are <pin folder>/programs/<hash>_<name>, where <hash>
 * is one of the objects inside sluiced.
 */
#ifndef SLUICE_DATAPLANE_PROGRAMS_H
#define SLUICE_DATAPLANE_PROGRAMS_H

#include <stdbool.h>
#include <stdint.h>

#define PROGRAMS_FOLDER "programs"

/* Of this build. Return: a descriptor, the caller's; -ENOENT; -errno. */
int programs_open(const char *bpffs, const char *name);

/* Pins a program of this build, in place of one with the same name. Return: 0; -errno. */
int programs_pin(const char *bpffs, const char *name, int prog_fd);

/**
 * programs_find - the program with this id, if a sluiced of any build has pinned it
 * Return: a descriptor, the caller's; -ENOENT; -errno.
 */
int programs_find(const char *bpffs, uint32_t id);

/* Unpins the programs of other builds, which nothing uses any more. */
void programs_sweep(const char *bpffs);

#endif /* SLUICE_DATAPLANE_PROGRAMS_H */
