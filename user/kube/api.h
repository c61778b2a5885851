/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.h - requests to the Kubernetes API: resources, paths, meaning of answers
 */
#ifndef SLUICE_KUBE_API_H
#define SLUICE_KUBE_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kube/config.h"
#include "kube/http.h"
#include "model/kind.h"

extern const struct kind_resource api_events; /* written only: no kind of the model */

/* The connection to one API server, shared by all its users. */
struct api {
	struct kube_config config;
	struct http *http; /* owned */
	uint64_t writes, write_errors;
};

/**
 * api_start - load the configuration and make the client
 * @kubeconfig: file, or NULL for the pod's service account
 * Return: 0; -errno with a log line.
 */
int api_start(struct api *api, struct loop *loop, const char *kubeconfig, const char *context);
void api_stop(struct api *api);

enum api_verb { API_GET, API_LIST, API_WATCH, API_CREATE, API_UPDATE, API_PATCH };

struct api_call {
	enum api_verb verb;
	const struct kind_resource *resource; /* borrowed for the life of the process */
	const char *namespace;                /* NULL: all, or not namespaced */
	const char *name;                     /* NULL for lists, watches and creation */
	const char *subresource;              /* "status" or NULL */
	const char *query;                    /* "a=b&c=d", escaped; NULL for none */
	const char *content;                  /* JSON; a merge patch for API_PATCH */
	uint64_t idle_limit_ms;               /* 0: HTTP_IDLE_LIMIT_MS */
	http_body_fn *body;                   /* as in http_call */
	http_done_fn *done;
	void *ctx;
};

/* As http_send(). */
int api_send(struct api *api, const struct api_call *call, struct http_request **out);
/* As http_send_waiting(). */
int api_send_waiting(struct api *api, const struct api_call *call, long limit_ms);

#define API_TARGET_MAX 2048
/* Writes path and query. Return: 0; -EMSGSIZE. */
int api_target(const struct api_call *call, char target[API_TARGET_MAX]);

/* Percent-encodes @value for a query. Return: 0; -EMSGSIZE. */
int api_escape(const char *value, char *out, size_t out_bytes);

/* A Status object: the server's answer when it refuses. */
struct api_status {
	long code;
	char reason[64];
	char message[512];
	uint32_t retry_after_s;
};

/* Reads a Status; missing fields stay 0 or "". Return: true if @json is one. */
bool api_status_parse(const char *json, size_t bytes, struct api_status *out);

/* Is this "the version is too old", in any of its wordings? */
bool api_status_is_expired(const struct api_status *status);

#define API_ERROR_MAX 1024
/**
 * api_error - an error line for people: verb, resource, code, message, remedy
 * @reply: of the call; for 403 the missing RBAC rule is named
 * Return: @text.
 */
const char *api_error(const struct api_call *call, const struct http_reply *reply,
		      char text[API_ERROR_MAX]);

#define API_MICROTIME_MAX 32
/* "2026-11-22T21:40:40.013980Z": always six digits, else the server refuses it. */
const char *api_microtime(char text[API_MICROTIME_MAX]);

#endif /* SLUICE_KUBE_API_H */
