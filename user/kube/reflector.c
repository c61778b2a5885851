// SPDX-License-Identifier: Apache-2.0
#include "kube/reflector.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kube/retry.h"
#include "kube/selection.h"
#include "kube/split.h"

#define HEALTHY_MS             10000u /* a watch that lasted this long did not fail */
#define FAILURES_BEFORE_RELIST 3u
#define SILENCES_BEFORE_RELIST 2u
#define INITIAL_EVENTS_END     "k8s.io/initial-events-end"

enum step {
	STEP_STREAM, /* streaming list, until the bookmark that ends it */
	STEP_PAGE,   /* one page of a list */
	STEP_WATCH,
};

struct reflector {
	struct loop *loop; /* borrowed */
	struct api *api;   /* borrowed */
	struct selection selection;
	uint64_t idle_limit_ms; /* of a watch */
	struct reflector_events events;
	struct retry retry;
	struct http_request *request; /* borrowed; NULL while waiting for the next try */
	struct intake intake;
	struct split_lines lines;
	struct split_list list;
	enum step step;    /* current phase, or the next one after the wait */
	char *version;     /* owned; version to resume a watch at; NULL: a list must come first */
	char *page_token;  /* owned; the next page of the list */
	bool no_streaming; /* the server has refused a streaming list, or failed */
	bool no_pages;     /* a continue token expired: the next list has one page */
	bool optional;
	bool synced; /* read to its end, or optional and denied */

	unsigned int expiries; /* versions in a row that were too old */
	unsigned int silences; /* watches in a row without a line */
	size_t lines_seen;     /* of the current request */
	size_t too_long_seen;
	uint64_t started_ms;
	bool has_error; /* the stream held an ERROR event: */
	struct api_status error;
	struct reflector_counts counts;
};

static void send_next(void *ctx);

static const char *where(const struct reflector *reflector)
{
	return reflector->selection.namespace ? reflector->selection.namespace : "all namespaces";
}

static int set_text(char **to, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	return 0;
}

/* Drops the position, not the objects. */
static void plan_relist(struct reflector *reflector)
{
	if (reflector->version && reflector->synced)
		reflector->counts.relists++;
	set_text(&reflector->version, NULL);
	set_text(&reflector->page_token, NULL);
	reflector->silences = 0;
	reflector->step = reflector->no_streaming ? STEP_PAGE : STEP_STREAM;
}

/* ---- what a stream says ---------------------------------------------------------------------- */

static int take_version(struct reflector *reflector, const cJSON *object)
{
	const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(object, "metadata");
	const char *version =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(metadata, "resourceVersion"));

	return version && *version ? set_text(&reflector->version, version) : 0;
}

static void set_synced(struct reflector *reflector)
{
	if (reflector->synced)
		return;
	reflector->synced = true;
	reflector->events.synced(reflector->events.ctx);
}

/* The server has answered, with something useful. */
static void note_success(struct reflector *reflector)
{
	if (reflector->retry.failures)
		reflector->events.reached(reflector->events.ctx);
	reflector->retry.failures = 0;
}

static int list_end(struct reflector *reflector)
{
	int err = intake_list_end(&reflector->intake);

	if (err)
		return err;
	reflector->step = STEP_WATCH;
	reflector->expiries = 0;
	note_success(reflector);
	reflector->no_pages = false;
	set_synced(reflector);
	reflector->events.changed(reflector->events.ctx);
	return 0;
}

static int take_bookmark(struct reflector *reflector, const cJSON *object)
{
	const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(object, "metadata");
	const cJSON *annotations = cJSON_GetObjectItemCaseSensitive(metadata, "annotations");
	const char *end = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(annotations, INITIAL_EVENTS_END));
	int err;

	if (reflector->step == STEP_WATCH)
		return take_version(reflector, object);
	/* One that comes before the end of the list: the server did not heed that we asked. */
	if (!end || strcmp(end, "true") != 0)
		return -EPROTO;
	err = list_end(reflector);
	if (!err)
		err = take_version(reflector, object);
	if (!err)
		http_set_idle_limit(reflector->request, reflector->idle_limit_ms);
	return err;
}

static void take_error(struct reflector *reflector, cJSON *object)
{
	char *text = cJSON_PrintUnformatted(object);

	reflector->has_error = true;
	memset(&reflector->error, 0, sizeof(reflector->error));
	if (text)
		api_status_parse(text, strlen(text), &reflector->error);
	cJSON_free(text);
}

static int take_event(struct reflector *reflector, const char *type, cJSON *object)
{
	int err;

	if (strcmp(type, "BOOKMARK") == 0)
		return take_bookmark(reflector, object);
	if (strcmp(type, "ERROR") == 0) {
		take_error(reflector, object);
		return -ECANCELED; /* nothing useful follows */
	}
	if (strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0)
		err = intake_put(&reflector->intake, object);
	else if (strcmp(type, "DELETED") == 0)
		err = intake_delete(&reflector->intake, object);
	else
		return 0; /* a type of later servers */
	/* A watch cannot resume at the version of an initial event: they come in any order. */
	if (!err && reflector->step == STEP_WATCH)
		err = take_version(reflector, object);
	if (err)
		set_text(&reflector->version, NULL); /* it is lost: only a new list contains it */
	reflector->counts.events++;
	reflector->events.changed(reflector->events.ctx);
	return err;
}

static int on_line(void *ctx, char *line, size_t bytes)
{
	struct reflector *reflector = ctx;
	cJSON *event = cJSON_ParseWithLength(line, bytes);
	const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, "type"));
	cJSON *object = cJSON_GetObjectItemCaseSensitive(event, "object");
	int err = -EPROTO;

	if (type && cJSON_IsObject(object)) {
		if (!reflector->lines_seen++ && strcmp(type, "ERROR") != 0)
			note_success(reflector);
		reflector->silences = 0;
		err = take_event(reflector, type, object);
	}
	cJSON_Delete(event);
	return err;
}

static int on_stream_body(void *ctx, const char *bytes, size_t count)
{
	struct reflector *reflector = ctx;
	int err = split_lines_feed(&reflector->lines, bytes, count, on_line, reflector);

	if (reflector->lines.too_long != reflector->too_long_seen) {
		reflector->too_long_seen = reflector->lines.too_long;
		log_warn("kube: watch %s: leaving out an event of more than %u bytes",
			 reflector->selection.resource->plural, SPLIT_PIECE_BYTES_MAX);
	}
	return err;
}

static int on_item(void *ctx, char *item, size_t bytes)
{
	struct reflector *reflector = ctx;
	cJSON *object = cJSON_ParseWithLength(item, bytes);
	int err = object ? intake_put(&reflector->intake, object) : -EPROTO;

	cJSON_Delete(object);
	return err;
}

static int on_page_body(void *ctx, const char *bytes, size_t count)
{
	struct reflector *reflector = ctx;

	return split_list_feed(&reflector->list, bytes, count, on_item, reflector);
}

/* ---- what comes next ------------------------------------------------------------------------- */

/* The last page has been read, or the next is requested. */
static int page_end(struct reflector *reflector)
{
	const char *frame = split_list_frame(&reflector->list);
	cJSON *root = frame ? cJSON_Parse(frame) : NULL;
	const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(root, "metadata");
	const char *version =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(metadata, "resourceVersion"));
	const char *token =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(metadata, "continue"));
	int err = -EPROTO; /* truncated, or not a list */

	if (!version)
		goto out;
	if (reflector->list.too_long)
		log_warn("kube: list %s: %zu objects of more than %u bytes were left out",
			 reflector->selection.resource->plural, reflector->list.too_long,
			 SPLIT_PIECE_BYTES_MAX);
	err = set_text(&reflector->page_token, token && *token ? token : NULL);
	if (err || reflector->page_token)
		goto out;
	err = set_text(&reflector->version, version);
	if (!err)
		err = list_end(reflector);
out:
	cJSON_Delete(root);
	return err;
}

/* Each failure is logged when it begins, then less and less often. */
static void log_failure(struct reflector *reflector, const char *text)
{
	bool rare = reflector->retry.failures & (reflector->retry.failures - 1);

	reflector->counts.errors++;
	if (rare)
		log_debug("kube: %s", text);
	else
		log_warn("kube: %s; keeping the known state, trying again", text);
}

static void on_expired(struct reflector *reflector)
{
	log_info("kube: %s of %s: version %s is too old; listing again",
		 reflector->selection.resource->plural, where(reflector),
		 reflector->version ? reflector->version : "of the list");
	if (reflector->step == STEP_PAGE)
		reflector->no_pages = true;
	plan_relist(reflector);
	/* No failure: the server answers, and a list gets what was missed, unless that repeats. */
	note_success(reflector);
	if (reflector->expiries++)
		retry_later(&reflector->retry, 0);
	else
		loop_timer_arm(reflector->retry.timer, 0);
}

static void on_stream_end(struct reflector *reflector, uint64_t lived_ms)
{
	if (!reflector->lines_seen)
		reflector->silences++;
	if (reflector->silences >= SILENCES_BEFORE_RELIST)
		plan_relist(reflector);
	if (lived_ms >= HEALTHY_MS || reflector->lines_seen)
		reflector->retry.failures = 0;
	if (lived_ms >= 1000)
		loop_timer_arm(reflector->retry.timer, 0);
	else
		retry_later(&reflector->retry, 0);
}

/* Any failure except an expired version. */
static void on_failure(struct reflector *reflector, const struct http_reply *reply,
		       const struct api_status *status)
{
	uint64_t least_ms = (uint64_t)reply->retry_after_s * 1000;
	bool throttled = reply->status == 429 || status->code == 429;
	bool denied = reply->status == 401 || reply->status == 403;
	bool answered = !reply->err || reflector->has_error;

	if (reflector->optional && (reply->status == 403 || reply->status == 404))
		set_synced(reflector);
	if (status->retry_after_s * 1000ull > least_ms)
		least_ms = status->retry_after_s * 1000ull;
	if (reflector->step == STEP_STREAM && reply->status && !throttled && !denied) {
		if (!reflector->no_streaming)
			log_info("kube: %s of %s: no streaming list, reading pages",
				 reflector->selection.resource->plural, where(reflector));
		reflector->no_streaming = true;
		plan_relist(reflector);
	} else if (reflector->step == STEP_PAGE) {
		plan_relist(reflector);
	} else if (reflector->step == STEP_WATCH) {
		if (reply->err == -ETIMEDOUT && reply->status)
			reflector->silences++;
		if (!reflector->version || reflector->silences >= SILENCES_BEFORE_RELIST ||
		    (answered && !throttled && !denied &&
		     reflector->retry.failures >= FAILURES_BEFORE_RELIST))
			plan_relist(reflector);
	}
	reflector->retry.unreachable = !reply->status && !reflector->has_error;
	retry_later(&reflector->retry, least_ms);
}

static void describe(const struct reflector *reflector, struct api_call *call)
{
	*call = (struct api_call){
		.verb = reflector->step == STEP_PAGE ? API_LIST : API_WATCH,
		.resource = reflector->selection.resource,
		.namespace = reflector->selection.namespace,
	};
}

static void on_done(void *ctx, const struct http_reply *reply)
{
	struct reflector *reflector = ctx;
	uint64_t lived_ms = loop_now_ms() - reflector->started_ms;
	struct api_status status = { 0 };
	struct http_reply told = *reply;
	char text[API_ERROR_MAX];
	struct api_call call;

	reflector->request = NULL;
	describe(reflector, &call);
	if (reflector->has_error) {
		status = reflector->error;
	} else if (reply->status >= 300) {
		api_status_parse(reply->body, reply->body_bytes, &status);
		status.code = reply->status;
	} else if (!reply->err && reflector->step == STEP_PAGE) {
		told.err = page_end(reflector);
		told.error = "the answer is not a list, or truncated";
		if (!told.err) {
			send_next(reflector);
			return;
		}
	} else if (!reply->err && reflector->step == STEP_WATCH) {
		on_stream_end(reflector, lived_ms);
		return;
	} else if (!reply->err) {
		told.err = -EPROTO;
		told.error = "the stream ended before the list did";
	}
	if (api_status_is_expired(&status)) {
		on_expired(reflector);
		return;
	}
	if (reflector->lines_seen || (reflector->step == STEP_WATCH && lived_ms >= HEALTHY_MS))
		reflector->retry.failures = 0;
	if (reflector->has_error) {
		snprintf(text, sizeof(text), "watch %s: ERROR event %ld %s: %s",
			 call.resource->plural, status.code, status.reason, status.message);
		log_failure(reflector, text);
	} else {
		log_failure(reflector, api_error(&call, &told, text));
	}
	on_failure(reflector, &told, &status);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void send_next(void *ctx)
{
	struct reflector *reflector = ctx;
	bool pages = reflector->step == STEP_PAGE;
	char query[SELECTION_QUERY_MAX];
	struct api_call call;
	int err;

	describe(reflector, &call);
	call.query = query;
	call.body = pages ? on_page_body : on_stream_body;
	call.done = on_done;
	call.ctx = reflector;
	if (!pages)
		call.idle_limit_ms = reflector->step == STEP_WATCH ? reflector->idle_limit_ms
								   : REFLECTOR_LIST_LIMIT_MS;
	if (reflector->step == STEP_STREAM || (pages && !reflector->page_token))
		intake_list_begin(&reflector->intake);
	split_lines_reset(&reflector->lines);
	split_list_reset(&reflector->list);
	reflector->has_error = false;
	reflector->retry.unreachable = false;
	reflector->lines_seen = 0;
	reflector->too_long_seen = 0;
	reflector->started_ms = loop_now_ms();
	err = pages ? selection_list_query(&reflector->selection, !reflector->no_pages,
					   reflector->page_token, query)
		    : selection_watch_query(
			      &reflector->selection,
			      reflector->step == STEP_WATCH ? reflector->version : NULL, query);
	if (!err)
		err = api_send(reflector->api, &call, &reflector->request);
	if (err) {
		log_warn("kube: %s: %s; trying again", reflector->selection.resource->plural,
			 strerror(-err));
		if (err == -EMSGSIZE)
			plan_relist(reflector); /* of a continue token without end */
		retry_later(&reflector->retry, 0);
	}
}

int reflector_start(struct loop *loop, struct api *api, struct model *model,
		    const struct reflector_options *options, const struct reflector_events *events,
		    struct reflector **out)
{
	struct reflector *reflector = calloc(1, sizeof(*reflector));
	int err;

	if (!reflector)
		return -ENOMEM;
	reflector->loop = loop;
	reflector->api = api;
	reflector->events = *events;
	reflector->optional = options->optional;
	reflector->idle_limit_ms =
		options->idle_limit_ms ? options->idle_limit_ms : REFLECTOR_IDLE_LIMIT_MS;
	err = selection_init(&reflector->selection, options->resource, options->namespace,
			     options->label_selector, options->field_selector);
	if (!err)
		err = loop_timer_new(loop, send_next, reflector, &reflector->retry.timer);
	if (err) {
		reflector_stop(reflector);
		return err;
	}
	reflector->intake = (struct intake){
		.model = model,
		.kind = options->kind,
		.namespace = reflector->selection.namespace,
		.adjust = events->adjust,
		.refused = events->refused,
		.ctx = events->ctx,
	};
	plan_relist(reflector);
	loop_timer_arm(reflector->retry.timer, 0);
	*out = reflector;
	return 0;
}

void reflector_stop(struct reflector *reflector)
{
	if (!reflector)
		return;
	http_cancel(reflector->request);
	loop_timer_free(reflector->retry.timer);
	split_lines_reset(&reflector->lines);
	split_list_reset(&reflector->list);
	intake_free(&reflector->intake);
	free(reflector->version);
	free(reflector->page_token);
	selection_free(&reflector->selection);
	free(reflector);
}

void reflector_wake(struct reflector *reflector)
{
	retry_wake(&reflector->retry);
}

void reflector_count(const struct reflector *reflector, struct reflector_counts *out)
{
	*out = reflector->counts;
	out->synced = reflector->synced;
	out->open = reflector->request && reflector->step == STEP_WATCH &&
		    http_status(reflector->request) == 200;
	out->refused = reflector->intake.refused_now.count;
}
