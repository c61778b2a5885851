/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode_endpoints.h - an Endpoints read as slices; inside model/ only
 */
#ifndef SLUICE_MODEL_DECODE_ENDPOINTS_H
#define SLUICE_MODEL_DECODE_ENDPOINTS_H

#include "model/fields.h"

/**
 * decode_endpoints - one slice a subset
 * @meta: borrowed, the Endpoints' own metadata; the slices get copies of it
 * @out: owned by the caller, also on failure: *count slices, each named "<name>#<number>", which no
 *       real object can be
 * Return: 0; -EINVAL with the fault remembered; -ENOMEM.
 */
int decode_endpoints(struct decode *d, const cJSON *json, const struct object *meta,
		     struct object ***out, size_t *count);

#endif /* SLUICE_MODEL_DECODE_ENDPOINTS_H */
