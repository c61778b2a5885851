// SPDX-License-Identifier: Apache-2.0
/* Kind, version, metadata, and the small kinds. */
#include <errno.h>

#include "unit/model/decode_case.h"

#define X50        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define META(meta) "{'kind':'Service','apiVersion':'v1','metadata':" meta "}"

static void decode__kind_and_version(void **state)
{
	static const struct decode_case cases[] = {
		{ "no object", "[]", -EINVAL, "not an object" },
		{ "no kind", "{}", -EINVAL, "kind: missing" },
		{ "kind of a wrong type", "{'kind':3}", -EINVAL,
		  "kind: expected a string, found a number" },
		{ "no version", "{'kind':'Service'}", -EINVAL, "apiVersion: missing" },
		{ "a kind of others", "{'kind':'Deployment','apiVersion':'apps/v1'}", -ENOTSUP,
		  "kind: 'Deployment' of apiVersion 'apps/v1' is not one that is served" },
		{ "an old version", "{'kind':'Ingress','apiVersion':'extensions/v1beta1'}",
		  -ENOTSUP,
		  "kind: 'Ingress' of apiVersion 'extensions/v1beta1' is not one that is served" },
		{ "a custom kind of our name",
		  "{'kind':'Service','apiVersion':'serving.knative.dev/v1'}", -ENOTSUP,
		  "kind: 'Service' of apiVersion 'serving.knative.dev/v1' is not one that is "
		  "served" },
	};

	(void)state;
	DECODE_CASES_RUN(cases);
}

static void decode__metadata(void **state)
{
	static const struct decode_case cases[] = {
		{ "no metadata", "{'kind':'Service','apiVersion':'v1'}", -EINVAL,
		  "metadata.name: missing" },
		{ "metadata null", META("null"), -EINVAL, "metadata.name: missing" },
		{ "metadata a list", META("[]"), -EINVAL,
		  "metadata: expected a map, found a list" },
		{ "name null", META("{'name':null}"), -EINVAL, "metadata.name: missing" },
		{ "name a number", META("{'name':5}"), -EINVAL,
		  "metadata.name: expected a string, found a number" },
		{ "name with a slash", META("{'name':'a/b'}"), -EINVAL,
		  "metadata.name: 'a/b' may hold only a-z, 0-9, '-' and '.'" },
		{ "service name with a dot", META("{'name':'a.b'}"), -EINVAL,
		  "metadata.name: 'a.b' may hold only a-z, 0-9 and '-'" },
		{ "upper case", META("{'name':'Web'}"), -EINVAL,
		  "metadata.name: 'Web' may hold only a-z, 0-9, '-' and '.'" },
		{ "namespace with dots", META("{'name':'a','namespace':'..'}"), -EINVAL,
		  "metadata.namespace: '..' may hold only a-z, 0-9 and '-'" },
		{ "time that is none", META("{'name':'a','creationTimestamp':'yesterday'}"), 0,
		  "metadata.creationTimestamp: 'yesterday' is not an RFC 3339 time" },
		{ "31 June", META("{'name':'a','creationTimestamp':'2026-06-31T00:00:00Z'}"), 0,
		  "metadata.creationTimestamp: '2026-06-31T00:00:00Z' is not an RFC 3339 time" },
		{ "time null, as kubectl writes it", META("{'name':'a','creationTimestamp':null}"),
		  0, NULL },
		{ "annotation not quoted",
		  META("{'name':'a','annotations':{'sluice.dev/ssl-redirect':true}}"), 0,
		  "metadata.annotations[sluice.dev/ssl-redirect]: expected a string, found a "
		  "boolean" },
		{ "annotations a list", META("{'name':'a','annotations':[]}"), -EINVAL,
		  "metadata.annotations: expected a map, found a list" },
		{ "annotations null", META("{'name':'a','annotations':null,'labels':null}"), 0,
		  NULL },
		{ "spec a string",
		  "{'kind':'Service','apiVersion':'v1','metadata':{'name':'a'},"
		  "'spec':'x'}",
		  -EINVAL, "spec: expected a map, found a string" },
		{ "fields that nobody knows",
		  "{'kind':'Service','apiVersion':'v1','metadata':{'name':'a','x':[1]},'spec':"
		  "{'y':{}},'z':1}",
		  0, NULL },
	};

	(void)state;
	DECODE_CASES_RUN(cases);
}

static void decode__long_value_is_cut_in_the_message(void **state)
{
	char error[DECODE_ERROR_MAX];
	struct decode_result result = {};

	(void)state;
	assert_int_equal(decode_quoted(META("{'name':'" X50 X50 X50 "'}"), &result, error),
			 -EINVAL);
	assert_non_null(strstr(error, "xxx...' is longer than 63 characters"));
	assert_true(strlen(error) < 200);
}

static void decode__hint_stands_for_kind_and_version(void **state)
{
	char error[DECODE_ERROR_MAX];
	struct decode_result result = {};
	cJSON *json = cJSON_Parse("{\"metadata\":{\"name\":\"a\"}}");

	(void)state;
	assert_int_equal(decode_object(json, "Ingress", &result, error), 0);
	assert_int_equal(result.objects[0]->kind, OBJECT_INGRESS);
	decode_result_free(&result);
	assert_int_equal(decode_object(json, "Pod", &result, error), -ENOTSUP);
	cJSON_Delete(json);
}

static void decode__metadata_lands_in_the_object(void **state)
{
	struct object *object =
		decode_one(META("{'name':'a','uid':'u','resourceVersion':'7','generation':3,"
				"'creationTimestamp':'1970-01-02T01:00:00.5+01:00',"
				"'annotations':{'k':'v','n':null,"
				"'kubectl.kubernetes.io/last-applied-configuration':'{}'},"
				"'labels':{'l':'w'}}"));

	(void)state;
	assert_string_equal(object->namespace, "default");
	assert_string_equal(object->uid, "u");
	assert_string_equal(object->resource_version, "7");
	assert_int_equal(object->generation, 3);
	assert_int_equal(object->created_unix_s, 86400);
	assert_string_equal(object_annotation(object, "k"), "v");
	assert_string_equal(object_annotation(object, "n"), "");
	assert_string_equal(object_label(object, "l"), "w");
	assert_int_equal(object->annotations_count, 2);
	object_free(object);
}

static void decode__cluster_scoped_has_no_namespace(void **state)
{
	struct object *object = decode_one(
		"{'kind':'IngressClass','apiVersion':'networking.k8s.io/v1','metadata':{'name':"
		"'sluice','namespace':'x','annotations':"
		"{'ingressclass.kubernetes.io/is-default-class':'true'}},'spec':{'controller':"
		"'sluice.dev/ingress','parameters':{'kind':'X','name':'y'}}}");
	struct ingress_class *class = (struct ingress_class *)object;

	(void)state;
	assert_string_equal(object->namespace, "");
	assert_string_equal(class->controller, "sluice.dev/ingress");
	assert_true(class->is_default);
	object_free(object);
}

#define SECRET(rest) "{'kind':'Secret','apiVersion':'v1','metadata':{'name':'s'}" rest "}"

static void decode__secret(void **state)
{
	static const struct decode_case cases[] = {
		{ "plain", SECRET(",'type':'kubernetes.io/tls','data':{'tls.crt':'YQ=='}"), 0,
		  NULL },
		{ "bad base64 is named, not shown",
		  SECRET(",'type':'kubernetes.io/tls','data':{'tls.key':'Y*=='}"), 0,
		  "data[tls.key]: is not valid base64" },
		{ "base64 cut off", SECRET(",'type':'kubernetes.io/tls','data':{'tls.key':'YWI'}"),
		  0, "data[tls.key]: is not valid base64" },
		{ "more after the padding",
		  SECRET(",'type':'kubernetes.io/tls','data':{'tls.key':'YQ==YQ=='}"), 0,
		  "data[tls.key]: is not valid base64" },
		{ "number", SECRET(",'type':'kubernetes.io/tls','data':{'tls.key':5}"), 0,
		  "data[tls.key]: expected base64 in a string" },
		{ "other types are not looked into", SECRET(",'data':{'tls.key':'***','x':5}"), 0,
		  NULL },
		{ "data null", SECRET(",'data':null"), 0, NULL },
		{ "data a string", SECRET(",'data':'x'"), -EINVAL,
		  "data: expected a map, found a string" },
	};
	struct object *object = decode_one(SECRET(
		",'type':'kubernetes.io/tls','data':{'tls.crt':'YWJj\\nZA==\\n','tls.key':'!',"
		"'ca.crt':null},'stringData':{'tls.key':'plain'}"));
	struct secret *secret = (struct secret *)object;

	(void)state;
	DECODE_CASES_RUN(cases);
	assert_int_equal(secret->tls_crt_bytes, 4);
	assert_memory_equal(secret->tls_crt, "abcd", 4);
	assert_int_equal(secret->tls_key_bytes, 5);
	assert_memory_equal(secret->tls_key, "plain", 5);
	assert_null(secret->ca_crt);
	object_free(object);
}

static void decode__node(void **state)
{
	struct object *object = decode_one(
		"{'kind':'Node','apiVersion':'v1','metadata':{'name':'n1'},'status':{'addresses':["
		"{'type':'InternalIP','address':'10.1.0.1'},{'type':'InternalIP','address':"
		"'2001:db8::1'},{'type':'ExternalIP','address':'192.0.2.9'},{'type':'Hostname',"
		"'address':'n1'}],'conditions':[{'type':'Ready','status':'False'}]}}");
	struct node *node = (struct node *)object;

	(void)state;
	assert_int_equal(node->internal_ips_count, 2);
	assert_int_equal(node->external_ips_count, 1);
	assert_false(node->ready);
	object_free(object);
}

static void decode__lease(void **state)
{
	static const char text[] =
		"{'kind':'Lease','apiVersion':'coordination.k8s.io/v1','metadata':{'name':'l'},"
		"'spec':{'holderIdentity':'n1','leaseDurationSeconds':15,'renewTime':'%s'}}";
	char first[300], second[300];
	struct object *a, *b;

	(void)state;
	snprintf(first, sizeof(first), text, "2026-11-22T21:40:40.013980Z");
	snprintf(second, sizeof(second), text, "2026-11-22T21:40:43.013980Z");
	a = decode_one(first);
	b = decode_one(second);
	assert_string_equal(((struct lease *)a)->holder, "n1");
	assert_int_equal(((struct lease *)a)->duration_s, 15);
	assert_string_equal(((struct lease *)b)->renewed, "2026-11-22T21:40:43.013980Z");
	assert_true(object_equal(a, b)); /* renewed, nothing more */
	object_free(a);
	object_free(b);
}

static void decode__config_map(void **state)
{
	struct object *object =
		decode_one("{'kind':'ConfigMap','apiVersion':'v1','metadata':{'name':"
			   "'c'},'data':{'53':'ns/dns:53','x':null}}");
	struct config_map *map = (struct config_map *)object;

	(void)state;
	assert_int_equal(map->data_count, 2);
	assert_string_equal(map->data[0].key, "53");
	assert_string_equal(map->data[0].value, "ns/dns:53");
	object_free(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decode__kind_and_version),
		cmocka_unit_test(decode__metadata),
		cmocka_unit_test(decode__long_value_is_cut_in_the_message),
		cmocka_unit_test(decode__hint_stands_for_kind_and_version),
		cmocka_unit_test(decode__metadata_lands_in_the_object),
		cmocka_unit_test(decode__cluster_scoped_has_no_namespace),
		cmocka_unit_test(decode__secret),
		cmocka_unit_test(decode__node),
		cmocka_unit_test(decode__lease),
		cmocka_unit_test(decode__config_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
