// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "unit/model/decode_case.h"

#define INGRESS(spec)                                                                    \
	"{'kind':'Ingress','apiVersion':'networking.k8s.io/v1','metadata':{'name':'i'}," \
	"'spec':{" spec "}}"
#define BACKEND          "'backend':{'service':{'name':'web','port':{'number':80}}}"
#define RULES(rules)     INGRESS("'rules':[" rules "]")
#define PATHS(paths)     RULES("{'http':{'paths':[" paths "]}}")
#define PATH(type, path) PATHS("{'path':'" path "','pathType':'" type "'," BACKEND "}")
#define HOST(host)       RULES("{'host':'" host "'}")
#define PATH0            "spec.rules[0].http.paths[0]"
#define X50              "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X63              X50 "xxxxxxxxxxxxx"

static void decode_ingress__paths(void **state)
{
	static const struct decode_case cases[] = {
		{ "exact root", PATH("Exact", "/"), 0, NULL },
		{ "prefix", PATH("Prefix", "/a/b/"), 0, NULL },
		{ "dots that are no segments", PATH("Exact", "/.well-known/a..b/.c/d."), 0, NULL },
		{ "other escapes", PATH("Exact", "/a%20b~_%7E"), 0, NULL },
		{ "impl. specific empty", PATH("ImplementationSpecific", ""), 0, NULL },
		{ "impl. specific absent",
		  PATHS("{'pathType':'ImplementationSpecific'," BACKEND "}"), 0, NULL },
		{ "impl. specific regex", PATH("ImplementationSpecific", "/a//b/../(.*)"), 0,
		  NULL },
		{ "impl. specific relative", PATH("ImplementationSpecific", "a"), 0,
		  PATH0 ".path: 'a' does not begin with '/'" },
		{ "prefix empty", PATH("Prefix", ""), 0,
		  PATH0 ".path: '' does not begin with '/'" },
		{ "prefix absent", PATHS("{'pathType':'Prefix'," BACKEND "}"), 0,
		  PATH0 ".path: '' does not begin with '/'" },
		{ "exact relative", PATH("Exact", "a"), 0,
		  PATH0 ".path: 'a' does not begin with '/'" },
		{ "double slash", PATH("Exact", "/a//b"), 0, PATH0 ".path: '/a//b' contains '//'" },
		{ "dot segment", PATH("Prefix", "/a/./b"), 0,
		  PATH0 ".path: '/a/./b' contains '/./'" },
		{ "dot dot segment", PATH("Prefix", "/a/../b"), 0,
		  PATH0 ".path: '/a/../b' contains '/../'" },
		{ "escaped slash", PATH("Prefix", "/a%2fb"), 0,
		  PATH0 ".path: '/a%2fb' contains '%2f'" },
		{ "escaped slash, upper case", PATH("Exact", "/a%2Fb"), 0,
		  PATH0 ".path: '/a%2Fb' contains '%2F'" },
		{ "ends with dot", PATH("Exact", "/a/."), 0, PATH0 ".path: '/a/.' ends with '/.'" },
		{ "ends with dot dot", PATH("Exact", "/.."), 0,
		  PATH0 ".path: '/..' ends with '/..'" },
		{ "control character", PATH("ImplementationSpecific", "/a\\nb"), 0,
		  PATH0 ".path: '/a\\x0ab' contains a control character" },
		{ "DEL", PATH("Prefix", "/a\\u007f"), 0,
		  PATH0 ".path: '/a\\x7f' contains a control character" },
		{ "path a number", PATHS("{'path':5,'pathType':'Exact'," BACKEND "}"), 0,
		  PATH0 ".path: expected a string, found a number" },
		{ "no type", PATHS("{'path':'/'," BACKEND "}"), 0,
		  PATH0 ".pathType: missing; it is Exact, Prefix or ImplementationSpecific" },
		{ "unknown type", PATH("Regex", "/"), 0,
		  PATH0 ".pathType: 'Regex' is none of Exact, Prefix, ImplementationSpecific" },
		{ "path entry null", PATHS("null"), 0, PATH0 ": expected a map, found null" },
		{ "paths null", RULES("{'http':{'paths':null}}"), 0, NULL },
		{ "paths a map", RULES("{'http':{'paths':{}}}"), 0,
		  "spec.rules[0].http.paths: expected a list, found a map" },
		{ "http a list", RULES("{'http':[]}"), 0,
		  "spec.rules[0].http: expected a map, found a list" },
	};

	(void)state;
	DECODE_CASES_RUN(cases);
}

static void decode_ingress__hosts(void **state)
{
	static const struct decode_case cases[] = {
		{ "plain", HOST("a.example.com"), 0, NULL },
		{ "none", HOST(""), 0, NULL },
		{ "single label", HOST("localhost"), 0, NULL },
		{ "digits", HOST("1.2.3"), 0, NULL },
		{ "wildcard", HOST("*.example.com"), 0, NULL },
		{ "label of 63", HOST(X63 ".com"), 0, NULL },
		{ "upper case", HOST("A.Example.com"), 0,
		  "spec.rules[0].host: 'A.Example.com' is taken as 'a.example.com'" },
		{ "underscore", HOST("a_b.com"), 0,
		  "spec.rules[0].host: 'a_b.com' may hold only a-z, 0-9, '-' and '.'" },
		{ "port", HOST("a.com:80"), 0,
		  "spec.rules[0].host: 'a.com:80' is an IP address or has a port, not a DNS name" },
		{ "IPv4", HOST("192.0.2.1"), 0,
		  "spec.rules[0].host: '192.0.2.1' is an IP address or has a port, not a DNS "
		  "name" },
		{ "IPv6", HOST("2001:db8::1"), 0,
		  "spec.rules[0].host: '2001:db8::1' is an IP address or has a port, not a DNS "
		  "name" },
		{ "star alone", HOST("*"), 0,
		  "spec.rules[0].host: '*' is not a DNS name; leave host out to match all hosts" },
		{ "star within", HOST("a.*.com"), 0,
		  "spec.rules[0].host: 'a.*.com' has a '*' that is not its whole first label" },
		{ "star in a label", HOST("*a.com"), 0,
		  "spec.rules[0].host: '*a.com' has a '*' that is not its whole first label" },
		{ "two stars", HOST("*.*.com"), 0,
		  "spec.rules[0].host: '*.*.com' has a '*' that is not its whole first label" },
		{ "star and nothing", HOST("*."), 0,
		  "spec.rules[0].host: '*.' has an empty label" },
		{ "trailing dot", HOST("a.com."), 0,
		  "spec.rules[0].host: 'a.com.' has an empty label" },
		{ "two dots", HOST("a..com"), 0,
		  "spec.rules[0].host: 'a..com' has an empty label" },
		{ "leading dash", HOST("-a.com"), 0,
		  "spec.rules[0].host: '-a.com' has a label that begins or ends with '-'" },
		{ "label of 64", HOST("x" X63), 0,
		  "spec.rules[0].host: 'x" X63 "' has a label longer than 63 characters" },
		{ "a number", RULES("{'host':5}"), 0,
		  "spec.rules[0].host: expected a string, found a number" },
		{ "null", RULES("{'host':null,'http':null}"), 0, NULL },
	};
	char error[DECODE_ERROR_MAX];
	struct decode_result result = {};
	char problems[1024];

	(void)state;
	DECODE_CASES_RUN(cases);
	assert_int_equal(
		decode_quoted(HOST(X50 "." X50 "." X50 "." X50 "." X50 "." X50), &result, error),
		0);
	decode_problems(&result, problems, sizeof(problems));
	assert_non_null(strstr(problems, "...' is longer than 253 characters"));
	decode_result_free(&result);
}

#define WITH_BACKEND(backend) PATHS("{'path':'/','pathType':'Prefix','backend':" backend "}")
#define WITH_PORT(port)       WITH_BACKEND("{'service':{'name':'a','port':" port "}}")
#define PORT0                 PATH0 ".backend.service.port"

static void decode_ingress__backends(void **state)
{
	static const struct decode_case cases[] = {
		{ "by name", WITH_PORT("{'name':'http'}"), 0, NULL },
		{ "highest number", WITH_PORT("{'number':65535}"), 0, NULL },
		{ "whole number written as a float", WITH_PORT("{'number':80.0}"), 0, NULL },
		{ "resource", WITH_BACKEND("{'resource':{'kind':'Bucket','name':'x'}}"), 0, NULL },
		{ "zero", WITH_PORT("{'number':0}"), 0, PORT0 ".number: 0 is not in 1 to 65535" },
		{ "too high", WITH_PORT("{'number':65536}"), 0,
		  PORT0 ".number: 65536 is not in 1 to 65535" },
		{ "negative", WITH_PORT("{'number':-1}"), 0,
		  PORT0 ".number: -1 is not in 1 to 65535" },
		{ "huge", WITH_PORT("{'number':1e300}"), 0,
		  PORT0 ".number: 1e+300 is not in 1 to 65535" },
		{ "fraction", WITH_PORT("{'number':80.5}"), 0,
		  PORT0 ".number: 80.5 is not a whole number" },
		{ "number in quotes", WITH_PORT("{'number':'80'}"), 0,
		  PORT0 ".number: expected a number, found a string" },
		{ "port a number", WITH_PORT("80"), 0, PORT0 ": expected a map, found a number" },
		{ "both", WITH_PORT("{'number':80,'name':'http'}"), 0,
		  PORT0 ": has both name and number" },
		{ "neither", WITH_PORT("{}"), 0, PORT0 ": needs a name or a number" },
		{ "bad port name", WITH_PORT("{'name':'80'}"), 0,
		  PORT0 ".name: '80' needs a letter" },
		{ "long port name", WITH_PORT("{'name':'abcdefghijklmnop'}"), 0,
		  PORT0 ".name: 'abcdefghijklmnop' is longer than 15 characters" },
		{ "no service name", WITH_BACKEND("{'service':{'port':{'number':80}}}"), 0,
		  PATH0 ".backend.service.name: '' is empty" },
		{ "service name of another namespace",
		  WITH_BACKEND("{'service':{'name':'ns/web','port':{'number':80}}}"), 0,
		  PATH0 ".backend.service.name: 'ns/web' may hold only a-z, 0-9, '-' and '.'" },
		{ "empty backend", WITH_BACKEND("{}"), 0, PATH0 ".backend: names no service" },
		{ "no backend", PATHS("{'path':'/','pathType':'Prefix'}"), 0,
		  PATH0 ".backend: missing" },
		{ "old style", WITH_BACKEND("{'serviceName':'a','servicePort':80}"), 0,
		  PATH0 ".backend: names no service" },
		{ "service and resource",
		  WITH_BACKEND("{'service':{'name':'a','port':{'number':1}},'resource':{}}"), 0,
		  PATH0 ".backend: has both service and resource" },
		{ "broken default backend", INGRESS("'defaultBackend':{'service':{'name':'a'}}"), 0,
		  "spec.defaultBackend.service.port: needs a name or a number" },
		{ "default backend a string", INGRESS("'defaultBackend':'a'"), 0,
		  "spec.defaultBackend: expected a map, found a string" },
	};

	(void)state;
	DECODE_CASES_RUN(cases);
}

static void decode_ingress__tls(void **state)
{
	static const struct decode_case cases[] = {
		{ "full", INGRESS("'tls':[{'hosts':['a.com','*.b.com'],'secretName':'s'}]"), 0,
		  NULL },
		{ "nothing in it", INGRESS("'tls':[{}]"), 0, NULL },
		{ "hosts null", INGRESS("'tls':[{'hosts':null,'secretName':null}]"), 0, NULL },
		{ "one host of two", INGRESS("'tls':[{'hosts':['a_b','a.com'],'secretName':'s'}]"),
		  0, "spec.tls[0].hosts[0]: 'a_b' may hold only a-z, 0-9, '-' and '.'" },
		{ "no host left", INGRESS("'tls':[{'hosts':[''],'secretName':'s'}]"), 0,
		  "spec.tls[0].hosts[0]: is empty; spec.tls[0].hosts: none of the hosts is "
		  "usable" },
		{ "secret of another namespace", INGRESS("'tls':[{'secretName':'other/s'}]"), 0,
		  "spec.tls[0].secretName: 'other/s' may hold only a-z, 0-9, '-' and '.'" },
		{ "tls a map", INGRESS("'tls':{}"), -EINVAL,
		  "spec.tls: expected a list, found a map" },
	};

	(void)state;
	DECODE_CASES_RUN(cases);
}

static void decode_ingress__whole_object(void **state)
{
	static const struct decode_case cases[] = {
		{ "no spec",
		  "{'kind':'Ingress','apiVersion':'networking.k8s.io/v1','metadata':"
		  "{'name':'i'}}",
		  0, NULL },
		{ "rules a string", INGRESS("'rules':'x'"), -EINVAL,
		  "spec.rules: expected a list, found a string" },
		{ "class a list", INGRESS("'ingressClassName':[]"), -EINVAL,
		  "spec.ingressClassName: expected a string, found a list" },
		{ "a rule that is none", RULES("'x'"), 0,
		  "spec.rules[0]: expected a map, found a string" },
	};

	(void)state;
	DECODE_CASES_RUN(cases);
}

static void decode_ingress__siblings_of_a_refused_path_stay(void **state)
{
	struct object *object =
		decode_one(RULES("{'host':'bad_','http':{'paths':[]}},"
				 "{'host':'a.com','http':{'paths':["
				 "{'path':'/x','pathType':'Exact'," BACKEND "},"
				 "{'path':'/a//b','pathType':'Prefix'," BACKEND "},"
				 "{'path':'/y','pathType':'Prefix'," BACKEND "}]}}"));
	struct ingress *ingress = (struct ingress *)object;

	(void)state;
	assert_int_equal(object->problems_count, 2);
	assert_string_equal(object->problems[1].field, "spec.rules[1].http.paths[1].path");
	assert_int_equal(ingress->rules_count, 1);
	assert_true(ingress->rules[0].has_http);
	assert_int_equal(ingress->rules[0].index, 1);
	assert_int_equal(ingress->rules[0].paths_count, 2);
	assert_string_equal(ingress->rules[0].paths[1].path, "/y");
	assert_int_equal(ingress->rules[0].paths[1].index, 2);
	assert_string_equal(ingress->rules[0].paths[1].backend.service, "web");
	assert_int_equal(ingress->rules[0].paths[1].backend.port.number, 80);
	object_free(object);
}

static void decode_ingress__refused_rules_still_count_as_rules(void **state)
{
	struct object *object = decode_one(
		INGRESS("'rules':[{'host':'bad_'}],"
			"'defaultBackend':{'service':{'name':'a','port':{'name':'http'}}}"));
	struct ingress *ingress = (struct ingress *)object;

	(void)state;
	assert_int_equal(ingress->rules_count, 0);
	assert_true(ingress->has_rules);
	assert_string_equal(ingress->default_backend->port.name, "http");
	object_free(object);
}

static void decode_ingress__faults_listed_are_bounded(void **state)
{
	char *text = malloc(200 * 100 + 1000);
	size_t used = (size_t)sprintf(text, "{'kind':'Ingress','apiVersion':'networking.k8s.io/v1',"
					    "'metadata':{'name':'i'},'spec':{'rules':[");
	struct object *object;

	(void)state;
	for (int i = 0; i < 200; i++)
		used += (size_t)sprintf(text + used, "%s{'host':'bad_'}", i ? "," : "");
	sprintf(text + used, "]}}");
	object = decode_one(text);
	assert_int_equal(object->problems_count, 64);
	assert_string_equal(object->problems[63].message, "more faults than the 63 listed");
	object_free(object);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decode_ingress__paths),
		cmocka_unit_test(decode_ingress__hosts),
		cmocka_unit_test(decode_ingress__backends),
		cmocka_unit_test(decode_ingress__tls),
		cmocka_unit_test(decode_ingress__whole_object),
		cmocka_unit_test(decode_ingress__siblings_of_a_refused_path_stay),
		cmocka_unit_test(decode_ingress__refused_rules_still_count_as_rules),
		cmocka_unit_test(decode_ingress__faults_listed_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
