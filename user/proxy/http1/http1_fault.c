// SPDX-License-Identifier: Apache-2.0
#include "proxy/http1/http1_fault.h"

static const char *const names[HTTP1_FAULT_COUNT] = {
#define X(number, name, metric, text) [number] = metric,
	SLUICE_FAULT_LIST(X)
#undef X
};

/* Where it is not 400. */
static const uint16_t statuses[HTTP1_FAULT_COUNT] = {
	[HTTP1_FAULT_METHOD_REFUSED] = 405, [HTTP1_FAULT_TARGET_LONG] = 414,
	[HTTP1_FAULT_VERSION] = 505,        [HTTP1_FAULT_FIELDS_MANY] = 431,
	[HTTP1_FAULT_HEAD_LONG] = 431,      [HTTP1_FAULT_EXPECT] = 417,
	[HTTP1_FAULT_CODING_UNKNOWN] = 501, [HTTP1_FAULT_TRAILERS_LONG] = 431,
	[HTTP1_FAULT_HEAD_TIME] = 408,      [HTTP1_FAULT_BODY_TIME] = 408,
	[HTTP1_FAULT_BODY_LONG] = 413,      [HTTP1_FAULT_CONNS] = 503,
	[HTTP1_FAULT_CONNS_SOURCE] = 503,   [HTTP1_FAULT_BUFFERS] = 503,
	[HTTP1_FAULT_MISDIRECTED] = 421,    [HTTP1_FAULT_CONNECT_PROTOCOL] = 501,
};

const char *http1_fault_name(enum http1_fault_reason reason)
{
	return reason < HTTP1_FAULT_COUNT && names[reason] ? names[reason] : "unknown";
}

unsigned int http1_fault_status(enum http1_fault_reason reason)
{
	return reason < HTTP1_FAULT_COUNT && statuses[reason] ? statuses[reason] : 400;
}
