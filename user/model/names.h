/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.h - which names, hosts and paths Kubernetes allows
 */
#ifndef SLUICE_MODEL_NAMES_H
#define SLUICE_MODEL_NAMES_H

#include <stdbool.h>

#include "model/model.h"

#define NAME_LABEL_MAX     63  /* RFC 1123, 2.1 by way of RFC 1035, 2.3.4 */
#define NAME_SUBDOMAIN_MAX 253 /* RFC 1035, 2.3.4, less the length octets */
#define NAME_PORT_MAX      15  /* RFC 6335, 5.1 */

/*
 * Each returns NULL if the text is valid, else the fault ("is longer than 63 characters"): a
 * constant, to be appended to the quoted value.
 */
const char *name_check_label(const char *text);     /* namespaces, Services */
const char *name_check_subdomain(const char *text); /* other objects */
const char *name_check_port(const char *text);
const char *name_check_host(const char *text); /* lower case, wildcard allowed, not empty */
const char *name_check_path(const char *path, enum path_type type);

/* True if the text is an IPv4 or IPv6 network, "10.0.0.0/8". */
bool name_is_cidr(const char *text);

#endif /* SLUICE_MODEL_NAMES_H */
