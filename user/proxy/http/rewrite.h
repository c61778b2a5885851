/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rewrite.h - the path that sluice.dev/rewrite-target makes of a request's path
 *
 * Pure functions. What they write may hold dot segments: groups may combine with the surrounding
 * text.
 */
#ifndef SLUICE_PROXY_REWRITE_H
#define SLUICE_PROXY_REWRITE_H

#include "proxy/http/http_fields.h"

#define REWRITE_GROUPS 10u /* $0, which is all that matched, to $9 */

/* What a regular expression found. */
struct rewrite_match {
	struct http_slice groups[REWRITE_GROUPS]; /* borrowed; empty: took no part */
};

/**
 * rewrite_whole - replace the whole path by @target, with groups for $0 to $9
 * Characters of a group that RFC 3986 forbids in a path are escaped.
 * @match: NULL: there are no groups, $N stands for nothing
 * Return: bytes written; -ENOBUFS.
 */
int rewrite_whole(const char *target, const struct rewrite_match *match, char *out, size_t size);

/**
 * rewrite_prefix - @target in the place of the elements that matched; what follows them is kept
 * @prefix: path of the rule; a slash at its end means nothing. One at the end of @target counts
 * only
 *          where nothing follows
 * @path: as it came, without dot segments; its normal form is below @prefix. Several slashes
 * between
 *        what matched and what follows become one
 * Return: as rewrite_whole().
 */
int rewrite_prefix(const char *target, const char *prefix, struct http_slice path, char *out,
		   size_t size);

#endif /* SLUICE_PROXY_REWRITE_H */
