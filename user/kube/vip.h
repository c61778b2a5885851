/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vip.h - addresses of Services of our load-balancer class: asked for, given out, served
 *
 * The status of a Service is where its addresses are kept: it survives restarts and is seen by
 * every replica. With a pool, spec.loadBalancerIP is a wish: what is served is what the leader has
 * written into the status, so no two Services ever get one address, and nobody takes one from
 * outside.
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
	const char *pool;     /* NULL or "": nothing is given out; wishes are served as they are */
	/* A Service does not get what it asks for, or (@holds false) that is over. */
	void (*problem)(void *ctx, const struct service *service, const char *reason,
			const char *message, bool holds);
	void *ctx;
};

/* Return: 0; -EINVAL with a log line for a pool that is none; -ENOMEM. */
int vip_new(const struct model *model, struct writer *writer, const struct vip_options *options,
	    struct vip **out);
void vip_free(struct vip *vip); /* takes NULL */

/**
 * vip_adjust - a Service on its way into the model: its addresses become those that are served
 * On every replica, leader or not. Return: 0; -ENOMEM.
 */
int vip_adjust(struct vip *vip, struct service *service);

/**
 * vip_review - take over what statuses say; if we lead, give out and take back
 * Statuses that differ are queued for writing.
 */
void vip_review(struct vip *vip, bool leads);

#endif /* SLUICE_KUBE_VIP_H */
