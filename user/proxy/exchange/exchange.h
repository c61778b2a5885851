/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.h - one request with its response
 *
 * An exchange stands between a client side (an HTTP/1 conn, or one stream of an HTTP/2 conn) and a
 * connection to a backend. The client side makes it, parses the request into it, and is asked by
 * the calls of struct exchange_client; the exchange routes, connects, retries, relays both bodies,
 * and ends itself. exchange_run() drives whatever can continue; it is called for each event on
 * either side, and does nothing where there is nothing to do. exchange_priv.h has the parts it is
 * made of.
 */
#ifndef SLUICE_PROXY_EXCHANGE_H
#define SLUICE_PROXY_EXCHANGE_H

#include "proxy/http1/http1_forward.h"
#include "proxy/http1/http1_io.h"
#include "proxy/http1/http1_reply.h"
#include "proxy/backend/picker.h"
#include "proxy/backend/pool.h"
#include "proxy/loop/relay.h"
#include "proxy/loop/turn.h"

#define EXCHANGE_ADDED_MAX  24u
#define EXCHANGE_HSTS_MAX   48u  /* "max-age=", 10 digits, "; includeSubDomains" */
#define EXCHANGE_COOKIE_MAX 640u /* a name of 64, 16 digits, all attributes */

struct access_record;
struct exchange;
struct exchange_services;
struct snapshot_tls;

/* What an exchange asks of its client side. */
struct exchange_client {
	/* Queues a head (interim, final or 101) in front of the body that the sink will take.
	 * Return: 0; -EBADMSG: no answer to this request (502); -errno: the client is lost. */
	int (*respond)(struct exchange *exchange, const struct http1_response *response);
	/* Queues a whole answer of our own. Return: as respond. */
	int (*reply)(struct exchange *exchange, const struct http1_reply *reply);
	/* The exchange is over: all was sent, or (.aborted) the client must not take what it got
	 * for the whole. The exchange is freed when this returns. */
	void (*ended)(struct exchange *exchange, bool aborted);
	/* The exchange waits for an answer: checks whether the client is still there. NULL: not
	 * needed. */
	void (*probe)(struct exchange *exchange);
	/* Those below are NULL where the kernel can move nothing to or from the client.
	 * The client's connection, all of which is this exchange's as long as it runs. */
	struct stream *(*stream)(struct exchange *exchange);
	const struct http1_reader *(*reader)(struct exchange *exchange); /* of .stream */
	/* The kernel moved bytes past us: @sent to the client, @received from it. @goes_on: the
	 * head of the response went that way, the rest of a body of known length comes by the
	 * sink. Return: 0; -ENOMEM. */
	int (*moved)(struct exchange *exchange, uint64_t sent, uint64_t received, bool goes_on);
};

/* The client's connection, as all its exchanges see it. */
struct exchange_peer {
	uint64_t id; /* of the conn in its worker, from 1 */
	struct inet_addr addr, local;
	uint16_t port, local_port; /* host order */
	bool tls;
	bool trusted; /* X-Forwarded-* are believed */
	bool served;  /* it had an exchange before */
	bool last;    /* it ends with this one */
};

/*
 *                 exchange_new()
 *                      |
 *                     NEW -------------------------------------------.
 *                      | exchange_begin(), exchange_pass_through()   | refused, redirected,
 *                      v                                             | no route
 *        HELD <--> CONNECT <------------------------.                |
 *                      |                             | next backend   |
 *            .---------+--------------.              |                |
 *            |         |              |              |                |
 *            v         v              v              |                v
 *         TUNNEL    EXPECT --> SEND --> WAIT --------'-----------> REPLY
 *        (passed       |        |        |          no answer        |
 *        through)      '--------+--------'                           |
 *                               | head of the response               |
 *                          .----+----.                               |
 *                          v         v                               |
 *                        BODY     TUNNEL                             |
 *                          |         |                               |
 *                          '---------+---> exchange_end() <----------'
 *
 * Each can also continue to ABORTED, and exchange_abort(). Before BODY, the next backend and an
 * answer of our own are possible; BODY goes back to WAIT if the head of the response, not sent yet,
 * is taken back for a 502. exchange_set_phase() arms the deadline of each from a table.
 */
enum exchange_phase {
	EXCHANGE_NEW,     /* the client side reads the head of the request, and has the deadline */
	EXCHANGE_HELD,    /* HTTP/2: the length is 0, and the end of the stream is awaited */
	EXCHANGE_CONNECT, /* to a backend, and to send the first bytes */
	EXCHANGE_EXPECT,  /* the head was sent; the client holds its body back for a 100 */
	EXCHANGE_SEND,    /* the request is being sent; its response may come */
	EXCHANGE_WAIT,    /* it was sent; the final head of the response is awaited */
	EXCHANGE_BODY,    /* of the response */
	EXCHANGE_TUNNEL,
	EXCHANGE_REPLY,   /* an answer of our own is on its way */
	EXCHANGE_ABORTED, /* no answer is possible: ends in exchange_run() */
	EXCHANGE_PHASES,
};

/* A response head while it is parsed; lies in a buffer of exchange_services.response_heads. */
struct exchange_head {
	struct http1_response response;
	struct http_field fields[HTTP1_RESPONSE_FIELDS_MAX];
};

struct exchange {
	/* set by the client side before exchange_begin() */
	struct turn *turn;                    /* borrowed */
	struct exchange_services *services;   /* borrowed */
	const struct exchange_client *client; /* borrowed */
	void *owner;                          /* borrowed: the client side's own */
	const struct exchange_peer *peer;     /* borrowed from the conn */
	struct source *client_source;         /* borrowed */
	struct sink *client_sink;             /* borrowed */
	struct http1_request request;         /* slices borrow from the client's buffer */
	uint64_t started_us;                  /* when the request head was whole */

	/* the exchange's own */
	struct routing *routing;            /* one reference */
	const struct route *route;          /* borrowed from routing, or .tunnel.route */
	const struct rule *rule;            /* borrowed from routing: what led to the route */
	char *origin;                       /* owned: what CORS fields say; NULL: none */
	struct upstream_conn *upstream;     /* owned while in use */
	struct tls_profile *tls;            /* one reference: how the backends are spoken to */
	struct http1_writer request_writer; /* to an HTTP/1 backend; holds the head for any */
	struct sink *request_sink;          /* borrowed from what .upstream is */
	struct relay up, down;              /* request body; response body */
	struct timer timer;                 /* of the phase */
	struct task yield;                  /* continues in another turn */
	struct access_record *record;       /* owned; NULL: no log */
	uint64_t upstream_us;               /* when the response head came */
	uint16_t status;                    /* of the final head; 0 before */
	uint8_t phase;                      /* enum exchange_phase: exchange_set_phase() */
	uint8_t method_id;
	bool https; /* the client speaks TLS: to us, or to a trusted peer before us */

	/* The request, to the backend. */
	struct {
		uint8_t state;      /* enum relay_state at the last run */
		bool done;          /* all of it was sent */
		bool stopped;       /* the backend takes no more of it, but may still answer */
		bool continued;     /* 100 (Continue) was sent to the client */
		bool continue_made; /* ... by us: the backend's own is not passed on */
	} sending;

	/* The response, from the backend. */
	struct {
		struct buffer *head; /* owned; holds a struct exchange_head while it is parsed */
		uint8_t state;       /* enum relay_state at the last run */
		uint32_t interim_bytes, interim_count; /* of heads before the final one */
		bool begun;                            /* a byte of it was seen */
		bool reusable;                         /* the connection, once it has ended */
	} receiving;

	/* What another attempt needs to know. */
	struct {
		struct picker_tried tried;
		int error;       /* -errno of the last failed attempt */
		bool idempotent; /* the request may be carried out twice */
		bool fresh_only; /* a kept connection failed: take a new one */
	} retry;

	/* What chooses the backend. */
	struct {
		uint64_t key;     /* what the route hashes of the request; 0: nothing is there */
		uint64_t tag;     /* what the client's cookie says; 0: nothing of ours */
		uint64_t new_tag; /* what it is to say from now on; 0: it stays */
	} balance;

	/* exchange_run() itself. */
	struct {
		uint64_t progress; /* bytes at the last look, for idle timeouts */
		bool attached;     /* another connection was taken in this turn */
		bool running;
	} turns;

	struct {
		struct route *route; /* owned; of TLS that is passed through, else NULL */
		bool asked;          /* a websocket */
		bool granted;        /* a reset is carried over */
		bool spliced;        /* its sockets are enrolled, or are to be */
	} tunnel;

	/* A response that the kernel moves; exchange_splice.h. */
	struct {
		struct exchange *newer, *older; /* in splice_responses.oldest to .newest */
		uint64_t ended_us; /* when it was done; 0: the kernel did not do it all */
		uint64_t armed_ms; /* when it was left to the kernel */
		bool armed;        /* the kernel may move it now */
		bool looked;       /* after the request was sent: it is not there at once */
		bool queued;       /* in the list */
	} splice;

	/* A request's body that the kernel moves. */
	struct {
		bool wanted; /* it is for the kernel: the backend's connection is no source */
		bool armed;  /* the kernel may move it now */
		bool lagged; /* a window was full: the relay continues until the client is quiet */
		bool begun;  /* the kernel moved a part */
	} upload;

#ifdef SLUICE_CHECK
	struct exchange *live_next, **live_at; /* all of exchange_services.live */
#endif

	/* settings.fields_max for the request; once it is forwarded, trailers of both ways */
	struct http_field fields[];
};

int exchange_services_init(struct exchange_services *services); /* Return: 0; -ENOMEM. */
void exchange_services_free(struct exchange_services *services);

/**
 * exchange_new - memory for one; the request parser is ready to begin
 * Return: NULL if there is no memory.
 */
struct exchange *exchange_new(struct exchange_services *services);

/* Room for the trailers of the request if they are to be passed on; else NULL. HTTP1_TRAILERS_MAX
 * fields, to be used when exchange_begin() has returned. */
struct http_field *exchange_request_trailers(struct exchange *exchange);

/* Ends an exchange whose request was never complete. */
void exchange_discard(struct exchange *exchange);

/**
 * exchange_begin - the request head is whole: decide where it goes and build what is forwarded
 * Nothing is sent yet. When this returns the slices of the request are not needed again: the client
 * side drops the head from its buffer, gets its source ready for the body, calls exchange_run().
 */
void exchange_begin(struct exchange *exchange);

/**
 * exchange_pass_through - there is no request: the client's bytes go to a backend unchanged
 * @settings: borrowed until it returns, of the routing table in use
 * @name: for the access log
 * In place of exchange_begin(); then exchange_run(). Without a backend the exchange is aborted.
 */
void exchange_pass_through(struct exchange *exchange, const struct snapshot_tls *settings,
			   struct http_slice name);

/* Drives what can continue. The exchange may have ended when this returns. */
void exchange_run(struct exchange *exchange);

/* Answers a request that does not parse, instead of exchange_begin(), or one that breaks a rule
 * later on; counted and logged by reason; then exchange_run(). */
void exchange_refuse(struct exchange *exchange, const struct http1_fault *fault);

/* Answers with an error of our own, or aborts if a response has begun; then exchange_run(). */
void exchange_fail(struct exchange *exchange, unsigned int status, const char *why);

/**
 * exchange_build_response - the head that the client is sent, as text of HTTP/1.1
 * @keep_alive: the client's connection may stand after this answer
 * @how: out: framing, and whether the connection does
 * @out: owned by the caller
 * Return: 0; -ENOMEM; -errno.
 */
int exchange_build_response(struct exchange *exchange, const struct http1_response *response,
			    bool keep_alive, struct http1_forward_response *how,
			    struct buffer **out);

/* A whole answer of our own as text. Return: owned by the caller; NULL if there is no memory. */
struct buffer *exchange_build_reply(struct exchange *exchange, const struct http1_reply *reply);

/* When it ended, in turn.now_us's terms: earlier than now if the kernel moved the response. */
static inline uint64_t exchange_end_us(const struct exchange *exchange)
{
	return exchange->splice.ended_us ? exchange->splice.ended_us : exchange->turn->now_us;
}

/* The client holds its body back for a 100 that it did not get yet. */
bool exchange_awaits_continue(const struct exchange *exchange);

/* A body of no octets may turn out to have some: the request waits until that is known. After
 * exchange_begin(). */
void exchange_hold(struct exchange *exchange);

/* True if it ends by itself at some time: always, between two turns of the loop. */
static inline bool exchange_has_deadline(const struct exchange *exchange)
{
	return exchange->timer.deadline_ms != 0;
}

/* The client is gone: releases everything at once. */
void exchange_abort(struct exchange *exchange, const char *why);

#endif /* SLUICE_PROXY_EXCHANGE_H */
