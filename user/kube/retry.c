// SPDX-License-Identifier: Apache-2.0
#include "kube/retry.h"

#include <stdlib.h>

#define DELAY_FIRST_MS 200u
#define WAKE_SPREAD_MS 300u /* so that not all of them ask at once */

/* Half of the delay is random, so that replicas do not return all at once. */
void retry_later(struct retry *retry, uint64_t least_ms)
{
	unsigned int shift = retry->failures < 8 ? retry->failures : 8;
	uint64_t delay_ms = (uint64_t)DELAY_FIRST_MS << shift;

	if (least_ms > RETRY_DELAY_MAX_MS * 2)
		least_ms = RETRY_DELAY_MAX_MS * 2;
	if (delay_ms > RETRY_DELAY_MAX_MS)
		delay_ms = RETRY_DELAY_MAX_MS;
	delay_ms = delay_ms / 2 + arc4random_uniform((uint32_t)delay_ms / 2 + 1);
	if (delay_ms < least_ms)
		delay_ms = least_ms + arc4random_uniform((uint32_t)least_ms / 4 + 1);
	retry->failures++;
	loop_timer_arm(retry->timer, delay_ms);
}

void retry_wake(struct retry *retry)
{
	if (!retry->unreachable)
		return;
	retry->unreachable = false;
	loop_timer_arm(retry->timer, arc4random_uniform(WAKE_SPREAD_MS));
}
