// SPDX-License-Identifier: Apache-2.0
#include "kube/leader.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define RELEASE_LIMIT_MS 1000

struct leader {
	struct api *api;                   /* borrowed */
	char *namespace, *name, *identity; /* owned */
	struct leader_options options;     /* its strings are the above */
	struct loop_timer *timer;          /* owned: the next check, or the next renewal */
	struct loop_timer *deadline;       /* owned: armed while we lead */
	struct http_request *request;
	enum api_verb verb; /* of the request */
	cJSON *lease;       /* owned: as last seen; NULL before that */
	uint64_t seen_ms;   /* when it was last seen to change */
	uint64_t sent_ms;   /* when the request was sent */
	bool leads, note_waits, complained;
};

static uint64_t part_of(const struct leader *leader, unsigned int of_15)
{
	return (uint64_t)leader->options.duration_s * 1000 * of_15 / 15;
}

/* A fifth of the delay is random. */
static void look_in(struct leader *leader, uint64_t delay_ms)
{
	loop_timer_arm(leader->timer, delay_ms + arc4random_uniform((uint32_t)delay_ms / 5 + 1));
}

static void set_leads(struct leader *leader, bool leads)
{
	if (leader->leads == leads)
		return;
	leader->leads = leads;
	log_info("kube: %s %s (lease %s/%s)", leads ? "now" : "no longer", leader->options.title,
		 leader->namespace, leader->name);
	leader->options.changed(leader->options.ctx, leads);
}

static void on_deadline(void *ctx)
{
	struct leader *leader = ctx;

	log_warn("kube: the lease could not be renewed in time");
	set_leads(leader, false);
}

static cJSON *spec_of(const struct leader *leader)
{
	return cJSON_GetObjectItemCaseSensitive(leader->lease, "spec");
}

static const char *holder_of(const struct leader *leader)
{
	const char *holder = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(spec_of(leader), "holderIdentity"));

	return holder ? holder : "";
}

static uint64_t duration_ms_of(const struct leader *leader)
{
	const cJSON *item =
		cJSON_GetObjectItemCaseSensitive(spec_of(leader), "leaseDurationSeconds");

	if (!cJSON_IsNumber(item) || !(item->valuedouble > 0 && item->valuedouble < 86400))
		return (uint64_t)leader->options.duration_s * 1000;
	return (uint64_t)(item->valuedouble * 1000);
}

/* Stores the server's state; records the time if the state has changed. */
static int take_lease(struct leader *leader, const struct http_reply *reply)
{
	cJSON *lease = cJSON_ParseWithLength(reply->body, reply->body_bytes);

	if (!cJSON_IsObject(lease)) {
		cJSON_Delete(lease);
		return -EPROTO;
	}
	cJSON_DeleteItemFromObjectCaseSensitive(cJSON_GetObjectItemCaseSensitive(lease, "metadata"),
						"managedFields");
	if (!leader->lease || !cJSON_Compare(lease, leader->lease, true))
		leader->seen_ms = loop_now_ms();
	cJSON_Delete(leader->lease);
	leader->lease = lease;
	return 0;
}

/* ---- requests -------------------------------------------------------------------------------- */

static void on_done(void *ctx, const struct http_reply *reply);

static void describe(const struct leader *leader, struct api_call *call)
{
	*call = (struct api_call){
		.verb = leader->verb,
		.resource = kind_resource(OBJECT_LEASE),
		.namespace = leader->namespace,
		.name = leader->verb == API_CREATE ? NULL : leader->name,
		.idle_limit_ms = part_of(leader, 5),
		.done = on_done,
	};
}

static void send_lease(struct leader *leader, enum api_verb verb, const char *content)
{
	struct api_call call;

	leader->verb = verb;
	leader->sent_ms = loop_now_ms();
	describe(leader, &call);
	call.content = content;
	call.ctx = leader;
	if (api_send(leader->api, &call, &leader->request)) {
		leader->request = NULL;
		look_in(leader, part_of(leader, 2));
	}
}

static void set_string(cJSON *object, const char *field, const char *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, field);
	cJSON_AddStringToObject(object, field, value);
}

static void set_number(cJSON *object, const char *field, double value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, field);
	cJSON_AddNumberToObject(object, field, value);
}

/* The Lease with us as its holder (or no holder, to release it). Owned by the caller. */
static char *make_lease(const struct leader *leader, const char *holder)
{
	cJSON *lease = leader->lease ? cJSON_Duplicate(leader->lease, true) : cJSON_CreateObject();
	cJSON *spec = cJSON_GetObjectItemCaseSensitive(lease, "spec");
	const cJSON *transitions = cJSON_GetObjectItemCaseSensitive(spec, "leaseTransitions");
	double count = cJSON_IsNumber(transitions) ? transitions->valuedouble : 0;
	char stamp[API_MICROTIME_MAX];
	char *text;

	api_microtime(stamp);
	if (!leader->lease) {
		cJSON *metadata = cJSON_AddObjectToObject(lease, "metadata");

		cJSON_AddStringToObject(lease, "apiVersion", "coordination.k8s.io/v1");
		cJSON_AddStringToObject(lease, "kind", "Lease");
		cJSON_AddStringToObject(metadata, "name", leader->name);
		cJSON_AddStringToObject(metadata, "namespace", leader->namespace);
	}
	if (!spec)
		spec = cJSON_AddObjectToObject(lease, "spec");
	if (strcmp(holder_of(leader), holder) != 0 && *holder) {
		set_string(spec, "acquireTime", stamp);
		set_number(spec, "leaseTransitions", leader->lease ? count + 1 : 0);
	}
	set_string(spec, "holderIdentity", holder);
	set_string(spec, "renewTime", stamp);
	set_number(spec, "leaseDurationSeconds", *holder ? leader->options.duration_s : 1);
	text = cJSON_PrintUnformatted(lease);
	cJSON_Delete(lease);
	return text;
}

static void take_or_renew(struct leader *leader)
{
	char *content = make_lease(leader, leader->identity);

	if (!content) {
		look_in(leader, part_of(leader, 2));
		return;
	}
	leader->note_waits = false;
	send_lease(leader, leader->lease ? API_UPDATE : API_CREATE, content);
	cJSON_free(content);
}

/* After a check: take it if it is free, else check again when it may be free. */
static void judge(struct leader *leader)
{
	uint64_t now_ms = loop_now_ms();
	uint64_t free_at_ms = leader->seen_ms + duration_ms_of(leader);
	uint64_t delay_ms = part_of(leader, 10);

	if (!*holder_of(leader) || strcmp(holder_of(leader), leader->identity) == 0 ||
	    now_ms >= free_at_ms) {
		take_or_renew(leader);
		return;
	}
	if (free_at_ms - now_ms < delay_ms)
		delay_ms = free_at_ms - now_ms;
	look_in(leader, delay_ms);
}

/* We hold the Lease, counted from the time of the request. */
static void on_held(struct leader *leader)
{
	uint64_t until_ms = leader->sent_ms + part_of(leader, 10);
	uint64_t now_ms = loop_now_ms();

	loop_timer_arm(leader->deadline, until_ms > now_ms ? until_ms - now_ms : 0);
	set_leads(leader, true);
	if (leader->options.renewed)
		leader->options.renewed(leader->options.ctx, until_ms);
	look_in(leader, leader->note_waits ? 0 : part_of(leader, 3));
}

static void on_done(void *ctx, const struct http_reply *reply)
{
	struct leader *leader = ctx;
	enum api_verb verb = leader->verb;
	char text[API_ERROR_MAX];
	struct api_call call;

	describe(leader, &call);
	leader->request = NULL;
	if (!reply->err && reply->status >= 200 && reply->status < 300 &&
	    take_lease(leader, reply) == 0) {
		leader->complained = false;
		if (leader->options.reached)
			leader->options.reached(leader->options.ctx);
		if (verb == API_GET) {
			judge(leader);
			return;
		}
		on_held(leader);
		return;
	}
	if (!reply->err && (reply->status == 404 || reply->status == 409)) {
		/* It does not exist yet, or another replica was faster: read it again. */
		cJSON_Delete(leader->lease);
		leader->lease = NULL;
		if (verb == API_GET) {
			take_or_renew(leader);
		} else {
			if (reply->status == 409) {
				loop_timer_disarm(leader->deadline);
				set_leads(leader, false);
			}
			look_in(leader, part_of(leader, 1));
		}
		return;
	}
	if (!leader->complained)
		log_warn("kube: %s; trying again to be %s", api_error(&call, reply, text),
			 leader->options.title);
	leader->complained = true;
	look_in(leader, part_of(leader, 2));
}

static void on_timer(void *ctx)
{
	struct leader *leader = ctx;

	if (leader->request)
		return;
	if (leader->leads && leader->lease)
		take_or_renew(leader);
	else
		send_lease(leader, API_GET, NULL);
}

/* ---- start, stop, notes ---------------------------------------------------------------------- */

int leader_start(struct loop *loop, struct api *api, const struct leader_options *options,
		 struct leader **out)
{
	struct leader *leader = calloc(1, sizeof(*leader));
	int err = -ENOMEM;

	if (!leader)
		return -ENOMEM;
	leader->api = api;
	leader->options = *options;
	if (!leader->options.duration_s)
		leader->options.duration_s = LEADER_DURATION_S;
	if (!leader->options.title)
		leader->options.title = "the leader";
	leader->namespace = strdup(options->namespace);
	leader->name = strdup(options->name);
	leader->identity = strdup(options->identity);
	if (!leader->namespace || !leader->name || !leader->identity)
		goto out;
	err = loop_timer_new(loop, on_timer, leader, &leader->timer);
	if (!err)
		err = loop_timer_new(loop, on_deadline, leader, &leader->deadline);
	if (err)
		goto out;
	loop_timer_arm(leader->timer, 0);
	*out = leader;
	return 0;
out:
	leader_stop(leader);
	return err;
}

static void release(struct leader *leader)
{
	struct api_call call;
	char *content = make_lease(leader, "");

	if (!content)
		return;
	leader->verb = API_UPDATE;
	describe(leader, &call);
	call.content = content;
	if (api_send_waiting(leader->api, &call, RELEASE_LIMIT_MS) == 200)
		log_info("kube: released the lease %s/%s", leader->namespace, leader->name);
	cJSON_free(content);
}

void leader_stop(struct leader *leader)
{
	if (!leader)
		return;
	http_cancel(leader->request);
	if (leader->leads && leader->lease)
		release(leader);
	loop_timer_free(leader->timer);
	loop_timer_free(leader->deadline);
	cJSON_Delete(leader->lease);
	free(leader->namespace);
	free(leader->name);
	free(leader->identity);
	free(leader);
}

bool leader_leads(const struct leader *leader)
{
	return leader && leader->leads;
}

const char *leader_note(const struct leader *leader, const char *key)
{
	const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(leader->lease, "metadata");
	const cJSON *annotations = cJSON_GetObjectItemCaseSensitive(metadata, "annotations");

	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(annotations, key));
}

int leader_set_note(struct leader *leader, const char *key, const char *value)
{
	cJSON *metadata = cJSON_GetObjectItemCaseSensitive(leader->lease, "metadata");
	cJSON *annotations = cJSON_GetObjectItemCaseSensitive(metadata, "annotations");
	const char *now = leader_note(leader, key);

	if (!leader->leads || !metadata)
		return -EPERM;
	if (now && strcmp(now, value) == 0)
		return 0;
	if (!annotations)
		annotations = cJSON_AddObjectToObject(metadata, "annotations");
	if (!annotations)
		return -ENOMEM;
	set_string(annotations, key, value);
	leader->note_waits = true;
	if (!leader->request)
		loop_timer_arm(leader->timer, 0);
	return 0;
}
