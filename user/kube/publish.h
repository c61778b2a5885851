/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish.h - status.loadBalancer of Ingresses: the addresses for clients
 *
 * The Lease records what this and earlier leaders have published. We remove outdated entries that
 * are recorded; all others belong to other controllers and stay.
 */
#ifndef SLUICE_KUBE_PUBLISH_H
#define SLUICE_KUBE_PUBLISH_H

#include <stdbool.h>

#include "kube/leader.h"
#include "kube/writer.h"
#include "model/model.h"

struct publish;

struct publish_options {
	const char *addresses; /* "IP|HOST,..." or NULL */
	const char *service;   /* "NS/NAME": its status, else its ready endpoints */
	/* Without such a Service: only this replica, on the node of that name or "". */
	bool or_this_node;
	const char *node_name; /* copied; "" if not known */
	bool (*owns_ingress)(void *ctx, const char *namespace, const char *name);
	/* As kube_callbacks.own_addresses; may be NULL. */
	size_t (*own_addresses)(void *ctx, const struct inet_addr **addresses, bool *exact);
	void *ctx;
};

/**
 * publish_new - strings are copied, everything else is borrowed
 * Return: 0; -EINVAL with a log line for an invalid address or name; -ENOMEM.
 */
int publish_new(const struct model *model, struct leader *leader, struct writer *writer,
		const struct publish_options *options, struct publish **out);
void publish_free(struct publish *publish); /* takes NULL */

/* Compares the status of all Ingresses with the wanted one and queues differences. Only while we
 * lead. */
void publish_review(struct publish *publish);

#endif /* SLUICE_KUBE_PUBLISH_H */
