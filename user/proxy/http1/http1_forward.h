/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http1_forward.h - canonical heads: what the backend and the client read has one meaning only
 *
 * Both builders write from parsed messages into a buffer of the caller; nothing of a head is passed
 * on by copying it whole.
 */
#ifndef SLUICE_PROXY_HTTP1_FORWARD_H
#define SLUICE_PROXY_HTTP1_FORWARD_H

#include "base/inet.h"
#include "proxy/http1/http1_request.h"
#include "proxy/http1/http1_response.h"

#define HTTP1_REQUEST_ID_BYTES 32 /* hex digits */

/* Source of X-Request-ID: unique, not secret. One a worker; seed it with random bytes. */
struct http1_id_source {
	uint64_t state[2];
};
void http1_id_seed(struct http1_id_source *source); /* from getrandom(2) */
void http1_id_next(struct http1_id_source *source, char out[HTTP1_REQUEST_ID_BYTES]);

/* An extra field to add; a field of the same name in the message is replaced. */
struct http1_extra_field {
	struct http_slice name, value; /* borrowed, already valid */
};

enum http1_forward_flag {
	HTTP1_FORWARD_F_TRUSTED_PEER = 1 << 0, /* X-Forwarded-* of this peer are believed */
	HTTP1_FORWARD_F_TLS = 1 << 1,          /* client side is TLS: proto https */
	HTTP1_FORWARD_F_UNDERSCORES = 1 << 2,  /* let names with '_' pass */
	HTTP1_FORWARD_F_NO_EXPECT = 1 << 3,    /* 100 (Continue) was sent by us already */
	HTTP1_FORWARD_F_CLOSE = 1 << 4,        /* ask the backend to close after its answer */
	HTTP1_FORWARD_F_NO_UPGRADE = 1 << 5,   /* forward as plain HTTP even if it asks */
};

struct http1_forward_request {
	struct http_slice path;         /* normal form, from http_path_normalize() (or rewritten) */
	struct inet_addr client, local; /* the two ends of the client's connection */
	uint16_t local_port;            /* host order */
	uint32_t flags;                 /* enum http1_forward_flag */
	struct http1_id_source *ids;    /* borrowed: makes X-Request-ID if it must be made */
	const struct http1_extra_field *extra; /* borrowed, may be NULL */
	uint32_t extra_count;
	struct http_slice host; /* for the backend; empty: the one that was asked for */

	struct http_slice
		request_id; /* out: what was sent, borrowed from the request or the output */
};

/**
 * http1_forward_request_max - size that is always enough for http1_forward_request()
 * Extra fields not counted: name + value + 4 each.
 */
size_t http1_forward_request_max(const struct http1_request *request);

/**
 * http1_forward_request - head of the request to the backend, always HTTP/1.1
 * Host first; hop-by-hop fields and those named by Connection gone; forwarding fields set; framing
 * as request->framing; "Connection: upgrade" only for a websocket, "TE: trailers" where asked.
 * Return: bytes written; -ENOBUFS, nothing usable written.
 */
int http1_forward_request(const struct http1_request *request, struct http1_forward_request *how,
			  char *out, size_t size);

struct http1_forward_response {
	struct http_slice date; /* IMF-fixdate, used if the backend sent none */
	bool client_keep_alive; /* in: we would keep the client's connection; see below */
	uint32_t request_flags; /* enum http1_request_flag of the request */
	uint8_t request_version_minor;
	uint8_t request_method_id;             /* enum http_method */
	const struct http1_extra_field *extra; /* borrowed, may be NULL: Set-Cookie is added, others
						* replace */
	uint32_t extra_count;

	uint8_t framing; /* out: enum http1_framing of what the client is sent */
	bool keep_alive; /* out: the client's connection stays open after this answer */
};

/* Size that is always enough, extra fields (name + value + 4 each) not counted. */
size_t http1_forward_response_max(const struct http1_response *response);

/**
 * http1_forward_response - head of the answer to the client
 * Final, interim and 101 answers alike; interim ones must not be sent to HTTP/1.0 clients
 * (-EINVAL). A body of unknown length, or a chunked one, becomes chunked for 1.1 and until-close
 * for 1.0. Date and Server are added where missing. Return: bytes written; -ENOBUFS; -EINVAL.
 */
int http1_forward_response(const struct http1_response *response,
			   struct http1_forward_response *how, char *out, size_t size);

#endif /* SLUICE_PROXY_HTTP1_FORWARD_H */
