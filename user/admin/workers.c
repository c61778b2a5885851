// SPDX-License-Identifier: Apache-2.0
/* Sum of all workers' counters, ended workers included. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "admin/pages.h"

static void add(struct worker_stats *sum, const struct worker_stats *worker, bool alive)
{
	const volatile __u64 *from = (const volatile __u64 *)worker;
	__u64 *to = (__u64 *)sum;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
	/* A dead worker has nothing open any more, but its counters stay. */
	if (alive)
		return;
#define COUNTER(field)
#define GAUGE(field)                         sum->field -= worker->field;
#define X(field, kind, series, labels, help) kind(field)
	SLUICE_COUNTER_LIST(X)
#undef X
#undef GAUGE
#undef COUNTER
}

void page_workers_sum(const struct dataplane_view *view, struct worker_stats *sum)
{
	for (uint32_t i = 0; i < SLUICE_WORKERS_MAX; i++) {
		const struct worker_stats *worker = dataplane_view_worker(view, i);

		if (worker && worker->pid)
			add(sum, worker, kill((pid_t)worker->pid, 0) == 0 || errno == EPERM);
	}
}

const char *page_splice_reason(unsigned int reason)
{
	static const char *const names[SPLICE_WHY_MAX] = {
#define X(number, name, metric, text) [number] = metric,
		SLUICE_SPLICE_REASON_LIST(X)
#undef X
	};

	return reason < SPLICE_WHY_MAX ? names[reason] : NULL;
}
