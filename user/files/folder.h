/* SPDX-License-Identifier: Apache-2.0 */
/*
 * folder.h - the files of the directory as they were last read
 */
#ifndef SLUICE_FILES_FOLDER_H
#define SLUICE_FILES_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "files/claims.h"
#include "files/manifest.h"
#include "files/whole.h"

struct file_problem {
	unsigned int line; /* 0: not known */
	char *message;     /* owned */
};

struct file {
	char *name; /* owned */
	struct whole_signature signature;
	int64_t born_unix_s, age_unix_s; /* of the file; of what its last reading found */
	dev_t watched_dev;               /* inode for which the link test was made */
	ino_t watched_ino;
	bool loaded;               /* at least once: the claims are valid */
	bool busy;                 /* a writer has it open: check again soon */
	uint64_t missing_since_ms; /* 0: it exists */
	bool seen;                 /* seen in the current scan */
	struct claim **claims;     /* owned array of borrowed claims */
	size_t claims_count;
	struct file_problem *problems; /* owned array */
	size_t problems_count;
};

struct folder {
	char *path;              /* owned; as given */
	int fd;                  /* owned; -1 while the directory does not exist */
	char *problem;           /* owned; of the directory itself, NULL: none */
	bool has_links;          /* changes of other names may change our files */
	bool quiet;              /* the first reading: faults are logged, successes are not */
	uint64_t readings;       /* stamp of the last reading of a file */
	int64_t youngest_unix_s; /* age of the youngest object */
	struct strmap files;     /* name -> struct file *, owned */
	struct claims claims;
};

int folder_init(struct folder *folder, const char *path, struct model *model);
void folder_free(struct folder *folder); /* the model keeps its objects */

/**
 * folder_open - open the directory that is at the path now
 * Return: 0; -errno: the files do not change, and .problem gives the reason.
 */
int folder_open(struct folder *folder);

/* True if the directory at the path is gone, or not the open one. */
bool folder_was_replaced(const struct folder *folder);

/* Is it the name of a manifest? */
bool folder_reads(const char *name);

/**
 * folder_scan - check every file of the directory
 * @force: also read files with an unchanged signature
 * Files that no longer exist are marked as missing. Return: 0; -errno of reading the directory;
 * -ENOMEM.
 */
int folder_scan(struct folder *folder, bool force, uint64_t now_ms);

/* Checks one file. Return: 0, also if the file has a fault; -ENOMEM. */
int folder_refresh(struct folder *folder, const char *name, bool force, uint64_t now_ms);

/**
 * folder_follow_up - check files again that were busy or missing
 * @grace_ms: a file missing for so long loses its objects
 * Return: ms until the next call; 0: none is needed.
 */
uint64_t folder_follow_up(struct folder *folder, uint64_t now_ms, uint64_t grace_ms);

#endif /* SLUICE_FILES_FOLDER_H */
