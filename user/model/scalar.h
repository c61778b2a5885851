/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MODEL_SCALAR_H
#define SLUICE_MODEL_SCALAR_H

#include <cjson/cJSON.h>

/**
 * scalar_resolve - the node of a plain (not quoted) YAML scalar
 * @text: without NUL inside
 * Return: owned node; NULL if there is no memory. .inf and .nan, which JSON cannot hold, and
 * numbers beyond a double come out as strings.
 * Source: YAML 1.1 types as sigs.k8s.io/yaml resolves them: no base 60, timestamps stay strings.
 */
cJSON *scalar_resolve(const char *text);

#endif /* SLUICE_MODEL_SCALAR_H */
