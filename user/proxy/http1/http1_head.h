/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http1_head.h - what heads of requests and responses and trailer sections have in common
 *
 * For the parsers in this folder only.
 */
#ifndef SLUICE_PROXY_HTTP1_HEAD_H
#define SLUICE_PROXY_HTTP1_HEAD_H

#include "proxy/http1/http1_body.h"
#include "proxy/http1/http1_fault.h"
#include "proxy/http/http_fields.h"

/**
 * http1_line_find - end of the line that begins at cursor->line_at
 * @buf: everything before cursor->scan_at was looked at in an earlier call
 * @line: out: the line without its CRLF; the cursor stays on it, see http1_line_take()
 * Return: 0; -EAGAIN; -EBADMSG bare LF, bare CR or another control character.
 */
int http1_line_find(struct http1_cursor *cursor, const char *buf, size_t bytes,
		    struct http_slice *line, struct http1_fault *fault);

/* Steps after a line that was found. */
static inline void http1_line_take(struct http1_cursor *cursor, const struct http_slice *line)
{
	cursor->line_at += line->bytes + 2;
	cursor->scan_at = cursor->line_at;
}

/**
 * http1_line_find_joined - the same, but lines that continue it (obs-fold) belong to it
 * A line is only complete once the octet after its CRLF is there.
 */
int http1_line_find_joined(struct http1_cursor *cursor, const char *buf, size_t bytes,
			   struct http_slice *line, struct http1_fault *fault);

/**
 * http1_line_unfold - makes one space of each fold, with the white space around it (RFC 9112 5.2)
 * Writes into the buffer: what is left is moved to the front, with CRLF after it. After
 * http1_line_take(), which steps over the line as it came.
 */
void http1_line_unfold(struct http_slice *line);

/**
 * http1_field_parse - one field line
 * @lenient: white space before the colon is cut off (responses)
 * Return: 0 and *field; -EBADMSG.
 */
int http1_field_parse(const struct http_slice *line, bool lenient, struct http_field *field,
		      struct http1_fault *fault);

/**
 * http1_field_add - one field line to the end of a list
 * Return: 0; -EBADMSG, also for one field too many.
 */
int http1_field_add(const struct http_slice *line, bool lenient, struct http_fields *fields,
		    struct http1_fault *fault);

/**
 * http1_length_parse - digits only, at most INT64_MAX
 * Return: 0; -EINVAL.
 */
int http1_length_parse(const char *text, size_t bytes, uint64_t *out);

/* What the fields of a head say about the connection and the body; see http1_semantics_read(). */
struct http1_semantics {
	bool close, keep_alive, upgrade; /* Connection options */
	bool other_option;               /* any option but close and keep-alive */
	bool names_trailers;             /* an option is the name of what may be a trailer */
	bool length_said, chunked;
	uint64_t length_bytes;
	const struct http_field *host; /* borrowed; NULL: none */
	bool websocket;                /* Upgrade offers it */
	bool other_protocol;           /* ... or another one */
	bool te_trailers;
	bool expect_continue;
};

/**
 * http1_semantics_read - one pass over all fields; marks those that Connection names
 * @request: Host, Expect and TE are read as well; in a response they mean nothing
 * Return: 0; -EBADMSG with framing faults, a Connection that is not a list, two Hosts, an unknown
 * expectation.
 */
int http1_semantics_read(struct http_fields *fields, bool request, uint8_t version_minor,
			 struct http1_semantics *out, struct http1_fault *fault);

/**
 * http1_rebase - pointer into a buffer that stood at @from and stands at @to now
 */
static inline const char *http1_rebase(const char *pointer, const char *from, const char *to)
{
	/* By number: the old buffer may be gone, so that its pointers must not be compared. */
	return pointer ? to + ((uintptr_t)pointer - (uintptr_t)from) : NULL;
}

void http1_fields_rebase(struct http_fields *fields, const char *from, const char *to);

/* Sets the fault; returns -EBADMSG. */
int http1_fault_set(struct http1_fault *fault, enum http1_fault_reason reason,
		    const struct http_slice *where);

#endif /* SLUICE_PROXY_HTTP1_HEAD_H */
