// SPDX-License-Identifier: Apache-2.0
/*
 * The programs load, as each clang of this machine compiles them, and the verifier's work with them
 * is recorded in verified.txt: it does not grow by a tenth unnoticed. Kernels and compilers differ,
 * so each pair has lines of its own; without lines the number has only to stay far below the limit
 * of a million.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define RECORD        "selftests/prog/verified.txt"
#define UNKNOWN_LIMIT 500000u

#define LOG_BYTES (16u << 20) /* of the verifier: it keeps the end */
#define LOG_LINES 12          /* of them that are shown */

static const char *const object_names[] = { "sluice.o", "sluice_tc.o", "xdp_dispatcher.bpf.o" };

/* "MAJOR.MINOR compiler program instructions" a line; 0: not recorded for this kernel. */
static unsigned int recorded(const char *compiler, const char *program)
{
	unsigned int major, minor, instructions, found = 0, here_major, here_minor;
	char line[128], name[64], clang[32];
	struct utsname kernel;
	FILE *file = fopen(RECORD, "r");

	assert_non_null(file);
	assert_int_equal(uname(&kernel), 0);
	assert_int_equal(sscanf(kernel.release, "%u.%u", &here_major, &here_minor), 2);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%u.%u %31s %63s %u", &major, &minor, clang, name,
			   &instructions) == 5 &&
		    major == here_major && minor == here_minor && !strcmp(clang, compiler) &&
		    !strcmp(name, program))
			found = instructions;
	fclose(file);
	return found;
}

static const char *last_lines(const char *log)
{
	const char *at = log + strlen(log);

	for (int lines = 0; at > log && lines <= LOG_LINES; at--)
		lines += at[-1] == '\n';
	return at;
}

/* Loads one program of an object, of the name @name. Returns whether it is right. */
static bool program_is_right(const char *path, const char *compiler, const char *name)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program, *wanted = NULL;
	struct bpf_prog_info info = {};
	uint32_t bytes = sizeof(info), before = recorded(compiler, name);
	uint32_t limit = before ? before + before / 10 : UNKNOWN_LIMIT;
	char *log = calloc(1, LOG_BYTES);
	bool right = false;

	assert_non_null(object);
	assert_non_null(log);
	bpf_object__for_each_program (program, object) {
		if (!strcmp(bpf_program__name(program), name))
			wanted = program;
		else
			bpf_program__set_autoload(program, false);
	}
	bpf_program__set_log_buf(wanted, log, LOG_BYTES);
	if (bpf_object__load(object)) {
		print_error("%s, %s: refused: %s\n%s\n", compiler, name, strerror(errno),
			    last_lines(log));
	} else if (bpf_object__btf_fd(object) < 0) {
		/* Without it no function is verified by itself, and dumps show no names. */
		print_error("%s, %s: the kernel refuses the type information\n", compiler, path);
	} else {
		assert_int_equal(bpf_obj_get_info_by_fd(bpf_program__fd(wanted), &info, &bytes), 0);
		right = info.verified_insns <= limit;
		print_message("%s %s %u (%u allowed)\n", compiler, name, info.verified_insns,
			      limit);
	}
	free(log);
	bpf_object__close(object);
	return right;
}

static int wrong_in(const char *path, const char *compiler)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;
	int wrong = 0;

	if (!object)
		print_error("%s: %s\n", path, strerror(errno));
	assert_non_null(object);
	bpf_object__for_each_program (program, object)
		wrong += !program_is_right(path, compiler, bpf_program__name(program));
	bpf_object__close(object);
	return wrong;
}

/* COMPILERS: "clang-14=build/bpf clang-19=..." of the build: each has all of the objects. */
static void verifier__takes_each_program_of_each_compiler(void **state)
{
	char compilers[] = COMPILERS, *rest = compilers, *word;
	int wrong = 0;

	(void)state;
	while ((word = strsep(&rest, " "))) {
		char *folder = strchr(word, '=');

		if (!folder)
			continue;
		*folder++ = '\0';
		for (size_t i = 0; i < sizeof(object_names) / sizeof(object_names[0]); i++) {
			char path[256];

			snprintf(path, sizeof(path), "%s/%s", folder, object_names[i]);
			wrong += wrong_in(path, word);
		}
	}
	assert_int_equal(wrong, 0);
}

static int no_print(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verifier__takes_each_program_of_each_compiler),
	};

	libbpf_set_print(no_print);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
