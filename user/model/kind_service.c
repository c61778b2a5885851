// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/fields.h"
#include "model/kind.h"
#include "model/names.h"
#include "model/parts.h"
#include "model/names.h"

#define AFFINITY_TIMEOUT_DEFAULT_S 10800 /* Service API: sessionAffinityConfig.clientIP */
#define AFFINITY_TIMEOUT_MAX_S     86400 /* the same */

/* A number or a name, or a number in a text; what is neither says nothing. Return: 0; -ENOMEM. */
static int decode_target_port(const cJSON *json, struct service_port *port)
{
	const cJSON *target = cJSON_GetObjectItemCaseSensitive(json, "targetPort");
	double number = cJSON_IsNumber(target) ? target->valuedouble : 0;

	if (cJSON_IsString(target))
		number = strtod(target->valuestring, NULL);
	if (number >= 1 && number <= UINT16_MAX) {
		port->target_number = (uint16_t)number;
		return 0;
	}
	if (!cJSON_IsString(target) || !target->valuestring[0])
		return 0;
	port->target_name = strdup(target->valuestring);
	return port->target_name ? 0 : -ENOMEM;
}

static int decode_service_port(struct decode *d, const struct field *at, const cJSON *json,
			       struct service_port *port)
{
	struct field number_at = field_child(at, "port"), name_at = field_child(at, "name");
	const char *name = "", *reason;
	char quoted[QUOTED_MAX];
	int64_t node_port = 0;
	int err = decode_expect_object(d, at, json);

	if (!err)
		err = decode_text(d, at, json, "name", &name);
	if (!err)
		err = decode_port(d, at, json, "port", &port->number);
	if (!err)
		err = decode_protocol(d, at, json, &port->proto);
	if (!err)
		err = decode_integer(d, at, json, "nodePort", 0, UINT16_MAX, &node_port);
	if (err)
		return err;
	if (!port->number)
		return decode_fault(d, &number_at, "missing");
	/* Service port names may be as long as a label, other than those of containers. */
	reason = *name ? name_check_label(name) : NULL;
	if (reason)
		return decode_fault(d, &name_at, "%s %s", quote_text(name, quoted), reason);
	port->node_port = (uint16_t)node_port;
	err = decode_string(d, at, json, "appProtocol", &port->app_protocol);
	if (err)
		return err;
	err = decode_target_port(json, port);
	if (err)
		return err;
	port->name = strdup(name);
	return port->name ? 0 : -ENOMEM;
}

static void free_service_port(struct service_port *port)
{
	free(port->name);
	free(port->app_protocol);
	free(port->target_name);
	*port = (struct service_port){};
}

/* A second port of the same name, or of the same number and protocol, has no meaning. */
static int check_unique(struct decode *d, const struct field *at, const struct service *service,
			const struct service_port *port)
{
	char quoted[QUOTED_MAX];

	for (size_t i = 0; i < service->ports_count; i++) {
		const struct service_port *other = &service->ports[i];

		if (strcmp(other->name, port->name) == 0)
			return decode_fault(d, at, "has the name %s of a port before it",
					    quote_text(port->name, quoted));
		if (other->number == port->number && other->proto == port->proto)
			return decode_fault(d, at,
					    "has the number %u and protocol of a port before it",
					    port->number);
	}
	return 0;
}

static int decode_ports(struct decode *d, const struct field *spec_at, const cJSON *spec,
			struct service *service)
{
	struct field list_at = field_child(spec_at, "ports");
	const cJSON *list = NULL, *item;
	size_t index = 0;
	int err = decode_array(d, spec_at, spec, "ports", &list);

	if (err || !list || !list->child)
		return err;
	service->ports = calloc((size_t)cJSON_GetArraySize(list), sizeof(*service->ports));
	if (!service->ports)
		return -ENOMEM;
	cJSON_ArrayForEach (item, list) {
		struct field at = field_item(&list_at, index++);
		struct service_port port = {};

		err = decode_service_port(d, &at, item, &port);
		if (!err)
			err = check_unique(d, &at, service, &port);
		if (!err) {
			service->ports[service->ports_count++] = port;
			continue;
		}
		free_service_port(&port);
		if (err == -EINVAL)
			err = decode_note_fault(d);
		if (err)
			return err;
	}
	return 0;
}

static int decode_type(struct decode *d, const struct field *at, const cJSON *spec,
		       struct service *service)
{
	static const char *const names[] = {
		[SERVICE_CLUSTER_IP] = "ClusterIP",
		[SERVICE_NODE_PORT] = "NodePort",
		[SERVICE_LOAD_BALANCER] = "LoadBalancer",
		[SERVICE_EXTERNAL_NAME] = "ExternalName",
	};
	struct field type_at = field_child(at, "type");
	char quoted[QUOTED_MAX];
	const char *text = "";
	int err = decode_text(d, at, spec, "type", &text);

	if (err || !*text)
		return err;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], text) == 0) {
			service->type = (enum service_type)i;
			return 0;
		}
	}
	return decode_note(d, &type_at, "%s is not known; taken as ClusterIP",
			   quote_text(text, quoted));
}

/* Appends a copy of the network without the blanks around it, as the API allows them. */
static int add_source_range(struct decode *d, const struct field *at, const cJSON *item,
			    struct service *service)
{
	char quoted[QUOTED_MAX];
	const char *text;
	size_t bytes;
	char *copy;
	int err = decode_item_text(d, at, item, &text);

	if (err)
		return err;
	text += strspn(text, " \t");
	bytes = strlen(text);
	while (bytes && (text[bytes - 1] == ' ' || text[bytes - 1] == '\t'))
		bytes--;
	copy = strndup(text, bytes);
	if (!copy)
		return -ENOMEM;
	if (!name_is_cidr(copy)) {
		free(copy);
		return decode_fault(d, at, "%s is not a network such as 10.0.0.0/8",
				    quote_text(text, quoted));
	}
	service->source_ranges[service->source_ranges_count++] = copy;
	return 0;
}

static int decode_source_ranges(struct decode *d, const struct field *spec_at, const cJSON *spec,
				struct service *service)
{
	struct field list_at = field_child(spec_at, "loadBalancerSourceRanges");
	const cJSON *list = NULL, *item;
	size_t index = 0;
	int err = decode_array(d, spec_at, spec, "loadBalancerSourceRanges", &list);

	if (err || !list || !list->child)
		return err;
	service->source_ranges =
		calloc((size_t)cJSON_GetArraySize(list), sizeof(*service->source_ranges));
	if (!service->source_ranges)
		return -ENOMEM;
	cJSON_ArrayForEach (item, list) {
		struct field at = field_item(&list_at, index++);

		err = add_source_range(d, &at, item, service);
		if (err == -EINVAL)
			err = decode_note_fault(d);
		if (err)
			return err;
	}
	/* An empty list admits everybody: a filter of which nothing can be read must not. */
	return service->source_ranges_count
		       ? 0
		       : decode_fault(d, &list_at, "none of the networks is valid");
}

static int decode_load_balancer_ip(struct decode *d, const struct field *at, const cJSON *spec,
				   struct service *service)
{
	struct field ip_at = field_child(at, "loadBalancerIP");
	char quoted[QUOTED_MAX];
	struct inet_addr addr;
	const char *text = "";
	int err = decode_text(d, at, spec, "loadBalancerIP", &text);

	if (err == -EINVAL)
		return decode_note_fault(d);
	if (err || !*text)
		return err;
	if (inet_addr_parse(text, &addr))
		return decode_note(d, &ip_at, "%s is not an IP address", quote_text(text, quoted));
	return addresses_append(&service->load_balancer_ips, &service->load_balancer_ips_count,
				&addr);
}

static int decode_families(struct decode *d, const struct field *at, const cJSON *spec,
			   struct service *service)
{
	const cJSON *list = NULL, *item;
	int err = decode_array(d, at, spec, "ipFamilies", &list);

	cJSON_ArrayForEach (item, list) {
		const char *text = cJSON_GetStringValue(item);

		service->wants_ipv4 |= text && strcmp(text, "IPv4") == 0;
		service->wants_ipv6 |= text && strcmp(text, "IPv6") == 0;
	}
	if (!service->wants_ipv6)
		service->wants_ipv4 = true;
	return err;
}

static int decode_affinity(struct decode *d, const struct field *at, const cJSON *spec,
			   struct service *service)
{
	struct field config_at = field_child(at, "sessionAffinityConfig");
	struct field client_at = field_child(&config_at, "clientIP");
	const cJSON *config = NULL, *client = NULL;
	int64_t timeout_s = AFFINITY_TIMEOUT_DEFAULT_S;
	const char *text = "";
	int err = decode_text(d, at, spec, "sessionAffinity", &text);

	if (!err)
		err = decode_map(d, at, spec, "sessionAffinityConfig", &config);
	if (!err)
		err = decode_map(d, &config_at, config, "clientIP", &client);
	if (!err)
		err = decode_integer(d, &client_at, client, "timeoutSeconds", 1,
				     AFFINITY_TIMEOUT_MAX_S, &timeout_s);
	if (err)
		return err;
	service->session_affinity_client_ip = strcmp(text, "ClientIP") == 0;
	service->session_affinity_timeout_s = (uint32_t)timeout_s;
	return 0;
}

static int decode_service(struct decode *d, const cJSON *json, struct object *object)
{
	struct service *service = (struct service *)object;
	struct field at = field_child(NULL, "spec");
	const char *policy = "";
	const cJSON *spec = NULL;
	int64_t check_port = 0;
	int err = decode_map(d, NULL, json, "spec", &spec);

	if (!err)
		err = decode_type(d, &at, spec, service);
	if (!err)
		err = decode_ports(d, &at, spec, service);
	if (!err)
		err = decode_string(d, &at, spec, "loadBalancerClass",
				    &service->load_balancer_class);
	if (!err)
		err = decode_string(d, &at, spec, "externalName", &service->external_name);
	if (!err)
		err = decode_load_balancer_ip(d, &at, spec, service);
	if (!err)
		err = decode_addresses(d, &at, spec, "externalIPs", &service->external_ips,
				       &service->external_ips_count);
	if (!err)
		err = decode_source_ranges(d, &at, spec, service);
	if (!err)
		err = decode_text(d, &at, spec, "externalTrafficPolicy", &policy);
	if (!err)
		err = decode_bool(d, &at, spec, "publishNotReadyAddresses",
				  &service->publish_not_ready);
	if (!err)
		err = decode_affinity(d, &at, spec, service);
	if (!err)
		err = decode_integer(d, &at, spec, "healthCheckNodePort", 0, UINT16_MAX,
				     &check_port);
	if (!err)
		err = decode_families(d, &at, spec, service);
	if (!err)
		err = decode_status(d, json, &service->status, &service->status_count);
	service->external_traffic_local = strcmp(policy, "Local") == 0;
	service->health_check_node_port = (uint16_t)check_port;
	return err;
}

static void copy_service(struct copier *c, struct object *object)
{
	struct service *service = (struct service *)object;

	service->load_balancer_class = copier_text(c, service->load_balancer_class);
	service->external_name = copier_text(c, service->external_name);
	service->load_balancer_ips =
		copier_array(c, service->load_balancer_ips, &service->load_balancer_ips_count,
			     sizeof(*service->load_balancer_ips));
	service->external_ips = copier_array(c, service->external_ips, &service->external_ips_count,
					     sizeof(*service->external_ips));
	service->ports =
		copier_array(c, service->ports, &service->ports_count, sizeof(*service->ports));
	for (size_t i = 0; i < service->ports_count; i++) {
		service->ports[i].name = copier_text(c, service->ports[i].name);
		service->ports[i].app_protocol = copier_text(c, service->ports[i].app_protocol);
		service->ports[i].target_name = copier_text(c, service->ports[i].target_name);
	}
	copier_texts(c, &service->source_ranges, &service->source_ranges_count);
	copier_addresses(c, &service->status, &service->status_count);
}

static bool same_service_port(const struct service_port *a, const struct service_port *b)
{
	return same_text(a->name, b->name) && a->number == b->number && a->proto == b->proto &&
	       a->node_port == b->node_port && same_text(a->app_protocol, b->app_protocol) &&
	       a->target_number == b->target_number && same_text(a->target_name, b->target_name);
}

static bool same_service(const struct object *left, const struct object *right)
{
	const struct service *a = (const struct service *)left;
	const struct service *b = (const struct service *)right;

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

static void free_service(struct object *object)
{
	struct service *service = (struct service *)object;

	free(service->load_balancer_class);
	free(service->external_name);
	free(service->load_balancer_ips);
	free(service->external_ips);
	for (size_t i = 0; i < service->ports_count; i++) {
		free(service->ports[i].name);
		free(service->ports[i].app_protocol);
		free(service->ports[i].target_name);
	}
	free(service->ports);
	for (size_t i = 0; i < service->source_ranges_count; i++)
		free(service->source_ranges[i]);
	free(service->source_ranges);
	address_entries_free(service->status, service->status_count);
}

const struct kind_ops kind_service = {
	.resource = { "", "v1", "services", "Service", true },
	.size = sizeof(struct service),
	.check_name = name_check_label,
	.decode = decode_service,
	.clone = copy_service,
	.equal = same_service,
	.free = free_service,
};
