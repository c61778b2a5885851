/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange_splice.h - what of an exchange the kernel moves, and when
 *
 *   splice_response.c responses: what is eligible, noticing that one is done, taking over
 *   splice_tunnel.c   tunnels: opening, closing and reopening a direction
 *   splice_upload.c   bodies of requests
 */
#ifndef SLUICE_PROXY_EXCHANGE_SPLICE_H
#define SLUICE_PROXY_EXCHANGE_SPLICE_H

#include <stdbool.h>
#include <stdint.h>

#include "proxy/splice/splice_enrol.h"

struct exchange;
struct exchange_services;

/* What is known of the lengths of a route's responses. */
struct splice_hint {
	uint8_t relay_next; /* so many are not tried: one before them was too long */
	uint8_t relay_more; /* how many it will be the next time */
};

#define SPLICE_HINTS 256u /* by a hash of the route */

/* Responses that the kernel moves for this process. */
struct splice_responses {
	struct exchange *oldest, *newest; /* under way, not looked at again yet */
	struct timer tick;
	struct splice_hint hints[SPLICE_HINTS];
};

/* ---- responses ---------------------------------------------------------------------------- */

/* Lets the kernel move the response of @exchange, if it is eligible; before the request is sent. */
void splice_response_arm(struct exchange *exchange);

enum splice_look { SPLICE_LOOK_WAITS, SPLICE_LOOK_DONE, SPLICE_LOOK_UP };

/**
 * splice_response_look - how far is it?
 * DONE: the exchange has its status and counts, its backend is free. UP: the relay continues, from
 * the head or from the middle of the body; the exchange's phase says which.
 */
enum splice_look splice_response_look(struct exchange *exchange);

/* CLOCK_MONOTONIC ms of the last bytes; now, if it is over; 0: nothing came yet. */
uint64_t splice_response_last_ms(const struct exchange *exchange);

/* An event will report its end. */
void splice_response_wake(struct exchange *exchange);

/* Ends it: nothing is moved any more. Return: true if the client got a part of the response. */
bool splice_response_stop(struct exchange *exchange);

/* Ends an exchange with this backend that is over and has not looked yet. Return: true if any. */
bool splice_response_reap(struct exchange_services *services, uint32_t backend_id);

/* The exchange ends or is no longer spliced: it is on no list. */
void splice_response_forget(struct exchange *exchange);

/* ---- tunnels ------------------------------------------------------------------------------ */

/* The tunnel was granted. */
void splice_tunnel_begin(struct exchange *exchange);

/* In each turn of a tunnel, after its relays. Return: true: run them once more. */
bool splice_tunnel_run(struct exchange *exchange);

/* CLOCK_MONOTONIC ms of the last bytes that the kernel saw; 0: not spliced. */
uint64_t splice_tunnel_last_ms(const struct exchange *exchange);

/* Adds what the kernel moved to the exchange's counts; at its end. */
void splice_tunnel_count(struct exchange *exchange);

/* ---- bodies of requests ------------------------------------------------------------------- */

/* Return: SPLICE_WHY_NONE if the request's body may be left to the kernel, on a connection to the
 * backend that is no source; else why not. */
enum sluice_splice_reason splice_upload_why_not(const struct exchange *exchange);

/* The exchange has a connection to a backend, and its request a body. */
void splice_upload_attach(struct exchange *exchange);

/* The relay waits for more of the body: the kernel continues with it, if it may. */
void splice_upload_open(struct exchange *exchange);

/* Return: true if the body is the kernel's still; false: the relay continues. */
bool splice_upload_runs(struct exchange *exchange);

/* The relay has the word, and the counts take in what was moved; nothing if it has it already. */
void splice_upload_stop(struct exchange *exchange);

/* CLOCK_MONOTONIC ms of the last bytes of the client; 0: none came yet. */
uint64_t splice_upload_last_ms(const struct exchange *exchange);

#endif /* SLUICE_PROXY_EXCHANGE_SPLICE_H */
