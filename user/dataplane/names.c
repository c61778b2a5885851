// SPDX-License-Identifier: Apache-2.0
/* Names of counters, as metrics and sluicectl show them. */
#include "dataplane/dataplane.h"

static const char *const stats[STAT_MAX] = {
#define X(number, symbol, name, series, labels, help) [number] = name,
	SLUICE_STAT_LIST(X)
#undef X
};

static const struct {
	const char *name, *text;
} drops[DROP_MAX] = {
#define X(number, symbol, metric, meaning) [number] = { metric, meaning },
	SLUICE_DROP_LIST(X)
#undef X
};

const char *dataplane_stat_name(unsigned int stat)
{
	return stat < STAT_MAX ? stats[stat] : NULL;
}

const char *dataplane_drop_name(unsigned int drop)
{
	return drop < DROP_MAX ? drops[drop].name : NULL;
}

const char *dataplane_drop_text(unsigned int drop)
{
	return drop < DROP_MAX ? drops[drop].text : NULL;
}
