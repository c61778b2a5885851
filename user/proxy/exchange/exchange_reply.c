// SPDX-License-Identifier: Apache-2.0
/*
 * exchange_reply.c - answers of our own
 */
#include "base/log.h"
#include "proxy/exchange/exchange_priv.h"

#define RETRY_AFTER_S 1u

void exchange_reply(struct exchange *x, const struct http1_reply *reply)
{
	struct http1_reply full = *reply;

	if (x->splice.armed && splice_response_stop(x)) { /* the kernel was faster */
		exchange_set_phase(x, EXCHANGE_ABORTED);
		return;
	}
	full.date = turn_date(x->turn);
	full.hsts_max_age_s = x->https && x->route ? x->route->hsts_max_age_s : 0;
	full.hsts_subdomains = x->route && x->route->flags & ROUTE_F_HSTS_SUBDOMAINS;
	full.head_only = x->method_id == HTTP_METHOD_HEAD;
	/* A client that waits for a 100 may or may not send the body now: where the next request
	 * begins is not known. */
	full.keep_alive = reply->keep_alive && !x->turn->draining &&
			  (x->request.flags & HTTP1_REQUEST_F_KEEP_ALIVE) &&
			  !exchange_awaits_continue(x);
	full.confirm_keep_alive = x->request.flags & HTTP1_REQUEST_F_KEEP_ALIVE_SAID;
	exchange_let_go(x, false);
	x->status = (uint16_t)reply->status;
	x->turn->stats->own_replies++;
	exchange_set_phase(x, EXCHANGE_REPLY);
	if (x->client->reply(x, &full))
		exchange_set_phase(x, EXCHANGE_ABORTED);
}

void exchange_fail(struct exchange *x, unsigned int status, const char *why)
{
	log_debug("proxy: answered %u: %s", status, why);
	if (x->record)
		access_record_note(x->record, why);
	if (status == 408 || status == 504)
		x->turn->stats->timeouts++;
	if (x->tunnel.route || !exchange_may_reply(x)) {
		if (x->tunnel.route)
			x->status = (uint16_t)status;
		exchange_set_phase(x, EXCHANGE_ABORTED);
		return;
	}
	exchange_reply(x, &(struct http1_reply){
				  .status = status,
				  .retry_after_s = status == 503 ? RETRY_AFTER_S : 0,
				  .keep_alive = status == 403 || status == 404 || status >= 502,
			  });
}

/* Requests that no HTTP can be made of; what is over a limit or too slow is none of them. */
static bool is_malformed(enum http1_fault_reason reason)
{
	return reason < HTTP1_FAULT_HEAD_TIME;
}

void exchange_refuse(struct exchange *x, const struct http1_fault *fault)
{
	struct exchange_services *services = x->services;
	unsigned int status = http1_fault_status(fault->reason);

	fault_log_request(&services->faults, &x->peer->addr, fault);
	x->turn->stats->bad_requests += is_malformed(fault->reason);
	x->turn->stats->timeouts += status == 408;
	if (!x->started_us) {
		x->started_us = x->turn->now_us;
		x->turn->stats->requests++;
		if (services->log.form != ACCESS_LOG_OFF)
			x->record = access_record_new(&x->request);
	}
	if (x->record)
		access_record_note(x->record, http1_fault_name(fault->reason));
	if (!exchange_may_reply(x)) {
		exchange_set_phase(x, EXCHANGE_ABORTED);
		return;
	}
	exchange_reply(x, &(struct http1_reply){
				  .status = status,
				  .retry_after_s = status == 503 ? RETRY_AFTER_S : 0,
			  });
}
