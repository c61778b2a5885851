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
 * The kernel says it (Linux 6.3, netlink family "netdev"). Of older ones: every driver with native
 * XDP but veth, which delivers only where its peer has a program, and cannot be asked.
 * Return: 1 or 0; -errno.
 */
int xmit_is_possible(uint32_t ifindex, const char *name);

#endif /* SLUICE_DATAPLANE_XMIT_H */
