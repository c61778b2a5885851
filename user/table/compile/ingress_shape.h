/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingress_shape.h - questions about an Ingress as it is written; for compile_ingress.c
 */
#ifndef SLUICE_TABLE_INGRESS_SHAPE_H
#define SLUICE_TABLE_INGRESS_SHAPE_H

#include "model/model.h"
#include "table/policy/policy.h"

/* Reason of a problem with what the decoder left out, by the field it names. */
const char *ingress_reason_of_field(const char *field);

/* Does an entry of spec.tls name the host, or all hosts? */
bool ingress_has_tls_of(const struct ingress *ingress, const char *host);

/* Where connections of a passed-through host go; NULL: nowhere. */
const struct ingress_backend *ingress_passthrough_backend(const struct ingress *ingress,
							  const struct ingress_rule *rule);

/* How many claims it can have at most. */
size_t ingress_claims_max(const struct ingress *ingress, const struct policy *policy);

#endif /* SLUICE_TABLE_INGRESS_SHAPE_H */
