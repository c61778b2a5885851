/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http1_copy.h - copies the fields of a head, except those that must not pass
 *
 * For the builders in this folder only.
 */
#ifndef SLUICE_PROXY_HTTP1_COPY_H
#define SLUICE_PROXY_HTTP1_COPY_H

#include "proxy/http1/http1_forward.h"
#include "proxy/http1/http1_output.h"

struct http1_copy_rules {
	const bool *left;  /* borrowed: by enum http_field_id, what is not copied */
	bool underscores;  /* names with '_' pass */
	bool keep_trailer; /* the Trailer field passes */
	bool of_request;   /* Proxy does not pass */
	bool of_stranger;  /* nor what only a trusted peer may say */
	const struct http1_extra_field *extra; /* borrowed: these names are replaced */
	uint32_t extra_count;
};

/* Copies what may pass, in order; neighbours that are canonical already go as one stretch. */
void http1_copy_fields(struct http1_output *out, const struct http_fields *fields,
		       const struct http1_copy_rules *rules);

/* Extra fields after the copied ones. */
void http1_copy_extra(struct http1_output *out, const struct http1_extra_field *extra,
		      uint32_t count);

#endif /* SLUICE_PROXY_HTTP1_COPY_H */
