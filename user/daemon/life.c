// SPDX-License-Identifier: Apache-2.0
#include "daemon/life.h"

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

int life_start(struct daemon *d)
{
	source_describe(&d->options, d->source_text, sizeof(d->source_text));
	log_info("sluiced %s (build %s), source: %s, bpffs: %s", SLUICE_VERSION, SLUICE_BUILD_ID,
		 d->source_text, d->options.bpffs);
	instance_listen(d->instance, d->loop, leave, d);
	return parts_start(d);
}

void life_end(struct daemon *d)
{
	if (d->ending && loop_now_ms() < d->ending_since_ms + END_AGAIN_MS)
		return;
	if (d->ending) {
		log_info("signal: asked again; no more waiting");
		supervisor_kill(d->supervisor);
		return;
	}
	log_info("signal: SIGINT; draining the helper, then removing all (again: at once)");
	d->ending = true;
	d->ending_since_ms = loop_now_ms();
	d->state->ready = 0;
	announcer_leave(d->announcer);
	supervisor_end(d->supervisor, d->options.drain_timeout_ms, leave, d);
}

void life_close(struct daemon *d)
{
	parts_stop(d);
	model_free(&d->model);
	helper_close(&d->helper);
}
