// SPDX-License-Identifier: Apache-2.0
#include "proxy/http1_fault.h"

static const struct {
	const char *name;
	unsigned short status; /* 0: 400 */
} faults[HTTP1_FAULT_COUNT] = {
	[HTTP1_FAULT_NONE] = { "none", 0 },
	[HTTP1_FAULT_BARE_LF] = { "bare-lf", 0 },
	[HTTP1_FAULT_BARE_CR] = { "bare-cr", 0 },
	[HTTP1_FAULT_CONTROL_CHARACTER] = { "control-character", 0 },
	[HTTP1_FAULT_EMPTY_LINES] = { "empty-lines", 0 },
	[HTTP1_FAULT_REQUEST_LINE] = { "request-line", 0 },
	[HTTP1_FAULT_METHOD] = { "method", 0 },
	[HTTP1_FAULT_METHOD_REFUSED] = { "method-refused", 405 },
	[HTTP1_FAULT_TARGET] = { "target", 0 },
	[HTTP1_FAULT_TARGET_ESCAPE] = { "target-escape", 0 },
	[HTTP1_FAULT_TARGET_LONG] = { "target-long", 414 },
	[HTTP1_FAULT_VERSION_SYNTAX] = { "version-syntax", 0 },
	[HTTP1_FAULT_VERSION] = { "version", 505 },
	[HTTP1_FAULT_PATH_ABOVE_ROOT] = { "path-above-root", 0 },
	[HTTP1_FAULT_PATH_ENCODED_SLASH] = { "path-encoded-slash", 0 },
	[HTTP1_FAULT_HOST_MISSING] = { "host-missing", 0 },
	[HTTP1_FAULT_HOST_TWICE] = { "host-twice", 0 },
	[HTTP1_FAULT_HOST] = { "host", 0 },
	[HTTP1_FAULT_FIELD_NAME] = { "field-name", 0 },
	[HTTP1_FAULT_FIELD_COLON] = { "field-colon", 0 },
	[HTTP1_FAULT_FIELD_SPACE] = { "field-space", 0 },
	[HTTP1_FAULT_FIELD_FOLD] = { "field-fold", 0 },
	[HTTP1_FAULT_FIELDS_MANY] = { "fields-many", 431 },
	[HTTP1_FAULT_HEAD_LONG] = { "head-long", 431 },
	[HTTP1_FAULT_CONNECTION] = { "connection", 0 },
	[HTTP1_FAULT_EXPECT] = { "expect", 417 },
	[HTTP1_FAULT_LENGTH] = { "length", 0 },
	[HTTP1_FAULT_LENGTH_AND_CODING] = { "length-and-coding", 0 },
	[HTTP1_FAULT_CODING] = { "coding", 0 },
	[HTTP1_FAULT_CODING_UNKNOWN] = { "coding-unknown", 501 },
	[HTTP1_FAULT_CHUNK_SIZE] = { "chunk-size", 0 },
	[HTTP1_FAULT_CHUNK_EXTENSION] = { "chunk-extension", 0 },
	[HTTP1_FAULT_CHUNK_LINE_LONG] = { "chunk-line-long", 0 },
	[HTTP1_FAULT_CHUNK_END] = { "chunk-end", 0 },
	[HTTP1_FAULT_TRAILERS_LONG] = { "trailers-long", 431 },
	[HTTP1_FAULT_STATUS_LINE] = { "status-line", 0 },
	[HTTP1_FAULT_STATUS] = { "status", 0 },
	[HTTP1_FAULT_SWITCH_UNASKED] = { "switch-unasked", 0 },
};

const char *http1_fault_name(enum http1_fault_reason reason)
{
	return reason < HTTP1_FAULT_COUNT ? faults[reason].name : "unknown";
}

unsigned int http1_fault_status(enum http1_fault_reason reason)
{
	return reason < HTTP1_FAULT_COUNT && faults[reason].status ? faults[reason].status : 400;
}
