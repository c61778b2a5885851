// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "kube/api.h"
#include "kube/selection.h"
#include "unit/lib/fixture.h"

static void api_target__paths(void **state)
{
	static const struct {
		struct api_call call;
		const char *target;
	} rows[] = {
		{ { .verb = API_LIST, .resource = &kind_service.resource }, "/api/v1/services" },
		{ { .verb = API_LIST,
		    .resource = &kind_ingress.resource,
		    .namespace = "shop",
		    .query = "limit=500" },
		  "/apis/networking.k8s.io/v1/namespaces/shop/ingresses?limit=500" },
		{ { .verb = API_WATCH,
		    .resource = &kind_ingress_class.resource,
		    .query = "watch=1" },
		  "/apis/networking.k8s.io/v1/ingressclasses?watch=1" },
		{ { .verb = API_GET,
		    .resource = &kind_lease.resource,
		    .namespace = "s",
		    .name = "l" },
		  "/apis/coordination.k8s.io/v1/namespaces/s/leases/l" },
		{ { .verb = API_PATCH,
		    .resource = &kind_ingress.resource,
		    .namespace = "shop",
		    .name = "web",
		    .subresource = "status" },
		  "/apis/networking.k8s.io/v1/namespaces/shop/ingresses/web/status"
		  "?fieldManager=sluice" },
		{ { .verb = API_CREATE, .resource = &api_events, .namespace = "shop" },
		  "/apis/events.k8s.io/v1/namespaces/shop/events?fieldManager=sluice" },
	};

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		char target[API_TARGET_MAX];

		assert_int_equal(api_target(&rows[row].call, target), 0);
		assert_string_equal(target, rows[row].target);
	}
}

static void api_error__says_all(void **state)
{
	static const struct {
		const char *fixture;
		long status;
		struct api_call call;
		const char *text;
	} rows[] = {
		{ "kube-api/auth/forbidden-list-403.json",
		  403,
		  { .verb = API_LIST, .resource = &kind_ingress.resource },
		  "list ingresses.networking.k8s.io: 403 Forbidden: ingresses.networking.k8s.io is "
		  "forbidden: User \"system:serviceaccount:ingress-system:nobody\" cannot list "
		  "resource \"ingresses\" in API group \"networking.k8s.io\" at the cluster scope; "
		  "missing RBAC rule: apiGroups: [\"networking.k8s.io\"], resources: "
		  "[\"ingresses\"], verbs: [\"list\"]" },
		{ "kube-api/auth/bad-token-401.json",
		  401,
		  { .verb = API_WATCH, .resource = &kind_service.resource, .namespace = "shop" },
		  "watch services shop: 401 Unauthorized: Unauthorized" },
		{ "kube-api/auth/throttled-429.txt",
		  429,
		  { .verb = API_PATCH,
		    .resource = &kind_ingress.resource,
		    .namespace = "shop",
		    .name = "web",
		    .subresource = "status" },
		  "patch ingresses.networking.k8s.io/status shop/web: 429: Too many requests, "
		  "please try again later." },
	};

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		struct http_reply reply = { .status = rows[row].status, .error = "" };
		char text[API_ERROR_MAX];
		char *body = fixture_read(rows[row].fixture, &reply.body_bytes);

		reply.body = body;
		assert_string_equal(api_error(&rows[row].call, &reply, text), rows[row].text);
		free(body);
	}
}

static void api_status__expired_in_all_its_wordings(void **state)
{
	static const struct {
		const char *fixture;
		bool is_event, expired;
	} rows[] = {
		{ "kube-api/expired/list-continue-410.json", false, true },
		{ "kube-api/expired/list-exact-410.json", false, true },
		{ "kube-api/expired/watch-error-event.jsonl", true, true },
		{ "kube-api/expired/watch-error-event.no-watch-cache.jsonl", true, true },
		{ "kube-api/expired/list-too-large-504.json", false, false },
		{ "kube-api/expired/watch-bad-rv-500.json", false, false },
		{ "kube-api/expired/list-bad-continue-400.json", false, false },
	};

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		struct api_status status;
		size_t bytes;
		char *text = fixture_read(rows[row].fixture, &bytes);

		if (rows[row].is_event) {
			cJSON *event = cJSON_Parse(text);

			free(text);
			text = cJSON_PrintUnformatted(cJSON_GetObjectItem(event, "object"));
			bytes = strlen(text);
			cJSON_Delete(event);
		}
		assert_true(api_status_parse(text, bytes, &status));
		assert_int_equal(api_status_is_expired(&status), rows[row].expired);
		free(text);
	}
}

static void api_status__what_is_none(void **state)
{
	static const char *const rows[] = { "",   "ok",   "{}",
					    "[]", "null", "{\"kind\":\"Ingress\",\"code\":410}" };
	static const char odd[] = "{\"kind\":\"Status\",\"code\":\"x\",\"details\":[]}";
	struct api_status status;

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++)
		assert_false(api_status_parse(rows[row], strlen(rows[row]), &status));
	assert_true(api_status_parse(odd, strlen(odd), &status));
	assert_int_equal(status.code, 0);
}

static void api_status__retry_after_of_the_details(void **state)
{
	struct api_status status;
	size_t bytes;
	char *text = fixture_read("kube-api/expired/list-too-large-504.json", &bytes);

	(void)state;
	assert_true(api_status_parse(text, bytes, &status));
	assert_int_equal(status.retry_after_s, 1);
	free(text);
}

static void api_microtime__always_has_six_digits(void **state)
{
	char text[API_MICROTIME_MAX];

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(strlen(api_microtime(text)),
				 strlen("2026-11-22T21:40:40.013980Z"));
}

static void selection__queries(void **state)
{
	struct selection selection = { .resource = &kind_secret.resource,
				       .field_selector = (char *)"type=kubernetes.io/tls",
				       .label_selector = (char *)"a in (b,c)" };
	char query[SELECTION_QUERY_MAX];
	char *limit;

	(void)state;
	assert_int_equal(selection_list_query(&selection, true, "a+b/c=", query), 0);
	assert_string_equal(query, "fieldSelector=type%3Dkubernetes.io%2Ftls&"
				   "labelSelector=a%20in%20%28b%2Cc%29&limit=500&"
				   "continue=a%2Bb%2Fc%3D");
	selection.label_selector = selection.field_selector = NULL;
	assert_int_equal(selection_list_query(&selection, false, NULL, query), 0);
	assert_string_equal(query, "");
	assert_int_equal(selection_watch_query(&selection, "42", query), 0);
	limit = strstr(query, "timeoutSeconds=");
	assert_non_null(limit);
	assert_in_range(atoi(limit + strlen("timeoutSeconds=")), 290, 579);
	assert_non_null(strstr(query, "&resourceVersion=42"));
	assert_null(strstr(query, "sendInitialEvents"));
	assert_int_equal(selection_watch_query(&selection, NULL, query), 0);
	assert_non_null(strstr(query, "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"));
}

static void selection__token_without_end_is_refused(void **state)
{
	struct selection selection = { .resource = &kind_secret.resource };
	char query[SELECTION_QUERY_MAX];
	char *token = calloc(1, 4001);

	(void)state;
	memset(token, 'x', 4000);
	assert_int_equal(selection_list_query(&selection, true, token, query), -EMSGSIZE);
	free(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(api_target__paths),
		cmocka_unit_test(api_error__says_all),
		cmocka_unit_test(api_status__expired_in_all_its_wordings),
		cmocka_unit_test(api_status__what_is_none),
		cmocka_unit_test(api_status__retry_after_of_the_details),
		cmocka_unit_test(api_microtime__always_has_six_digits),
		cmocka_unit_test(selection__queries),
		cmocka_unit_test(selection__token_without_end_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
