// SPDX-License-Identifier: Apache-2.0
#include "dataplane/refusal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/error.h"

/* Begin and end of libbpf's message with the verifier's text. */
#define LOG_BEGIN "-- BEGIN PROG LOAD LOG --\n"
#define LOG_END   "-- END PROG LOAD LOG --"

#define LOG_LINES 4 /* of the verifier, from its end, that are kept */

/* Messages since the last reset; sluiced has one thread. */
static struct {
	char warning[256];
	char program[64];
	char lines[512]; /* of the verifier; empty: it refused nothing */
} noted;

void refusal_reset(void)
{
	memset(&noted, 0, sizeof(noted));
}

/* The name is in quotes: "libbpf: prog 'xdp_ingress': -- BEGIN ..." */
static void note_program(const char *text)
{
	const char *name = strchr(text, '\'');
	size_t bytes = name ? strcspn(name + 1, "'") : 0;

	snprintf(noted.program, sizeof(noted.program), "%.*s", (int)bytes, name ? name + 1 : "");
}

/* The last lines before @end, in one line. */
static void note_lines(const char *begin, const char *end)
{
	const char *from = end;
	size_t bytes;

	for (int lines = 0; from > begin && lines <= LOG_LINES; from--)
		lines += from[-1] == '\n';
	bytes = (size_t)(end - from);
	if (bytes >= sizeof(noted.lines)) {
		from = end - (sizeof(noted.lines) - 1);
		bytes = sizeof(noted.lines) - 1;
	}
	memcpy(noted.lines, from, bytes);
	noted.lines[bytes] = '\0';
	while (bytes && noted.lines[bytes - 1] == '\n')
		noted.lines[--bytes] = '\0';
	for (char *at = noted.lines; (at = strchr(at, '\n'));)
		*at = '|';
}

void refusal_note(enum libbpf_print_level level, const char *text)
{
	const char *begin, *end;

	if (level != LIBBPF_WARN)
		return;
	begin = strstr(text, LOG_BEGIN);
	if (!begin) {
		snprintf(noted.warning, sizeof(noted.warning), "%.*s", (int)strcspn(text, "\n"),
			 text);
		return;
	}
	begin += strlen(LOG_BEGIN);
	end = strstr(begin, LOG_END);
	note_program(text);
	note_lines(begin, end ? end : begin + strlen(begin));
}

int refusal_describe(int err, char *error)
{
	if (noted.lines[0])
		return error_set(error, -EACCES,
				 "load BPF programs: the verifier of this kernel refuses %s: %s",
				 noted.program, noted.lines);
	if (err == -EPERM || err == -EACCES)
		return error_set(error, -EPERM,
				 "load BPF programs: no permission (needs CAP_BPF, CAP_NET_ADMIN "
				 "and CAP_PERFMON, or root): %s",
				 noted.warning);
	if (err == -EINVAL || err == -ENOTSUP || err == -EOPNOTSUPP || err == -ESRCH)
		return error_set(
			error, -EOPNOTSUPP,
			"load BPF programs: this kernel lacks a feature that Sluice needs "
			"(Linux 6.1 or newer with CONFIG_BPF_SYSCALL, CONFIG_DEBUG_INFO_BTF "
			"and CONFIG_BPF_STREAM_PARSER): %s: %s",
			strerror(-err), noted.warning);
	return error_set(error, err, "load BPF programs: %s: %s", strerror(-err), noted.warning);
}
