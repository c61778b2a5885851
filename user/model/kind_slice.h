/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kind_slice.h - fields that slices and Endpoints have in common; inside model/ only
 *
 * Return of each: 0; -EINVAL with the fault remembered; -ENOMEM.
 */
#ifndef SLUICE_MODEL_KIND_SLICE_H
#define SLUICE_MODEL_KIND_SLICE_H

#include "model/fields.h"

int slice_decode_ports(struct decode *d, const struct field *parent_at, const cJSON *json,
		       struct endpoint_slice *slice);
/* @want_v4, @want_v6: the families that the slice may hold */
int slice_decode_addr(struct decode *d, const struct field *at, const char *text, bool want_v4,
		      bool want_v6, struct inet_addr *out);
int slice_decode_target(struct decode *d, const struct field *at, const cJSON *json,
			struct slice_endpoint *endpoint);
void slice_endpoint_clear(struct slice_endpoint *endpoint);

#endif /* SLUICE_MODEL_KIND_SLICE_H */
