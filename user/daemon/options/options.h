/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h - the settings of sluiced: flags of the command line, else SLUICED_* of the environment
 */
#ifndef SLUICE_DAEMON_OPTIONS_OPTIONS_H
#define SLUICE_DAEMON_OPTIONS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/inet.h"
#include "base/log.h"
#include "dataplane/dataplane.h"
#include "table/table.h"

enum options_action {
	ACTION_RUN,
	ACTION_CLEANUP,
	ACTION_PROBE,
	ACTION_VERSION,
	ACTION_HELP,
};

enum options_probe { PROBE_LIVE, PROBE_READY };

enum options_splice { SPLICE_IF_PROVEN, SPLICE_ALWAYS, SPLICE_NEVER };

struct options {
	enum options_action action;
	enum options_probe probe; /* of ACTION_PROBE */

	/* Where the objects come from: at most one is set; none: the cluster we run in. */
	const char *manifests; /* borrowed from argv or environ, as all strings here */
	const char *kubeconfig;

	struct {
		const char *context, *watch_namespaces, *secret_namespaces, *label_selector;
		const char *publish_addresses, *publish_service, *lb_pool;
		const char *lease_namespace, *lease_name;
		bool write_status;
	} kube; /* NULL where not given; see kube/kube.h */

	const char **interfaces; /* owned array; empty: those of the default routes */
	size_t interfaces_count;
	struct inet_addr *addresses; /* owned; empty: every address of the node */
	size_t addresses_count;
	uint16_t http_port, https_port; /* host order; 0: not served */
	const char *node_name;          /* "": not known */

	const char *ingress_class;
	const char *controller;
	const char *nginx_class;      /* NULL: none */
	const char *nginx_config_map; /* "NS/NAME" or NULL */
	bool watch_without_class;
	const char *default_backend;     /* "NS/SVC:PORT" or NULL */
	const char *default_certificate; /* "NS/SECRET" or NULL */
	const char *backend_ca_bundle;   /* file; NULL: the system's */
	bool allow_external_name;

	uint32_t proxy_workers;   /* 0: one a core */
	const char *proxy_user;   /* NULL: sluice-proxy if there is one, else 65532 */
	const char *proxy_binary; /* NULL: beside sluiced */
	enum options_splice splice;
	uint32_t drain_timeout_ms;
	uint32_t shutdown_delay_ms; /* from not ready to draining */
	/* "--name=value" for the helper, in the order of the option table. */
	char **proxy_args; /* owned array of owned strings */
	size_t proxy_args_count;

	/* Packets of L4 frontends. */
	struct {
		enum table_l4_mode mode; /* of Services that do not say */
		enum table_l4_encapsulation encapsulation;
		uint32_t rate_per_s;            /* new flows of one source; 0: any number */
		const char **return_interfaces; /* owned array */
		size_t return_interfaces_count;
		struct inet_addr node_address4, node_address6; /* zero: found out */
		uint16_t source_port_min, source_port_max;     /* inclusive, of source NAT */
		uint16_t gue_port;
		uint32_t new_flows_max;         /* entries a CPU makes a second; 0: no limit */
		uint32_t answers_max;           /* of our own a CPU makes a second; 0: no limit */
		const char *flow_hash_key_file; /* NULL: none */
		struct inet_addr *tunnel_peers; /* owned array, beside Nodes */
		size_t tunnel_peers_count;
		bool pass_unknown_ports;
	} l4;

	const char *admin;
	const char *bpffs;
	enum dataplane_xdp xdp;
	bool announce_l2;   /* answer ARP and neighbour solicitations for virtual addresses */
	uint32_t flows_max; /* 0: the default of the schema */
	bool takeover;
	enum log_format log_format;
	enum log_level log_level;
};

/* Frees what the options own, not the options. */
void options_free(struct options *options);

/* Number of workers to run: --proxy-workers, else one for each CPU that sluiced may use. */
uint32_t options_workers(const struct options *options);

/* One more argument for the helper. Return: 0; -ENOMEM. */
int options_forward(struct options *options, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* SLUICE_DAEMON_OPTIONS_OPTIONS_H */
