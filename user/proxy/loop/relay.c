// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/relay.h"

#include <errno.h>

/* Share of one relay in one turn of the loop: long enough to be cheap, short enough (about 0.1 ms)
 * that a bulk stream does not make the small exchanges wait. */
#define TURN_BYTES (512u * 1024)
/* What a piece costs beside its octets: it may be a buffer full of chunks of one octet. */
#define PIECE_BYTES 8192u

static enum relay_state flush(struct relay *relay, struct sink *to, enum relay_state when_empty)
{
	int err = to->ops->flush(to);

	if (err == -EAGAIN)
		return RELAY_WAIT_SINK;
	if (err) {
		relay->error = err;
		return RELAY_SINK_FAILED;
	}
	return when_empty;
}

enum relay_state relay_run(struct relay *relay, struct source *from, struct sink *to)
{
	size_t turn_bytes = 0;

	while (!relay->ended) {
		struct payload payload;
		ssize_t taken;
		int err = from->ops->peek(from, &payload);

		if (err == -EAGAIN) /* what waits in the sink (a head) does not wait for a body */
			return flush(relay, to, RELAY_WAIT_SOURCE);
		if (err) {
			relay->error = err;
			return RELAY_SOURCE_FAILED;
		}
		taken = to->ops->write(to, &payload);
		if (taken == -EAGAIN)
			return RELAY_WAIT_SINK;
		if (taken < 0) {
			relay->error = (int)taken;
			return RELAY_SINK_FAILED;
		}
		from->ops->consume(from, (size_t)taken);
		relay->moved_bytes += (size_t)taken;
		turn_bytes += (size_t)taken + PIECE_BYTES;
		relay->ended = payload.last && (size_t)taken == payload.bytes;
		if (!relay->ended && turn_bytes >= TURN_BYTES)
			return RELAY_YIELD;
	}
	return flush(relay, to, RELAY_DONE);
}
