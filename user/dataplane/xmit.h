/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xmit.h - can XDP programs send by an interface?
 */
#ifndef SLUICE_DATAPLANE_XMIT_H
#define SLUICE_DATAPLANE_XMIT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * xmit_is_possible - would a frame that a native XDP program sends by @ifindex leave?
 * The kernel reports it (Linux 6.3, netlink family "netdev"). On older kernels: true for every
 * driver with native XDP except veth, which delivers only if its peer has a program, and cannot
 * report that.
 * Return: 1 or 0; -errno.
 */
int xmit_is_possible(uint32_t ifindex, const char *name);

#endif /* SLUICE_DATAPLANE_XMIT_H */
