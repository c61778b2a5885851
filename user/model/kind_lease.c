// SPDX-License-Identifier: Apache-2.0
/*
 * kind_lease.c - Lease
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/fields.h"
#include "model/kind.h"
#include "model/names.h"
#include "model/parts.h"

static int decode_lease(struct decode *d, const cJSON *json, struct object *object)
{
	struct lease *lease = (struct lease *)object;
	struct field at = field_child(NULL, "spec");
	const char *holder = "", *renewed = "";
	const cJSON *spec = NULL;
	int64_t duration_s = 0;
	int err = decode_map(d, NULL, json, "spec", &spec);

	if (!err)
		err = decode_text(d, &at, spec, "holderIdentity", &holder);
	if (!err)
		err = decode_text(d, &at, spec, "renewTime", &renewed);
	if (!err)
		err = decode_integer(d, &at, spec, "leaseDurationSeconds", 0, INT32_MAX,
				     &duration_s);
	if (err)
		return err;
	lease->duration_s = (uint32_t)duration_s;
	lease->holder = strdup(holder);
	lease->renewed = strdup(renewed);
	return lease->holder && lease->renewed ? 0 : -ENOMEM;
}

static void copy_lease(struct copier *c, struct object *object)
{
	struct lease *lease = (struct lease *)object;

	lease->holder = copier_text(c, lease->holder);
	lease->renewed = copier_text(c, lease->renewed);
}

/* When it was renewed is not a change of meaning. */
static bool same_lease(const struct object *left, const struct object *right)
{
	const struct lease *a = (const struct lease *)left;
	const struct lease *b = (const struct lease *)right;

	return same_text(a->holder, b->holder) && a->duration_s == b->duration_s;
}

static void free_lease(struct object *object)
{
	struct lease *lease = (struct lease *)object;

	free(lease->holder);
	free(lease->renewed);
}

const struct kind_ops kind_lease = {
	.resource = { "coordination.k8s.io", "v1", "leases", "Lease", true },
	.size = sizeof(struct lease),
	.check_name = name_check_subdomain,
	.decode = decode_lease,
	.clone = copy_lease,
	.equal = same_lease,
	.free = free_lease,
};
