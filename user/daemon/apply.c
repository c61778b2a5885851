// SPDX-License-Identifier: Apache-2.0
#include "daemon/apply.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/trim.h"
#include "daemon/workers/keys.h"
#include "daemon/removals.h"

/* Routing tables follow each other no faster; a burst of changes makes one. */
#define SNAPSHOT_SPACING_MS 10
/* A worker that hangs does not keep old entries in the maps for ever. */
#define CONFIRM_WAIT_MS    2000
#define RETRY_DELAY_MS     100
#define RETRY_DELAY_MAX_MS 5000

struct apply {
	struct apply_options options;
	struct keys *keys;          /* owned */
	struct daemon_state *state; /* borrowed from the dataplane: shared memory */
	struct loop_timer *update_timer, *snapshot_timer, *confirm_timer, *keys_timer;

	bool synced; /* the input has been read to its end */
	/*
	 * The first delta, until workers have confirmed its routing table: adopted ones route by
	 * the table of a previous process and the entries that it left in the maps. Then entries
	 * that the delta does not name are removed. Owned; updates wait that long.
	 */
	struct table_delta *first;
	bool reconciled;         /* the above is done */
	bool waiting;            /* for that: an update */
	bool leaving;            /* never ready again */
	uint64_t retry_delay_ms; /* 0: the maps hold all */
	char last_error[DATAPLANE_ERROR_MAX];

	uint64_t generation; /* of the table */
	bool snapshot_wanted, certificates_wanted, denylist_wanted;
	uint64_t snapshot_next_ms;    /* none before */
	uint64_t snapshot_generation; /* the last one handed to the workers, 0: none yet */
	uint64_t snapshot_first;
	struct removals held;
};

/* ---- problems -------------------------------------------------------------------------------- */

static void tell_problem(const struct apply *apply, const struct problem *problem, bool cleared)
{
	enum log_level level = cleared                                ? LOG_DEBUG
			       : problem->severity == PROBLEM_WARNING ? LOG_WARN
								      : LOG_INFO;

	log_line(level, "%s %s%s%s: %s%s%s (%s)%s", object_kind_name(problem->kind),
		 problem->namespace, *problem->namespace ? "/" : "", problem->name, problem->field,
		 *problem->field ? ": " : "", problem->message, problem->reason,
		 cleared ? " is gone" : "");
	if (apply->options.problem)
		apply->options.problem(apply->options.ctx, problem, cleared);
}

static void tell_problems(const struct apply *apply, const struct table_delta *delta)
{
	for (size_t i = 0; i < delta->problems_cleared_count; i++)
		tell_problem(apply, &delta->problems_cleared[i], true);
	for (size_t i = 0; i < delta->problems_added_count; i++)
		tell_problem(apply, &delta->problems_added[i], false);
}

/* ---- what sluicectl reads -------------------------------------------------------------------- */

static void describe(struct apply *apply)
{
	struct daemon_state *state = apply->state;
	struct supervisor_counts workers;
	struct table_counts counts;

	table_count(apply->options.table, &counts);
	supervisor_count(apply->options.supervisor, &workers);
	state->generation = apply->generation;
	state->frontends = counts.frontends;
	state->upstreams = counts.upstreams;
	state->backends = counts.backends;
	state->routes = counts.routes;
	state->problems = counts.problems;
	state->workers = workers.serving;
}

/* Ready: all of the input is in the maps, and connections go to workers that know it. */
static void check_ready(struct apply *apply)
{
	struct supervisor_counts workers;

	if (apply->leaving || apply->state->ready || !apply->snapshot_first ||
	    apply->retry_delay_ms || !apply->reconciled ||
	    !supervisor_ready(apply->options.supervisor))
		return;
	supervisor_count(apply->options.supervisor, &workers);
	if (workers.generation_least < apply->snapshot_first)
		return;
	apply->state->ready = 1;
	trim_memory();
	log_info("ready: %u frontends, %u routes, %u upstreams, %u backends, %u problems; "
		 "generation %" PRIu64,
		 apply->state->frontends, apply->state->routes, apply->state->upstreams,
		 apply->state->backends, apply->state->problems, apply->generation);
}

/* ---- maps ------------------------------------------------------------------------------------ */

static void note_failure(struct apply *apply, const char *error, int err)
{
	uint64_t delay_ms = apply->retry_delay_ms ? 2 * apply->retry_delay_ms : RETRY_DELAY_MS;

	if (delay_ms > RETRY_DELAY_MAX_MS)
		delay_ms = RETRY_DELAY_MAX_MS;
	apply->retry_delay_ms = delay_ms;
	loop_timer_arm(apply->update_timer, delay_ms);
	log_line(strcmp(apply->last_error, error) == 0 ? LOG_DEBUG : LOG_ERROR,
		 "apply: %s (%s); keeping the contents of the maps, next try in %" PRIu64 " ms",
		 error, strerror(-err), delay_ms);
	snprintf(apply->last_error, sizeof(apply->last_error), "%s", error);
}

static void note_success(struct apply *apply)
{
	if (apply->retry_delay_ms)
		log_info("apply: the maps hold everything again");
	apply->retry_delay_ms = 0;
	apply->last_error[0] = '\0';
	apply->state->synced_unix_s = (uint64_t)time(NULL);
}

static int write_denylist(struct apply *apply, char error[DATAPLANE_ERROR_MAX])
{
	const struct inet_network *networks;
	size_t count;
	int err;

	networks = table_denylist(apply->options.table, &count);
	err = dataplane_denylist_set(apply->options.dataplane, networks, count, error);
	if (!err)
		apply->denylist_wanted = false;
	return err;
}

static int write_maps(struct apply *apply, const struct table_delta *delta)
{
	struct dataplane *dp = apply->options.dataplane;
	char error[DATAPLANE_ERROR_MAX] = "";
	int err;

	err = dataplane_apply(dp, delta, error);
	if (!err && apply->denylist_wanted)
		err = write_denylist(apply, error);
	if (err)
		note_failure(apply, error, err);
	else
		note_success(apply);
	return err;
}

/* After the first routing table: removes entries of a previous process. */
static void reconcile(struct apply *apply)
{
	char error[DATAPLANE_ERROR_MAX] = "";
	int err;

	err = dataplane_reconcile(apply->options.dataplane, apply->first, error);
	if (err) {
		note_failure(apply, error, err);
		return;
	}
	note_success(apply);
	table_delta_free(apply->first);
	apply->first = NULL;
	apply->reconciled = true;
	if (apply->waiting)
		loop_timer_arm(apply->update_timer, 0);
	apply->waiting = false;
}

static bool is_holding(const struct apply *apply)
{
	return apply->held.upstreams_count || apply->held.backends_count;
}

/* No routing table in use names what is held: it goes. */
static void release_held(struct apply *apply)
{
	struct table_delta delta = removals_delta(&apply->held, apply->generation);

	loop_timer_disarm(apply->confirm_timer);
	if (is_holding(apply))
		write_maps(apply, &delta);
	removals_clear(&apply->held);
	if (apply->first)
		reconcile(apply);
	describe(apply);
	check_ready(apply);
}

/* The workers route by the newest table. */
static bool is_confirmed(const struct apply *apply)
{
	struct supervisor_counts workers;

	if (apply->snapshot_wanted)
		return false;
	supervisor_count(apply->options.supervisor, &workers);
	return workers.generation_least >= apply->snapshot_generation;
}

static void confirm_timer_fired(void *ctx)
{
	log_debug("apply: workers have not confirmed the routing table in %d ms; continuing",
		  CONFIRM_WAIT_MS);
	release_held(ctx);
}

/* ---- routing tables and certificates --------------------------------------------------------- */

static void send_certificates(struct apply *apply)
{
	size_t bytes = 0;
	uint32_t count = 0;
	int fd = -1;
	int err;

	err = keys_write(apply->keys, apply->options.table, apply->options.model, &fd, &bytes,
			 &count);
	if (err) {
		log_error("apply: certificates for the workers: %s; workers keep those they have",
			  strerror(-err));
		return;
	}
	apply->certificates_wanted = false;
	supervisor_set_certificates(apply->options.supervisor, fd, bytes, count);
}

static void send_snapshot(void *ctx)
{
	struct apply *apply = ctx;
	uint64_t begin_ms = loop_now_ms();
	size_t bytes = 0;
	uint64_t end_ms;
	int fd = -1;
	int err;

	if (begin_ms < apply->snapshot_next_ms) {
		loop_timer_arm(apply->snapshot_timer, apply->snapshot_next_ms - begin_ms);
		return;
	}
	if (apply->certificates_wanted)
		send_certificates(apply); /* first: the table may name a new one */
	err = table_snapshot(apply->options.table, &fd, &bytes);
	if (err) {
		log_error("apply: make the routing table: %s; keeping the last one",
			  strerror(-err));
		loop_timer_arm(apply->snapshot_timer, RETRY_DELAY_MS);
		return;
	}
	end_ms = loop_now_ms();
	/* A big table leaves as much time for other work as it takes. */
	apply->snapshot_next_ms = end_ms + SNAPSHOT_SPACING_MS + (end_ms - begin_ms);
	apply->snapshot_wanted = false;
	apply->snapshot_generation = apply->generation;
	if (!apply->snapshot_first)
		apply->snapshot_first = apply->generation;
	supervisor_set_snapshot(apply->options.supervisor, fd, bytes, apply->generation);
	log_debug("apply: routing table %" PRIu64 ", %zu bytes, made in %" PRIu64 " ms",
		  apply->generation, bytes, end_ms - begin_ms);
}

static void keys_timer_fired(void *ctx)
{
	struct apply *apply = ctx;
	int err = keys_rotate(apply->keys);

	if (err)
		log_error("apply: new ticket key: %s; the one before stays", strerror(-err));
	else if (apply->snapshot_first)
		send_certificates(apply);
	loop_timer_arm(apply->keys_timer, KEYS_ROTATE_MS);
}

/* ---- update ---------------------------------------------------------------------------------- */

/* Removals wait while a routing table is on its way. */
static void hold_removals(struct apply *apply, struct table_delta *delta)
{
	if (apply->reconciled && is_confirmed(apply) && !is_holding(apply))
		return;
	if (removals_hold(&apply->held, delta))
		return; /* no memory to be gentle: they go at once */
	if (is_holding(apply))
		loop_timer_arm(apply->confirm_timer, CONFIRM_WAIT_MS);
}

/* An update while the first one is not over: only what the maps did not take is tried again. */
static void wait_for_first(struct apply *apply)
{
	static const struct table_delta nothing;

	apply->waiting = true;
	if (apply->retry_delay_ms && write_maps(apply, &nothing) == 0 && is_confirmed(apply))
		release_held(apply);
}

static void trace(const struct table_delta *delta, uint64_t begin_ms)
{
	log_debug("apply: generation %" PRIu64 ": %zu backends, %zu upstreams, %zu frontends set; "
		  "%zu, %zu, %zu removed; %" PRIu64 " ms",
		  delta->generation, delta->backends_set_count, delta->upstreams_set_count,
		  delta->frontends_set_count, delta->backends_removed_count,
		  delta->upstreams_removed_count, delta->frontends_removed_count,
		  loop_now_ms() - begin_ms);
}

static void update(void *ctx)
{
	struct apply *apply = ctx;
	uint64_t begin_ms = loop_now_ms();
	struct table_delta *delta;
	int err;

	if (!apply->synced)
		return;
	if (apply->first) {
		wait_for_first(apply);
		return;
	}
	err = table_update(apply->options.table, apply->options.model, begin_ms, &delta);
	if (err) {
		note_failure(apply, "compile the table", err);
		return;
	}
	model_clear_changes(apply->options.model);
	apply->generation = delta->generation;
	tell_problems(apply, delta);
	if (delta->routes_changed || !apply->snapshot_first)
		apply->snapshot_wanted = true;
	if (delta->certificates_changed || !apply->snapshot_first)
		apply->certificates_wanted = true;
	if (delta->denylist_changed)
		apply->denylist_wanted = true;
	trace(delta, begin_ms);
	hold_removals(apply, delta);
	write_maps(apply, delta);
	if (apply->snapshot_wanted)
		send_snapshot(apply);
	else if (apply->certificates_wanted)
		send_certificates(apply);
	if (apply->reconciled) {
		table_delta_free(delta);
	} else {
		apply->first = delta;
		loop_timer_arm(apply->confirm_timer, CONFIRM_WAIT_MS);
	}
	describe(apply);
	check_ready(apply);
	if (apply->options.compiled)
		apply->options.compiled(apply->options.ctx);
}

void apply_synced(struct apply *apply)
{
	if (apply->synced)
		return;
	apply->synced = true;
	loop_timer_arm(apply->update_timer, 0);
}

void apply_changed(struct apply *apply)
{
	loop_timer_arm(apply->update_timer, 0);
}

void apply_workers_changed(struct apply *apply)
{
	if ((is_holding(apply) || apply->first) && is_confirmed(apply))
		release_held(apply);
	describe(apply);
	check_ready(apply);
}

void apply_leave(struct apply *apply)
{
	apply->leaving = true;
	apply->state->ready = 0;
}

int apply_new(const struct apply_options *options, struct apply **out)
{
	struct apply *apply = calloc(1, sizeof(*apply));
	int err = -ENOMEM;

	if (!apply)
		return -ENOMEM;
	apply->options = *options;
	apply->state = dataplane_daemon_state(options->dataplane);
	err = keys_new(options->ca_bundle, &apply->keys);
	if (!err)
		err = loop_timer_new(options->loop, update, apply, &apply->update_timer);
	if (!err)
		err = loop_timer_new(options->loop, send_snapshot, apply, &apply->snapshot_timer);
	if (!err)
		err = loop_timer_new(options->loop, confirm_timer_fired, apply,
				     &apply->confirm_timer);
	if (!err)
		err = loop_timer_new(options->loop, keys_timer_fired, apply, &apply->keys_timer);
	if (err) {
		apply_free(apply);
		return err;
	}
	loop_timer_arm(apply->keys_timer, KEYS_ROTATE_MS);
	*out = apply;
	return 0;
}

void apply_free(struct apply *apply)
{
	if (!apply)
		return;
	loop_timer_free(apply->update_timer);
	loop_timer_free(apply->snapshot_timer);
	loop_timer_free(apply->confirm_timer);
	loop_timer_free(apply->keys_timer);
	keys_free(apply->keys);
	removals_clear(&apply->held);
	table_delta_free(apply->first);
	free(apply);
}
