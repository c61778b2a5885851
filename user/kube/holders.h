/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holders.h - assigns addresses to answering nodes in a flat network (--announce l2)
 *
 * Each announcing node holds its own Lease, "sluice-node-NAME", and sees those of the others. Among
 * the nodes with a valid Lease, an address belongs to the one that ranks highest for it (rendezvous
 * hashing). So every node computes the same answer, and only the addresses of a node that comes or
 * goes move. A node that cannot renew stops holding addresses before others may count it as dead.
 * For a Service with externalTrafficPolicy Local, only nodes with a ready pod take part.
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
	void (*changed)(void *ctx);        /* the result of holders_holds() may have changed */
	void *ctx;
};

/* @model: borrowed; it contains the Leases, see holders_review_soon(). */
int holders_new(struct loop *loop, struct api *api, const struct model *model,
		const struct holders_options *options, struct holders **out);
void holders_free(struct holders *holders); /* takes NULL */

/* Requests the Lease: other nodes include this node from now on. Return: 0; -ENOMEM. */
int holders_join(struct holders *holders);
/* Releases the Lease (in at most a second): others take over at once. */
void holders_leave(struct holders *holders);

/* Leases, Services or slices have changed. Takes NULL. */
void holders_review_soon(struct holders *holders);

/**
 * holders_holds - does this node hold the address now?
 * @until_ms: out, if so: loop_now_ms() when that ends, unless changed() is called earlier
 */
bool holders_holds(const struct holders *holders, const struct inet_addr *addr, uint64_t *until_ms);

#define HOLDERS_LEASE_PREFIX "sluice-node-"

/**
 * holders_rank - rank of a node for an address: the highest holds it
 * The same on every node and in every version.
 */
uint64_t holders_rank(const char *node_name, const struct inet_addr *addr);

#endif /* SLUICE_KUBE_HOLDERS_H */
