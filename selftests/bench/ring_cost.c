// SPDX-License-Identifier: Apache-2.0
/*
 * ring_cost.c - how long the ring of an upstream takes to fill, by its number of backends
 *
 * That is the time from a changed endpoint to its effect on new flows, but for what is written
 * then. Processor time of this thread, the median of ROUNDS.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dataplane/maglev.h"

#define ROUNDS 9

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void members_make(struct maglev_member *members, size_t count)
{
	memset(members, 0, count * sizeof(*members));
	for (size_t i = 0; i < count; i++) {
		members[i] = (struct maglev_member){ .id = (uint32_t)i + 1, .port = 8080 };
		memset(&members[i].addr.bytes[10], 0xff, 2);
		members[i].addr.bytes[12] = 10;
		members[i].addr.bytes[14] = (uint8_t)(i >> 8);
		members[i].addr.bytes[15] = (uint8_t)i;
	}
}

int main(void)
{
	static const size_t counts[] = { 3, 20, 100, 150, 240, 300, 600, 1000 };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		uint32_t slots_count = maglev_slots(counts[i]);
		struct maglev_member *members = calloc(counts[i], sizeof(*members));
		uint32_t *slots = calloc(slots_count, sizeof(*slots));
		double ms[ROUNDS];

		if (!members || !slots)
			return 1;
		members_make(members, counts[i]);
		for (int round = 0; round < ROUNDS; round++) {
			ms[round] = now_ms();
			if (maglev_fill(slots, slots_count, members, counts[i]))
				return 1;
			ms[round] = now_ms() - ms[round];
		}
		qsort(ms, ROUNDS, sizeof(ms[0]), compare);
		printf("  ring of %4zu backends, %5u slots %21.2f ms\n", counts[i], slots_count,
		       ms[ROUNDS / 2]);
		free(members);
		free(slots);
	}
	return 0;
}
