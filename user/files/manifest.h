/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.h - what one file says: objects, and what is wrong with it
 */
#ifndef SLUICE_FILES_MANIFEST_H
#define SLUICE_FILES_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>

#include "model/model.h"

struct manifest_fault {
	unsigned int line; /* 0: not known */
	char *message;     /* owned */
	/* The object that was refused, if it can be told: its last good version stays. */
	enum object_kind kind;  /* OBJECT_KINDS: it cannot */
	char *namespace, *name; /* owned */
};

struct manifest {
	struct object **objects; /* owned array of owned objects; NULL where one was taken out */
	unsigned int *lines;     /* owned; where each object begins, 0: not known */
	size_t count, capacity;
	struct manifest_fault *faults; /* owned array */
	size_t faults_count;
	char **skipped; /* owned array of owned texts: kinds that are not ours, "Deployment (apps/v1)" */
	size_t *skipped_counts; /* owned; how many of each */
	size_t skipped_count;
};

/**
 * manifest_read - objects of the text of a file
 * @is_json: the name says JSON; else YAML
 * Return: 0: .objects are what the file says, .faults name those of it that were refused; -EINVAL
 * the text cannot be read: no objects, one fault; -ENOMEM. To be freed in each case.
 */
int manifest_read(const char *text, size_t bytes, bool is_json, struct manifest *out);
void manifest_free(struct manifest *manifest);

#endif /* SLUICE_FILES_MANIFEST_H */
