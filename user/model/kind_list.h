/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kind_list.h - the kinds of objects: one row each, with its functions in kind_<name>.c
 */
#ifndef SLUICE_MODEL_KIND_LIST_H
#define SLUICE_MODEL_KIND_LIST_H

/* X(enum value without OBJECT_, name of its struct kind_ops without kind_) */
#define OBJECT_KIND_LIST(X)             \
	X(INGRESS, ingress)             \
	X(INGRESS_CLASS, ingress_class) \
	X(SERVICE, service)             \
	X(ENDPOINT_SLICE, slice)        \
	X(SECRET, secret)               \
	X(CONFIG_MAP, config_map)       \
	X(NODE, node)                   \
	X(LEASE, lease)

#endif /* SLUICE_MODEL_KIND_LIST_H */
