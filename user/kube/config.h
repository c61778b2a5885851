/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - address, authorities and credentials for the API server
 */
#ifndef SLUICE_KUBE_CONFIG_H
#define SLUICE_KUBE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kube_blob {
	uint8_t *bytes; /* owned or NULL */
	size_t count;
};

/* A PEM text, given or from a file (read again for each connection, so that it may rotate). */
struct kube_pem {
	char *file; /* owned or NULL */
	struct kube_blob data;
};

struct kube_config {
	char *server;          /* owned; "https://10.96.0.1:443", without a slash at the end */
	char *namespace;       /* owned; "" if none is set */
	char *tls_server_name; /* owned or NULL: the host of server */
	char *proxy_url;       /* owned or NULL */
	bool skip_verify;
	struct kube_pem ca;   /* empty: the system's */
	struct kube_pem cert; /* empty: no client certificate */
	struct kube_pem key;
	char *token;      /* owned or NULL; never logged */
	char *token_file; /* owned or NULL; re-read, as it rotates */
	uint64_t token_read_ms;
};

#define KUBE_CONFIG_ERROR_MAX 320

/**
 * kube_config_parse - take one context out of a kubeconfig (YAML or JSON)
 * @text: file content
 * @folder: base of relative file names
 * @context: NULL for its current-context
 * @out: owned, freed by kube_config_free(), also on failure
 * @error: out, on failure: field, value and reason
 * Return: 0; -EINVAL; -ENOTSUP for a login that needs another program; -ENOMEM.
 */
int kube_config_parse(const char *text, size_t bytes, const char *folder, const char *context,
		      struct kube_config *out, char error[KUBE_CONFIG_ERROR_MAX]);

/* The same from a file. Return: as above; -errno if it cannot be read. Logs the fault. */
int kube_config_load(const char *path, const char *context, struct kube_config *out);

/**
 * kube_config_in_cluster - the service account that the kubelet gave to the pod
 * Environment: KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT.
 * Return: 0; -ENOENT with a log line if this is no pod; -errno if the files cannot be read.
 */
int kube_config_in_cluster(struct kube_config *out);

void kube_config_free(struct kube_config *config);

#define KUBE_TOKEN_AGE_MS 10000u /* a token file is read again after this */

/**
 * kube_config_token - the bearer token to send now
 * @refused: the server answered 401: read the file again at once
 * Return: borrowed until the next call; NULL if there is none.
 */
const char *kube_config_token(struct kube_config *config, bool refused);

#endif /* SLUICE_KUBE_CONFIG_H */
