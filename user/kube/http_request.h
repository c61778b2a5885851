/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_request.h - shared by http.c and http_request.c
 */
#ifndef SLUICE_KUBE_HTTP_REQUEST_H
#define SLUICE_KUBE_HTTP_REQUEST_H

#include <curl/curl.h>

#include "kube/http.h"

struct http_request {
	struct http *http;             /* borrowed */
	CURL *easy;                    /* owned */
	struct curl_slist *headers;    /* owned */
	struct curl_slist *connect_to; /* owned */
	struct http_call call;         /* strings in it are not kept */
	char error[CURL_ERROR_SIZE];
	char *collected; /* owned */
	size_t collected_bytes, collected_capacity;
	long retry_after_s;
	uint64_t last_byte_ms;
	int err; /* set by us, takes precedence over curl's error */
	bool cancelled;
	struct http_request *prev, *next;
};

struct http {
	struct loop *loop;             /* borrowed */
	struct kube_config *config;    /* borrowed */
	CURLM *multi;                  /* owned */
	struct loop_timer *timer;      /* owned: curl's */
	struct loop_timer *watchdog;   /* owned */
	struct http_request *requests; /* owned */
	bool in_curl;                  /* a curl callback runs: nothing may be added or removed */
	bool token_refused;            /* the last answer was 401 */
	uint64_t distrust_until_ms;
	uint64_t last_contact_ms;
};

/**
 * http_request_setup - pass server, credentials and request->call to curl
 * Return: 0; -ENOMEM.
 */
int http_request_setup(struct http_request *request);

#endif /* SLUICE_KUBE_HTTP_REQUEST_H */
