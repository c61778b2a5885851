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
	dev_t watched_dev; /* whether it is a link was looked at for this inode */
	ino_t watched_ino;
	bool loaded;               /* once at least: claims say what is in force */
	bool busy;                 /* someone has it open for writing: look again soon */
	uint64_t missing_since_ms; /* 0: it is there */
	bool seen;                 /* in the scan that runs */
	struct claim **claims;     /* owned array of borrowed claims */
	size_t claims_count;
	struct file_problem *problems; /* owned array */
	size_t problems_count;
};

struct folder {
	char *path;          /* owned; as given */
	int fd;              /* owned; -1 while there is no such directory */
	char *problem;       /* owned; of the directory itself, NULL if it is well */
	bool has_links;      /* what happens to other names may change files of ours */
	bool quiet;          /* the first reading: faults are logged, successes are not */
	uint64_t readings;   /* stamp of the last reading of a file */
	struct strmap files; /* name -> struct file *, owned */
	struct claims claims;
};

int folder_init(struct folder *folder, const char *path, struct model *model);
void folder_free(struct folder *folder); /* the model keeps its objects */

/**
 * folder_open - open the directory that stands at the path now
 * Return: 0; -errno, the files stay as they are and .problem says why.
 */
int folder_open(struct folder *folder);

/* True if the directory at the path is another one than that which is open, or gone. */
bool folder_was_replaced(const struct folder *folder);

/* Is it a name that is read? */
bool folder_reads(const char *name);

/**
 * folder_scan - look at every file of the directory
 * @force: read also those whose signature is the same
 * Files that are not there any more begin to be missing. Return: 0; -errno of reading the directory;
 * -ENOMEM.
 */
int folder_scan(struct folder *folder, bool force, uint64_t now_ms);

/* Looks at one file. Return: 0, also if something is wrong with the file; -ENOMEM. */
int folder_refresh(struct folder *folder, const char *name, bool force, uint64_t now_ms);

/**
 * folder_follow_up - look again at files that were busy or missing
 * @grace_ms: a file missing for so long loses its objects
 * Return: ms after which to ask again; 0: no need.
 */
uint64_t folder_follow_up(struct folder *folder, uint64_t now_ms, uint64_t grace_ms);

#endif /* SLUICE_FILES_FOLDER_H */
