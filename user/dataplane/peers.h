/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peers.h - the nodes whose tunnels are opened here: what the map tunnel_peers holds
 */
#ifndef SLUICE_DATAPLANE_PEERS_H
#define SLUICE_DATAPLANE_PEERS_H

#include <stddef.h>

#include "base/inet.h"

struct peers {
	struct inet_addr *addrs; /* owned, ascending, each once */
	size_t count;
};

/* Notes what an adopted map holds. Return: 0; -errno. */
int peers_adopt(struct peers *peers, int fd);

/**
 * peers_set - make the map hold these and no others
 * @addrs: in any order, maybe more than once; copied
 * Return: 0; -ENOSPC the map is full; -errno.
 */
int peers_set(struct peers *peers, int fd, const struct inet_addr *addrs, size_t count);

void peers_free(struct peers *peers);

#endif /* SLUICE_DATAPLANE_PEERS_H */
