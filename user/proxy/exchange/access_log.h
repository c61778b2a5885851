/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access_log.h - one line an exchange on stdout, never waiting for its reader
 *
 * text: client - - [time] "method target version" status bytes "referer" "user-agent" then
 *       key=value: host, upstream, time_us, upstream_us, id, and why if it went wrong
 *       A TLS connection that was passed through is a CONNECT of its server name, version TLS;
 *       status 200 if it was handed over
 * json: the same as one object a line
 *
 * Lines gather in memory and are written when some have come together or a second has passed, and
 * only while the descriptor takes them; what finds no room is dropped and counted.
 */
#ifndef SLUICE_PROXY_ACCESS_LOG_H
#define SLUICE_PROXY_ACCESS_LOG_H

#include "proxy/http1/http1_request.h"
#include "proxy/options/settings.h"
#include "proxy/loop/timers.h"

struct exchange;
struct turn;

struct access_log {
	struct turn *turn; /* borrowed */
	enum access_log_form form;
	int fd;      /* borrowed */
	char *lines; /* owned; whole lines */
	size_t used_bytes;
	struct timer flush;
};

/* What of a request is told at its end: copied, as the client's buffer continues to other use. */
struct access_record;

/* Return: NULL without memory: the line is then lost. */
struct access_record *access_record_new(const struct http1_request *request);
/* Of a TLS connection that is passed through: method "CONNECT", version "TLS". */
struct access_record *access_record_new_passed(struct http_slice name);

void access_record_free(struct access_record *record); /* takes NULL */
void access_record_request_id(struct access_record *record, struct http_slice id);

/* Why it went as it did; the first reason stays. @why: a literal, not copied. */
void access_record_note(struct access_record *record, const char *why);

int access_log_init(struct access_log *log, struct turn *turn); /* Return: 0; -ENOMEM. */
void access_log_free(struct access_log *log);

/* The line of an exchange that ends. */
void access_log_exchange(struct access_log *log, const struct exchange *exchange, bool aborted);

#endif /* SLUICE_PROXY_ACCESS_LOG_H */
