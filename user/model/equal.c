// SPDX-License-Identifier: Apache-2.0
/*
 * equal.c - do two versions of an object mean the same
 */
#include "model/model.h"

#include <string.h>

/* Either may be NULL; NULL equals only NULL. */
static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_bytes(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
	/* memcmp must not see the NULL of an empty array. */
	return a_bytes == b_bytes && (a_bytes == 0 || memcmp(a, b, a_bytes) == 0);
}

/* Order counts not: sources may list a map's keys as they like. */
static bool same_pairs(const struct key_value *a, size_t a_count, const struct key_value *b,
		       size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++) {
		size_t j = i;

		/* Nearly always the same place; else search. Keys of a map are unique. */
		if (strcmp(a[i].key, b[j].key) != 0)
			for (j = 0; j < b_count && strcmp(a[i].key, b[j].key) != 0;)
				j++;
		if (j == b_count || strcmp(a[i].value, b[j].value) != 0)
			return false;
	}
	return true;
}

static bool same_problems(const struct object *a, const struct object *b)
{
	if (a->problems_count != b->problems_count)
		return false;
	for (size_t i = 0; i < a->problems_count; i++)
		if (!same_text(a->problems[i].field, b->problems[i].field) ||
		    !same_text(a->problems[i].message, b->problems[i].message))
			return false;
	return true;
}

static bool same_backend(const struct ingress_backend *a, const struct ingress_backend *b)
{
	if (!a || !b)
		return a == b;
	return same_text(a->service, b->service) && same_text(a->port.name, b->port.name) &&
	       a->port.number == b->port.number && same_text(a->resource, b->resource);
}

static bool same_rule(const struct ingress_rule *a, const struct ingress_rule *b)
{
	if (!same_text(a->host, b->host) || a->has_http != b->has_http || a->index != b->index ||
	    a->paths_count != b->paths_count)
		return false;
	for (size_t i = 0; i < a->paths_count; i++)
		if (!same_text(a->paths[i].path, b->paths[i].path) ||
		    a->paths[i].type != b->paths[i].type ||
		    a->paths[i].index != b->paths[i].index ||
		    !same_backend(&a->paths[i].backend, &b->paths[i].backend))
			return false;
	return true;
}

static bool same_tls(const struct ingress_tls *a, const struct ingress_tls *b)
{
	if (!same_text(a->secret_name, b->secret_name) || a->index != b->index ||
	    a->hosts_count != b->hosts_count)
		return false;
	for (size_t i = 0; i < a->hosts_count; i++)
		if (!same_text(a->hosts[i], b->hosts[i]))
			return false;
	return true;
}

static bool same_ingress(const struct ingress *a, const struct ingress *b)
{
	if (!same_text(a->class_name, b->class_name) ||
	    !same_backend(a->default_backend, b->default_backend) || a->has_rules != b->has_rules ||
	    a->rules_count != b->rules_count || a->tls_count != b->tls_count)
		return false;
	for (size_t i = 0; i < a->rules_count; i++)
		if (!same_rule(&a->rules[i], &b->rules[i]))
			return false;
	for (size_t i = 0; i < a->tls_count; i++)
		if (!same_tls(&a->tls[i], &b->tls[i]))
			return false;
	return true;
}

static bool same_addresses(const struct inet_addr *a, size_t a_count, const struct inet_addr *b,
			   size_t b_count)
{
	return same_bytes(a, a_count * sizeof(*a), b, b_count * sizeof(*b));
}

static bool same_service_port(const struct service_port *a, const struct service_port *b)
{
	return same_text(a->name, b->name) && a->number == b->number && a->proto == b->proto &&
	       a->node_port == b->node_port && same_text(a->app_protocol, b->app_protocol);
}

static bool same_service(const struct service *a, const struct service *b)
{
	if (a->type != b->type || !same_text(a->load_balancer_class, b->load_balancer_class) ||
	    !same_text(a->external_name, b->external_name) ||
	    !same_addresses(a->load_balancer_ips, a->load_balancer_ips_count, b->load_balancer_ips,
			    b->load_balancer_ips_count) ||
	    !same_addresses(a->external_ips, a->external_ips_count, b->external_ips,
			    b->external_ips_count) ||
	    a->ports_count != b->ports_count || a->source_ranges_count != b->source_ranges_count ||
	    a->external_traffic_local != b->external_traffic_local ||
	    a->publish_not_ready != b->publish_not_ready ||
	    a->session_affinity_client_ip != b->session_affinity_client_ip ||
	    a->session_affinity_timeout_s != b->session_affinity_timeout_s ||
	    a->health_check_node_port != b->health_check_node_port ||
	    a->wants_ipv4 != b->wants_ipv4 || a->wants_ipv6 != b->wants_ipv6)
		return false;
	for (size_t i = 0; i < a->ports_count; i++)
		if (!same_service_port(&a->ports[i], &b->ports[i]))
			return false;
	for (size_t i = 0; i < a->source_ranges_count; i++)
		if (!same_text(a->source_ranges[i], b->source_ranges[i]))
			return false;
	return true;
}

static bool same_endpoint(const struct slice_endpoint *a, const struct slice_endpoint *b)
{
	return inet_addr_compare(&a->addr, &b->addr) == 0 && a->ready == b->ready &&
	       a->serving == b->serving && a->terminating == b->terminating &&
	       same_text(a->node_name, b->node_name) && same_text(a->target_name, b->target_name);
}

static bool same_slice(const struct endpoint_slice *a, const struct endpoint_slice *b)
{
	if (!same_text(a->service_name, b->service_name) ||
	    a->from_endpoints != b->from_endpoints || a->ports_count != b->ports_count ||
	    a->endpoints_count != b->endpoints_count)
		return false;
	for (size_t i = 0; i < a->ports_count; i++)
		if (!same_text(a->ports[i].name, b->ports[i].name) ||
		    a->ports[i].number != b->ports[i].number ||
		    a->ports[i].proto != b->ports[i].proto)
			return false;
	for (size_t i = 0; i < a->endpoints_count; i++)
		if (!same_endpoint(&a->endpoints[i], &b->endpoints[i]))
			return false;
	return true;
}

static bool same_secret(const struct secret *a, const struct secret *b)
{
	return same_text(a->type, b->type) &&
	       same_bytes(a->tls_crt, a->tls_crt_bytes, b->tls_crt, b->tls_crt_bytes) &&
	       same_bytes(a->tls_key, a->tls_key_bytes, b->tls_key, b->tls_key_bytes) &&
	       same_bytes(a->ca_crt, a->ca_crt_bytes, b->ca_crt, b->ca_crt_bytes) &&
	       same_bytes(a->tls_ocsp, a->tls_ocsp_bytes, b->tls_ocsp, b->tls_ocsp_bytes);
}

static bool same_node(const struct node *a, const struct node *b)
{
	return a->ready == b->ready &&
	       same_addresses(a->internal_ips, a->internal_ips_count, b->internal_ips,
			      b->internal_ips_count) &&
	       same_addresses(a->external_ips, a->external_ips_count, b->external_ips,
			      b->external_ips_count);
}

static bool same_parts(const struct object *a, const struct object *b)
{
	const struct ingress_class *class_a, *class_b;
	const struct config_map *map_a, *map_b;

	switch (a->kind) {
	case OBJECT_INGRESS:
		return same_ingress((const struct ingress *)a, (const struct ingress *)b);
	case OBJECT_INGRESS_CLASS:
		class_a = (const struct ingress_class *)a;
		class_b = (const struct ingress_class *)b;
		return same_text(class_a->controller, class_b->controller) &&
		       class_a->is_default == class_b->is_default;
	case OBJECT_SERVICE:
		return same_service((const struct service *)a, (const struct service *)b);
	case OBJECT_ENDPOINT_SLICE:
		return same_slice((const struct endpoint_slice *)a,
				  (const struct endpoint_slice *)b);
	case OBJECT_SECRET:
		return same_secret((const struct secret *)a, (const struct secret *)b);
	case OBJECT_CONFIG_MAP:
		map_a = (const struct config_map *)a;
		map_b = (const struct config_map *)b;
		return same_pairs(map_a->data, map_a->data_count, map_b->data, map_b->data_count);
	case OBJECT_NODE:
		return same_node((const struct node *)a, (const struct node *)b);
	case OBJECT_LEASE:
		return same_text(((const struct lease *)a)->holder,
				 ((const struct lease *)b)->holder) &&
		       ((const struct lease *)a)->duration_s ==
			       ((const struct lease *)b)->duration_s;
	case OBJECT_KINDS:
		break;
	}
	return false;
}

bool object_equal(const struct object *a, const struct object *b)
{
	return a->kind == b->kind && same_text(a->namespace, b->namespace) &&
	       same_text(a->name, b->name) && same_text(a->uid, b->uid) &&
	       a->created_unix_s == b->created_unix_s &&
	       same_pairs(a->annotations, a->annotations_count, b->annotations,
			  b->annotations_count) &&
	       same_pairs(a->labels, a->labels_count, b->labels, b->labels_count) &&
	       same_problems(a, b) && same_parts(a, b);
}
