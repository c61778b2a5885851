// SPDX-License-Identifier: Apache-2.0
/* Records of dropped packets, out of the ring buffer. */
#include <errno.h>
#include <stdlib.h>

#include <bpf/libbpf.h>

#include "dataplane/state.h"

struct events {
	struct ring_buffer *ring; /* owned */
	dataplane_event_fn *fn;
	void *ctx;
};

static int on_record(void *data, void *record, size_t bytes)
{
	const struct events *events = data;
	const struct drop_event *event = record;

	if (bytes >= sizeof(*event) && event->kind == EVENT_DROP)
		events->fn(events->ctx, event);
	return 0;
}

int dataplane_events_open(struct dataplane *dp, dataplane_event_fn *fn, void *ctx, int *fd)
{
	struct events *events = calloc(1, sizeof(*events));
	int err;

	if (!events)
		return -ENOMEM;
	events->fn = fn;
	events->ctx = ctx;
	events->ring = ring_buffer__new(dp->maps[MAP_EVENTS], on_record, events, NULL);
	if (!events->ring) {
		err = -errno;
		free(events);
		return err;
	}
	dp->events = events;
	*fd = ring_buffer__epoll_fd(events->ring);
	return 0;
}

void dataplane_events_read(struct dataplane *dp)
{
	ring_buffer__consume(dp->events->ring);
}

void events_close(struct events *events)
{
	if (!events)
		return;
	ring_buffer__free(events->ring);
	free(events);
}
