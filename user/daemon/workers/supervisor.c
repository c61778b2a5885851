// SPDX-License-Identifier: Apache-2.0
#include "daemon/workers/supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/workers/greeting.h"
#include "daemon/workers/worker_process.h"
#include "daemon/workers/worker_talk.h"
#include "handoff/control.h"
#include "sluice_schema.h"

/* How long a new set may take to become whole before those that are ready get the connections. */
#define SETTLE_WAIT_MS 5000
#define STEER_RETRY_MS 200
/* A worker that fails more often in a row loses its place: its queue must not keep filling. */
#define FAILURES_IN_PLACE 2

struct supervisor {
	struct supervisor_options options;
	char *pin_folder; /* owned */
	struct worker_host host;
	struct worker_process *workers; /* owned list */
	struct loop_timer *settle_timer;
	uint64_t settle_by_ms; /* 0: no routing table yet, no hurry */
	bool steered;          /* new connections go to workers of ours */
	bool ending;
	uint32_t restarts;
	bool taken[SLUICE_WORKERS_MAX]; /* names that others hold */
	void (*ended)(void *ctx);
	void *ended_ctx;
};

/* ---- who gets new connections ---------------------------------------------------------------- */

static bool is_eligible(const struct worker_process *worker)
{
	if (!worker->counted || worker->hung)
		return false;
	/* One that was just restarted finds what waits in its listeners: no need to move. */
	return worker->state == WORKER_SERVING ||
	       (worker->steered && worker->failures <= FAILURES_IN_PLACE);
}

/* Is it worth waiting for some? */
static bool is_becoming_whole(const struct supervisor *s)
{
	if (s->settle_by_ms && loop_now_ms() >= s->settle_by_ms)
		return false;
	for (const struct worker_process *worker = s->workers; worker; worker = worker->next)
		if (worker->counted && !is_eligible(worker) && !worker->hung &&
		    worker->failures <= FAILURES_IN_PLACE)
			return true;
	return false;
}

static int steer(struct supervisor *s)
{
	int fds[SLUICE_WORKERS_MAX * 2];
	uint32_t count = 0;
	bool differs = !s->steered;
	int err;

	for (const struct worker_process *worker = s->workers; worker; worker = worker->next) {
		if (is_eligible(worker)) {
			fds[2 * count] = worker->listeners[0];
			fds[2 * count + 1] = worker->listeners[1];
			count++;
		}
		differs = differs || is_eligible(worker) != worker->steered;
	}
	if (count == 0 || !differs)
		return 0; /* no better one: the last report stays */
	err = s->options.steer(s->options.ctx, fds, count);
	if (err)
		return err;
	for (struct worker_process *worker = s->workers; worker; worker = worker->next)
		worker->steered = is_eligible(worker);
	log_info("supervisor: new connections go to %u of %u workers", count, s->options.workers);
	s->steered = true;
	return 0;
}

/* Those that are not wanted any more, once others have their place. */
static void drain_uncounted(struct supervisor *s)
{
	for (struct worker_process *worker = s->workers; worker; worker = worker->next) {
		if (worker->counted || worker->state == WORKER_DRAINING ||
		    worker->state == WORKER_ENDED)
			continue;
		log_info(
			"supervisor: worker %u (pid %d) drains: another build, other settings or another container",
			worker->slot, worker->pid);
		worker_process_drain(worker, s->options.drain_timeout_ms);
	}
}

static void sweep(struct supervisor *s)
{
	struct worker_process **link = &s->workers;

	while (*link) {
		struct worker_process *worker = *link;

		if (worker->state == WORKER_ENDED) {
			*link = worker->next;
			s->taken[worker->slot] = false;
			worker_process_free(worker);
		} else {
			link = &worker->next;
		}
	}
}

static void settle(void *ctx)
{
	struct supervisor *s = ctx;

	sweep(s);
	if (s->ending) {
		void (*ended)(void *ctx) = s->ended;

		if (!s->workers && ended) {
			s->ended = NULL;
			ended(s->ended_ctx);
		}
		return;
	}
	if (is_becoming_whole(s)) {
		uint64_t now_ms = loop_now_ms();

		if (s->settle_by_ms)
			loop_timer_arm(s->settle_timer,
				       s->settle_by_ms > now_ms ? s->settle_by_ms - now_ms : 0);
		return;
	}
	if (steer(s)) {
		loop_timer_arm(s->settle_timer, STEER_RETRY_MS);
		return;
	}
	if (s->steered)
		drain_uncounted(s);
	sweep(s);
	s->options.changed(s->options.ctx);
}

static void worker_changed(void *ctx, struct worker_process *worker)
{
	struct supervisor *s = ctx;

	if (worker->state == WORKER_DOWN)
		s->restarts++;
	loop_timer_arm(s->settle_timer, 0);
}

/* ---- start ----------------------------------------------------------------------------------- */

/*
 * Of the container that we run in, by its pid namespace; 0 if it cannot be read. Workers of another
 * container end with it, so they are replaced, however much they are like ours.
 */
static unsigned long long container_id(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) ? 0 : (unsigned long long)st.st_ino;
}

/* FNV-1a, 64 bits, of everything by which a worker of ours can differ from another. */
static uint64_t settings_hash(const struct supervisor_options *options)
{
	uint64_t hash = 0xcbf29ce484222325ull;
	char user[80];
	int length;

	length = snprintf(user, sizeof(user), "%u:%u:%llu", options->uid, options->gid,
			  container_id());
	for (int i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)user[i]) * 0x100000001b3ull;
	for (size_t i = 0; i < options->args_count; i++)
		for (const char *c = options->args[i];; c++) {
			hash = (hash ^ (unsigned char)*c) * 0x100000001b3ull;
			if (!*c)
				break; /* the NUL parts the arguments */
		}
	return hash;
}

static void link_worker(struct supervisor *s, struct worker_process *worker)
{
	worker->next = s->workers;
	s->workers = worker;
	s->taken[worker->slot] = true;
}

static void adopt_one(struct supervisor *s, struct greeting *greeting, uint32_t *counted)
{
	uint32_t slot = greeting->slot;
	bool keep = greeting->same && !greeting->draining && *counted < s->options.workers &&
		    greeting->listeners[0] >= 0;
	bool draining = greeting->draining;
	struct worker_process *worker;
	int err;

	err = worker_process_adopt(&s->host, greeting, &worker);
	if (err) {
		log_error("supervisor: adopt worker %u: %s; it continues unsupervised", slot,
			  strerror(-err));
		return;
	}
	link_worker(s, worker);
	worker->counted = keep;
	*counted += keep;
	log_info("supervisor: worker %u (pid %d) runs already; %s", slot, worker->pid,
		 keep       ? "adopted"
		 : draining ? "it is draining"
			    : "it will be replaced");
	if (draining)
		worker_process_drain(worker, s->options.drain_timeout_ms);
}

static uint32_t adopt_all(struct supervisor *s)
{
	struct greetings *found = calloc(1, sizeof(*found));
	uint32_t counted = 0;

	if (!found)
		return 0; /* their names are found taken, other slots serve */
	greetings_collect(s->pin_folder, s->host.settings, CONTROL_ANSWER_WAIT_MS, found);
	memcpy(s->taken, found->taken, sizeof(s->taken));
	for (size_t i = 0; i < found->count; i++) {
		if (found->list[i].greeted)
			adopt_one(s, &found->list[i], &counted);
		else if (found->list[i].control >= 0)
			log_warn("supervisor: worker %u does not answer; another takes its place",
				 found->list[i].slot);
	}
	greetings_close(found);
	free(found);
	return counted;
}

static int add_worker(struct supervisor *s)
{
	for (uint32_t slot = 0; slot < SLUICE_WORKERS_MAX; slot++) {
		struct worker_process *worker;
		int err;

		if (s->taken[slot])
			continue;
		err = worker_process_new(&s->host, slot, &worker);
		if (err == -EADDRINUSE) {
			s->taken[slot] = true;
			continue;
		}
		if (err)
			return err;
		worker->counted = true;
		link_worker(s, worker);
		worker_process_start(worker);
		return 0;
	}
	return -EMFILE;
}

int supervisor_start(const struct supervisor_options *options, struct supervisor **out)
{
	struct supervisor *s = calloc(1, sizeof(*s));
	uint32_t adopted;
	int err = -ENOMEM;

	if (!s)
		return -ENOMEM;
	s->options = *options;
	s->host.snapshot_fd = s->host.certificates_fd = -1;
	s->pin_folder = strdup(options->pin_folder);
	if (!s->pin_folder)
		goto out;
	s->host = (struct worker_host){
		.loop = options->loop,
		.pin_folder = s->pin_folder,
		.binary_fd = options->binary_fd,
		.uid = options->uid,
		.gid = options->gid,
		.args = options->args,
		.args_count = options->args_count,
		.settings = settings_hash(options),
		.snapshot_fd = -1,
		.certificates_fd = -1,
		.changed = worker_changed,
		.ctx = s,
	};
	memcpy(s->host.map_fds, options->map_fds, sizeof(s->host.map_fds));
	s->host.ring = options->ring;
	s->host.ring_ctx = options->ctx;
	err = loop_timer_new(options->loop, settle, s, &s->settle_timer);
	if (err)
		goto out;
	adopted = adopt_all(s);
	for (uint32_t i = adopted; i < options->workers; i++) {
		err = add_worker(s);
		if (err) {
			log_error("supervisor: worker %u of %u: %s", i + 1, options->workers,
				  strerror(-err));
			goto out;
		}
	}
	loop_timer_arm(s->settle_timer, 0);
	log_info("supervisor: %u workers wanted, %u adopted, %u started", options->workers, adopted,
		 options->workers - adopted);
	*out = s;
	s = NULL;
out:
	supervisor_free(s);
	return err;
}

void supervisor_free(struct supervisor *s)
{
	if (!s)
		return;
	while (s->workers) {
		struct worker_process *worker = s->workers;

		s->workers = worker->next;
		worker_process_free(worker);
	}
	loop_timer_free(s->settle_timer);
	if (s->host.snapshot_fd >= 0)
		close(s->host.snapshot_fd);
	if (s->host.certificates_fd >= 0)
		close(s->host.certificates_fd);
	free(s->pin_folder);
	free(s);
}

/* ---- what workers are told ------------------------------------------------------------------- */

static void push_all(struct supervisor *s)
{
	for (struct worker_process *worker = s->workers; worker; worker = worker->next)
		worker_talk_push(worker);
}

void supervisor_set_snapshot(struct supervisor *s, int fd, size_t bytes, uint64_t generation)
{
	if (s->host.snapshot_fd >= 0)
		close(s->host.snapshot_fd);
	else
		s->settle_by_ms = loop_now_ms() + SETTLE_WAIT_MS;
	s->host.snapshot_fd = fd;
	s->host.snapshot_bytes = bytes;
	s->host.snapshot_generation = generation;
	push_all(s);
	loop_timer_arm(s->settle_timer, 0);
}

void supervisor_set_certificates(struct supervisor *s, int fd, size_t bytes, uint32_t count)
{
	if (s->host.certificates_fd >= 0)
		close(s->host.certificates_fd);
	s->host.certificates_fd = fd;
	s->host.certificates_bytes = bytes;
	s->host.certificates_count = count;
	s->host.certificates_version++;
	push_all(s);
}

bool supervisor_ready(const struct supervisor *s)
{
	return s->steered && !s->ending;
}

void supervisor_count(const struct supervisor *s, struct supervisor_counts *out)
{
	*out = (struct supervisor_counts){
		.wanted = s->options.workers,
		.restarts = s->restarts,
	};
	for (const struct worker_process *worker = s->workers; worker; worker = worker->next) {
		if (worker->state == WORKER_DRAINING)
			out->draining++;
		if (worker->state != WORKER_SERVING || !worker->counted)
			continue;
		if (!out->serving++ || worker->generation_done < out->generation_least)
			out->generation_least = worker->generation_done;
	}
}

/* ---- end ------------------------------------------------------------------------------------- */

void supervisor_end(struct supervisor *s, uint32_t timeout_ms, void (*ended)(void *ctx), void *ctx)
{
	int err;

	s->ending = true;
	s->ended = ended;
	s->ended_ctx = ctx;
	err = s->options.steer(s->options.ctx, NULL, 0);
	if (err)
		log_warn("supervisor: stop new connections: %s", strerror(-err));
	for (struct worker_process *worker = s->workers; worker; worker = worker->next)
		worker_process_drain(worker, timeout_ms);
	loop_timer_arm(s->settle_timer, 0);
}

void supervisor_kill(struct supervisor *s)
{
	for (struct worker_process *worker = s->workers; worker; worker = worker->next)
		worker_process_kill(worker);
}
