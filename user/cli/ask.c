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

static int result_of(CURL *curl, CURLcode code, const struct answer *answer)
{
	long status = 0;

	if (answer->failed)
		return -ENOMEM;
	if (code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT)
		return -ECONNREFUSED;
	if (code)
		return -EPROTO;
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 403)
		return -EACCES;
	return status == 200 && answer->bytes ? 0 : -EPROTO;
}

int cli_ask(const struct cli *cli, const char *path, char **body)
{
	char name[ADMIN_NAME_MAX], folder[PATH_MAX_BYTES], url[128];
	struct answer answer = {};
	CURL *curl = curl_easy_init();
	int err;

	if (!curl)
		return -ENOMEM;
	snprintf(folder, sizeof(folder), "%s/%s", cli->bpffs, SLUICE_PIN_FOLDER);
	admin_name(folder, name);
	snprintf(url, sizeof(url), "http://sluiced%s", path);
	curl_easy_setopt(curl, CURLOPT_ABSTRACT_UNIX_SOCKET, name);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, ANSWER_TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
	err = result_of(curl, curl_easy_perform(curl), &answer);
	curl_easy_cleanup(curl);
	if (err)
		free(answer.bytes);
	else
		*body = answer.bytes;
	return err;
}

int cli_explain(const struct cli *cli, int err)
{
	switch (err) {
	case -ECONNREFUSED:
		fprintf(stderr,
			"sluicectl: sluiced is not running with --bpffs %s, and this is known to "
			"it alone; start it (traffic goes on meanwhile)\n",
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
