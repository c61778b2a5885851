/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http1_fault.h - every way in which a message can be wrong, named once for answers, counters, logs
 *
 * A fault always ends its connection: after it the begin of the next message is unknown. In a
 * request the status is sent to the client; in a response the client gets 502.
 */
#ifndef SLUICE_PROXY_HTTP1_FAULT_H
#define SLUICE_PROXY_HTTP1_FAULT_H

#include "proxy/http/http_fields.h"
#include "sluice_faults.h"

/* The reasons of sluice_faults.h: those that a parser finds, and those of limits and times. */
enum http1_fault_reason {
#define X(number, name, metric, text) HTTP1_FAULT_##name = number,
	SLUICE_FAULT_LIST(X)
#undef X
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
