// SPDX-License-Identifier: Apache-2.0
#include "kube/api.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIELD_MANAGER "fieldManager=sluice"

const struct kind_resource api_events = { "events.k8s.io", "v1", "events", "Event", true };

static const struct {
	const char *name, *method, *content_type;
} verbs[] = {
	[API_GET] = { "get", "GET", NULL },
	[API_LIST] = { "list", "GET", NULL },
	[API_WATCH] = { "watch", "GET", NULL },
	[API_CREATE] = { "create", "POST", "application/json" },
	[API_UPDATE] = { "update", "PUT", "application/json" },
	[API_PATCH] = { "patch", "PATCH", "application/merge-patch+json" },
};

int api_start(struct api *api, struct loop *loop, const char *kubeconfig, const char *context)
{
	int err;

	memset(api, 0, sizeof(*api));
	err = kubeconfig ? kube_config_load(kubeconfig, context, &api->config)
			 : kube_config_in_cluster(&api->config);
	if (err)
		return err;
	err = http_new(loop, &api->config, &api->http);
	if (err)
		kube_config_free(&api->config);
	return err;
}

void api_stop(struct api *api)
{
	http_free(api->http);
	api->http = NULL;
	kube_config_free(&api->config);
}

int api_escape(const char *value, char *out, size_t out_bytes)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t used = 0;

	for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
		if (used + 4 > out_bytes)
			return -EMSGSIZE;
		if (isalnum(*c) || strchr("-._~", *c)) {
			out[used++] = (char)*c;
		} else {
			out[used++] = '%';
			out[used++] = hex[*c >> 4];
			out[used++] = hex[*c & 15];
		}
	}
	if (used >= out_bytes)
		return -EMSGSIZE;
	out[used] = '\0';
	return 0;
}

int api_target(const struct api_call *call, char target[API_TARGET_MAX])
{
	const struct kind_resource *resource = call->resource;
	bool writes = call->verb >= API_CREATE;
	int used;

	used = snprintf(target, API_TARGET_MAX, "%s%s/%s%s%s/%s%s%s%s%s%s%s%s%s",
			*resource->group ? "/apis/" : "/api", resource->group, resource->version,
			call->namespace ? "/namespaces/" : "",
			call->namespace ? call->namespace : "", resource->plural,
			call->name ? "/" : "", call->name ? call->name : "",
			call->subresource ? "/" : "", call->subresource ? call->subresource : "",
			call->query || writes ? "?" : "", call->query ? call->query : "",
			call->query && writes ? "&" : "", writes ? FIELD_MANAGER : "");
	return used >= API_TARGET_MAX ? -EMSGSIZE : 0;
}

static int http_call_of(const struct api_call *call, char target[API_TARGET_MAX],
			struct http_call *out)
{
	int err = api_target(call, target);

	if (err)
		return err;
	*out = (struct http_call){
		.method = verbs[call->verb].method,
		.target = target,
		.content_type = verbs[call->verb].content_type,
		.content = call->content,
		.idle_limit_ms = call->idle_limit_ms ? call->idle_limit_ms : HTTP_IDLE_LIMIT_MS,
		.body = call->body,
		.done = call->done,
		.ctx = call->ctx,
	};
	return 0;
}

int api_send(struct api *api, const struct api_call *call, struct http_request **out)
{
	char target[API_TARGET_MAX];
	struct http_call sent;
	int err = http_call_of(call, target, &sent);

	if (call->verb >= API_CREATE)
		api->writes++;
	return err ? err : http_send(api->http, &sent, out);
}

int api_send_waiting(struct api *api, const struct api_call *call, long limit_ms)
{
	char target[API_TARGET_MAX];
	struct http_call sent;
	int err = http_call_of(call, target, &sent);

	if (call->verb >= API_CREATE)
		api->writes++;
	return err ? err : http_send_waiting(api->http, &sent, limit_ms);
}

static void copy_text(const cJSON *object, const char *field, char *out, size_t out_bytes)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, field));

	snprintf(out, out_bytes, "%s", text ? text : "");
}

static double number_of(const cJSON *object, const char *field)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, field);

	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble < 1e6))
		return 0;
	return item->valuedouble;
}

bool api_status_parse(const char *json, size_t bytes, struct api_status *out)
{
	cJSON *root = cJSON_ParseWithLength(json, bytes);
	char kind[16];

	memset(out, 0, sizeof(*out));
	copy_text(root, "kind", kind, sizeof(kind));
	if (strcmp(kind, "Status") != 0) {
		cJSON_Delete(root);
		return false;
	}
	out->code = (long)number_of(root, "code");
	copy_text(root, "reason", out->reason, sizeof(out->reason));
	copy_text(root, "message", out->message, sizeof(out->message));
	out->retry_after_s = (uint32_t)number_of(cJSON_GetObjectItemCaseSensitive(root, "details"),
						 "retryAfterSeconds");
	cJSON_Delete(root);
	return true;
}

bool api_status_is_expired(const struct api_status *status)
{
	return status->code == 410 || strcmp(status->reason, "Expired") == 0 ||
	       strcmp(status->reason, "Gone") == 0;
}

const char *api_error(const struct api_call *call, const struct http_reply *reply,
		      char text[API_ERROR_MAX])
{
	const struct kind_resource *resource = call->resource;
	const char *sub = call->subresource ? call->subresource : "";
	const char *verb = verbs[call->verb].name;
	const char *dot = *resource->group ? "." : "";
	struct api_status status;
	int used;

	used = snprintf(text, API_ERROR_MAX, "%s %s%s%s%s%s%s%s%s%s: ", verb, resource->plural, dot,
			resource->group, *sub ? "/" : "", sub, call->namespace ? " " : "",
			call->namespace ? call->namespace : "", call->name ? "/" : "",
			call->name ? call->name : "");
	if (reply->err) {
		snprintf(text + used, API_ERROR_MAX - (size_t)used, "%s", reply->error);
		return text;
	}
	if (!api_status_parse(reply->body, reply->body_bytes, &status))
		snprintf(status.message, sizeof(status.message), "%.*s",
			 (int)strcspn(reply->body, "\r\n"), reply->body);
	used += snprintf(text + used, API_ERROR_MAX - (size_t)used, "%ld%s%s: %s", reply->status,
			 *status.reason ? " " : "", status.reason, status.message);
	if (reply->status == 403 && used < API_ERROR_MAX)
		snprintf(text + used, API_ERROR_MAX - (size_t)used,
			 "; missing RBAC rule: apiGroups: [\"%s\"], resources: [\"%s%s%s\"], "
			 "verbs: [\"%s\"]",
			 resource->group, resource->plural, *sub ? "/" : "", sub, verb);
	return text;
}

const char *api_microtime(char text[API_MICROTIME_MAX])
{
	struct timespec now;
	struct tm utc;
	size_t used;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	used = strftime(text, API_MICROTIME_MAX, "%FT%T", &utc);
	snprintf(text + used, API_MICROTIME_MAX - used, ".%06ldZ", now.tv_nsec / 1000);
	return text;
}
