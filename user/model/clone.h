/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MODEL_CLONE_H
#define SLUICE_MODEL_CLONE_H

#include "model/model.h"

/**
 * object_clone - a deep copy
 * @out: owned by the caller, object_equal() to @object
 * Return: 0; -ENOMEM, *out untouched.
 */
int object_clone(const struct object *object, struct object **out);

#endif /* SLUICE_MODEL_CLONE_H */
