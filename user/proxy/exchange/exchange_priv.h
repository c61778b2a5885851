/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange_priv.h - between the parts of an exchange
 *
 * Each part calls only what stands below it:
 *
 *   exchange_run.c      drives it through its phases, at events and deadlines
 *   exchange_relay.c    request out, head and body of the response in
 *   exchange_begin.c    a request came: where it goes, what is forwarded
 *   exchange_tunnel.c   connections that are passed through, and tunnels in general
 *   exchange_upstream.c connecting, retries, failures
 *   exchange_reply.c    answers of our own
 *   exchange_end.c      counted, logged, freed
 *   exchange_answer.c   heads of answers as text
 *   splice_response.c   what the kernel moves: responses
 *   exchange_balance.c  what of the request chooses the backend, and what is learnt of it
 *   splice_upload.c     ... bodies of requests
 *   splice_tunnel.c     ... tunnels
 *   exchange_rewrite.c  the path as rewrite-target wants it
 *   exchange_path.c     both forms of the path of a request
 *   exchange_source.c   whose request it is, and whether the route lets it in
 *   exchange_action.c   what a route does before it forwards
 *   exchange_cors.c     origins
 *   exchange_text.c     texts with variables
 *   exchange_added.c    fields that the route adds to a response, or to a request
 *   access_log.c        its line
 *   exchange_time.c     from phase to phase, and their deadlines
 *   exchange_check.c    what holds after each turn, in sanitized builds
 *   exchange.h          what all of them share
 */
#ifndef SLUICE_PROXY_EXCHANGE_PRIV_H
#define SLUICE_PROXY_EXCHANGE_PRIV_H

#include "proxy/exchange/exchange_check.h"
#include "proxy/exchange/exchange_path.h"
#include "proxy/options/settings.h"

/* ---- exchange_time.c ---------------------------------------------------------------------- */

/* The only way from one phase to another. Arms the deadline of the new one, from now on. */
void exchange_set_phase(struct exchange *exchange, enum exchange_phase phase);

/* The request is on its way: EXPECT, SEND or WAIT, as it stands; arms the deadline again. */
void exchange_await_head(struct exchange *exchange);

static inline bool exchange_awaits_head(const struct exchange *exchange)
{
	return exchange->phase >= EXCHANGE_EXPECT && exchange->phase <= EXCHANGE_WAIT;
}

/* An answer of our own may still be given. */
static inline bool exchange_may_reply(const struct exchange *exchange)
{
	return exchange->phase < EXCHANGE_BODY;
}

/* Something moved: the deadline of the phase, from now on. */
void exchange_arm(struct exchange *exchange);

/* How long the exchange may stay in a phase. */
uint64_t exchange_timeout_ms(const struct exchange *exchange, enum exchange_phase phase);

uint64_t exchange_body_bytes_max(const struct exchange *exchange);
bool exchange_body_over_limit(const struct exchange *exchange);

/* ---- exchange_source.c, exchange_rewrite.c, exchange_added.c ------------------------------ */

/* Address of the client: of its connection, or what a trusted peer says of it. */
struct inet_addr exchange_source(const struct exchange *exchange);

/* Does the route let the client in? */
bool exchange_is_admitted(const struct exchange *exchange);

/**
 * exchange_rewrite - the path after the route's rewrite-target, without dot segments
 * @buffer: empty; path->forwarded lies in it if it was rewritten
 * Return: HTTP1_FAULT_NONE; HTTP1_FAULT_COUNT: nothing is left of it; else the fault of the path.
 */
enum http1_fault_reason exchange_rewrite(const struct exchange *exchange, struct buffer *buffer,
					 struct exchange_path *path);

/* Fields that the route adds to a final response, or puts in place of the backend's. */
struct exchange_added {
	struct http1_extra_field fields[EXCHANGE_ADDED_MAX];
	uint32_t count;
	uint32_t bytes; /* that they take in a head, at most */
	char hsts[EXCHANGE_HSTS_MAX];
	char cookie[EXCHANGE_COOKIE_MAX];
	char max_age[12];
};

#define EXCHANGE_FRAME_BYTES 4u /* ": " and CRLF */

/* One more, if there is room. */
static inline void exchange_add(struct exchange_added *added, struct http_slice name,
				struct http_slice value)
{
	if (added->count == EXCHANGE_ADDED_MAX)
		return;
	added->fields[added->count++] = (struct http1_extra_field){ name, value };
	added->bytes += name.bytes + value.bytes + EXCHANGE_FRAME_BYTES;
}

/* Those that answers of our own have, too. */
void exchange_added_always(const struct exchange *exchange, struct exchange_added *out);

/* Fields that the route adds to a request, or puts in place of the client's. */
#define EXCHANGE_SENT_MAX 24u
struct exchange_sent {
	struct http1_extra_field fields[EXCHANGE_SENT_MAX];
	uint32_t count;
	uint32_t bytes;
	struct http_slice host; /* in place of the client's; empty: none */
	char host_text[512];
};

/* Return: false: there are none, and @out is not set. */
bool exchange_sent_fields(const struct exchange *exchange, struct exchange_sent *out);

/* ---- exchange_text.c, exchange_cors.c, exchange_action.c ---------------------------------- */

/* A text with variables, filled in. While the slices of the request are good. Return: bytes;
 * -ENOBUFS. */
int exchange_text(const struct exchange *exchange, const char *text, char *out, size_t size);

/* Which origin the response names. Return: it is one that the route allows. */
bool exchange_read_origin(struct exchange *exchange);
void exchange_add_cors(const struct exchange *exchange, struct exchange_added *added);

/* What the route does beside forwarding. Return: true: the request is answered. */
bool exchange_act(struct exchange *exchange, const struct exchange_path *path);
/* @bytes: of @location; below 0: it did not fit. */
void exchange_redirect(struct exchange *exchange, unsigned int status, const char *location,
		       int bytes);

bool exchange_redirects_to_https(const struct exchange *exchange, const struct exchange_path *path);
void exchange_redirect_to_https(struct exchange *exchange, struct http_slice path);

void exchange_added_fields(const struct exchange *exchange, struct exchange_added *out);

/* ---- exchange_balance.c ------------------------------------------------------------------- */

/* Reads from the request what the route balances by, while its slices are good. */
void exchange_read_balance(struct exchange *exchange);

/* The next backend to try. Return: 0; -ENOENT. */
int exchange_pick(struct exchange *exchange, struct backend_view *backend);

/* Of the backend of .upstream: it serves the exchange; no more; how it went. */
void exchange_backend_taken(struct exchange *exchange);
void exchange_backend_left(struct exchange *exchange);
void exchange_backend_failed(struct exchange *exchange, enum backend_failure failure);
void exchange_backend_refused(struct exchange *exchange, const struct backend_view *backend);
void exchange_backend_answered(struct exchange *exchange, unsigned int status);

/* The exchange is done with its connection to a backend. @reuse: both messages ended in order. */
void exchange_let_go(struct exchange *exchange, bool reuse);

/* ---- exchange_answer.c -------------------------------------------------------------------- */

/* A buffer of the loop's, or a larger one of its own. Return: NULL if there is no memory. */
struct buffer *exchange_head_buffer(struct turn *turn, size_t bytes);

/* A client that waits for a 100, with a backend that sends none, would wait for ever: after a while
 * we send it one. */
void exchange_send_continue(struct exchange *exchange);

/* ---- exchange_end.c ----------------------------------------------------------------------- */

void exchange_end(struct exchange *exchange);

/* ---- exchange_reply.c --------------------------------------------------------------------- */

void exchange_reply(struct exchange *exchange, const struct http1_reply *reply);

/* ---- exchange_upstream.c, exchange_tunnel.c ----------------------------------------------- */

void exchange_connect(struct exchange *exchange);
void exchange_upstream_failed(struct exchange *exchange, int err, const char *doing);
void exchange_begin_tunnel(struct exchange *exchange);

/* ---- exchange_relay.c --------------------------------------------------------------------- */

/* The body of the request, to the backend. */
void exchange_relay_up(struct exchange *exchange);

/* What comes before the body of the response. */
void exchange_read_head(struct exchange *exchange);

/* The body of the response, to the client. */
void exchange_relay_down(struct exchange *exchange);

#endif /* SLUICE_PROXY_EXCHANGE_PRIV_H */
