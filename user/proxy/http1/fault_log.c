// SPDX-License-Identifier: Apache-2.0
#include "proxy/http1/fault_log.h"

#include <stdio.h>

#include "base/inet.h"
#include "base/log.h"
#include "proxy/loop/turn.h"

#define LINES_A_SECOND 10u  /* of each worker: a client must not be able to fill a disk */
#define TEXT_BYTES_MAX 120u /* of what is at fault */

/* ": \"text\"" with everything that is not printable escaped; empty if there is no text. */
static void quote(struct http_slice text, char out[4 * TEXT_BYTES_MAX + 16])
{
	size_t used = 0;

	out[0] = '\0';
	if (!text.bytes)
		return;
	used = (size_t)sprintf(out, ": \"");
	for (uint32_t i = 0; i < text.bytes && i < TEXT_BYTES_MAX; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			used += (size_t)sprintf(out + used, "\\x%02x", c);
		else
			out[used++] = (char)c;
	}
	sprintf(out + used, "\"%s", text.bytes > TEXT_BYTES_MAX ? "..." : "");
}

static bool may_write(struct fault_log *log)
{
	uint64_t second = log->turn->now_ms / 1000;

	if (log->second != second) {
		log->second = second;
		log->lines = 0;
	}
	if (log->lines >= LINES_A_SECOND) {
		log->left_out++;
		return false;
	}
	log->lines++;
	if (log->left_out)
		log_info("proxy: %llu more messages were refused; see the counters",
			 (unsigned long long)log->left_out);
	log->left_out = 0;
	return true;
}

void fault_log_request(struct fault_log *log, const struct inet_addr *client,
		       const struct http1_fault *fault)
{
	char text[4 * TEXT_BYTES_MAX + 16];
	char addr[INET_ADDR_TEXT_MAX];

	log->turn->stats->request_faults[fault->reason]++;
	if (!may_write(log))
		return;
	inet_addr_format(client, addr);
	quote(fault->where, text);
	log_info("proxy: %s: request refused with %u: %s%s", addr,
		 http1_fault_status(fault->reason), http1_fault_name(fault->reason), text);
}

void fault_log_response(struct fault_log *log, const char *upstream,
			const struct http1_fault *fault)
{
	char text[4 * TEXT_BYTES_MAX + 16];

	log->turn->stats->bad_responses++;
	log->turn->stats->response_faults[fault->reason]++;
	if (!may_write(log))
		return;
	quote(fault->where, text);
	log_warn("proxy: %s: response refused: %s%s", upstream, http1_fault_name(fault->reason),
		 text);
}
