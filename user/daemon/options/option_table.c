// SPDX-License-Identifier: Apache-2.0
#include "daemon/options/option_table.h"

#include <stddef.h>

#include "sluice_schema.h"

#define HOUR_MS (60u * 60 * 1000)
#define DAY_MS  (24u * HOUR_MS)

/* Rows of the table, by the kind of flag. */
/* Versions of clang-format lay out braces of macros differently. */
/* clang-format off */
#define SETTING(name_, argument_, value_, field_, help_)                              \
	{                                                                             \
		.name = name_, .argument = argument_, .parse = option_value_##value_, \
		.offset = offsetof(struct options, field_), .help = help_,            \
	}
#define NUMBER(name_, argument_, value_, field_, least_, most_, help_)                      \
	{                                                                                   \
		.name = name_, .argument = argument_, .parse = option_value_##value_,       \
		.offset = offsetof(struct options, field_), .help = help_, .least = least_, \
		.most = most_,                                                              \
	}
#define LIST(name_, argument_, value_, help_)                                         \
	{                                                                             \
		.name = name_, .argument = argument_, .parse = option_value_##value_, \
		.flags = OPTION_F_LIST, .help = help_,                                \
	}
#define SWITCH(name_, field_, help_)                                                   \
	{                                                                              \
		.name = name_, .parse = option_value_switch, .flags = OPTION_F_SWITCH, \
		.offset = offsetof(struct options, field_), .help = help_,             \
	}
#define HELPER(name_, argument_, value_, flags_, least_, most_, help_)                \
	{                                                                             \
		.name = name_, .argument = argument_, .parse = option_value_##value_, \
		.flags = flags_, .help = help_, .least = least_, .most = most_,       \
	}
#define TIMEOUT(name_, most_, help_) \
	HELPER(name_, "TIME", duration, OPTION_F_FORWARD_MS, 1, most_, help_)
#define ACTION(name_, action_, help_)                                                         \
	{                                                                                     \
		.name = name_, .parse = option_value_switch,                                  \
		.flags = OPTION_F_SWITCH | OPTION_F_ACTION, .action = action_, .help = help_, \
	}
/* clang-format on */

/* One flag a paragraph. */
/* clang-format off */
const struct option_spec option_specs[OPTION_SPECS_MAX] = {
	SETTING("manifests", "DIR", text, manifests,
		"read the *.yaml, *.yml and *.json of DIR and follow its changes"),
	SETTING("kubeconfig", "FILE", text, kubeconfig,
		"watch the cluster of FILE; without either: the cluster we run in"),
	SETTING("context", "NAME", text, kube.context, "context of --kubeconfig [its current one]"),
	SETTING("watch-namespace", "NS,...", text, kube.watch_namespaces,
		"read only objects of these namespaces [all]"),
	SETTING("secret-namespace", "NS,...", text, kube.secret_namespaces,
		"read only Secrets of these namespaces [as --watch-namespace]"),
	SETTING("label-selector", "SELECTOR", text, kube.label_selector,
		"only Ingresses with these labels [all]"),
	SWITCH("write-status", kube.write_status,
	       "write status and Events where this replica leads [true]"),
	SETTING("publish-address", "IP|HOST,...", text, kube.publish_addresses,
		"status of our Ingresses [the nodes that run a ready sluiced]"),
	SETTING("publish-service", "NS/NAME", object_ref, kube.publish_service,
		"copy the status of this Service into our Ingresses"),
	SETTING("lb-pool", "RANGE,...", text, kube.lb_pool,
		"addresses to give to Services of our class [none]"),
	SETTING("lease-namespace", "NS", node, kube.lease_namespace,
		"of the Lease that names the leader [the pod's own]"),
	SETTING("lease-name", "NAME", node, kube.lease_name, "of that Lease [sluice-leader]"),
	LIST("interface", "IF", interface,
	     "attach to IF (again for more) [the devices of the default routes]"),
	LIST("address", "IP", address,
	     "serve HTTP on IP (again for more) [every address of the node]"),
	SETTING("announce", "off|l2", announce, announce_l2,
		"l2: in a flat network one node answers ARP for each virtual address [off]"),
	SETTING("http-port", "PORT", port, http_port, "port of plain HTTP, 0 for none [80]"),
	SETTING("https-port", "PORT", port, https_port, "port of HTTPS, 0 for none [443]"),
	SETTING("node-name", "NAME", node, node_name,
		"this node's name in Kubernetes [every backend counts as local]"),
	SETTING("ingress-class", "NAME", text, ingress_class,
		"class that is ours without an IngressClass object [sluice]"),
	SETTING("controller", "NAME", text, controller,
		"spec.controller of IngressClasses that are ours [sluice.dev/ingress]"),
	SETTING("nginx-class", "NAME", text, nginx_class,
		"class served as ingress-nginx does, with its annotations and defaults [none]"),
	SETTING("nginx-configmap", "NS/NAME", object_ref, nginx_config_map,
		"its settings [ingress-nginx/ingress-nginx-controller]"),
	SWITCH("watch-ingress-without-class", watch_without_class,
	       "serve Ingresses that name no class as well"),
	SETTING("default-backend", "NS/SVC:PORT", service_ref, default_backend,
		"upstream of requests that no route matches"),
	SETTING("default-certificate", "NS/SECRET", object_ref, default_certificate,
		"certificate of hosts without one [made at start]"),
	SETTING("backend-ca-bundle", "FILE", text, backend_ca_bundle,
		"CA certificates for TLS to backends, where backend-ca names none [the system's]"),
	SWITCH("allow-external-name", allow_external_name, "serve Services of type ExternalName"),

	SETTING("l4-mode", "snat|dsr", l4_mode, l4.mode,
		"how pods of other nodes are reached where a Service does not say [snat]"),
	SETTING("l4-encapsulation", "ipip|gue", encapsulation, l4.encapsulation,
		"of dsr where a Service does not say: IP in IP, or in UDP [ipip]"),
	NUMBER("l4-rate-limit", "N", number, l4.rate_per_s, 0, 1000000,
	       "new flows a second of one source, where a Service does not say; 0: any [0]"),
	LIST("node-address", "IP", node_address,
	     "this node's own towards others, one a family [of Node, else of --interface]"),
	SETTING("snat-ports", "FIRST-LAST", port_range, l4.source_port_min,
		"source ports of snat, not used by the node itself [61000-65535]"),
	SETTING("gue-port", "PORT", port, l4.gue_port,
		"UDP port of gue, the same on all nodes [6080]"),
	LIST("return-interface", "IF", return_interface,
	     "undo snat on replies that come in by IF, as a tunnel (again for more)"),
	NUMBER("new-flows-max", "N", number, l4.new_flows_max, 0, 100000000,
	       "L4 flows that a CPU notes a second; more go by hash; 0: no limit [125000]"),
	NUMBER("answers-max", "N", number, l4.answers_max, 0, 100000000,
	       "ICMP errors, resets and echoes that a CPU sends a second; 0: no limit [10000]"),
	SETTING("flow-hash-key", "FILE", text, l4.flow_hash_key_file,
		"secret that decides which pod a flow gets, the same on all nodes [none]"),
	LIST("tunnel-peer", "IP", tunnel_peer,
	     "open dsr tunnels from this address, as from those of Nodes (again for more)"),
	SWITCH("pass-unknown-ports", l4.pass_unknown_ports,
	       "hand packets for other ports of a frontend's address to the stack"),

	NUMBER("proxy-workers", "N", number, proxy_workers, 1, SLUICE_WORKERS_MAX / 2,
	       "processes of the helper [one a core]"),
	SETTING("proxy-user", "NAME", text, proxy_user,
		"user of the helper, name or number [sluice-proxy, else 65532]"),
	SETTING("proxy-binary", "FILE", text, proxy_binary,
		"the helper [sluice-proxy beside sluiced]"),
	SETTING("splice", "auto|on|off", splice, splice,
		"let the kernel move tunnels, and responses where it is faster, if it passes a "
		"test; all it can; nothing [auto]"),
	NUMBER("drain-timeout", "TIME", duration, drain_timeout_ms, 0, DAY_MS,
	       "how long a replaced or ended helper, and L4 flows of a terminating pod, may "
	       "finish [30s]"),
	NUMBER("shutdown-delay", "TIME", duration, shutdown_delay_ms, 0, DAY_MS,
	       "not ready, but serving, for this long before draining [0s]"),
	TIMEOUT("client-head-timeout", HOUR_MS, "for a whole request head, then 408 [30s]"),
	TIMEOUT("client-idle-timeout", DAY_MS, "between the requests of a client [75s]"),
	TIMEOUT("body-timeout", DAY_MS,
		"without a byte while a body moves, then 408 or an abort [60s]"),
	TIMEOUT("connect-timeout", HOUR_MS, "to connect to one backend, then the next [2s]"),
	TIMEOUT("response-timeout", DAY_MS, "for the head of a response, then 504 [60s]"),
	TIMEOUT("upstream-idle-timeout", DAY_MS, "of a kept connection to a backend [55s]"),
	TIMEOUT("tunnel-idle-timeout", 24 * DAY_MS, "without a byte in a tunnel [1h]"),
	HELPER("max-head", "BYTES", bytes, OPTION_F_FORWARD_BYTES, 1024, 16384,
	       "longest request head, then 431 [16k]"),
	HELPER("max-target", "BYTES", bytes, OPTION_F_FORWARD_BYTES, 8000, 16384,
	       "longest request target, then 414 [16000]"),
	HELPER("max-fields", "N", number, OPTION_F_FORWARD, 8, 1024,
	       "most fields of a request, then 431 [100]"),
	HELPER("max-body", "BYTES", bytes, OPTION_F_FORWARD_BYTES, 0, 1ull << 50,
	       "longest request body if a route sets none, then 413; 0: any [0]"),
	HELPER("max-conns", "N", number, OPTION_F_FORWARD, 1, 10000000,
	       "conns of clients that one worker holds, then 503 [50000]"),
	HELPER("max-conns-source", "N", number, OPTION_F_FORWARD, 0, 10000000,
	       "the same, from one address; not of --trust peers; 0: any [0]"),
	HELPER("max-requests-conn", "N", number, OPTION_F_FORWARD, 0, UINT32_MAX,
	       "requests answered on one conn, then it is closed; 0: any [0]"),
	HELPER("max-buffers", "N", number, OPTION_F_FORWARD, 0, UINT32_MAX,
	       "buffers of 17 KB that one worker uses, then 503; 0: any [0]"),
	HELPER("upstream-idle-max", "N", number, OPTION_F_FORWARD, 0, 1000000,
	       "idle connections to backends that one worker keeps [1024]"),
	HELPER("upstream-idle-backend-max", "N", number, OPTION_F_FORWARD, 0, 1000000,
	       "the same, to one backend [128]"),
	HELPER("trust", "ADDRESS/BITS", range, OPTION_F_FORWARD | OPTION_F_LIST, 0, 0,
	       "peers whose X-Forwarded-* is trusted (again for more) [none]"),
	HELPER("proxy-protocol-in", "PORT=ADDRESS/BITS", proxy_peers,
	       OPTION_F_FORWARD | OPTION_F_LIST, 0, 0,
	       "peers whose conns to PORT begin with a PROXY header (again for more) [none]"),
	HELPER("allow-underscores", NULL, switch, OPTION_F_FORWARD | OPTION_F_SWITCH, 0, 0,
	       "forward request fields with _ in the name"),
	HELPER("h2c", NULL, switch, OPTION_F_FORWARD | OPTION_F_SWITCH, 0, 0,
	       "take HTTP/2 on the port of plain HTTP from clients that begin with it"),
	HELPER("no-http2", NULL, switch, OPTION_F_FORWARD | OPTION_F_SWITCH, 0, 0,
	       "offer only HTTP/1.1 over TLS"),
	HELPER("http2-max-resets", "N", number, OPTION_F_FORWARD, 1, 1000000,
	       "streams of one conn that may be reset in a second, then it is ended [150]"),
	HELPER("access-log", "off|text|json", access_log, OPTION_F_FORWARD, 0, 0,
	       "a line for each request, to stdout [off]"),

	SETTING("admin", "ADDRESS:PORT", listen, admin,
		"where /healthz, /readyz and /metrics are; or off [127.0.0.1:9901]"),
	SETTING("bpffs", "DIR", text, bpffs, "mount point of the BPF file system [/sys/fs/bpf]"),
	SETTING("xdp-mode", "auto|generic|tc", xdp_mode, xdp,
		"native XDP, else generic, else TC; or from a later one on [auto]"),
	NUMBER("flows-max", "N", number, flows_max, 1024, 1u << 28,
	       "entries of each flow table [262144]"),
	SWITCH("takeover", takeover,
	       "end the sluiced that runs with this --bpffs and continue in its place"),
	SETTING("log-format", "text|json", log_format, log_format, "form of log lines [text]"),
	SETTING("log-level", "LEVEL", log_level, log_level,
		"least of debug, info, warn, error that is written [info]"),
	LIST("probe", "live|ready", probe,
	     "ask the sluiced of this container, and exit with 0 if it is so"),
	ACTION("cleanup", ACTION_CLEANUP, "end the helper, remove programs, maps, routes; exit"),
	ACTION("version", ACTION_VERSION, "print the version; exit"),
	ACTION("help", ACTION_HELP, "print this; exit"),
};
/* clang-format on */
