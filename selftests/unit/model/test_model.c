// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/decode.h"
#include "model/model.h"

/* One object from JSON with ' for ". */
static struct object *object_of(const char *text)
{
	char error[DECODE_ERROR_MAX] = "";
	struct decode_result result = {};
	char *json_text = strdup(text);
	struct object *object;
	cJSON *json;

	for (char *c = json_text; *c; c++)
		if (*c == '\'')
			*c = '"';
	json = cJSON_Parse(json_text);
	assert_non_null(json);
	if (decode_object(json, NULL, &result, error))
		fail_msg("%s", error);
	assert_int_equal(result.count, 1);
	object = result.objects[0];
	free(result.objects);
	cJSON_Delete(json);
	free(json_text);
	return object;
}

static struct object *slice_of(const char *name, const char *service, const char *ip)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "{'kind':'EndpointSlice','apiVersion':'discovery.k8s.io/v1','metadata':{'name':"
		 "'%s','labels':{'kubernetes.io/service-name':'%s'}},'endpoints':[{'addresses':"
		 "['%s']}]}",
		 name, service, ip);
	return object_of(text);
}

static void model_put__new_object_is_a_change_without_old(void **state)
{
	struct model model;

	(void)state;
	model_init(&model);
	assert_int_equal(model_put(&model, slice_of("a", "web", "10.0.0.1")), 0);
	assert_int_equal(model.changes_count, 1);
	assert_null(model.changes[0].old);
	assert_int_equal(model.changes[0].kind, OBJECT_ENDPOINT_SLICE);
	assert_string_equal(model.changes[0].namespace, "default");
	assert_string_equal(model.changes[0].name, "a");
	assert_non_null(model_get(&model, OBJECT_ENDPOINT_SLICE, "default", "a"));
	model_free(&model);
}

static void model_put__same_meaning_is_no_change(void **state)
{
	struct object *second = slice_of("a", "web", "10.0.0.1");
	struct model model;

	(void)state;
	model_init(&model);
	model_put(&model, slice_of("a", "web", "10.0.0.1"));
	model_clear_changes(&model);
	assert_int_equal(model_put(&model, second), 0);
	assert_int_equal(model.changes_count, 0);
	assert_ptr_equal(model_get(&model, OBJECT_ENDPOINT_SLICE, "default", "a"), second);
	assert_int_equal(model_slices_of(&model, "default", "web")->count, 1);
	assert_ptr_equal(model_slices_of(&model, "default", "web")->items[0], second);
	model_free(&model);
}

static void model_put__two_puts_make_one_change_with_the_first_old(void **state)
{
	struct object *first = slice_of("a", "web", "10.0.0.1");
	struct model model;

	(void)state;
	model_init(&model);
	model_put(&model, first);
	model_clear_changes(&model);
	model_put(&model, slice_of("a", "web", "10.0.0.2"));
	model_put(&model, slice_of("a", "web", "10.0.0.3"));
	assert_int_equal(model.changes_count, 1);
	assert_ptr_equal(model.changes[0].old, first);
	model_free(&model);
}

static void model_delete__leaves_the_old_object_with_the_change(void **state)
{
	struct object *first = slice_of("a", "web", "10.0.0.1");
	struct model model;

	(void)state;
	model_init(&model);
	model_put(&model, first);
	model_clear_changes(&model);
	assert_int_equal(model_delete(&model, OBJECT_ENDPOINT_SLICE, "default", "a"), 0);
	assert_int_equal(model.changes_count, 1);
	assert_ptr_equal(model.changes[0].old, first);
	assert_null(model_get(&model, OBJECT_ENDPOINT_SLICE, "default", "a"));
	assert_null(model_slices_of(&model, "default", "web"));
	assert_int_equal(model_delete(&model, OBJECT_ENDPOINT_SLICE, "default", "a"), -ENOENT);
	model_free(&model);
}

static void model_slices_of__follows_a_slice_to_another_service(void **state)
{
	struct model model;

	(void)state;
	model_init(&model);
	model_put(&model, slice_of("a", "web", "10.0.0.1"));
	model_put(&model, slice_of("b", "web", "10.0.0.2"));
	assert_int_equal(model_slices_of(&model, "default", "web")->count, 2);
	model_put(&model, slice_of("a", "api", "10.0.0.1"));
	assert_int_equal(model_slices_of(&model, "default", "web")->count, 1);
	assert_int_equal(model_slices_of(&model, "default", "api")->count, 1);
	assert_null(model_slices_of(&model, "other", "api"));
	model_free(&model);
}

static void model__same_name_in_two_kinds_and_namespaces_is_apart(void **state)
{
	struct model model;

	(void)state;
	model_init(&model);
	model_put(&model,
		  object_of("{'kind':'Service','apiVersion':'v1','metadata':{'name':'a'}}"));
	model_put(&model, object_of("{'kind':'Service','apiVersion':'v1','metadata':{'name':'a',"
				    "'namespace':'b'}}"));
	model_put(&model, object_of("{'kind':'Secret','apiVersion':'v1','metadata':{'name':'a'}}"));
	assert_int_equal(model.changes_count, 3);
	assert_int_equal(model_delete(&model, OBJECT_SERVICE, "b", "a"), 0);
	assert_non_null(model_get(&model, OBJECT_SERVICE, "default", "a"));
	assert_non_null(model_get(&model, OBJECT_SECRET, "default", "a"));
	model_free(&model);
}

#define INGRESS(meta, spec)                                                                 \
	"{'kind':'Ingress','apiVersion':'networking.k8s.io/v1','metadata':{'name':'i'" meta \
	"},'spec':{" spec "}}"
#define SERVICE(spec) \
	"{'kind':'Service','apiVersion':'v1','metadata':{'name':'i'},'spec':{" spec "}}"

static void object_equal__tells_meaning_from_form(void **state)
{
	static const struct {
		const char *name, *a, *b;
		bool equal;
	} cases[] = {
		{ "itself", INGRESS("", ""), INGRESS("", ""), true },
		{ "resourceVersion and generation",
		  INGRESS(",'resourceVersion':'1','generation':1", ""),
		  INGRESS(",'resourceVersion':'2','generation':2", ""), true },
		{ "order of annotations", INGRESS(",'annotations':{'a':'1','b':'2'}", ""),
		  INGRESS(",'annotations':{'b':'2','a':'1'}", ""), true },
		{ "value of an annotation", INGRESS(",'annotations':{'a':'1'}", ""),
		  INGRESS(",'annotations':{'a':'2'}", ""), false },
		{ "a label more", INGRESS("", ""), INGRESS(",'labels':{'a':'2'}", ""), false },
		{ "uid", INGRESS(",'uid':'1'", ""), INGRESS(",'uid':'2'", ""), false },
		{ "class", INGRESS("", "'ingressClassName':'a'"), INGRESS("", ""), false },
		{ "a host", INGRESS("", "'rules':[{'host':'a.b'}]"),
		  INGRESS("", "'rules':[{'host':'a.c'}]"), false },
		{ "another refused path",
		  INGRESS("", "'rules':[{'http':{'paths':[{'path':'/a//b','pathType':'Exact'}]}}]"),
		  INGRESS("", "'rules':[{'http':{'paths':[{'path':'/a//c','pathType':'Exact'}]}}]"),
		  false },
		{ "tls secret", INGRESS("", "'tls':[{'secretName':'a'}]"),
		  INGRESS("", "'tls':[{'secretName':'b'}]"), false },
		{ "default backend", INGRESS("", ""),
		  INGRESS("", "'defaultBackend':{'service':{'name':'a','port':{'number':1}}}"),
		  false },
		{ "service port", SERVICE("'ports':[{'port':1}]"), SERVICE("'ports':[{'port':2}]"),
		  false },
		{ "service type", SERVICE("'type':'NodePort'"), SERVICE(""), false },
		{ "source range", SERVICE("'loadBalancerSourceRanges':['10.0.0.0/8']"),
		  SERVICE("'loadBalancerSourceRanges':['10.0.0.0/9']"), false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct object *a = object_of(cases[i].a), *b = object_of(cases[i].b);

		if (object_equal(a, b) != cases[i].equal)
			fail_msg("%s", cases[i].name);
		object_free(a);
		object_free(b);
	}
}

static void object_equal__does_not_look_at_the_status(void **state)
{
	struct object *a = object_of(INGRESS("", ""));
	struct object *b = object_of("{'kind':'Ingress','apiVersion':'networking.k8s.io/v1',"
				     "'metadata':{'name':'i'},'spec':{},'status':{'loadBalancer':"
				     "{'ingress':[{'ip':'192.0.2.1'}]}}}");

	(void)state;
	assert_true(object_equal(a, b));
	assert_string_equal(((struct ingress *)b)->status[0].ip, "192.0.2.1");
	object_free(a);
	object_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(model_put__new_object_is_a_change_without_old),
		cmocka_unit_test(model_put__same_meaning_is_no_change),
		cmocka_unit_test(model_put__two_puts_make_one_change_with_the_first_old),
		cmocka_unit_test(model_delete__leaves_the_old_object_with_the_change),
		cmocka_unit_test(model_slices_of__follows_a_slice_to_another_service),
		cmocka_unit_test(model__same_name_in_two_kinds_and_namespaces_is_apart),
		cmocka_unit_test(object_equal__tells_meaning_from_form),
		cmocka_unit_test(object_equal__does_not_look_at_the_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
