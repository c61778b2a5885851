/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cppcheck has to know of system headers, which it does not read. No -D: since 2.17 it splits
 * such a definition at a semicolon.
 */
#define LIBBPF_OPTS(type, name, ...)         struct type name = { __VA_ARGS__ }
#define DECLARE_LIBXDP_OPTS(type, name, ...) struct type name = { __VA_ARGS__ }
#define LIST_HEAD(name, type)          \
	struct name {                  \
		struct type *lh_first; \
	}
#define LIST_ENTRY(type)               \
	struct {                       \
		struct type *le_next;  \
		struct type **le_prev; \
	}
#define cJSON_ArrayForEach(item, array) \
	for (item = (array) ? (array)->child : (void *)0; item; item = item->next)
#define LIST_FIRST(head)       ((head)->lh_first)
#define LIST_NEXT(item, field) ((item)->field.le_next)
#define LIST_EMPTY(head)       (!(head)->lh_first)
#define LIST_FOREACH(item, head, field) \
	for (item = LIST_FIRST(head); item; item = LIST_NEXT(item, field))
