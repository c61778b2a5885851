// SPDX-License-Identifier: Apache-2.0
#include "kube/config.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "model/base64.h"
#include "model/tree.h"

#define SERVICE_ACCOUNT      "/var/run/secrets/kubernetes.io/serviceaccount/"
#define CONFIG_BYTES_MAX     (4u << 20)
#define TOKEN_FILE_BYTES_MAX (64u << 10)

/* ---- files ----------------------------------------------------------------------------------- */

static int read_file(const char *path, size_t bytes_max, char **out, size_t *bytes_out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	size_t used = 0;
	struct stat stat;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &stat) < 0) {
		err = -errno;
		goto out;
	}
	if (!S_ISREG(stat.st_mode) || (uint64_t)stat.st_size > bytes_max) {
		err = -EFBIG;
		goto out;
	}
	text = malloc((size_t)stat.st_size + 1);
	if (!text) {
		err = -ENOMEM;
		goto out;
	}
	while (used < (size_t)stat.st_size) {
		ssize_t count = read(fd, text + used, (size_t)stat.st_size - used);

		if (count < 0)
			err = -errno;
		if (count <= 0)
			break;
		used += (size_t)count;
	}
	text[used] = '\0';
out:
	close(fd);
	if (err) {
		free(text);
		return err;
	}
	*out = text;
	if (bytes_out)
		*bytes_out = used;
	return 0;
}

/* The first word of a file; space around a token does not belong to it. */
static int read_token(const char *path, char **out)
{
	char *text;
	size_t skip, bytes;
	int err = read_file(path, TOKEN_FILE_BYTES_MAX, &text, NULL);

	if (err)
		return err;
	skip = strspn(text, " \t\r\n");
	bytes = strcspn(text + skip, " \t\r\n");
	memmove(text, text + skip, bytes);
	text[bytes] = '\0';
	if (!bytes) {
		free(text);
		return -ENODATA;
	}
	*out = text;
	return 0;
}

/* ---- kubeconfig ------------------------------------------------------------------------------ */

struct reading {
	const cJSON *root;
	const char *folder;
	char *error; /* KUBE_CONFIG_ERROR_MAX bytes */
};

static const cJSON *member(const cJSON *object, const char *field)
{
	return cJSON_GetObjectItemCaseSensitive(object, field);
}

static int fail(const struct reading *reading, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(const struct reading *reading, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reading->error, KUBE_CONFIG_ERROR_MAX, format, args);
	va_end(args);
	return err;
}

/* Finds the entry of a list "clusters: [{name, cluster: {...}}]". */
static int find_named(const struct reading *reading, const char *list, const char *inner,
		      const char *name, const cJSON **out)
{
	const cJSON *entry;

	cJSON_ArrayForEach (entry, member(reading->root, list)) {
		const char *entry_name = cJSON_GetStringValue(member(entry, "name"));

		if (!entry_name || strcmp(entry_name, name) != 0)
			continue;
		*out = member(entry, inner);
		if (cJSON_IsObject(*out))
			return 0;
		return fail(reading, -EINVAL, "%s '%s' has no %s", list, name, inner);
	}
	return fail(reading, -EINVAL, "%s has no '%s'", list, name);
}

static int get_text(const struct reading *reading, const cJSON *object, const char *field,
		    char **out)
{
	const cJSON *item = member(object, field);

	if (!item || cJSON_IsNull(item) || (cJSON_IsString(item) && !*item->valuestring))
		return 0;
	if (!cJSON_IsString(item))
		return fail(reading, -EINVAL, "%s is not a text", field);
	*out = strdup(item->valuestring);
	return *out ? 0 : -ENOMEM;
}

static int get_file(const struct reading *reading, const cJSON *object, const char *field,
		    char **out)
{
	char *path = NULL;
	int err = get_text(reading, object, field, &path);

	if (err || !path)
		return err;
	if (*path == '/' || !*reading->folder) {
		*out = path;
		return 0;
	}
	err = asprintf(out, "%s/%s", reading->folder, path) < 0 ? -ENOMEM : 0;
	free(path);
	return err;
}

/* "NAME-data" wins over "NAME", as in kubectl. */
static int get_pem(const struct reading *reading, const cJSON *object, const char *field,
		   struct kube_pem *out)
{
	char data_field[64];
	char *text = NULL;
	int err;

	snprintf(data_field, sizeof(data_field), "%s-data", field);
	err = get_text(reading, object, data_field, &text);
	if (err)
		return err;
	if (!text)
		return get_file(reading, object, field, &out->file);
	err = base64_decode(text, &out->data.bytes, &out->data.count);
	explicit_bzero(text, strlen(text));
	free(text);
	if (err == -EINVAL)
		return fail(reading, err, "%s is not base64", data_field);
	return err;
}

static int parse_cluster(const struct reading *reading, const cJSON *cluster,
			 struct kube_config *out)
{
	size_t bytes;
	int err = get_text(reading, cluster, "server", &out->server);

	if (err)
		return err;
	if (!out->server ||
	    (strncmp(out->server, "https://", 8) != 0 && strncmp(out->server, "http://", 7) != 0))
		return fail(reading, -EINVAL,
			    "cluster.server '%s': not an http:// or https:// address",
			    out->server ? out->server : "");
	for (bytes = strlen(out->server); out->server[bytes - 1] == '/'; bytes--)
		out->server[bytes - 1] = '\0';
	out->skip_verify = cJSON_IsTrue(member(cluster, "insecure-skip-tls-verify"));
	err = get_text(reading, cluster, "tls-server-name", &out->tls_server_name);
	if (!err)
		err = get_text(reading, cluster, "proxy-url", &out->proxy_url);
	if (!err)
		err = get_pem(reading, cluster, "certificate-authority", &out->ca);
	return err;
}

static int parse_user(const struct reading *reading, const cJSON *user, struct kube_config *out)
{
	static const char *const foreign[] = { "exec", "auth-provider", "username", "as" };
	int err;

	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		if (member(user, foreign[i]) && !cJSON_IsNull(member(user, foreign[i])))
			return fail(reading, -ENOTSUP,
				    "user.%s is not supported: use a token, a token file or a "
				    "client certificate",
				    foreign[i]);
	err = get_pem(reading, user, "client-certificate", &out->cert);
	if (!err)
		err = get_pem(reading, user, "client-key", &out->key);
	if (!err)
		err = get_file(reading, user, "tokenFile", &out->token_file);
	if (!err && !out->token_file)
		err = get_text(reading, user, "token", &out->token);
	return err;
}

static int parse_context(const struct reading *reading, const char *name, struct kube_config *out)
{
	const char *cluster_name, *user_name;
	const cJSON *context, *cluster, *user;
	int err;

	if (!name)
		name = cJSON_GetStringValue(member(reading->root, "current-context"));
	if (!name || !*name)
		return fail(reading, -EINVAL, "current-context is not set");
	err = find_named(reading, "contexts", "context", name, &context);
	if (err)
		return err;
	cluster_name = cJSON_GetStringValue(member(context, "cluster"));
	user_name = cJSON_GetStringValue(member(context, "user"));
	if (!cluster_name)
		return fail(reading, -EINVAL, "context '%s' names no cluster", name);
	err = get_text(reading, context, "namespace", &out->namespace);
	if (!err)
		err = find_named(reading, "clusters", "cluster", cluster_name, &cluster);
	if (!err)
		err = parse_cluster(reading, cluster, out);
	if (err || !user_name || !*user_name)
		return err;
	err = find_named(reading, "users", "user", user_name, &user);
	return err ? err : parse_user(reading, user, out);
}

struct parsing {
	struct reading reading;
	const char *context;
	struct kube_config *out;
	bool done;
};

static int on_document(void *ctx, const cJSON *document)
{
	struct parsing *parsing = ctx;
	int err;

	if (parsing->done) /* kubectl reads the first one too */
		return 0;
	parsing->done = true;
	parsing->reading.root = document;
	if (!cJSON_IsObject(document))
		return fail(&parsing->reading, -EINVAL, "it is not a map");
	err = parse_context(&parsing->reading, parsing->context, parsing->out);
	if (!err && !parsing->out->namespace) {
		parsing->out->namespace = strdup("");
		err = parsing->out->namespace ? 0 : -ENOMEM;
	}
	return err;
}

int kube_config_parse(const char *text, size_t bytes, const char *folder, const char *context,
		      struct kube_config *out, char error[KUBE_CONFIG_ERROR_MAX])
{
	struct parsing parsing = {
		.reading = { .folder = folder, .error = error },
		.context = context,
		.out = out,
	};
	struct tree_error fault = { 0 };
	int err;

	memset(out, 0, sizeof(*out));
	error[0] = '\0';
	err = tree_read_yaml(text, bytes, on_document, &parsing, &fault);
	if (err == -EINVAL && !error[0])
		snprintf(error, KUBE_CONFIG_ERROR_MAX, "line %u: %s", fault.line, fault.message);
	if (!err && !parsing.done)
		err = fail(&parsing.reading, -EINVAL, "it is empty");
	return err;
}

int kube_config_load(const char *path, const char *context, struct kube_config *out)
{
	char error[KUBE_CONFIG_ERROR_MAX];
	char *text = NULL, *folder;
	size_t bytes;
	int err = read_file(path, CONFIG_BYTES_MAX, &text, &bytes);

	memset(out, 0, sizeof(*out));
	if (err) {
		log_error("kube: kubeconfig %s: %s", path, strerror(-err));
		return err;
	}
	folder = strdup(path);
	if (folder && strrchr(folder, '/')) {
		*strrchr(folder, '/') = '\0';
		if (!*folder)
			strcpy(folder, "/");
	} else if (folder) {
		*folder = '\0';
	}
	err = folder ? kube_config_parse(text, bytes, folder, context, out, error) : -ENOMEM;
	explicit_bzero(text, bytes);
	free(text);
	free(folder);
	if (err) {
		log_error("kube: kubeconfig %s: %s", path,
			  err == -ENOMEM ? strerror(ENOMEM) : error);
		kube_config_free(out);
	} else if (out->skip_verify) {
		log_warn("kube: kubeconfig %s: the API server's certificate is not verified", path);
	}
	return err;
}

/* ---- in the cluster -------------------------------------------------------------------------- */

int kube_config_in_cluster(struct kube_config *out)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	bool is_v6 = host && strchr(host, ':');
	int err;

	memset(out, 0, sizeof(*out));
	if (!host || !*host || !port || !*port) {
		log_error("kube: no --kubeconfig, and this is no pod: KUBERNETES_SERVICE_HOST and "
			  "KUBERNETES_SERVICE_PORT are not set");
		return -ENOENT;
	}
	if (asprintf(&out->server, "https://%s%s%s:%s", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
		     port) < 0) {
		out->server = NULL;
		return -ENOMEM;
	}
	out->token_file = strdup(SERVICE_ACCOUNT "token");
	out->ca.file = strdup(SERVICE_ACCOUNT "ca.crt");
	if (!out->token_file || !out->ca.file) {
		kube_config_free(out);
		return -ENOMEM;
	}
	if (read_token(SERVICE_ACCOUNT "namespace", &out->namespace)) {
		out->namespace = strdup("");
		if (!out->namespace) {
			kube_config_free(out);
			return -ENOMEM;
		}
	}
	err = read_token(out->token_file, &out->token);
	if (err) {
		log_error("kube: %s: %s", out->token_file, strerror(-err));
		kube_config_free(out);
	}
	return err;
}

const char *kube_config_token(struct kube_config *config, bool refused)
{
	uint64_t now_ms = loop_now_ms();
	char *fresh;
	int err;

	if (!config->token_file)
		return config->token;
	if (config->token && !refused && config->token_read_ms &&
	    now_ms - config->token_read_ms < KUBE_TOKEN_AGE_MS)
		return config->token;
	config->token_read_ms = now_ms;
	err = read_token(config->token_file, &fresh);
	if (err) {
		log_warn("kube: token file %s: %s; the last token read stays in use",
			 config->token_file, strerror(-err));
		return config->token;
	}
	if (config->token)
		explicit_bzero(config->token, strlen(config->token));
	free(config->token);
	config->token = fresh;
	return config->token;
}

static void pem_free(struct kube_pem *pem)
{
	free(pem->file);
	if (pem->data.bytes)
		explicit_bzero(pem->data.bytes, pem->data.count);
	free(pem->data.bytes);
}

void kube_config_free(struct kube_config *config)
{
	free(config->server);
	free(config->namespace);
	free(config->tls_server_name);
	free(config->proxy_url);
	pem_free(&config->ca);
	pem_free(&config->cert);
	pem_free(&config->key);
	if (config->token)
		explicit_bzero(config->token, strlen(config->token));
	free(config->token);
	free(config->token_file);
	memset(config, 0, sizeof(*config));
}
