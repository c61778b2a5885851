/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.h - the content of one file: objects and faults
 */
#ifndef SLUICE_FILES_MANIFEST_H
#define SLUICE_FILES_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>

#include "model/model.h"

struct manifest_fault {
	unsigned int line; /* 0: not known */
	char *message;     /* owned */
	/* The refused object, if it is known: its last good version stays. */
	enum object_kind kind;  /* OBJECT_KINDS: not known */
	char *namespace, *name; /* owned */
};

struct manifest {
	struct object **objects; /* owned array of owned objects; NULL: one was taken out */
	unsigned int *lines;     /* owned; where each object begins, 0: not known */
	size_t count, capacity;
	struct manifest_fault *faults; /* owned array */
	size_t faults_count;
	char **skipped; /* owned array of owned texts: unused kinds, "Deployment (apps/v1)" */
	size_t *skipped_counts; /* owned; how many of each */
	size_t skipped_count;
};

/**
 * manifest_read - objects of the text of a file
 * @is_json: the file name ends in .json; else YAML
 * Return: 0: .objects are the valid ones, .faults name the refused ones; -EINVAL the text cannot be
 * read: no objects, one fault; -ENOMEM. Free it in each case.
 */
int manifest_read(const char *text, size_t bytes, bool is_json, struct manifest *out);
void manifest_free(struct manifest *manifest);

#endif /* SLUICE_FILES_MANIFEST_H */
