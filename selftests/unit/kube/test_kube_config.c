// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kube/config.h"

static const char kubeconfig[] = "apiVersion: v1\n"
				 "kind: Config\n"
				 "current-context: home\n"
				 "preferences: {}\n"
				 "clusters:\n"
				 "- name: c1\n"
				 "  cluster:\n"
				 "    server: https://192.0.2.1:6443/\n"
				 "    certificate-authority: pki/ca.crt\n"
				 "- name: c2\n"
				 "  cluster:\n"
				 "    server: https://[2001:db8::1]:6443\n"
				 "    tls-server-name: kubernetes.default\n"
				 "    certificate-authority-data: Q0E=\n"
				 "- name: broken\n"
				 "  cluster: {server: 'ftp://x'}\n"
				 "users:\n"
				 "- name: u1\n"
				 "  user: {token: secret-token}\n"
				 "- name: u2\n"
				 "  user:\n"
				 "    client-certificate-data: Q0VSVA==\n"
				 "    client-certificate: ignored.crt\n"
				 "    client-key: /abs/client.key\n"
				 "- name: u3\n"
				 "  user: {exec: {command: aws}}\n"
				 "- name: u4\n"
				 "  user: {client-key-data: '!!'}\n"
				 "contexts:\n"
				 "- name: home\n"
				 "  context: {cluster: c1, user: u1, namespace: edge}\n"
				 "- name: certs\n"
				 "  context: {cluster: c2, user: u2}\n"
				 "- name: exec\n"
				 "  context: {cluster: c1, user: u3}\n"
				 "- name: nobase64\n"
				 "  context: {cluster: c1, user: u4}\n"
				 "- name: ftp\n"
				 "  context: {cluster: broken, user: u1}\n"
				 "- name: lost\n"
				 "  context: {cluster: nosuch, user: u1}\n"
				 "- name: nameless\n"
				 "  context: {user: u1}\n";

static int parse(const char *context, struct kube_config *out, char error[KUBE_CONFIG_ERROR_MAX])
{
	return kube_config_parse(kubeconfig, strlen(kubeconfig), "/etc/k", context, out, error);
}

static void kubeconfig__current_context_and_relative_names(void **state)
{
	char error[KUBE_CONFIG_ERROR_MAX];
	struct kube_config config;

	(void)state;
	assert_int_equal(parse(NULL, &config, error), 0);
	assert_string_equal(config.server, "https://192.0.2.1:6443");
	assert_string_equal(config.ca.file, "/etc/k/pki/ca.crt");
	assert_string_equal(config.namespace, "edge");
	assert_string_equal(kube_config_token(&config, false), "secret-token");
	assert_false(config.skip_verify);
	kube_config_free(&config);
}

static void kubeconfig__data_wins_over_files(void **state)
{
	char error[KUBE_CONFIG_ERROR_MAX];
	struct kube_config config;

	(void)state;
	assert_int_equal(parse("certs", &config, error), 0);
	assert_string_equal(config.server, "https://[2001:db8::1]:6443");
	assert_string_equal(config.tls_server_name, "kubernetes.default");
	assert_memory_equal(config.ca.data.bytes, "CA", 2);
	assert_memory_equal(config.cert.data.bytes, "CERT", 4);
	assert_null(config.cert.file);
	assert_string_equal(config.key.file, "/abs/client.key");
	assert_string_equal(config.namespace, "");
	assert_null(kube_config_token(&config, false));
	kube_config_free(&config);
}

static void kubeconfig__faults_name_the_field(void **state)
{
	static const struct {
		const char *context, *error;
		int err;
	} rows[] = {
		{ "nosuch", "contexts has no 'nosuch'", -EINVAL },
		{ "exec",
		  "user.exec is not supported: use a token, a token file or a client certificate",
		  -ENOTSUP },
		{ "nobase64", "client-key-data is not base64", -EINVAL },
		{ "ftp", "cluster.server 'ftp://x': not an http:// or https:// address", -EINVAL },
		{ "lost", "clusters has no 'nosuch'", -EINVAL },
		{ "nameless", "context 'nameless' names no cluster", -EINVAL },
	};

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		char error[KUBE_CONFIG_ERROR_MAX];
		struct kube_config config;

		assert_int_equal(parse(rows[row].context, &config, error), rows[row].err);
		assert_string_equal(error, rows[row].error);
		kube_config_free(&config);
	}
}

static void kubeconfig__texts_that_are_none(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "", "it is empty" },
		{ "- a\n", "it is not a map" },
		{ "a: b\n", "current-context is not set" },
		{ "current-context: x\n", "contexts has no 'x'" },
		{ "a: [1\n", NULL },
		{ "{\"current-context\": \"x\", \"contexts\": 7}", "contexts has no 'x'" },
	};

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		char error[KUBE_CONFIG_ERROR_MAX];
		struct kube_config config;

		assert_int_equal(kube_config_parse(rows[row].text, strlen(rows[row].text), "", NULL,
						   &config, error),
				 -EINVAL);
		if (rows[row].error)
			assert_string_equal(error, rows[row].error);
		else
			assert_ptr_equal(strstr(error, "line "), error);
		kube_config_free(&config);
	}
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void token_file__is_read_again_when_refused_and_kept_when_gone(void **state)
{
	char path[] = "/tmp/test_kube_config_XXXXXX";
	struct kube_config config = { .token_file = path };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	write_file(path, " first\n");
	assert_string_equal(kube_config_token(&config, false), "first");
	write_file(path, "second");
	assert_string_equal(kube_config_token(&config, false), "first");
	assert_string_equal(kube_config_token(&config, true), "second");
	unlink(path);
	assert_string_equal(kube_config_token(&config, true), "second");
	config.token_file = NULL;
	kube_config_free(&config);
}

static void in_cluster__needs_its_environment(void **state)
{
	struct kube_config config;

	(void)state;
	unsetenv("KUBERNETES_SERVICE_HOST");
	assert_int_equal(kube_config_in_cluster(&config), -ENOENT);
	kube_config_free(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kubeconfig__current_context_and_relative_names),
		cmocka_unit_test(kubeconfig__data_wins_over_files),
		cmocka_unit_test(kubeconfig__faults_name_the_field),
		cmocka_unit_test(kubeconfig__texts_that_are_none),
		cmocka_unit_test(token_file__is_read_again_when_refused_and_kept_when_gone),
		cmocka_unit_test(in_cluster__needs_its_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
