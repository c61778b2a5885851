/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kind.h - what a kind of object is: its name in the API, and its functions
 *
 * A new kind is a row of kind_list.h, its struct, and a file kind_<name>.c that defines its
 * struct kind_ops; where it is listed, a row of watched[] in kube/kube.c.
 */
#ifndef SLUICE_MODEL_KIND_H
#define SLUICE_MODEL_KIND_H

#include <cjson/cJSON.h>

#include "model/model.h"

struct copier;
struct decode;

/* How the API calls a kind. */
struct kind_resource {
	const char *group; /* "" for the core group */
	const char *version;
	const char *plural;
	const char *name; /* "Ingress" */
	bool namespaced;
};

struct kind_ops {
	struct kind_resource resource;
	size_t size; /* of the struct, in bytes */
	/* NULL, or why it cannot be the name of such an object. */
	const char *(*check_name)(const char *name);
	/* Fills the object, whose metadata is already set. Return: 0; -EINVAL with the fault
	 * recorded: the object is refused; -ENOMEM. */
	int (*decode)(struct decode *d, const cJSON *json, struct object *object);
	/* Each does its part beyond struct object, see parts.h. */
	void (*clone)(struct copier *c, struct object *copy);
	bool (*equal)(const struct object *a, const struct object *b);
	void (*free)(struct object *object);
};

#define X(id, name) extern const struct kind_ops kind_##name;
OBJECT_KIND_LIST(X)
#undef X

const struct kind_ops *kind_ops(enum object_kind kind);

static inline const struct kind_resource *kind_resource(enum object_kind kind)
{
	return &kind_ops(kind)->resource;
}

/* The kind of that name, "Ingress"; OBJECT_KINDS if there is none. */
enum object_kind kind_of_name(const char *name);

#define KIND_API_VERSION_MAX 64
/* "networking.k8s.io/v1", "v1". Return: @out. */
const char *kind_api_version(const struct kind_resource *resource, char out[KIND_API_VERSION_MAX]);

/**
 * object_new - a zeroed object of a kind
 * Return: NULL if there is no memory. Freed by object_free().
 */
struct object *object_new(enum object_kind kind);

#endif /* SLUICE_MODEL_KIND_H */
