/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vip.h - addresses of Services of our load-balancer class: requested, assigned, served
 *
 * The status of a Service stores its addresses: it survives restarts, and every replica sees it.
 * With a pool, spec.loadBalancerIP is a request: served are the addresses that the leader has
 * written into the status. So no two Services ever get the same address, and none is from outside
 * the pool.
 */
#ifndef SLUICE_KUBE_VIP_H
#define SLUICE_KUBE_VIP_H

#include <stdbool.h>

#include "kube/lb_pool.h"
#include "kube/writer.h"
#include "model/model.h"

struct vip;

struct vip_options {
	const char *lb_class; /* copied */
	const char *pool;     /* NULL or "": assigns nothing, serves requested addresses */
	/* A Service does not get its requested address, or (@holds false) gets it now. */
	void (*problem)(void *ctx, const struct service *service, const char *reason,
			const char *message, bool holds);
	void *ctx;
};

/* Return: 0; -EINVAL with a log line for an invalid pool; -ENOMEM. */
int vip_new(const struct model *model, struct writer *writer, const struct vip_options *options,
	    struct vip **out);
void vip_free(struct vip *vip); /* takes NULL */

/**
 * vip_adjust - replace the addresses of a Service, before it enters the model, by the served ones
 * On every replica, leader or not. Return: 0; -ENOMEM.
 */
int vip_adjust(struct vip *vip, struct service *service);

/**
 * vip_review - take over addresses of statuses; if we lead, assign and release addresses
 * Statuses that differ are queued for writing.
 */
void vip_review(struct vip *vip, bool leads);

#endif /* SLUICE_KUBE_VIP_H */
