/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claims.h - which file provides an object if several define it: the first in name order
 *
 * The versions of the other files are held, so that the next one is used when the first goes.
 */
#ifndef SLUICE_FILES_CLAIMS_H
#define SLUICE_FILES_CLAIMS_H

#include "base/strmap.h"
#include "model/model.h"

struct claim_holder {
	const char *file;      /* borrowed: name of the file, lives as long as it holds claims */
	struct object *object; /* owned; NULL while the model has it */
};

struct claim {
	char *key; /* owned; "kind/namespace/name" */
	enum object_kind kind;
	char *namespace, *name;       /* owned */
	struct claim_holder *holders; /* owned; in name order of files, the first is in use */
	size_t count;
	int64_t since_unix_s; /* when a file first held it: its age, unless it gives one itself */
	uint64_t stamp;       /* of the last reading of a file that defined it, see folder.c */
};

struct claims {
	struct strmap by_key; /* -> struct claim *, owned */
	struct model *model;  /* borrowed */
};

/**
 * claims_put - set a file's version of an object
 * @file: borrowed, see struct claim_holder
 * @object: ownership moves, also on failure; without a creationTimestamp it gets its age here
 * @since_unix_s: its age if no file has held it until now
 * @out: the claim, borrowed until the last file releases it
 * Return: 0; -ENOMEM.
 */
int claims_put(struct claims *claims, const char *file, struct object *object, int64_t since_unix_s,
	       struct claim **out);

/* The file no longer defines it. Return: 0; -ENOMEM, and the model may hold the old one. */
int claims_release(struct claims *claims, const char *file, struct claim *claim);

/* Borrowed; NULL if no file defines it. */
struct claim *claims_get(const struct claims *claims, enum object_kind kind, const char *namespace,
			 const char *name);

bool claims_holds(const struct claim *claim, const char *file);

/* Frees all claims, does not change the model. */
void claims_clear(struct claims *claims);

#endif /* SLUICE_FILES_CLAIMS_H */
