// SPDX-License-Identifier: Apache-2.0
/*
 * verifier_report - what each program costs the verifier of the running kernel
 *
 * One line a program: its name, the instructions that the verifier walked through
 * (bpf_prog_info.verified_insns, Linux 5.16), the size of what it made of it, and the time that the
 * load took. Each program is loaded alone, so that the time is its own. Exits 1 if one is refused,
 * with the verifier's last words.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define LOG_BYTES (4u << 20)
#define LOG_SHOWN 2000u

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int no_print(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static int report(const char *path, const char *name, char *log)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program, *wanted = NULL;
	struct bpf_prog_info info = {};
	__u32 info_bytes = sizeof(info);
	double begun_ms;
	int err;

	if (!object) {
		fprintf(stderr, "verifier_report: open %s: %s\n", path, strerror(errno));
		return -1;
	}
	bpf_object__for_each_program (program, object) {
		if (!strcmp(bpf_program__name(program), name))
			wanted = program;
		else
			bpf_program__set_autoload(program, false);
	}
	log[0] = '\0';
	bpf_program__set_log_buf(wanted, log, LOG_BYTES);
	begun_ms = now_ms();
	err = bpf_object__load(object);
	if (err) {
		size_t bytes = strlen(log);

		printf("%-24s refused: %s\n%s\n", name, strerror(-err),
		       log + (bytes > LOG_SHOWN ? bytes - LOG_SHOWN : 0));
	} else {
		err = bpf_obj_get_info_by_fd(bpf_program__fd(wanted), &info, &info_bytes);
		printf("%-24s %8u instructions verified, %6u bytes, %7.1f ms\n", name,
		       info.verified_insns, info.xlated_prog_len, now_ms() - begun_ms);
	}
	bpf_object__close(object);
	return err;
}

int main(int argc, char **argv)
{
	struct bpf_object *object;
	struct bpf_program *program;
	struct utsname kernel;
	char *log = malloc(LOG_BYTES);
	int failed = 0;

	if (argc != 2 || !log) {
		fprintf(stderr, "usage: verifier_report OBJECT\n");
		return 2;
	}
	libbpf_set_print(no_print);
	object = bpf_object__open_file(argv[1], NULL);
	if (!object) {
		fprintf(stderr, "verifier_report: open %s: %s\n", argv[1], strerror(errno));
		return 2;
	}
	uname(&kernel);
	printf("Linux %s, %s\n", kernel.release, argv[1]);
	bpf_object__for_each_program (program, object) {
		if (report(argv[1], bpf_program__name(program), log))
			failed++;
	}
	bpf_object__close(object);
	free(log);
	return failed != 0;
}
