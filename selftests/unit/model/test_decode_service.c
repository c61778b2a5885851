// SPDX-License-Identifier: Apache-2.0
/* Service, EndpointSlice, Endpoints. */
#include <errno.h>
#include <netinet/in.h>

#include "unit/model/decode_case.h"

#define SERVICE(spec) \
	"{'kind':'Service','apiVersion':'v1','metadata':{'name':'web'},'spec':{" spec "}}"
#define PORTS(ports) SERVICE("'ports':[" ports "]")

static void decode_service__parts(void **state)
{
	static const struct decode_case cases[] = {
		{ "ports null", SERVICE("'ports':null"), 0, NULL },
		{ "unknown type", SERVICE("'type':'Mesh'"), 0,
		  "spec.type: 'Mesh' is not known; taken as ClusterIP" },
		{ "protocol unknown", PORTS("{'port':1,'protocol':'QUIC'}"), 0,
		  "spec.ports[0].protocol: 'QUIC' is none of TCP, UDP, SCTP" },
		{ "no number", PORTS("{'name':'a'}"), 0, "spec.ports[0].port: missing" },
		{ "same name twice", PORTS("{'port':1,'name':'a'},{'port':2,'name':'a'}"), 0,
		  "spec.ports[1]: has the name 'a' of a port before it" },
		{ "same number twice", PORTS("{'port':1,'name':'a'},{'port':1,'name':'b'}"), 0,
		  "spec.ports[1]: has the number 1 and protocol of a port before it" },
		{ "same number for TCP and UDP",
		  PORTS("{'port':53,'name':'a'},{'port':53,'name':'b','protocol':'UDP'}"), 0,
		  NULL },
		{ "bad loadBalancerIP", SERVICE("'loadBalancerIP':'1.2.3'"), 0,
		  "spec.loadBalancerIP: '1.2.3' is not an IP address" },
		{ "bad externalIPs", SERVICE("'externalIPs':['x','192.0.2.1',5]"), 0,
		  "spec.externalIPs[0]: 'x' is not an IP address; "
		  "spec.externalIPs[2]: expected a string, found a number" },
		{ "one bad source range",
		  SERVICE("'loadBalancerSourceRanges':['10.0.0.0/8','10.0.0.0/33',' ::/0 ']"), 0,
		  "spec.loadBalancerSourceRanges[1]: '10.0.0.0/33' is not a network such as "
		  "10.0.0.0/8" },
		{ "no good source range fails closed",
		  SERVICE("'loadBalancerSourceRanges':['10.0.0.1']"), -EINVAL,
		  "spec.loadBalancerSourceRanges: none of the networks is valid" },
		{ "families of tomorrow", SERVICE("'ipFamilies':['IPv7']"), 0, NULL },
	};

	(void)state;
	DECODE_CASES_RUN(cases);
}

static void decode_service__fields_land(void **state)
{
	struct object *object = decode_one(
		SERVICE("'type':'LoadBalancer','loadBalancerClass':'sluice.dev/l4',"
			"'loadBalancerIP':'192.0.2.1','externalIPs':['2001:db8::1'],"
			"'externalTrafficPolicy':'Local','sessionAffinity':'ClientIP',"
			"'sessionAffinityConfig':{'clientIP':{'timeoutSeconds':60}},"
			"'healthCheckNodePort':32000,'ipFamilies':['IPv6'],"
			"'publishNotReadyAddresses':true,"
			"'loadBalancerSourceRanges':[' 10.0.0.0/8 '],"
			"'ports':[{'name':'dns','port':53,'protocol':'UDP','targetPort':'x',"
			"'nodePort':30053,'appProtocol':'a'}]"));
	struct service *service = (struct service *)object;

	(void)state;
	assert_int_equal(service->type, SERVICE_LOAD_BALANCER);
	assert_string_equal(service->load_balancer_class, "sluice.dev/l4");
	assert_int_equal(service->load_balancer_ips_count, 1);
	assert_int_equal(service->external_ips_count, 1);
	assert_true(service->external_traffic_local);
	assert_true(service->session_affinity_client_ip);
	assert_int_equal(service->session_affinity_timeout_s, 60);
	assert_int_equal(service->health_check_node_port, 32000);
	assert_true(service->wants_ipv6 && !service->wants_ipv4);
	assert_true(service->publish_not_ready);
	assert_string_equal(service->source_ranges[0], "10.0.0.0/8");
	assert_int_equal(service->ports_count, 1);
	assert_string_equal(service->ports[0].name, "dns");
	assert_int_equal(service->ports[0].number, 53);
	assert_int_equal(service->ports[0].proto, IPPROTO_UDP);
	assert_int_equal(service->ports[0].node_port, 30053);
	assert_string_equal(service->ports[0].app_protocol, "a");
	object_free(object);
}

#define SLICE(rest)                                                                          \
	"{'kind':'EndpointSlice','apiVersion':'discovery.k8s.io/v1','metadata':{'name':'s'," \
	"'labels':{'kubernetes.io/service-name':'web'}}" rest "}"

static void decode_slice__parts(void **state)
{
	static const struct decode_case cases[] = {
		{ "empty", SLICE(""), 0, NULL },
		{ "nulls", SLICE(",'endpoints':null,'ports':null"), 0, NULL },
		{ "names are no addresses",
		  SLICE(",'addressType':'FQDN','endpoints':[{'addresses':"
			"['a.com']}]"),
		  0, "addressType: 'FQDN' is not served; the endpoints are left out" },
		{ "no address", SLICE(",'endpoints':[{'addresses':[]},{}]"), 0,
		  "endpoints[0].addresses: is empty; endpoints[1].addresses: is empty" },
		{ "no IP address", SLICE(",'endpoints':[{'addresses':['10.0.0.256']}]"), 0,
		  "endpoints[0].addresses[0]: '10.0.0.256' is not an IP address" },
		{ "another family",
		  SLICE(",'addressType':'IPv4','endpoints':[{'addresses':['2001:db8::1']}]"), 0,
		  "endpoints[0].addresses[0]: '2001:db8::1' is not of the slice's addressType" },
		{ "any address", SLICE(",'endpoints':[{'addresses':['0.0.0.0']}]"), 0,
		  "endpoints[0].addresses[0]: '0.0.0.0' is not the address of a single host" },
		{ "multicast", SLICE(",'endpoints':[{'addresses':['ff02::1']}]"), 0,
		  "endpoints[0].addresses[0]: 'ff02::1' is not the address of a single host" },
		{ "ready a string",
		  SLICE(",'endpoints':[{'addresses':['10.0.0.1'],'conditions':{'ready':'yes'}}]"),
		  0, "endpoints[0].conditions.ready: expected a boolean, found a string" },
		{ "endpoints a map", SLICE(",'endpoints':{}"), -EINVAL,
		  "endpoints: expected a list, found a map" },
		{ "port out of range", SLICE(",'ports':[{'port':70000}]"), 0,
		  "ports[0].port: 70000 is not in 1 to 65535" },
	};

	(void)state;
	DECODE_CASES_RUN(cases);
}

static void decode_slice__conditions_have_defaults(void **state)
{
	static const struct {
		const char *name, *conditions;
		bool ready, serving, terminating;
	} cases[] = {
		{ "absent", "", true, true, false },
		{ "empty", ",'conditions':{}", true, true, false },
		{ "null", ",'conditions':null", true, true, false },
		{ "nulls", ",'conditions':{'ready':null,'serving':null,'terminating':null}", true,
		  true, false },
		{ "terminating", ",'conditions':{'ready':false,'serving':true,'terminating':true}",
		  false, true, true },
		{ "not ready", ",'conditions':{'ready':false,'serving':false}", false, false,
		  false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice_endpoint *endpoint;
		struct object *object;
		char text[512];

		snprintf(text, sizeof(text), SLICE(",'endpoints':[{'addresses':['10.0.0.1']%s}]"),
			 cases[i].conditions);
		object = decode_one(text);
		endpoint = ((struct endpoint_slice *)object)->endpoints;
		if (endpoint->ready != cases[i].ready || endpoint->serving != cases[i].serving ||
		    endpoint->terminating != cases[i].terminating)
			fail_msg("%s", cases[i].name);
		object_free(object);
	}
}

static void decode_slice__refused_port_leaves_nothing_to_the_next(void **state)
{
	struct object *object =
		decode_one(SLICE(",'ports':[{'name':'a','port':81,'protocol':'X'},{'name':'b'},"
				 "{'name':null,'port':83}]"));
	struct endpoint_slice *slice = (struct endpoint_slice *)object;

	(void)state;
	assert_int_equal(slice->ports_count, 2);
	assert_string_equal(slice->ports[0].name, "b");
	assert_int_equal(slice->ports[0].number, 0);
	assert_string_equal(slice->ports[1].name, "");
	assert_int_equal(slice->ports[1].number, 83);
	assert_string_equal(slice->service_name, "web");
	object_free(object);
}

#define ENDPOINTS(rest) \
	"{'kind':'Endpoints','apiVersion':'v1','metadata':{'name':'web','namespace':'ns'}" rest "}"

static void decode_endpoints__each_subset_is_a_slice(void **state)
{
	struct decode_result result = {};
	const struct endpoint_slice *slice;
	char error[DECODE_ERROR_MAX];

	(void)state;
	assert_int_equal(
		decode_quoted(
			ENDPOINTS(",'subsets':[{'addresses':[{'ip':'10.0.0.1','nodeName':'n'},"
				  "{'ip':'bad'}],'notReadyAddresses':[{'ip':'10.0.0.2'}],"
				  "'ports':[{'port':8080}]},{'ports':null}]"),
			&result, error),
		0);
	assert_int_equal(result.count, 2);
	slice = (const struct endpoint_slice *)result.objects[0];
	assert_string_equal(slice->meta.name, "web#0");
	assert_string_equal(slice->meta.namespace, "ns");
	assert_string_equal(slice->service_name, "web");
	assert_true(slice->from_endpoints);
	assert_int_equal(slice->endpoints_count, 2);
	assert_true(slice->endpoints[0].ready);
	assert_string_equal(slice->endpoints[0].node_name, "n");
	assert_false(slice->endpoints[1].ready);
	assert_int_equal(slice->ports[0].number, 8080);
	assert_string_equal(slice->meta.problems[0].field, "subsets[0].addresses[1].ip");
	assert_string_equal(result.objects[1]->name, "web#1");
	decode_result_free(&result);
}

static void decode_endpoints__none_is_no_object(void **state)
{
	struct decode_result result = {};
	char error[DECODE_ERROR_MAX];

	(void)state;
	assert_int_equal(decode_quoted(ENDPOINTS(",'subsets':null"), &result, error), 0);
	assert_int_equal(result.count, 0);
	decode_result_free(&result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decode_service__parts),
		cmocka_unit_test(decode_service__fields_land),
		cmocka_unit_test(decode_slice__parts),
		cmocka_unit_test(decode_slice__conditions_have_defaults),
		cmocka_unit_test(decode_slice__refused_port_leaves_nothing_to_the_next),
		cmocka_unit_test(decode_endpoints__each_subset_is_a_slice),
		cmocka_unit_test(decode_endpoints__none_is_no_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
