// SPDX-License-Identifier: Apache-2.0
#include "base/crash.h"

#include <execinfo.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define FRAMES_MAX  48
#define STACK_BYTES (64 * 1024) /* of the handler: the process' own stack may have overflowed */

static struct {
	const char *program, *build; /* borrowed */
} told;

static const struct fault {
	int number;
	const char *text;
} faults[] = {
	{ SIGABRT, "SIGABRT" }, { SIGBUS, "SIGBUS" },   { SIGFPE, "SIGFPE" },
	{ SIGILL, "SIGILL" },   { SIGSEGV, "SIGSEGV" },
};

static struct iovec text_of(const char *text)
{
	return (struct iovec){ .iov_base = (void *)(unsigned long)text, .iov_len = strlen(text) };
}

/* Calls only functions that signal-safety(7) allows. SA_RESETHAND has restored the default action:
 * on return the instruction faults again, which ends the process. */
static void report(int number, siginfo_t *info, void *context)
{
	const char *name = "a signal";
	void *frames[FRAMES_MAX];
	int count;

	(void)context;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (faults[i].number == number)
			name = faults[i].text;
	const struct iovec line[] = {
		text_of(told.program), text_of(" (build "), text_of(told.build),
		text_of(") dies of "), text_of(name),       text_of("; its stack:\n"),
	};

	if (writev(STDERR_FILENO, line, sizeof(line) / sizeof(line[0])) < 0)
		return; /* no place is left to report it */
	count = backtrace(frames, FRAMES_MAX);
	backtrace_symbols_fd(frames, count, STDERR_FILENO);
	/* A process sent it, maybe by abort(): no instruction will fault again. */
	if (info->si_code <= 0)
		raise(number);
}

void crash_report_enable(const char *program, const char *build)
{
	static char stack[STACK_BYTES];
	const stack_t own = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = {
		.sa_sigaction = report,
		.sa_flags = SA_SIGINFO | SA_RESETHAND | SA_ONSTACK,
	};
	void *frame;

	told.program = program;
	told.build = build;
	backtrace(&frame, 1); /* loads the unwinder, which allocates */
	sigaltstack(&own, NULL);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigaction(faults[i].number, &action, NULL);
}
