/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drop_log.h - the last records of dropped packets: the first of each reason a second
 */
#ifndef SLUICE_ADMIN_DROP_LOG_H
#define SLUICE_ADMIN_DROP_LOG_H

#include <stdint.h>

#include "base/json_text.h"
#include "sluice_schema.h"

#define DROP_LOG_MAX 256u /* a reason a second: some ten seconds of all of them at once */

struct drop_log {
	struct drop_event events[DROP_LOG_MAX];
	uint64_t unix_ms[DROP_LOG_MAX]; /* when it was read */
	uint64_t next;                  /* number of the next one, from 0 */
};

void drop_log_add(struct drop_log *log, const struct drop_event *event);

/* JSON: those from number @from on that are still there, and the number to ask for next. */
void drop_log_write(const struct drop_log *log, uint64_t from, struct json_text *out);

#endif /* SLUICE_ADMIN_DROP_LOG_H */
