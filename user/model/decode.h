/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode.h - JSON tree of one Kubernetes object -> struct object
 */
#ifndef SLUICE_MODEL_DECODE_H
#define SLUICE_MODEL_DECODE_H

#include <cjson/cJSON.h>

#include "model/model.h"

#define DECODE_ERROR_MAX 512

struct decode_result {
	struct object **objects; /* owned array of owned objects: one, or several of an Endpoints */
	size_t count;
};

/**
 * decode_object - validate and convert one object (no List)
 * @json: borrowed; may lack kind and apiVersion if @kind_hint is given (items of an API list)
 * @kind_hint: "Ingress", ... or NULL
 * @out: owned by the caller, freed by decode_result_free()
 * @error: out, on failure: "spec.rules[0].host: 'a_b' is not a DNS name" - field, value, reason
 *
 * A broken part that leaves the rest with a meaning (one path, one endpoint, one port) is left out
 * and noted in object.problems; a fault in what the object hangs on (name, kind, wrong type of
 * spec) refuses the object.
 * Return: 0; -EINVAL refused, error filled; -ENOTSUP a kind or version that is not for us (not an
 * error: skip it); -ENOMEM.
 */
int decode_object(const cJSON *json, const char *kind_hint, struct decode_result *out,
		  char error[DECODE_ERROR_MAX]);

void decode_result_free(struct decode_result *result);

#endif /* SLUICE_MODEL_DECODE_H */
