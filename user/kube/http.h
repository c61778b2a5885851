/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h - HTTP requests on the daemon's loop (libcurl, multi socket interface)
 *
 * Callbacks come from the loop. Redirects are refused, and credentials never reach a log.
 */
#ifndef SLUICE_KUBE_HTTP_H
#define SLUICE_KUBE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "kube/config.h"

#define HTTP_ERROR_TEXT_MAX   256
#define HTTP_REPLY_BYTES_MAX  (8u << 20) /* collected replies; an object is at most 1.5 MiB */
#define HTTP_CONNECT_LIMIT_MS 10000
#define HTTP_IDLE_LIMIT_MS    30000 /* of a request that the server answers at once */

struct http;
struct http_request;

struct http_reply {
	int err;            /* 0: answered, see status; else -errno of the transport */
	const char *error;  /* borrowed; error text of the transport, "" if err is 0 */
	long status;        /* 0 if there was no answer */
	long retry_after_s; /* of the header Retry-After; 0 if absent */
	const char *body;   /* borrowed, ends in NUL; "" if it went to http_call.body */
	size_t body_bytes;
};

typedef int http_body_fn(void *ctx, const char *bytes, size_t count);
typedef void http_done_fn(void *ctx, const struct http_reply *reply);

struct http_call {
	const char *method;       /* "GET", ... */
	const char *target;       /* path and query, appended to the server's address */
	const char *content_type; /* of @content, or NULL */
	const char *content;      /* copied; NULL for none */
	uint64_t idle_limit_ms;   /* limit without a byte; then -ETIMEDOUT */
	/*
	 * Gets pieces of a 2xx body as they arrive, of any size; NULL: collected for the reply. A
	 * result other than 0 ends the request with that error. It must not start a request.
	 */
	http_body_fn *body;
	http_done_fn *done; /* once, last; not after http_cancel() */
	void *ctx;
};

/**
 * http_new - a client for one server
 * @config: borrowed until http_free()
 */
int http_new(struct loop *loop, struct kube_config *config, struct http **out);
/* Cancels running requests. Takes NULL. */
void http_free(struct http *http);

/**
 * http_send - start a request
 * Return: 0 and *out (owned by http, valid until done or http_cancel()); -ENOMEM.
 */
int http_send(struct http *http, const struct http_call *call, struct http_request **out);

/* Sets a new limit without a byte. Safe in any callback. */
void http_set_idle_limit(struct http_request *request, uint64_t limit_ms);

/* The status of the answer; 0 while there is none. */
long http_status(const struct http_request *request);

/* Ends a request without a callback. Takes NULL. Safe in any callback. */
void http_cancel(struct http_request *request);

/**
 * http_send_waiting - send one request and wait for the answer; for the end of the process
 * Return: the status; -errno of the transport.
 */
int http_send_waiting(struct http *http, const struct http_call *call, long limit_ms);

/* loop_now_ms() of the last byte received; 0: none yet. */
uint64_t http_last_contact_ms(const struct http *http);

#endif /* SLUICE_KUBE_HTTP_H */
