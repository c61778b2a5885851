/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option_values.h - one parser for each kind of value that a flag takes
 *
 * Each checks @text and stores it at @field of struct options. Return: 0; -EINVAL with *@why set to
 * a static text that completes "--flag 'value': ..."; -ENOMEM.
 */
#ifndef SLUICE_DAEMON_OPTION_VALUES_H
#define SLUICE_DAEMON_OPTION_VALUES_H

#include "daemon/options.h"

typedef int option_value_fn(struct options *options, void *field, const char *text,
			    const char **why);

option_value_fn option_value_switch;      /* bool: "true" or "false" */
option_value_fn option_value_text;        /* const char *, not empty */
option_value_fn option_value_node;        /* const char *, DNS subdomain */
option_value_fn option_value_port;        /* uint16_t, 0 means off */
option_value_fn option_value_count;       /* uint32_t, from 1 */
option_value_fn option_value_workers;     /* uint32_t, 1 to SLUICE_WORKERS_MAX / 2 */
option_value_fn option_value_duration;    /* uint32_t, milliseconds; "500ms" "30s" "5m" "1h" */
option_value_fn option_value_interface;   /* adds to .interfaces */
option_value_fn option_value_address;     /* adds to .addresses */
option_value_fn option_value_service_ref; /* const char *, "NS/SVC:PORT" */
option_value_fn option_value_object_ref;  /* const char *, "NS/NAME" */
option_value_fn option_value_listen;      /* const char *, "ADDRESS:PORT" or "off" */
option_value_fn option_value_xdp_mode;    /* bool force_generic */
option_value_fn option_value_splice;      /* nothing stored: "auto" and "off" */
option_value_fn option_value_log_format;  /* enum log_format */
option_value_fn option_value_log_level;   /* enum log_level */

#endif /* SLUICE_DAEMON_OPTION_VALUES_H */
