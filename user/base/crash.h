/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash.h - a process that crashes writes its stack
 */
#ifndef SLUICE_BASE_CRASH_H
#define SLUICE_BASE_CRASH_H

/**
 * crash_report_enable - write the stack to stderr when SIGABRT, SIGBUS, SIGFPE, SIGILL or SIGSEGV
 * ends the process; it still ends by that signal, with the core file it would have left
 * @program, @build: named in the report; borrowed for the life of the process
 *
 * Writes one line with program, build and signal, then one line a frame as backtrace_symbols_fd(3)
 * does: "PROGRAM(+0xOFFSET)", for addr2line -e PROGRAM. After it is enabled it needs no memory and
 * no file, so it works in a sandbox that allows write(2) and tgkill(2) to itself. Call it early,
 * while files can still be opened: it loads the unwinder.
 */
void crash_report_enable(const char *program, const char *build);

#endif /* SLUICE_BASE_CRASH_H */
