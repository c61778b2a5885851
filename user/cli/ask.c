// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "admin/name.h"
#include "cli/cli.h"

#define CONNECT_TIMEOUT_S 2L
#define ANSWER_TIMEOUT_S  20L
#define PATH_MAX_BYTES    512

struct answer {
	char *bytes; /* owned */
	size_t used;
	bool failed;
};

static size_t take_bytes(char *bytes, size_t size, size_t count, void *ctx)
{
	struct answer *answer = ctx;
	char *grown = realloc(answer->bytes, answer->used + size * count + 1);

	if (!grown) {
		answer->failed = true;
		return 0;
	}
	memcpy(grown + answer->used, bytes, size * count);
	answer->bytes = grown;
	answer->used += size * count;
	grown[answer->used] = '\0';
	return size * count;
}

/* @method: NULL for GET. @status: out. Return: 0; -errno. */
static int perform(const struct cli *cli, const char *method, const char *path,
		   struct answer *answer, long *status)
{
	char name[ADMIN_NAME_MAX], folder[PATH_MAX_BYTES], url[256];
	CURL *curl = curl_easy_init();
	CURLcode code;

	if (!curl)
		return -ENOMEM;
	snprintf(folder, sizeof(folder), "%s/%s", cli->bpffs, SLUICE_PIN_FOLDER);
	admin_name(folder, name);
	snprintf(url, sizeof(url), "http://sluiced%s", path);
	curl_easy_setopt(curl, CURLOPT_ABSTRACT_UNIX_SOCKET, name);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	if (method)
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, ANSWER_TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	code = curl_easy_perform(curl);
	*status = 0;
	if (!code)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
	curl_easy_cleanup(curl);
	if (answer->failed)
		return -ENOMEM;
	if (code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT)
		return -ECONNREFUSED;
	return code ? -EPROTO : 0;
}

int cli_ask(const struct cli *cli, const char *path, char **body)
{
	struct answer answer = {};
	long status;
	int err = perform(cli, NULL, path, &answer, &status);

	if (!err && status == 403)
		err = -EACCES;
	else if (!err && (status != 200 || !answer.bytes))
		err = -EPROTO;
	if (err)
		free(answer.bytes);
	else
		*body = answer.bytes;
	return err;
}

int cli_tell(const struct cli *cli, const char *method, const char *path, char **body)
{
	struct answer answer = {};
	long status;
	int err = perform(cli, method, path, &answer, &status);

	*body = answer.bytes;
	return err ? err : (int)status;
}

int cli_explain(const struct cli *cli, int err)
{
	switch (err) {
	case -ECONNREFUSED:
		fprintf(stderr,
			"sluicectl: sluiced is not running with --bpffs %s, and only it has "
			"this information; start it (traffic continues meanwhile)\n",
			cli->bpffs);
		return CLI_NOT_THERE;
	case -EACCES:
		fprintf(stderr,
			"sluicectl: sluiced answers only root and its own user; use sudo\n");
		return CLI_FAILED;
	default:
		fprintf(stderr, "sluicectl: ask sluiced: %s\n", strerror(-err));
		return CLI_FAILED;
	}
}
