// SPDX-License-Identifier: Apache-2.0
/*
 * How much work the verifier has with each program: recorded in verified.txt, and not to grow by a
 * tenth unnoticed. Kernels differ, so each has lines of its own; on one without lines the number has
 * only to stay far below the limit of a million.
 */
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

#include "sluice.skel.h"
#include "sluice_tc.skel.h"

#define RECORD        "selftests/prog/verified.txt"
#define UNKNOWN_LIMIT 500000u

/* "MAJOR.MINOR program instructions" a line; 0: not recorded for this kernel. */
static unsigned int recorded(const char *program)
{
	unsigned int major, minor, instructions, found = 0, here_major, here_minor;
	char line[128], name[64];
	struct utsname kernel;
	FILE *file = fopen(RECORD, "r");

	assert_non_null(file);
	assert_int_equal(uname(&kernel), 0);
	assert_int_equal(sscanf(kernel.release, "%u.%u", &here_major, &here_minor), 2);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%u.%u %63s %u", &major, &minor, name, &instructions) == 4 &&
		    major == here_major && minor == here_minor && strcmp(name, program) == 0)
			found = instructions;
	fclose(file);
	return found;
}

struct objects {
	struct sluice_bpf *skel;  /* owned */
	struct sluice_tc_bpf *tc; /* owned */
};

/* Returns how many are too large. */
static int grown(const struct bpf_object *object)
{
	struct bpf_program *program;
	int too_large = 0;

	bpf_object__for_each_program (program, object) {
		struct bpf_prog_info info = {};
		uint32_t bytes = sizeof(info), before = recorded(bpf_program__name(program));
		uint32_t limit = before ? before + before / 10 : UNKNOWN_LIMIT;

		assert_int_equal(bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &bytes),
				 0);
		print_message("%s: %u instructions verified, %u allowed\n",
			      bpf_program__name(program), info.verified_insns, limit);
		too_large += info.verified_insns > limit;
	}
	return too_large;
}

static void verifier__no_program_has_grown_by_a_tenth(void **state)
{
	const struct objects *objects = *state;

	assert_int_equal(grown(objects->skel->obj) + grown(objects->tc->obj), 0);
}

/* Without type information no function is verified by itself, and dumps show no names. */
static void verifier__the_kernel_takes_the_type_information(void **state)
{
	const struct objects *objects = *state;

	assert_true(bpf_object__btf_fd(objects->skel->obj) >= 0);
	assert_true(bpf_object__btf_fd(objects->tc->obj) >= 0);
}

static int open_objects(void **state)
{
	static struct objects objects;

	objects.skel = sluice_bpf__open_and_load();
	objects.tc = sluice_tc_bpf__open_and_load();
	*state = &objects;
	return objects.skel && objects.tc ? 0 : -1;
}

static int close_objects(void **state)
{
	struct objects *objects = *state;

	sluice_bpf__destroy(objects->skel);
	sluice_tc_bpf__destroy(objects->tc);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verifier__no_program_has_grown_by_a_tenth),
		cmocka_unit_test(verifier__the_kernel_takes_the_type_information),
	};

	return cmocka_run_group_tests(tests, open_objects, close_objects);
}
