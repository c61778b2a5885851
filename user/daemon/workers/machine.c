// SPDX-License-Identifier: Apache-2.0
#include "daemon/workers/machine.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/log.h"

void machine_secret(const char *path, uint64_t out[2])
{
	FILE *file = fopen(path, "re");
	bool found = file && fscanf(file, "%16" SCNx64 "%16" SCNx64, &out[0], &out[1]) == 2;

	if (file)
		fclose(file);
	if (found && (out[0] || out[1]))
		return;
	log_info("%s holds no id: affinity cookies change after a restart", path);
	if (getrandom(out, 2 * sizeof(*out), 0) != 2 * sizeof(*out))
		out[0] = out[1] = 0;
}
