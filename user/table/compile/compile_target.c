// SPDX-License-Identifier: Apache-2.0
/*
 * compile_target.c - from the backend of a rule to Service, port and upstream
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table/compile/compile.h"
#include "table/marks.h"

const struct service_port *service_port_find(const struct service *service,
					     const struct service_port_ref *ref)
{
	const struct service_port *found = NULL;

	for (size_t i = 0; i < service->ports_count; i++) {
		const struct service_port *port = &service->ports[i];

		if (ref->name ? strcmp(port->name, ref->name) != 0 : port->number != ref->number)
			continue;
		if (!found || port->proto == IPPROTO_TCP)
			found = port;
	}
	return found;
}

/* "ns/svc:port" as the rule says it, for what has no upstream. */
static char *written_name(const char *namespace, const struct ingress_backend *backend)
{
	char *name;
	int n;

	if (backend->port.name)
		n = asprintf(&name, "%s/%s:%s", namespace, backend->service, backend->port.name);
	else
		n = asprintf(&name, "%s/%s:%u", namespace, backend->service, backend->port.number);
	return n < 0 ? NULL : name;
}

/* A warning about the backend; the path stays and answers 503. */
static int tell(const struct target_report *report, const char *reason, const char *part,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

static int tell(const struct target_report *report, const char *reason, const char *part,
		const char *format, ...)
{
	char field[192], message[512];
	va_list args;

	if (!report->problems)
		return 0;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	snprintf(field, sizeof(field), "%s%s", report->field, part);
	return problems_add(report->problems, &report->object, PROBLEM_WARNING, reason, field, "%s",
			    message);
}

/* The port number of an external Service: often it lists none, and the rule's own number counts. */
static uint16_t external_port(const struct service *service, const struct service_port_ref *ref)
{
	const struct service_port *port = service_port_find(service, ref);

	return port ? port->number : ref->number;
}

static int find_external(const struct table *table, const struct service *service,
			 const struct ingress_backend *backend, const struct target_report *report,
			 uint16_t *number)
{
	const struct external *external;
	struct inet_addr addr;

	*number = 0;
	if (!table->options.allow_external_name)
		return tell(report, "ExternalNameRefused", ".service.name",
			    "Service %s is of type ExternalName, which is not allowed here "
			    "(--allow-external-name); 503 is answered",
			    backend->service);
	*number = external_port(service, &backend->port);
	if (!*number)
		return tell(report, "PortNotFound", ".service.port",
			    "Service %s has no port \"%s\"; 503 is answered", backend->service,
			    backend->port.name ? backend->port.name : "");
	if (service->external_name && inet_addr_parse(service->external_name, &addr) == 0)
		return 0;
	external = external_find(table, service->external_name);
	if (external && external->count)
		return 0;
	return tell(report, "ExternalNameNotResolved", ".service.name",
		    "Service %s names host %s, of which no address is known; 503 is answered until "
		    "it is found, or an EndpointSlice gives addresses",
		    backend->service, service->external_name ? service->external_name : "\"\"");
}

/* What appProtocol says, of the values that mean something here. */
static uint8_t app_protocol_of(const struct service_port *port)
{
	static const struct {
		const char *name;
		enum route_protocol protocol;
	} known[] = {
		{ "kubernetes.io/h2c", ROUTE_H2C },
		{ "https", ROUTE_HTTPS },
		{ "grpc", ROUTE_GRPC },
	};

	for (size_t i = 0; port->app_protocol && i < sizeof(known) / sizeof(known[0]); i++)
		if (strcasecmp(port->app_protocol, known[i].name) == 0)
			return (uint8_t)known[i].protocol;
	return ROUTE_HTTP;
}

/* The port of the Service that leads to that port of the pods. */
static const struct service_port *find_pod_port(const struct service *service,
						const struct service_port_ref *ref)
{
	for (size_t i = 0; i < service->ports_count; i++) {
		const struct service_port *port = &service->ports[i];
		bool same = ref->name
				    ? port->target_name && strcmp(port->target_name, ref->name) == 0
				    : port->target_number == ref->number && ref->number;

		if (same && port->proto == IPPROTO_TCP)
			return port;
	}
	return NULL;
}

/* *number: 0 if the backend must answer 503. */
static int find_port(const struct table *table, const struct model *model, const char *namespace,
		     const struct ingress_backend *backend, const struct target_report *report,
		     uint16_t *number, uint8_t *app_protocol)
{
	const struct service *service = (const struct service *)model_get(
		model, OBJECT_SERVICE, namespace, backend->service);
	const struct service_port *port;

	*number = 0;
	*app_protocol = ROUTE_HTTP;
	if (!service)
		return tell(report, "ServiceNotFound", ".service.name",
			    "Service %s/%s does not exist; 503 is answered until it does",
			    namespace, backend->service);
	if (service->type == SERVICE_EXTERNAL_NAME)
		return find_external(table, service, backend, report, number);
	port = service_port_find(service, &backend->port);
	if (!port && report->pod_ports)
		port = find_pod_port(service, &backend->port);
	if (!port && backend->port.name)
		return tell(report, "PortNotFound", ".service.port.name",
			    "Service %s/%s has no port named \"%s\"; 503 is answered", namespace,
			    backend->service, backend->port.name);
	if (!port)
		return tell(report, "PortNotFound", ".service.port.number",
			    "Service %s/%s has no port %u; 503 is answered", namespace,
			    backend->service, backend->port.number);
	if (port->proto != IPPROTO_TCP)
		return tell(report, "PortNotFound", ".service.port",
			    "port %u of Service %s/%s is not TCP; 503 is answered", port->number,
			    namespace, backend->service);
	*number = port->number;
	*app_protocol = app_protocol_of(port);
	return 0;
}

int target_resolve(struct table *table, const struct model *model, const char *namespace,
		   const struct ingress_backend *backend, const struct target_report *report,
		   struct target *target)
{
	uint8_t app_protocol;
	uint16_t number;
	int err;

	if (!backend->service) {
		err = tell(report, "ResourceBackend", ".resource",
			   "%s: only Services can be backends; this one is left out",
			   backend->resource ? backend->resource : "resource");
		return err ? err : -ENOENT;
	}
	err = find_port(table, model, namespace, backend, report, &number, &app_protocol);
	if (err)
		return err;
	target->name = written_name(namespace, backend);
	if (!target->name)
		return -ENOMEM;
	err = service_entry_get(table, namespace, backend->service, &target->service);
	if (err) {
		target->service = NULL;
		return err;
	}
	LIST_INSERT_HEAD(&target->service->targets, target, of_service);
	if (!number)
		return 0;
	err = upstream_acquire(table, target->service, number, IPPROTO_TCP, SCOPE_ALL, false,
			       &target->upstream);
	if (!err)
		target->upstream->app_protocol = app_protocol;
	if (err == -ENOSPC || err == -EINVAL)
		err = tell(report, "TableFull", "", "%s: %s; 503 is answered", target->name,
			   err == -ENOSPC ? "all upstream ids are in use" : "name too long");
	return err;
}

void target_release(struct table *table, struct target *target)
{
	free(target->name);
	target->name = NULL;
	if (!target->service)
		return;
	upstream_release(table, target->upstream, false);
	LIST_REMOVE(target, of_service);
	mark_service(table, target->service);
	target->service = NULL;
	target->upstream = NULL;
}
