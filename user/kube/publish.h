/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish.h - status.loadBalancer of Ingresses: where clients reach us
 *
 * What this and earlier leaders have published is noted in the Lease: entries among it that no
 * longer count are ours to remove, all others belong to somebody else and stay.
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
	/* Where there is no such Service: this replica only, a node of that name or "". */
	bool or_this_node;
	const char *node_name; /* copied; "" if not known */
	bool (*owns_ingress)(void *ctx, const char *namespace, const char *name);
	/* As kube_callbacks.own_addresses; may be NULL. */
	size_t (*own_addresses)(void *ctx, const struct inet_addr **addresses, bool *exact);
	void *ctx;
};

/**
 * publish_new - all borrowed but the strings, which are copied
 * Return: 0; -EINVAL with a log line for an address or a name that is none; -ENOMEM.
 */
int publish_new(const struct model *model, struct leader *leader, struct writer *writer,
		const struct publish_options *options, struct publish **out);
void publish_free(struct publish *publish); /* takes NULL */

/* Compare all Ingresses with what they should say; queue what differs. While we lead only. */
void publish_review(struct publish *publish);

#endif /* SLUICE_KUBE_PUBLISH_H */
