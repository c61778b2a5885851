/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dispatcher.h - the XDP dispatcher that sluiced brings (bpf/xdp_dispatcher.bpf.c says why)
 *
 * libxdp reads a dispatcher from a file in a folder that the environment names. The file exists
 * only during one attach or detach, so that nothing remains if sluiced is killed.
 */
#ifndef SLUICE_DATAPLANE_DISPATCHER_H
#define SLUICE_DATAPLANE_DISPATCHER_H

#include <stdbool.h>

struct dispatcher_offer {
	bool made;
	char folder[64];
};

/**
 * dispatcher_offer - make libxdp use our dispatcher from now on
 * @offer: out; .made is false where LIBXDP_OBJECT_PATH is set by whoever started us, or no file can
 *         be written: then libxdp uses the one it finds, with a line in the log in the latter case
 */
void dispatcher_offer(struct dispatcher_offer *offer);
void dispatcher_withdraw(const struct dispatcher_offer *offer);

#endif /* SLUICE_DATAPLANE_DISPATCHER_H */
