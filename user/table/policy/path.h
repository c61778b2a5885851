/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path.h - paths of rules in the form in which requests are compared with them
 */
#ifndef SLUICE_TABLE_PATH_H
#define SLUICE_TABLE_PATH_H

/**
 * path_normalise - the form in which requests will be compared with a rule's path
 * The form is that of handoff/path_form.h. What cannot be in a request (spaces, bytes above ASCII)
 * becomes an escape first, the way browsers send it.
 * @out: owned by the caller
 * Return: NULL, or why the path can never match, in words that go after it; *out NULL: no memory.
 */
const char *path_normalise(const char *path, char **out);

/* NULL, or what is wrong with a regular expression as far as can be seen without compiling it. */
const char *path_regex_fault(const char *pattern);

#endif /* SLUICE_TABLE_PATH_H */
