// SPDX-License-Identifier: Apache-2.0
#include "kube/writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/strmap.h"

#define RUNNING_MAX      16 /* requests at once: 1,000 objects take well under a second */
#define KEY_MAX          400
#define WRITTEN_MAX      65536 /* includes deleted objects; above it, all are dropped */
#define BACKOFF_FIRST_MS 500u
#define BACKOFF_MAX_MS   30000u

struct job {
	struct writer *writer;                /* borrowed */
	const struct kind_resource *resource; /* borrowed for the life of the process */
	char *namespace, *name, *version;     /* owned */
	char key[KEY_MAX];                    /* in writer->jobs */
	char *content;                        /* owned; NULL before an edit */
	char *tag;                            /* owned; of an edit */
	writer_edit_fn *edit;                 /* NULL: write the content unchanged */
	void *ctx;
	bool reads; /* the request reads the object to edit */
	unsigned int failures;
	uint64_t not_before_ms;
	struct http_request *request; /* borrowed; NULL while the job waits */
	struct job *prev, *next;
};

struct writer {
	struct api *api;          /* borrowed */
	struct loop_timer *pump;  /* owned */
	struct job *first, *last; /* owned */
	struct strmap jobs;       /* key -> job, borrowed */
	struct strmap written;    /* key -> "version\ncontent" last written, owned */
	size_t running;
};

static void pump(void *ctx);

static void job_free(struct job *job)
{
	struct writer *writer = job->writer;

	if (job->request) {
		http_cancel(job->request);
		writer->running--;
	}
	if (strmap_get(&writer->jobs, job->key) == job)
		strmap_remove(&writer->jobs, job->key);
	if (job->prev)
		job->prev->next = job->next;
	else if (writer->first == job)
		writer->first = job->next;
	if (job->next)
		job->next->prev = job->prev;
	else if (writer->last == job)
		writer->last = job->prev;
	free(job->namespace);
	free(job->name);
	free(job->version);
	free(job->tag);
	cJSON_free(job->content);
	free(job);
}

/* ---- what has been written already ----------------------------------------------------------- */

static char *memory_of(const char *version, const char *content)
{
	char *text;

	return asprintf(&text, "%s\n%s", version, content) < 0 ? NULL : text;
}

static bool was_written(const struct writer *writer, const char *key, const char *version,
			const char *content)
{
	const char *known = strmap_get(&writer->written, key);
	char *now = known ? memory_of(version, content) : NULL;
	bool same = now && strcmp(known, now) == 0;

	free(now);
	return same;
}

static void forget_written(struct writer *writer)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	while ((entry = strmap_next(&writer->written, &position)))
		free(entry->value);
	strmap_clear(&writer->written);
}

static void remember(struct writer *writer, const struct job *job)
{
	char *memory = memory_of(job->version, job->edit ? job->tag : job->content);
	void *old = NULL;

	if (!memory)
		return;
	if (writer->written.count >= WRITTEN_MAX)
		forget_written(writer);
	if (strmap_put(&writer->written, job->key, memory, &old))
		free(memory);
	free(old);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void describe(const struct job *job, struct api_call *call)
{
	*call = (struct api_call){
		.verb = job->reads ? API_GET : API_PATCH,
		.resource = job->resource,
		.namespace = job->namespace,
		.name = job->name,
		.subresource = job->reads ? NULL : "status",
		.content = job->reads ? NULL : job->content,
	};
}

/* The patch that an edit makes from the object; NULL: none is needed. */
static char *edit_object(struct job *job, const cJSON *object)
{
	const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(object, "metadata");
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(object, "status");
	const cJSON *balancer = cJSON_GetObjectItemCaseSensitive(status, "loadBalancer");
	const cJSON *present = cJSON_GetObjectItemCaseSensitive(balancer, "ingress");
	const char *version =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(metadata, "resourceVersion"));
	cJSON *entries =
		cJSON_IsArray(present) ? cJSON_Duplicate(present, true) : cJSON_CreateArray();
	cJSON *patch = cJSON_CreateObject();
	char *text = NULL;

	if (version && entries && job->edit(job->ctx, object, entries)) {
		cJSON_AddStringToObject(cJSON_AddObjectToObject(patch, "metadata"),
					"resourceVersion", version);
		cJSON_AddItemToObject(
			cJSON_AddObjectToObject(cJSON_AddObjectToObject(patch, "status"),
						"loadBalancer"),
			"ingress", entries);
		entries = NULL;
		text = cJSON_PrintUnformatted(patch);
	}
	cJSON_Delete(entries);
	cJSON_Delete(patch);
	return text;
}

/* True if the job has finished. */
static bool take_object(struct job *job, const struct http_reply *reply)
{
	cJSON *object = cJSON_ParseWithLength(reply->body, reply->body_bytes);

	cJSON_free(job->content);
	job->content = object ? edit_object(job, object) : NULL;
	cJSON_Delete(object);
	job->reads = false;
	return !job->content;
}

static void on_failure(struct job *job, const struct http_reply *reply)
{
	unsigned int shift = job->failures < 6 ? job->failures : 6;
	uint64_t delay_ms = (uint64_t)BACKOFF_FIRST_MS << shift;
	bool hopeless = !reply->err &&
			(reply->status == 400 || reply->status == 404 || reply->status == 422);
	char text[API_ERROR_MAX];
	struct api_call call;

	describe(job, &call);
	if (!hopeless && delay_ms > BACKOFF_MAX_MS)
		delay_ms = BACKOFF_MAX_MS;
	if (delay_ms < (uint64_t)reply->retry_after_s * 1000)
		delay_ms = (uint64_t)reply->retry_after_s * 1000;
	job->writer->api->write_errors++;
	if (hopeless && reply->status == 404)
		log_debug("kube: %s; it is gone", api_error(&call, reply, text));
	else if (job->failures == 0 || hopeless)
		log_warn("kube: %s; %s", api_error(&call, reply, text),
			 hopeless ? "given up" : "trying again");
	if (hopeless) {
		job_free(job);
		return;
	}
	job->failures++;
	job->not_before_ms = loop_now_ms() + delay_ms;
}

static void on_done(void *ctx, const struct http_reply *reply)
{
	struct job *job = ctx;
	struct writer *writer = job->writer;
	bool fine = !reply->err && reply->status >= 200 && reply->status < 300;

	job->request = NULL;
	writer->running--;
	if (fine && job->reads) {
		if (take_object(job, reply)) {
			remember(writer, job);
			job_free(job);
		}
	} else if (fine) {
		remember(writer, job);
		job_free(job);
	} else if (!reply->err && reply->status == 409 && job->edit) {
		job->reads = true;
	} else {
		on_failure(job, reply);
	}
	loop_timer_arm(writer->pump, 0);
}

static void pump(void *ctx)
{
	struct writer *writer = ctx;
	uint64_t now_ms = loop_now_ms();
	uint64_t next_ms = UINT64_MAX;
	struct job *next;

	for (struct job *job = writer->first; job && writer->running < RUNNING_MAX; job = next) {
		struct api_call call;

		next = job->next;
		if (job->request)
			continue;
		if (job->not_before_ms > now_ms) {
			if (job->not_before_ms < next_ms)
				next_ms = job->not_before_ms;
			continue;
		}
		describe(job, &call);
		call.done = on_done;
		call.ctx = job;
		if (api_send(writer->api, &call, &job->request)) {
			job->request = NULL;
			job_free(job); /* the next review of the model repeats it */
			continue;
		}
		writer->running++;
	}
	if (next_ms != UINT64_MAX)
		loop_timer_arm(writer->pump, next_ms - now_ms);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static int add_job(struct writer *writer, const struct kind_resource *resource,
		   const char *namespace, const char *name, const char *version, struct job **out)
{
	struct job *job = calloc(1, sizeof(*job));
	struct job *old;
	int err = -ENOMEM;

	if (!job)
		return -ENOMEM;
	job->writer = writer;
	job->resource = resource;
	job->namespace = strdup(namespace);
	job->name = strdup(name);
	job->version = strdup(version);
	snprintf(job->key, KEY_MAX, "%s/%s/%s", resource->plural, namespace, name);
	if (!job->namespace || !job->name || !job->version)
		goto out;
	old = strmap_get(&writer->jobs, job->key);
	if (old)
		job_free(old);
	err = strmap_put(&writer->jobs, job->key, job, NULL);
	if (err)
		goto out;
	job->prev = writer->last;
	if (writer->last)
		writer->last->next = job;
	else
		writer->first = job;
	writer->last = job;
	loop_timer_arm(writer->pump, 0);
	*out = job;
	return 0;
out:
	free(job->namespace);
	free(job->name);
	free(job->version);
	free(job);
	return err;
}

int writer_put(struct writer *writer, const struct kind_resource *resource, const char *namespace,
	       const char *name, const char *version, cJSON *status)
{
	cJSON *patch = cJSON_CreateObject();
	char key[KEY_MAX], *content = NULL;
	struct job *job = NULL;
	int err = -ENOMEM;

	snprintf(key, KEY_MAX, "%s/%s/%s", resource->plural, namespace, name);
	if (patch && cJSON_AddItemToObject(patch, "status", status)) {
		status = NULL;
		content = cJSON_PrintUnformatted(patch);
	}
	cJSON_Delete(patch);
	cJSON_Delete(status);
	if (!content)
		return -ENOMEM;
	job = strmap_get(&writer->jobs, key);
	if (was_written(writer, key, version, content) ||
	    (job && job->content && strcmp(job->content, content) == 0))
		err = 0;
	else
		err = add_job(writer, resource, namespace, name, version, &job);
	if (err || !job || job->content) {
		cJSON_free(content);
		return err;
	}
	job->content = content;
	return 0;
}

int writer_edit(struct writer *writer, const struct kind_resource *resource, const char *namespace,
		const char *name, const char *version, const char *tag, writer_edit_fn *edit,
		void *ctx)
{
	char key[KEY_MAX];
	struct job *job;
	int err;

	snprintf(key, KEY_MAX, "%s/%s/%s", resource->plural, namespace, name);
	job = strmap_get(&writer->jobs, key);
	if (was_written(writer, key, version, tag) ||
	    (job && job->edit && strcmp(job->version, version) == 0 && strcmp(job->tag, tag) == 0))
		return 0;
	err = add_job(writer, resource, namespace, name, version, &job);
	if (err)
		return err;
	job->edit = edit;
	job->ctx = ctx;
	job->reads = true;
	job->tag = strdup(tag);
	if (!job->tag) {
		job_free(job);
		return -ENOMEM;
	}
	return 0;
}

void writer_clear(struct writer *writer)
{
	if (!writer)
		return;
	while (writer->first)
		job_free(writer->first);
	forget_written(writer);
}

bool writer_idle(const struct writer *writer)
{
	return !writer->first;
}

int writer_new(struct loop *loop, struct api *api, struct writer **out)
{
	struct writer *writer = calloc(1, sizeof(*writer));
	int err;

	if (!writer)
		return -ENOMEM;
	writer->api = api;
	err = loop_timer_new(loop, pump, writer, &writer->pump);
	if (err) {
		free(writer);
		return err;
	}
	*out = writer;
	return 0;
}

void writer_free(struct writer *writer)
{
	if (!writer)
		return;
	writer_clear(writer);
	strmap_clear(&writer->jobs);
	loop_timer_free(writer->pump);
	free(writer);
}
