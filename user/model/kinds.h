/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kinds.h - one decoder a kind; decode.c reads metadata and picks one
 *
 * Inside model/ only. Each fills the object, whose metadata is there already. Return: 0; -EINVAL
 * with the fault remembered: the object is refused; -ENOMEM.
 */
#ifndef SLUICE_MODEL_KINDS_H
#define SLUICE_MODEL_KINDS_H

#include "model/decode.h"
#include "model/fields.h"

int decode_ingress(struct decode *d, const cJSON *json, struct ingress *ingress);
int decode_ingress_class(struct decode *d, const cJSON *json, struct ingress_class *class);
int decode_service(struct decode *d, const cJSON *json, struct service *service);
int decode_slice(struct decode *d, const cJSON *json, struct endpoint_slice *slice);
int decode_secret(struct decode *d, const cJSON *json, struct secret *secret);
int decode_config_map(struct decode *d, const cJSON *json, struct config_map *map);
int decode_node(struct decode *d, const cJSON *json, struct node *node);
int decode_lease(struct decode *d, const cJSON *json, struct lease *lease);

/**
 * decode_endpoints - one slice a subset
 * @meta: borrowed, the Endpoints' own metadata; the slices get copies of it
 * @out: each slice is named "<name>#<number>", which no real object can be
 */
int decode_endpoints(struct decode *d, const cJSON *json, const struct object *meta,
		     struct decode_result *out);

/**
 * object_new - a zeroed object of a kind
 * Return: NULL if there is no memory. Freed by object_free().
 */
struct object *object_new(enum object_kind kind);

size_t object_size(enum object_kind kind); /* of the struct, in bytes */

#endif /* SLUICE_MODEL_KINDS_H */
