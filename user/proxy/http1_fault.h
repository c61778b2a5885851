/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http1_fault.h - every way in which a message can be wrong, named once for answers, counters, logs
 *
 * A fault always ends the connection it was found on: after it nobody knows where the next message
 * begins. In a request the status is sent to the client; in a response the client gets 502.
 */
#ifndef SLUICE_PROXY_HTTP1_FAULT_H
#define SLUICE_PROXY_HTTP1_FAULT_H

#include "proxy/http_fields.h"

enum http1_fault_reason {
	HTTP1_FAULT_NONE = 0,
	/* characters and lines */
	HTTP1_FAULT_BARE_LF,
	HTTP1_FAULT_BARE_CR,
	HTTP1_FAULT_CONTROL_CHARACTER, /* NUL included */
	HTTP1_FAULT_EMPTY_LINES,       /* more than one before the request line */
	/* request line */
	HTTP1_FAULT_REQUEST_LINE,
	HTTP1_FAULT_METHOD,
	HTTP1_FAULT_METHOD_REFUSED, /* CONNECT, TRACE: 405 */
	HTTP1_FAULT_TARGET,         /* form, or a character no target may hold */
	HTTP1_FAULT_TARGET_ESCAPE,  /* %zz, %2, %00 */
	HTTP1_FAULT_TARGET_LONG,    /* 414 */
	HTTP1_FAULT_VERSION_SYNTAX,
	HTTP1_FAULT_VERSION, /* another major version: 505 */
	/* path */
	HTTP1_FAULT_PATH_ABOVE_ROOT,
	HTTP1_FAULT_PATH_ENCODED_SLASH, /* %2F beside a dot segment */
	/* Host */
	HTTP1_FAULT_HOST_MISSING,
	HTTP1_FAULT_HOST_TWICE,
	HTTP1_FAULT_HOST,
	/* fields */
	HTTP1_FAULT_FIELD_NAME,
	HTTP1_FAULT_FIELD_COLON, /* no colon in the line */
	HTTP1_FAULT_FIELD_SPACE, /* white space before the colon or before the first field */
	HTTP1_FAULT_FIELD_FOLD,
	HTTP1_FAULT_FIELDS_MANY, /* 431 */
	HTTP1_FAULT_HEAD_LONG,   /* 431 */
	HTTP1_FAULT_CONNECTION,  /* not a list of tokens, or too many */
	HTTP1_FAULT_EXPECT,      /* 417 */
	/* framing */
	HTTP1_FAULT_LENGTH, /* not digits, a list, overflow, two of them */
	HTTP1_FAULT_LENGTH_AND_CODING,
	HTTP1_FAULT_CODING,         /* other than exactly one chunked, or in HTTP/1.0 */
	HTTP1_FAULT_CODING_UNKNOWN, /* 501 */
	HTTP1_FAULT_CHUNK_SIZE,
	HTTP1_FAULT_CHUNK_EXTENSION,
	HTTP1_FAULT_CHUNK_LINE_LONG,
	HTTP1_FAULT_CHUNK_END, /* no CRLF behind the data of a chunk */
	HTTP1_FAULT_TRAILERS_LONG,
	/* responses only */
	HTTP1_FAULT_STATUS_LINE,
	HTTP1_FAULT_STATUS,
	HTTP1_FAULT_SWITCH_UNASKED, /* 101 nobody asked for */
	HTTP1_FAULT_COUNT
};

/* How far the lines of a head have been read. Offsets, because the buffer may move. */
struct http1_cursor {
	uint32_t line_at; /* first octet of the current line */
	uint32_t scan_at; /* everything before it was looked at */
};

struct http1_fault {
	enum http1_fault_reason reason;
	struct http_slice
		where; /* borrowed: the line or field at fault, for the log; may be empty */
};

/* Stable text with dashes ("bare-lf"), for metrics and logs. */
const char *http1_fault_name(enum http1_fault_reason reason);

/* Status with which a request of this fault is answered: 400 405 414 417 431 501 or 505. */
unsigned int http1_fault_status(enum http1_fault_reason reason);

#endif /* SLUICE_PROXY_HTTP1_FAULT_H */
