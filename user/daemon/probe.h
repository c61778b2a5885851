/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.h - --probe: what a kubelet asks a container, answered without a port
 *
 * Containers of a node's network share its ports and its abstract sockets, and while an upgrade
 * lasts there are two of them. So the answer of a sluiced of another container does not count: it
 * is known by its process id, which is not visible from here.
 */
#ifndef SLUICE_DAEMON_PROBE_H
#define SLUICE_DAEMON_PROBE_H

#include "daemon/options/options.h"

/**
 * probe - ask the sluiced of this container
 * @what: PROBE_READY: has everything in use and workers that serve; PROBE_LIVE: it answers, or
 *        another container's does, to which it has handed over or from which it takes over
 * Return: 0 yes; -EAGAIN no; -ETIMEDOUT no answer; -errno. The log has the reason.
 */
int probe(enum options_probe what, const char *pin_folder);

#endif /* SLUICE_DAEMON_PROBE_H */
