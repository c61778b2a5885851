// SPDX-License-Identifier: Apache-2.0
#include "kube/http_request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"

#define DISTRUST_MS        15000 /* after silence, no connection is reused for this long */
#define CONNECTIONS_CACHED 64L   /* more than watches and RUNNING_MAX of writer.c together */

static void request_free(struct http_request *request)
{
	struct http *http = request->http;

	if (request->prev)
		request->prev->next = request->next;
	else
		http->requests = request->next;
	if (request->next)
		request->next->prev = request->prev;
	curl_multi_remove_handle(http->multi, request->easy);
	curl_easy_cleanup(request->easy);
	curl_slist_free_all(request->headers);
	curl_slist_free_all(request->connect_to);
	free(request->collected);
	free(request);
}

static int collect(struct http_request *request, const char *bytes, size_t count)
{
	size_t need = request->collected_bytes + count + 1;

	if (need > HTTP_REPLY_BYTES_MAX)
		return -EMSGSIZE;
	if (need > request->collected_capacity) {
		size_t capacity = need > 2048 ? need * 2 : 4096;
		char *grown = realloc(request->collected, capacity);

		if (!grown)
			return -ENOMEM;
		request->collected = grown;
		request->collected_capacity = capacity;
	}
	memcpy(request->collected + request->collected_bytes, bytes, count);
	request->collected_bytes += count;
	request->collected[request->collected_bytes] = '\0';
	return 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct http_request *request = ctx;
	long status = 0;
	int err;

	(void)size; /* always 1 */
	if (request->cancelled)
		return 0;
	request->last_byte_ms = request->http->last_contact_ms = loop_now_ms();
	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	if (request->call.body && status >= 200 && status < 300)
		err = request->call.body(request->call.ctx, bytes, count);
	else
		err = collect(request, bytes, count);
	if (err && !request->err)
		request->err = err;
	return err ? 0 : count;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *ctx)
{
	static const char retry_after[] = "retry-after:";
	struct http_request *request = ctx;
	char value[16];
	size_t used = sizeof(retry_after) - 1;

	(void)size;
	request->last_byte_ms = request->http->last_contact_ms = loop_now_ms();
	if (count > used && strncasecmp(bytes, retry_after, used) == 0) {
		snprintf(value, sizeof(value), "%.*s", (int)(count - used), bytes + used);
		request->retry_after_s = strtol(value, NULL, 10);
		if (request->retry_after_s < 0)
			request->retry_after_s = 0;
	}
	return count;
}

/* ---- curl on the loop ------------------------------------------------------------------------ */

static int errno_of(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_COULDNT_CONNECT:
		return -ECONNREFUSED;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return -EHOSTUNREACH;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CONNECT_ERROR:
		return -EPROTO;
	default:
		return -ECONNRESET;
	}
}

static void request_done(struct http_request *request, CURLcode code)
{
	struct http *http = request->http;
	struct http_call call = request->call;
	struct http_reply reply = { .err = request->err ? request->err : errno_of(code) };

	if (request->cancelled) {
		request_free(request);
		return;
	}
	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &reply.status);
	reply.retry_after_s = request->retry_after_s;
	reply.body = request->collected ? request->collected : "";
	reply.body_bytes = request->collected_bytes;
	reply.error = "";
	if (reply.err)
		reply.error =
			request->error[0] && !request->err ? request->error : strerror(-reply.err);
	http->token_refused = reply.status == 401;
	call.done(call.ctx, &reply);
	request_free(request);
}

static void drain(struct http *http)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left))) {
		struct http_request *request = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request);
		request_done(request, code);
	}
}

static void act(struct http *http, curl_socket_t fd, int events)
{
	int running;

	http->in_curl = true;
	curl_multi_socket_action(http->multi, fd, events, &running);
	http->in_curl = false;
	drain(http);
}

static void on_ready(void *ctx, int fd, uint32_t events)
{
	int flags = 0;

	if (events & (EPOLLIN | EPOLLRDHUP))
		flags |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		flags |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		flags |= CURL_CSELECT_ERR;
	act(ctx, fd, flags);
}

static void on_timer(void *ctx)
{
	act(ctx, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_change(CURLM *multi, long delay_ms, void *ctx)
{
	struct http *http = ctx;

	(void)multi;
	if (delay_ms < 0)
		loop_timer_disarm(http->timer);
	else
		loop_timer_arm(http->timer, (uint64_t)delay_ms);
	return 0;
}

static int on_socket_change(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct loop_watch *watch = socket_ctx;
	struct http *http = ctx;
	uint32_t events = 0;
	int err;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		loop_watch_remove(watch);
		curl_multi_assign(http->multi, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		events |= EPOLLOUT;
	if (watch) {
		err = loop_watch_modify(watch, events);
	} else {
		err = loop_watch_add(http->loop, fd, events, on_ready, http, &watch);
		if (!err)
			curl_multi_assign(http->multi, fd, watch);
	}
	return err ? -1 : 0;
}

/* Wakes when the first running request reaches its limit of silence. */
static void watchdog_arm(struct http *http)
{
	uint64_t now_ms = loop_now_ms();
	uint64_t least_ms = UINT64_MAX;

	for (const struct http_request *request = http->requests; request;
	     request = request->next) {
		uint64_t due_ms = request->last_byte_ms + request->call.idle_limit_ms;
		uint64_t left_ms = due_ms > now_ms ? due_ms - now_ms : 0;

		if (left_ms < least_ms)
			least_ms = left_ms;
	}
	if (least_ms == UINT64_MAX)
		loop_timer_disarm(http->watchdog);
	else
		loop_timer_arm(http->watchdog, least_ms + 1);
}

static void on_watchdog(void *ctx)
{
	struct http *http = ctx;
	uint64_t now_ms = loop_now_ms();
	struct http_request *request = http->requests;

	while (request) {
		if (now_ms - request->last_byte_ms < request->call.idle_limit_ms) {
			request = request->next;
			continue;
		}
		if (!request->cancelled) {
			/* The connection may be dead without a sign: do not reuse it. */
			http->distrust_until_ms = now_ms + DISTRUST_MS;
			request->err = -ETIMEDOUT;
		}
		request_done(request, CURLE_OPERATION_TIMEDOUT);
		request = http->requests; /* done() may have ended any request */
	}
	watchdog_arm(http);
}

/* ---- requests -------------------------------------------------------------------------------- */

static int request_new(struct http *http, const struct http_call *call, struct http_request **out)
{
	struct http_request *request = calloc(1, sizeof(*request));
	int err = -ENOMEM;

	if (!request)
		return -ENOMEM;
	request->http = http;
	request->call = *call;
	request->last_byte_ms = loop_now_ms();
	request->next = http->requests;
	if (request->next)
		request->next->prev = request;
	http->requests = request;
	request->easy = curl_easy_init();
	if (!request->easy)
		goto out;
	err = http_request_setup(request);
	if (err)
		goto out;
	curl_easy_setopt(request->easy, CURLOPT_PRIVATE, request);
	curl_easy_setopt(request->easy, CURLOPT_ERRORBUFFER, request->error);
	curl_easy_setopt(request->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(request->easy, CURLOPT_WRITEDATA, request);
	curl_easy_setopt(request->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(request->easy, CURLOPT_HEADERDATA, request);
	*out = request;
	return 0;
out:
	request_free(request);
	return err;
}

int http_send(struct http *http, const struct http_call *call, struct http_request **out)
{
	struct http_request *request;
	int err = request_new(http, call, &request);

	if (err)
		return err;
	if (curl_multi_add_handle(http->multi, request->easy) != CURLM_OK) {
		request_free(request);
		return -ENOMEM;
	}
	watchdog_arm(http);
	*out = request;
	return 0;
}

void http_cancel(struct http_request *request)
{
	if (!request)
		return;
	request->cancelled = true;
	request->call.idle_limit_ms = 0;
	if (request->http->in_curl)
		loop_timer_arm(request->http->watchdog, 0); /* which frees it */
	else
		request_free(request);
}

void http_set_idle_limit(struct http_request *request, uint64_t limit_ms)
{
	request->call.idle_limit_ms = limit_ms;
	watchdog_arm(request->http);
}

long http_status(const struct http_request *request)
{
	long status = 0;

	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static void ignore_reply(void *ctx, const struct http_reply *reply)
{
	(void)ctx;
	(void)reply;
}

int http_send_waiting(struct http *http, const struct http_call *call, long limit_ms)
{
	struct http_call waited = *call;
	struct http_request *request;
	long status = 0;
	CURLcode code;
	int err;

	waited.body = NULL;
	waited.done = ignore_reply;
	err = request_new(http, &waited, &request);
	if (err)
		return err;
	curl_easy_setopt(request->easy, CURLOPT_TIMEOUT_MS, limit_ms);
	code = curl_easy_perform(request->easy);
	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	request_free(request);
	return code == CURLE_OK ? (int)status : errno_of(code);
}

int http_new(struct loop *loop, struct kube_config *config, struct http **out)
{
	struct http *http = calloc(1, sizeof(*http));
	int err = -ENOMEM;

	if (!http)
		return -ENOMEM;
	http->loop = loop;
	http->config = config;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		goto out;
	http->multi = curl_multi_init();
	if (!http->multi)
		goto out;
	err = loop_timer_new(loop, on_timer, http, &http->timer);
	if (!err)
		err = loop_timer_new(loop, on_watchdog, http, &http->watchdog);
	if (err)
		goto out;
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket_change);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer_change);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_CACHED);
	*out = http;
	return 0;
out:
	http_free(http);
	return err;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	while (http->requests)
		request_free(http->requests);
	if (http->multi)
		curl_multi_cleanup(http->multi);
	loop_timer_free(http->timer);
	loop_timer_free(http->watchdog);
	free(http);
}

uint64_t http_last_contact_ms(const struct http *http)
{
	return http->last_contact_ms;
}
