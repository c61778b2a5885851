/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option_values.h - one parser for each kind of value that a flag takes
 */
#ifndef SLUICE_DAEMON_OPTION_VALUES_H
#define SLUICE_DAEMON_OPTION_VALUES_H

#include "daemon/options/options.h"

struct option_value {
	struct options *options; /* for lists */
	void *field;             /* out, of the type named below */
	const char *text;        /* borrowed for as long as the options live */
	uint64_t least, most;    /* of numbers, durations (in ms) and sizes */
	char why[160];           /* out, on failure: completes "--flag 'text': ..." */
};

/* Checks .text and stores it. Return: 0; -EINVAL with .why filled; -ENOMEM. */
typedef int option_value_fn(struct option_value *value);

option_value_fn option_value_switch;           /* bool: "true" or "false" */
option_value_fn option_value_text;             /* const char *, not empty */
option_value_fn option_value_node;             /* const char *, DNS subdomain */
option_value_fn option_value_port;             /* uint16_t, 0 means off */
option_value_fn option_value_number;           /* uint32_t */
option_value_fn option_value_bytes;            /* uint64_t; "16384" "16k" "1m" "2g" */
option_value_fn option_value_duration;         /* uint32_t, milliseconds; "500ms" "30s" "5m" "1h" */
option_value_fn option_value_interface;        /* adds to .interfaces */
option_value_fn option_value_address;          /* adds to .addresses */
option_value_fn option_value_service_ref;      /* const char *, "NS/SVC:PORT" */
option_value_fn option_value_object_ref;       /* const char *, "NS/NAME" */
option_value_fn option_value_listen;           /* const char *, "ADDRESS:PORT" or "off" */
option_value_fn option_value_proxy_peers;      /* const char *, "PORT=" and a range */
option_value_fn option_value_range;            /* const char *, "ADDRESS" or "ADDRESS/BITS" */
option_value_fn option_value_access_log;       /* const char *, "off", "text" or "json" */
option_value_fn option_value_l4_mode;          /* enum table_l4_mode */
option_value_fn option_value_encapsulation;    /* enum table_l4_encapsulation */
option_value_fn option_value_return_interface; /* adds to .l4.return_interfaces */
option_value_fn option_value_node_address;     /* .l4.node_address4 or 6 */
option_value_fn option_value_tunnel_peer;      /* .l4.tunnel_peers */
option_value_fn option_value_port_range;       /* .l4.source_port_min and _max; "61000-65535" */
option_value_fn option_value_xdp_mode;         /* enum dataplane_xdp */
option_value_fn option_value_splice;           /* enum options_splice */
option_value_fn option_value_log_format;       /* enum log_format */
option_value_fn option_value_log_level;        /* enum log_level */
option_value_fn option_value_probe;            /* .action and .probe */
option_value_fn option_value_announce;         /* bool announce_l2 */

#endif /* SLUICE_DAEMON_OPTION_VALUES_H */
