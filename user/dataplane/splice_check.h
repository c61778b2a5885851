/* SPDX-License-Identifier: Apache-2.0 */
/*
 * splice_check.h - does this kernel have the properties that splice needs?
 *
 * On loopback, with sockets of our own: bytes that were queued before a socket was enrolled pass
 * the program; moved and written bytes keep their order; the window bounds bytes moved to a
 * receiver that does not read; acknowledged plus queued bytes show when the kernel's backlog is
 * empty; the end of the stream arrives after all bytes, in both directions.
 */
#ifndef SLUICE_DATAPLANE_SPLICE_CHECK_H
#define SLUICE_DATAPLANE_SPLICE_CHECK_H

struct splice_check_maps {
	int socks, slots, sinks; /* borrowed */
};

/**
 * splice_check - test it; takes some milliseconds
 * @error: out, DATAPLANE_ERROR_MAX: which property does not hold
 * Return: 0; -EOPNOTSUPP; -errno of a step.
 */
int splice_check(const struct splice_check_maps *maps, char *error);

#endif /* SLUICE_DATAPLANE_SPLICE_CHECK_H */
