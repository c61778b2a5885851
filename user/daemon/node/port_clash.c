// SPDX-License-Identifier: Apache-2.0
#include "daemon/node/port_clash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define SYSCTL_FOLDER "/proc/sys/net/ipv4/"

static bool is_reserved(const char *reserved, unsigned long port)
{
	for (const char *at = reserved; *at >= '0' && *at <= '9';) {
		char *end;
		unsigned long first = strtoul(at, &end, 10), last = first;

		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (port >= first && port <= last)
			return true;
		at = *end == ',' ? end + 1 : "";
	}
	return false;
}

uint16_t port_clash(const char *local, const char *reserved, uint16_t first, uint16_t last)
{
	unsigned long from, to;

	if (sscanf(local, "%lu %lu", &from, &to) != 2)
		return 0;
	if (from < first)
		from = first;
	if (to > last)
		to = last;
	for (unsigned long port = from; port <= to; port++)
		if (!is_reserved(reserved, port))
			return (uint16_t)port;
	return 0;
}

/* The first line of a file below SYSCTL_FOLDER; empty if there is none. */
static void sysctl_read(const char *name, char *text, size_t bytes)
{
	char path[128];
	FILE *file;

	text[0] = '\0';
	snprintf(path, sizeof(path), SYSCTL_FOLDER "%s", name);
	file = fopen(path, "re");
	if (!file)
		return;
	if (!fgets(text, (int)bytes, file))
		text[0] = '\0';
	fclose(file);
}

void port_clash_warn(uint16_t first, uint16_t last)
{
	char local[64], reserved[4096];
	uint16_t port;

	sysctl_read("ip_local_port_range", local, sizeof(local));
	sysctl_read("ip_local_reserved_ports", reserved, sizeof(reserved));
	port = port_clash(local, reserved, first, last);
	if (!port)
		return;
	local[strcspn(local, "\n")] = '\0';
	log_warn("l4: --snat-ports %u-%u: the kernel gives port %u of them to connections of this "
		 "node (net.ipv4.ip_local_port_range is %s); replies to one of the two are lost: "
		 "run `sysctl -w net.ipv4.ip_local_reserved_ports=%u-%u`, or choose another range",
		 first, last, port, local, first, last);
}
