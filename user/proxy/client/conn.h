/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn.h - one client connection: its socket, its state, its deadline and its end
 *
 * What is spoken on it is a struct conn_protocol: first conn_open.c (what comes before the first
 * request), then http1_client.c or http2_client.c for the rest of its life. Between two requests it
 * holds this struct and nothing else: no buffer, no exchange.
 *
 *        accepted
 *           |
 *     PROXY_HEADER     where the peer begins with one
 *        |      \
 *      HELLO     |     on a TLS port; may hand the connection over as a tunnel: EXCHANGE
 *        |       |
 *     HANDSHAKE  |
 *      |   \     |
 *      |    +-> FIRST  the first octets of a request, or the preface of HTTP/2
 *      |      /    \
 *     HTTP2        HEAD -> EXCHANGE -> DISCARD   (or straight to IDLE)
 *      |            ^         |           |
 *      |            +------ IDLE <--------+
 *      |                      |
 *      +------> LINGER <------+      our side is shut, the client's is read away
 *
 *     FLUSH may follow on any of them: the client has ended, and what the kernel moves to it
 *     goes out before the socket is closed.
 *
 * conn_set_state() is the only way from one to the next, and arms the deadline of the state from
 * one table. An exchange has a deadline of its own, so EXCHANGE has none here.
 */
#ifndef SLUICE_PROXY_CONN_H
#define SLUICE_PROXY_CONN_H

#include "proxy/client/clients.h"
#include "proxy/exchange/exchange.h"

struct conn;
struct http2_client;

enum conn_state {
	CONN_NEW,          /* not accepted yet */
	CONN_PROXY_HEADER, /* one is awaited */
	CONN_HELLO,        /* the ClientHello is awaited */
	CONN_HANDSHAKE,    /* of TLS */
	CONN_FIRST,        /* no octet of a request came yet, or some that may be of HTTP/2 */
	CONN_IDLE,         /* between two requests */
	CONN_HEAD,         /* a head has begun */
	CONN_EXCHANGE,     /* the exchange decides, and has the deadline */
	CONN_DISCARD,      /* answered early: the rest of the request body is read and dropped */
	CONN_HTTP2,        /* .http2 decides from now on, and sets the deadline */
	CONN_FLUSH,        /* the client has ended; what the kernel holds for it goes out first */
	CONN_LINGER,       /* our side is shut: reads until the client shuts its own */
	CONN_STATES,
};

/* What is spoken on a connection. The conn may be closed when one of them returns. */
struct conn_protocol {
	void (*ready)(struct conn *conn);   /* something happened to the socket */
	void (*next)(struct conn *conn);    /* what was put off by .next: in another turn */
	void (*timeout)(struct conn *conn); /* the deadline of the state is over */
	void (*end)(struct conn *conn);     /* the conn closes or lingers: releases all it holds */
	/* Where the state has no deadline of its own: whether what runs has one. */
	bool (*has_deadline)(const struct conn *conn);
};

struct conn {
	struct stream stream;                 /* first: the stream's callback gets it */
	struct turn *turn;                    /* borrowed */
	struct clients *clients;              /* borrowed */
	const struct conn_protocol *protocol; /* borrowed */
	struct conn *newer, *older;           /* in clients.newest */
	struct exchange *exchange;            /* borrowed; NULL while idle, or with HTTP/2 */
	struct http2_client *http2;           /* owned; NULL: HTTP/1 */
	struct http1_reader reader;
	struct http1_writer writer;
	struct exchange_peer peer;
	struct timer timer;          /* of the state */
	struct task next;            /* continues with pipelined bytes in another turn */
	uint64_t discard_from_bytes; /* .reader.received_bytes when CONN_DISCARD began */
	uint64_t flush_deadline_ms;
	uint64_t idle_since_ms;
	struct {
		uint64_t in, out; /* bytes already added to worker_stats */
	} counted;
	struct {
		struct inet_addr addr; /* counted in clients.sources */
		bool counted;
	} source;
	uint32_t requests;  /* answered on it */
	uint8_t state;      /* enum conn_state: set by conn_set_state() alone */
	uint8_t over_limit; /* enum http1_fault_reason: accepted only to send 503, then closed */
	bool keep_alive;    /* after the exchange that runs */
};

/**
 * conn_new - an accepted connection; the caller sets its state at once
 * @fd: owned from now on, also on failure
 * @over_limit: limit that it is above: answer 503 and close; HTTP1_FAULT_NONE: serve it
 * Return: 0; -errno.
 */
int conn_new(struct clients *clients, int fd, const struct exchange_peer *peer,
	     enum http1_fault_reason over_limit, const struct conn_protocol *protocol,
	     struct conn **out);

/* The only way from one state to another: arms the deadline of the new one. */
void conn_set_state(struct conn *conn, enum conn_state state);

/* Closes at once. */
void conn_close(struct conn *conn);

/* Shuts our side and reads until the client shuts its own, so that what was sent arrives. */
void conn_linger(struct conn *conn);

/* Closes, but not before what the kernel moved to the client is in its send queue. */
void conn_hang_up(struct conn *conn);

/* Adds what was read and written to the counters. */
void conn_count_bytes(struct conn *conn);

/* Counts the conn as one of its client's, whose address is known now. */
void conn_count_source(struct conn *conn);

/* Which limit a request breaks by coming now. Return: HTTP1_FAULT_NONE: none. */
enum http1_fault_reason conn_limit_reached(const struct conn *conn);

/* Ends the conns that were idle for a while: we drain. */
void conns_drain(struct clients *clients);

/* .check of a hook of the loop: that of struct clients. */
const char *conns_check(const struct turn_hook *hook);

#endif /* SLUICE_PROXY_CONN_H */
