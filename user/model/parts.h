/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts.h - parts that objects of several kinds have: copied, compared, freed
 *
 * Inside model/ only.
 */
#ifndef SLUICE_MODEL_PARTS_H
#define SLUICE_MODEL_PARTS_H

#include "model/model.h"

/*
 * A struct is copied whole, then each pointer in it is replaced by a copy of its own. On failure
 * everything that was not yet copied is NULL, so that object_free() works.
 */
struct copier {
	bool failed; /* out of memory once: everything after comes out as NULL */
};

char *copier_text(struct copier *c, const char *text); /* takes NULL */
/* @count: set to 0 with the array on failure */
void *copier_array(struct copier *c, const void *array, size_t *count, size_t size);
void copier_pairs(struct copier *c, struct key_value **pairs, size_t *count);
void copier_addresses(struct copier *c, struct address_entry **entries, size_t *count);
void copier_texts(struct copier *c, char ***texts, size_t *count);

/* Either may be NULL; NULL equals only NULL. */
bool same_text(const char *a, const char *b);
bool same_bytes(const void *a, size_t a_bytes, const void *b, size_t b_bytes);
/* Order counts not: sources may list a map's keys as they like. */
bool same_pairs(const struct key_value *a, size_t a_count, const struct key_value *b,
		size_t b_count);
bool same_addresses(const struct inet_addr *a, size_t a_count, const struct inet_addr *b,
		    size_t b_count);

void pairs_free(struct key_value *pairs, size_t count);
void address_entries_free(struct address_entry *entries, size_t count);

#endif /* SLUICE_MODEL_PARTS_H */
