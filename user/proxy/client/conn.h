/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn.h - one client connection, which speaks HTTP/1.x until it turns out to be HTTP/2
 *
 * Between two requests it holds this struct and nothing else: no buffer, no exchange.
 */
#ifndef SLUICE_PROXY_CONN_H
#define SLUICE_PROXY_CONN_H

#include "proxy/client/clients.h"
#include "proxy/exchange/exchange.h"

struct http2_client;

enum conn_state {
	CONN_PROXY_HEADER, /* one is awaited */
	CONN_HELLO,        /* the ClientHello is awaited */
	CONN_HANDSHAKE,    /* of TLS */
	CONN_HEAD,         /* between requests, or within a head */
	CONN_EXCHANGE,     /* the exchange has the word */
	CONN_DISCARD,      /* answered early: the rest of the request body is read and dropped */
	CONN_HTTP2,        /* .http2 has the word from now on */
	CONN_FLUSH,        /* the client has ended; what the kernel holds for it goes out first */
	CONN_LINGER, /* our side is shut: reads until the client shuts his, so that he can read */
};

struct conn {
	struct stream stream;       /* first: the stream's callback gets it */
	struct turn *turn;          /* borrowed */
	struct clients *clients;    /* borrowed */
	struct exchange *exchange;  /* borrowed; NULL while idle */
	struct http2_client *http2; /* owned; NULL: HTTP/1 */
	struct http1_reader reader;
	struct http1_writer writer;
	struct exchange_peer peer;
	struct inet_addr source; /* counted in clients.sources, if .counted */
	uint32_t requests;       /* answered on it */
	struct timer timer;
	struct task next; /* goes on with pipelined bytes in another turn */
	uint64_t discarded_bytes;
	uint64_t flush_deadline_ms;
	uint64_t counted_in, counted_out; /* bytes already added to worker_stats */
	uint8_t state;                    /* enum conn_state */
	bool keep_alive;                  /* after the exchange that runs */
	bool counted;
	bool served;        /* what came first was not the preface of HTTP/2 */
	uint8_t over_limit; /* enum http1_fault_reason: accepted to be told 503, and closed */
};

/**
 * conn_new - serve an accepted connection
 * @fd: owned from now on, also on failure
 * @over_limit: limit that it is above: answer 503 and close; HTTP1_FAULT_NONE: serve it
 * Return: 0; -errno.
 */
int conn_new(struct clients *clients, int fd, const struct exchange_peer *peer,
	     enum http1_fault_reason over_limit);

/* Closes at once what is left when the worker has to end. */
void conn_close(struct conn *conn);

/* Shuts our side and reads until the client shuts his, so that what was sent arrives. */
void conn_linger(struct conn *conn);

/* Closes, but not before what the kernel moved to the client is in its send queue. */
void conn_hang_up(struct conn *conn);

/* In conn_splice.c: .stream, .reader and .moved of struct exchange_client. */
struct stream *conn_stream(struct exchange *exchange);
const struct http1_reader *conn_reader(struct exchange *exchange);
int conn_moved(struct exchange *exchange, uint64_t sent, uint64_t received, bool goes_on);

/* ---- between conn.c and conn_open.c -------------------------------------------------------------- */

/* Goes on with what comes before the handshake or the first request. */
void conn_opening(struct conn *conn);

/* Counts the conn as one of its client's, who is known now. */
void conn_count_source(struct conn *conn);

/* Goes on with the TLS handshake, then with what was agreed on. */
void conn_handshake(struct conn *conn);

/* Reads the head of a request. */
void conn_read(struct conn *conn);

/* Which limit a request breaks by coming now. Return: HTTP1_FAULT_NONE: none. */
enum http1_fault_reason conn_limit_reached(const struct conn *conn);

/* Return: the exchange of this conn, to be told what is asked; NULL: no memory. */
struct exchange *conn_begin_exchange(struct conn *conn);

#endif /* SLUICE_PROXY_CONN_H */
