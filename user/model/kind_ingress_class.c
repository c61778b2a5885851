// SPDX-License-Identifier: Apache-2.0
/*
 * kind_ingress_class.c - IngressClass
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/fields.h"
#include "model/kind.h"
#include "model/names.h"
#include "model/parts.h"

#define DEFAULT_CLASS "ingressclass.kubernetes.io/is-default-class"

static int decode_ingress_class(struct decode *d, const cJSON *json, struct object *object)
{
	struct ingress_class *ingress_class = (struct ingress_class *)object;
	struct field at = field_child(NULL, "spec");
	const char *is_default = object_annotation(&ingress_class->meta, DEFAULT_CLASS);
	const char *controller = "";
	const cJSON *spec = NULL;
	int err = decode_map(d, NULL, json, "spec", &spec);

	if (!err)
		err = decode_text(d, &at, spec, "controller", &controller);
	if (err)
		return err;
	ingress_class->is_default = is_default && strcmp(is_default, "true") == 0;
	ingress_class->controller = strdup(controller);
	return ingress_class->controller ? 0 : -ENOMEM;
}

static void copy_class(struct copier *c, struct object *object)
{
	struct ingress_class *ingress_class = (struct ingress_class *)object;

	ingress_class->controller = copier_text(c, ingress_class->controller);
}

static bool same_class(const struct object *left, const struct object *right)
{
	const struct ingress_class *a = (const struct ingress_class *)left;
	const struct ingress_class *b = (const struct ingress_class *)right;

	return same_text(a->controller, b->controller) && a->is_default == b->is_default;
}

static void free_class(struct object *object)
{
	free(((struct ingress_class *)object)->controller);
}

const struct kind_ops kind_ingress_class = {
	.resource = { "networking.k8s.io", "v1", "ingressclasses", "IngressClass", false },
	.size = sizeof(struct ingress_class),
	.check_name = name_check_subdomain,
	.decode = decode_ingress_class,
	.clone = copy_class,
	.equal = same_class,
	.free = free_class,
};
