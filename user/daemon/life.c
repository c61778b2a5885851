// SPDX-License-Identifier: Apache-2.0
#include "daemon/life.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "daemon/node/announcer.h"
#include "daemon/parts.h"
#include "build_id.h"

/* Sooner, a second SIGINT is the same one: some senders signal process and group. */
#define END_AGAIN_MS 250

static void leave(void *ctx)
{
	struct daemon *d = ctx;

	loop_stop(d->loop);
}

/* Also in the middle of an end: what still serves is the next one's. */
static void hand_over(void *ctx)
{
	struct daemon *d = ctx;

	d->handed_over = true;
	leave(d);
}

static void begin_drain(void *ctx)
{
	struct daemon *d = ctx;

	log_info("end: draining the helper, then removing all");
	d->draining = true;
	supervisor_end(d->supervisor, d->options.drain_timeout_ms, leave, d);
}

int life_start(struct daemon *d)
{
	int err;

	source_describe(&d->options, d->source_text, sizeof(d->source_text));
	log_info("sluiced %s (build %s), source: %s, bpffs: %s", SLUICE_VERSION, SLUICE_BUILD_ID,
		 d->source_text, d->options.bpffs);
	err = loop_timer_new(d->loop, begin_drain, d, &d->drain_timer);
	if (err) {
		log_error("start: %s", strerror(-err));
		return err;
	}
	instance_listen(d->instance, d->loop, hand_over, d);
	return parts_start(d);
}

static void end_at_once(struct daemon *d)
{
	log_info("signal: asked again; no more waiting");
	loop_timer_disarm(d->drain_timer);
	if (!d->draining)
		begin_drain(d);
	supervisor_kill(d->supervisor);
}

void life_end(struct daemon *d)
{
	if (d->ending) {
		if (loop_now_ms() >= d->ending_since_ms + END_AGAIN_MS)
			end_at_once(d);
		return;
	}
	log_info("signal: SIGINT; not ready from now on, serving for another %u ms, then draining "
		 "and removing all (again: at once)",
		 d->options.shutdown_delay_ms);
	d->ending = true;
	d->ending_since_ms = loop_now_ms();
	apply_leave(d->apply);
	announcer_leave(d->announcer);
	loop_timer_arm(d->drain_timer, d->options.shutdown_delay_ms);
}

bool life_removes_all(const struct daemon *d)
{
	return d->ending && !d->handed_over;
}

void life_close(struct daemon *d)
{
	parts_stop(d);
	loop_timer_free(d->drain_timer);
	model_free(&d->model);
	helper_close(&d->helper);
}
