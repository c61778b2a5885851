// SPDX-License-Identifier: Apache-2.0
#include "kube/recorder.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/strmap.h"

#define CONTROLLER         "sluice.dev/ingress"
#define ACTION             "Sync"
#define NAME_PREFIX_BYTES  200 /* of the object's name, in that of the Event (253 at most) */
#define INSTANCE_BYTES_MAX 128 /* the server's limit */
#define RETRY_MS           5000u

struct note {
	enum object_kind kind;
	char *namespace, *name, *uid, *reason, *message; /* owned */
	char event_name[NAME_PREFIX_BYTES + 20];
	bool warning;
	bool holds;  /* not cleared since */
	bool queued; /* in the list of events to send */
	bool exists; /* the server has the Event: raise its count instead of creating it */
	bool fresh;  /* not yet sent by this leader */
	unsigned int count;
	uint64_t told_ms;
	uint64_t due_ms;   /* not sent before */
	struct note *next; /* in the queue */
};

struct recorder {
	struct api *api;            /* borrowed */
	char *instance;             /* owned */
	struct loop_timer *timer;   /* owned */
	struct strmap notes;        /* "KIND/ns/name/reason/message" -> struct note *, owned */
	struct note *first, **last; /* the queue, borrowed from notes */
	struct note *sending;       /* borrowed; NULL: no request runs */
	struct http_request *request;
	bool leads, complained;
	unsigned int tokens;
	uint64_t tokens_ms; /* when they were last counted */
};

static void send_next(void *ctx);

static void note_free(struct note *note)
{
	if (!note)
		return;
	free(note->namespace);
	free(note->name);
	free(note->uid);
	free(note->reason);
	free(note->message);
	free(note);
}

static char *key_of(const struct kube_event *event)
{
	char *key;

	if (asprintf(&key, "%d/%s/%s/%s/%s/%s", (int)event->kind, event->namespace, event->name,
		     event->uid, event->reason, event->message) < 0)
		return NULL;
	return key;
}

static uint64_t hash_of(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a: the same on every replica */

	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		hash = (hash ^ *c) * 0x100000001b3u;
	return hash;
}

/* ---- the queue ------------------------------------------------------------------------------- */

static void enqueue(struct recorder *recorder, struct note *note)
{
	if (note->queued || !recorder->leads)
		return;
	note->queued = true;
	note->next = NULL;
	*recorder->last = note;
	recorder->last = &note->next;
	loop_timer_arm(recorder->timer, 0);
}

static struct note *dequeue(struct recorder *recorder)
{
	struct note *note = recorder->first;

	if (!note)
		return NULL;
	recorder->first = note->next;
	if (!recorder->first)
		recorder->last = &recorder->first;
	note->queued = false;
	return note;
}

/* Removes problems that were corrected before they were sent. Return: the first of the others;
 * NULL: none. */
static struct note *first_that_holds(struct recorder *recorder)
{
	while (recorder->first && !recorder->first->holds)
		dequeue(recorder);
	return recorder->first;
}

static bool take_token(struct recorder *recorder)
{
	uint64_t now_ms = loop_now_ms();
	uint64_t earned = (now_ms - recorder->tokens_ms) / RECORDER_INTERVAL_MS;

	recorder->tokens_ms += earned * RECORDER_INTERVAL_MS;
	recorder->tokens = earned > RECORDER_BURST - recorder->tokens
				   ? RECORDER_BURST
				   : recorder->tokens + (unsigned int)earned;
	if (!recorder->tokens)
		return false;
	recorder->tokens--;
	return true;
}

/* ---- requests -------------------------------------------------------------------------------- */

static const char *event_namespace(const struct note *note)
{
	return *note->namespace ? note->namespace : "default";
}

/* Cut to the server's limit, never inside a character of several bytes. */
static void cut_note(char text[RECORDER_NOTE_BYTES + 1], const char *message)
{
	size_t bytes;

	snprintf(text, RECORDER_NOTE_BYTES + 1, "%s", message);
	bytes = strlen(text);
	if (bytes < RECORDER_NOTE_BYTES)
		return;
	while (bytes && ((unsigned char)text[bytes - 1] & 0xc0) == 0x80)
		text[--bytes] = '\0';
	if (bytes && ((unsigned char)text[bytes - 1] & 0x80))
		text[bytes - 1] = '\0';
}

static char *make_event(const struct recorder *recorder, const struct note *note)
{
	cJSON *event = cJSON_CreateObject();
	cJSON *metadata = cJSON_AddObjectToObject(event, "metadata");
	cJSON *regarding = cJSON_AddObjectToObject(event, "regarding");
	char version[KIND_API_VERSION_MAX];
	char text[RECORDER_NOTE_BYTES + 1], stamp[API_MICROTIME_MAX];
	char *content;

	cut_note(text, note->message);
	cJSON_AddStringToObject(event, "apiVersion", "events.k8s.io/v1");
	cJSON_AddStringToObject(event, "kind", "Event");
	cJSON_AddStringToObject(metadata, "name", note->event_name);
	cJSON_AddStringToObject(metadata, "namespace", event_namespace(note));
	cJSON_AddStringToObject(event, "eventTime", api_microtime(stamp));
	cJSON_AddStringToObject(event, "reportingController", CONTROLLER);
	cJSON_AddStringToObject(event, "reportingInstance", recorder->instance);
	cJSON_AddStringToObject(event, "action", ACTION);
	cJSON_AddStringToObject(event, "reason", note->reason);
	cJSON_AddStringToObject(event, "type", note->warning ? "Warning" : "Normal");
	cJSON_AddStringToObject(event, "note", text);
	cJSON_AddStringToObject(regarding, "apiVersion",
				kind_api_version(kind_resource(note->kind), version));
	cJSON_AddStringToObject(regarding, "kind", object_kind_name(note->kind));
	if (*note->namespace)
		cJSON_AddStringToObject(regarding, "namespace", note->namespace);
	cJSON_AddStringToObject(regarding, "name", note->name);
	if (*note->uid)
		cJSON_AddStringToObject(regarding, "uid", note->uid);
	content = cJSON_PrintUnformatted(event);
	cJSON_Delete(event);
	return content;
}

static char *make_series(const struct note *note)
{
	char stamp[API_MICROTIME_MAX], *text;

	if (asprintf(&text, "{\"series\":{\"count\":%u,\"lastObservedTime\":\"%s\"}}", note->count,
		     api_microtime(stamp)) < 0)
		return NULL;
	return text;
}

static void describe(const struct note *note, struct api_call *call)
{
	*call = (struct api_call){
		.verb = note->exists ? API_PATCH : API_CREATE,
		.resource = &api_events,
		.namespace = event_namespace(note),
		.name = note->exists ? note->event_name : NULL,
	};
}

static void on_done(void *ctx, const struct http_reply *reply)
{
	struct recorder *recorder = ctx;
	struct note *note = recorder->sending;
	bool fine = !reply->err && reply->status >= 200 && reply->status < 300;
	uint64_t pause_ms = 0;
	char text[API_ERROR_MAX];
	struct api_call call;

	describe(note, &call);
	recorder->sending = NULL;
	recorder->request = NULL;
	if (fine) {
		recorder->complained = false;
		note->exists = true;
		note->fresh = false;
		note->told_ms = loop_now_ms();
	} else if (!reply->err && reply->status == 409 && !note->exists) {
		note->exists = true; /* an earlier leader has sent it */
		note->count = 2;
		enqueue(recorder, note);
	} else if (!reply->err && reply->status == 404 && note->exists) {
		note->exists = false; /* the server no longer has it */
		note->count = 1;
		enqueue(recorder, note);
	} else {
		recorder->api->write_errors++;
		if (!recorder->complained)
			log_warn("kube: %s", api_error(&call, reply, text));
		recorder->complained = true;
		if (reply->err || reply->status == 429 || reply->status >= 500) {
			enqueue(recorder, note);
			pause_ms = reply->retry_after_s ? (uint64_t)reply->retry_after_s * 1000
							: RETRY_MS;
		}
	}
	loop_timer_arm(recorder->timer, pause_ms);
}

static void send_next(void *ctx)
{
	struct recorder *recorder = ctx;
	struct api_call call;
	struct note *note;
	char *content;

	if (recorder->sending || !recorder->leads)
		return;
	note = first_that_holds(recorder);
	if (!note)
		return;
	if (loop_now_ms() < note->due_ms) {
		loop_timer_arm(recorder->timer, note->due_ms - loop_now_ms());
		return;
	}
	if (!take_token(recorder)) {
		loop_timer_arm(recorder->timer, RECORDER_INTERVAL_MS);
		return;
	}
	dequeue(recorder);
	describe(note, &call);
	content = note->exists ? make_series(note) : make_event(recorder, note);
	call.content = content;
	call.done = on_done;
	call.ctx = recorder;
	if (content && api_send(recorder->api, &call, &recorder->request) == 0)
		recorder->sending = note;
	free(content); /* cJSON's allocator is malloc() */
}

/* ---- what is to be told ---------------------------------------------------------------------- */

static struct note *note_new(const struct kube_event *event, const char *key)
{
	struct note *note = calloc(1, sizeof(*note));

	if (!note)
		return NULL;
	note->kind = event->kind;
	note->warning = event->warning;
	note->namespace = strdup(event->namespace);
	note->name = strdup(event->name);
	note->uid = strdup(event->uid);
	note->reason = strdup(event->reason);
	note->message = strdup(event->message);
	if (!note->namespace || !note->name || !note->uid || !note->reason || !note->message) {
		note_free(note);
		return NULL;
	}
	snprintf(note->event_name, sizeof(note->event_name), "%.*s.%016llx", NAME_PREFIX_BYTES,
		 note->name, (unsigned long long)hash_of(key));
	return note;
}

/* A problem that was corrected an hour ago gets a new Event. */
static void forget_old(struct recorder *recorder)
{
	const struct strmap_entry *entry;
	uint64_t now_ms = loop_now_ms();
	size_t position = 0;

	while ((entry = strmap_next(&recorder->notes, &position))) {
		struct note *note = entry->value;

		if (note->holds || note->queued || note == recorder->sending ||
		    (note->told_ms && now_ms - note->told_ms < RECORDER_MEMORY_MS))
			continue;
		strmap_remove(&recorder->notes, entry->key);
		note_free(note);
	}
}

void recorder_add(struct recorder *recorder, const struct kube_event *event)
{
	char *key = key_of(event);
	struct note *note = key ? strmap_get(&recorder->notes, key) : NULL;

	if (!key)
		return;
	if (note) {
		if (!note->holds) {
			note->holds = true;
			note->count++;
			note->fresh = true;
			note->due_ms = loop_now_ms() + RECORDER_SETTLE_MS;
		}
	} else {
		if (recorder->notes.count >= RECORDER_NOTES_MAX / 2)
			forget_old(recorder);
		if (recorder->notes.count < RECORDER_NOTES_MAX)
			note = note_new(event, key);
		if (note && strmap_put(&recorder->notes, key, note, NULL)) {
			note_free(note);
			note = NULL;
		}
		if (note) {
			note->holds = note->fresh = true;
			note->count = 1;
			note->due_ms = loop_now_ms() + RECORDER_SETTLE_MS;
		}
	}
	free(key);
	if (note && note->fresh)
		enqueue(recorder, note);
}

static void clear_reason(struct recorder *recorder, const struct kube_event *event)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	while ((entry = strmap_next(&recorder->notes, &position))) {
		struct note *note = entry->value;

		if (note->kind == event->kind && strcmp(note->namespace, event->namespace) == 0 &&
		    strcmp(note->name, event->name) == 0 &&
		    strcmp(note->reason, event->reason) == 0)
			note->holds = false;
	}
}

void recorder_clear(struct recorder *recorder, const struct kube_event *event)
{
	char *key = *event->message ? key_of(event) : NULL;
	struct note *note = key ? strmap_get(&recorder->notes, key) : NULL;

	if (note)
		note->holds = false;
	if (!*event->message)
		clear_reason(recorder, event);
	free(key);
}

void recorder_lead(struct recorder *recorder, bool leads)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	recorder->leads = leads;
	if (!leads) {
		http_cancel(recorder->request);
		recorder->request = NULL;
		recorder->sending = NULL;
		while (dequeue(recorder))
			;
		return;
	}
	while ((entry = strmap_next(&recorder->notes, &position))) {
		struct note *note = entry->value;

		if (note->holds && note->fresh)
			enqueue(recorder, note);
	}
}

int recorder_new(struct loop *loop, struct api *api, const char *instance, struct recorder **out)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));
	int err;

	if (!recorder)
		return -ENOMEM;
	recorder->api = api;
	recorder->last = &recorder->first;
	recorder->tokens = RECORDER_BURST;
	recorder->tokens_ms = loop_now_ms();
	recorder->instance = strndup(instance, INSTANCE_BYTES_MAX);
	err = recorder->instance ? 0 : -ENOMEM;
	if (!err)
		err = loop_timer_new(loop, send_next, recorder, &recorder->timer);
	if (err) {
		recorder_free(recorder);
		return err;
	}
	*out = recorder;
	return 0;
}

void recorder_free(struct recorder *recorder)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	if (!recorder)
		return;
	http_cancel(recorder->request);
	while ((entry = strmap_next(&recorder->notes, &position)))
		note_free(entry->value);
	strmap_clear(&recorder->notes);
	loop_timer_free(recorder->timer);
	free(recorder->instance);
	free(recorder);
}
