// SPDX-License-Identifier: Apache-2.0
/*
 * ingress_class.c - whose an Ingress is
 */
#include <string.h>

#include "table/compile/compile.h"
#include "table/policy/nginx_policy.h"

#define CLASS_ANNOTATION "kubernetes.io/ingress.class"

/* An IngressClass of that name counts by its controller; without one the name given by
 * --ingress-class is ours, so that a directory of manifests needs none. */
bool class_is_ours(const struct table *table, const struct model *model,
		   const struct ingress *ingress)
{
	const char *annotated = object_annotation(&ingress->meta, CLASS_ANNOTATION);
	const struct ingress_class *named;
	const char *name = annotated && annotated[0] ? annotated : ingress->class_name;

	if (!name || !name[0])
		return table->options.watch_without_class;
	if (name == annotated && strcmp(name, table->options.ingress_class) == 0)
		return true;
	named = (const struct ingress_class *)model_get(model, OBJECT_INGRESS_CLASS, "", name);
	if (named)
		return strcmp(named->controller, table->options.controller) == 0;
	return strcmp(name, table->options.ingress_class) == 0;
}

/* As ingress-nginx decides: the field first, the annotation only without it. The field names an
 * IngressClass, or, so that a directory of manifests needs none, the class itself. */
bool class_is_nginx(const struct table *table, const struct model *model,
		    const struct ingress *ingress)
{
	const char *wanted = table->options.nginx_class, *name = ingress->class_name;
	const struct ingress_class *named;

	if (!wanted)
		return false;
	if (!name || !name[0]) {
		name = object_annotation(&ingress->meta, CLASS_ANNOTATION);
		return name && strcmp(name, wanted) == 0;
	}
	named = (const struct ingress_class *)model_get(model, OBJECT_INGRESS_CLASS, "", name);
	return named ? strcmp(named->controller, NGINX_CONTROLLER) == 0 : strcmp(name, wanted) == 0;
}
