/* SPDX-License-Identifier: Apache-2.0 */
/*
 * splice_check.h - does this kernel keep what splice builds on?
 *
 * On loopback, with sockets of our own: bytes that were queued before a socket was enrolled come by
 * the program; what it moves and what is written keep their order; the window bounds what is moved
 * to a receiver that does not read; the sum of what was acknowledged and what is queued says when
 * all has left the kernel's backlog; the end of the stream comes behind all bytes, both ways.
 */
#ifndef SLUICE_DATAPLANE_SPLICE_CHECK_H
#define SLUICE_DATAPLANE_SPLICE_CHECK_H

struct splice_check_maps {
	int socks, slots, sinks; /* borrowed */
};

/**
 * splice_check - try it; takes some milliseconds
 * @error: out, DATAPLANE_ERROR_MAX: which property does not hold
 * Return: 0; -EOPNOTSUPP; -errno of a step.
 */
int splice_check(const struct splice_check_maps *maps, char *error);

#endif /* SLUICE_DATAPLANE_SPLICE_CHECK_H */
