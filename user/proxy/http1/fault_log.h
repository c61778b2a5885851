/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault_log.h - one line for each message that was refused, counted by reason, bounded a second
 */
#ifndef SLUICE_PROXY_FAULT_LOG_H
#define SLUICE_PROXY_FAULT_LOG_H

#include "proxy/http1/http1_fault.h"

struct inet_addr;
struct turn;

/* Lines of this second; the next line shows the number of suppressed ones. */
struct fault_log {
	struct turn *turn; /* borrowed */
	uint64_t second;
	uint32_t lines;
	uint64_t left_out;
};

/* Counts a request that was refused, and logs it with the text at fault. */
void fault_log_request(struct fault_log *log, const struct inet_addr *client,
		       const struct http1_fault *fault);

/**
 * fault_log_response - the same for a response that is not passed on
 * @upstream: name of the upstream that it came from
 */
void fault_log_response(struct fault_log *log, const char *upstream,
			const struct http1_fault *fault);

#endif /* SLUICE_PROXY_FAULT_LOG_H */
