/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingress_parts.h - the parts of an Ingress: copied, compared, freed; inside model/ only
 */
#ifndef SLUICE_MODEL_INGRESS_PARTS_H
#define SLUICE_MODEL_INGRESS_PARTS_H

#include "model/parts.h"

void ingress_copy(struct copier *c, struct object *object);
bool ingress_equal(const struct object *left, const struct object *right);
void ingress_free_parts(struct object *object);
void ingress_backend_clear(struct ingress_backend *backend);

#endif /* SLUICE_MODEL_INGRESS_PARTS_H */
