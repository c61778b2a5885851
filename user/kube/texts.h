/* SPDX-License-Identifier: Apache-2.0 */
/*
 * texts.h - a sorted set of short strings: addresses and host names
 */
#ifndef SLUICE_KUBE_TEXTS_H
#define SLUICE_KUBE_TEXTS_H

#include <stdbool.h>
#include <stddef.h>

struct texts {
	char **items; /* owned array of owned strings, sorted, each once */
	size_t count;
};

/* Return: 0 (also if it already exists); -ENOMEM. */
int texts_add(struct texts *texts, const char *text);
/* The members of "a,b"; empty ones are skipped. */
int texts_add_list(struct texts *texts, const char *list);
bool texts_have(const struct texts *texts, const char *text);
bool texts_equal(const struct texts *a, const struct texts *b);
/* "a,b", owned by the caller; NULL if memory is short. */
char *texts_join(const struct texts *texts);
void texts_free(struct texts *texts);

#endif /* SLUICE_KUBE_TEXTS_H */
