// SPDX-License-Identifier: Apache-2.0
/*
 * What is said of a program that the kernel refuses: that its verifier did, which program, and why
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/libbpf.h>

#include "dataplane/dataplane.h"
#include "dataplane/refusal.h"

static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		return 0;
	refusal_note(level, text);
	free(text);
	return 0;
}

static void refusal__of_the_verifier_names_the_program_and_its_reason(void **state)
{
	struct bpf_object *object = bpf_object__open_file("build/tests/vm/xdp_bad.bpf.o", NULL);
	char error[DATAPLANE_ERROR_MAX] = "";
	int err;

	(void)state;
	assert_non_null(object);
	refusal_reset();
	err = bpf_object__load(object);
	bpf_object__close(object);
	assert_int_equal(err, -EACCES);
	assert_int_equal(refusal_describe(err, error), -EACCES);
	assert_non_null(strstr(error, "the verifier of this kernel refuses xdp_bad: "));
	assert_non_null(strstr(error, "invalid access to packet"));
	assert_null(strstr(error, "no permission"));
	assert_null(strchr(error, '\n'));
}

static void refusal__without_words_of_the_verifier_is_one_of_privilege(void **state)
{
	char error[DATAPLANE_ERROR_MAX] = "";

	(void)state;
	refusal_reset();
	refusal_note(LIBBPF_WARN, "libbpf: prog 'xdp_ingress': BPF program load failed\n");
	assert_int_equal(refusal_describe(-EPERM, error), -EPERM);
	assert_non_null(strstr(error, "no permission"));
	assert_non_null(strstr(error, "BPF program load failed"));
}

static void refusal__keeps_the_end_of_a_long_log(void **state)
{
	static char text[100000];
	char error[DATAPLANE_ERROR_MAX] = "";
	size_t bytes;

	(void)state;
	bytes = (size_t)snprintf(text, sizeof(text),
				 "libbpf: prog 'tc_l4': -- BEGIN PROG LOAD LOG --\n");
	while (bytes < sizeof(text) - 100)
		bytes += (size_t)snprintf(text + bytes, sizeof(text) - bytes, "12: (b7) r0 = 0\n");
	snprintf(text + bytes, sizeof(text) - bytes,
		 "the reason\nprocessed 9 insns\n-- END PROG LOAD LOG --\n");
	refusal_reset();
	refusal_note(LIBBPF_WARN, text);
	assert_int_equal(refusal_describe(-EINVAL, error), -EACCES);
	assert_non_null(strstr(error, "refuses tc_l4: "));
	assert_non_null(strstr(error, "the reason|processed 9 insns"));
	assert_null(strstr(error, "END PROG"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusal__of_the_verifier_names_the_program_and_its_reason),
		cmocka_unit_test(refusal__without_words_of_the_verifier_is_one_of_privilege),
		cmocka_unit_test(refusal__keeps_the_end_of_a_long_log),
	};

	libbpf_set_print(print);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
