/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path_form.h - the normal form of a path: rules and requests are compared in it
 *
 * sluiced brings the paths of rules into this form, the workers those of requests. The code is one,
 * so no spelling of a path is another path on one of the two sides.
 *
 *   1. An escape of a visible ASCII character is decoded, but not "%2F", "%25", "%3F" and "%23".
 *      All other escapes have upper case digits.
 *   2. "//" is merged.
 *   3. Dot segments are removed.
 *
 * A worker forwards the path as it came, without its dot segments: step 3 only. The normal form of
 * what is forwarded is the normal form that was matched.
 */
#ifndef SLUICE_HANDOFF_PATH_FORM_H
#define SLUICE_HANDOFF_PATH_FORM_H

#include <stdbool.h>
#include <stddef.h>

enum path_form_fault {
	PATH_FORM_GOOD = 0,
	PATH_FORM_ABOVE_ROOT,    /* a ".." that has nothing to remove */
	PATH_FORM_ENCODED_SLASH, /* %2F beside "." or "..": decoded, it would make a dot segment */
};

/* True if each '%' begins an escape, and none is %00. */
bool path_form_escapes_valid(const char *text, size_t bytes);

/* True if a path that begins with '/' is surely in normal form already. */
bool path_form_is_plain(const char *path, size_t bytes);

/**
 * path_form_decode - step 1
 * @raw: its escapes are valid
 * @out: at least @bytes long; may be @raw
 * Return: bytes written.
 */
size_t path_form_decode(const char *raw, size_t bytes, char *out);

/**
 * path_form_resolve - step 3, in place, and step 2 if @merge
 * @path: begins with '/', its escapes are valid; may be decoded or not
 * @bytes: in and out; never more afterwards
 * With and without @merge the result has the same segments but for empty ones.
 * Return: enum path_form_fault; @path is undefined then.
 */
enum path_form_fault path_form_resolve(char *path, size_t *bytes, bool merge);

#endif /* SLUICE_HANDOFF_PATH_FORM_H */
