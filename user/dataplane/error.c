// SPDX-License-Identifier: Apache-2.0
#include "dataplane/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "dataplane/dataplane.h"

int error_set(char *error, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, DATAPLANE_ERROR_MAX, format, args);
	va_end(args);
	return err;
}
