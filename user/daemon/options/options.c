// SPDX-License-Identifier: Apache-2.0
#include "daemon/options/options.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sluice_schema.h"

int options_forward(struct options *options, const char *format, ...)
{
	char **grown;
	va_list args;
	char *text;
	int length;

	grown = reallocarray(options->proxy_args, options->proxy_args_count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	options->proxy_args = grown;
	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		return -ENOMEM;
	grown[options->proxy_args_count++] = text;
	return 0;
}

void options_free(struct options *options)
{
	for (size_t i = 0; i < options->proxy_args_count; i++)
		free(options->proxy_args[i]);
	free(options->proxy_args);
	free(options->l4.return_interfaces);
	free(options->l4.tunnel_peers);
	free(options->interfaces);
	free(options->addresses);
	*options = (struct options){};
}

uint32_t options_workers(const struct options *options)
{
	cpu_set_t cpus;
	int count = 1;

	if (options->proxy_workers)
		return options->proxy_workers;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		count = CPU_COUNT(&cpus);
	return count < (int)SLUICE_WORKERS_MAX / 2 ? (uint32_t)count : SLUICE_WORKERS_MAX / 2;
}
