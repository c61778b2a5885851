/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holders.h - which node answers for which address in a flat network (--announce l2)
 *
 * Each node that announces holds a Lease of its own, "sluice-node-NAME", and sees those of the
 * others. An address belongs to the one node, of those whose Lease is renewed, that ranks highest
 * for it (rendezvous hashing): every node comes to the same answer alone, and only the addresses of
 * a node that comes or goes move. A node that cannot renew holds nothing before others may think it
 * dead. Of a Service with externalTrafficPolicy Local, nodes with a ready pod alone are asked.
 */
#ifndef SLUICE_KUBE_HOLDERS_H
#define SLUICE_KUBE_HOLDERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/inet.h"
#include "base/loop.h"
#include "kube/api.h"
#include "model/model.h"

struct holders;

struct holders_options {
	const char *namespace, *node_name; /* copied */
	unsigned int duration_s;           /* of the Lease; 0: LEADER_DURATION_S */
	void (*changed)(void *ctx);        /* holders_holds() may answer otherwise now */
	void *ctx;
};

/* @model: borrowed; it holds the Leases that were seen, see holders_review_soon(). */
int holders_new(struct loop *loop, struct api *api, const struct model *model,
		const struct holders_options *options, struct holders **out);
void holders_free(struct holders *holders); /* leaves; takes NULL */

/* Ask for the Lease: others count with this node from now on. Return: 0; -ENOMEM. */
int holders_join(struct holders *holders);
/* Gives the Lease back (at most a second): others take over at once. */
void holders_leave(struct holders *holders);

/* Leases, Services or slices have changed. Takes NULL. */
void holders_review_soon(struct holders *holders);

/**
 * holders_holds - is the address this node's now?
 * @until_ms: out, if so: loop_now_ms() when that ends unless changed() is called before
 */
bool holders_holds(const struct holders *holders, const struct inet_addr *addr, uint64_t *until_ms);

#define HOLDERS_LEASE_PREFIX "sluice-node-"

/**
 * holders_rank - how much a node is for an address: the highest has it
 * The same on every node and in every version.
 */
uint64_t holders_rank(const char *node_name, const struct inet_addr *addr);

#endif /* SLUICE_KUBE_HOLDERS_H */
