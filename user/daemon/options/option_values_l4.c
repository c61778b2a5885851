// SPDX-License-Identifier: Apache-2.0
/* Values of the flags about packets of L4 frontends. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/options/option_values.h"
#include "sluice_schema.h"

#define PORT_LEAST 1024u

static int refuse(struct option_value *v, const char *why)
{
	snprintf(v->why, sizeof(v->why), "%s", why);
	return -EINVAL;
}

int option_value_l4_mode(struct option_value *v)
{
	enum table_l4_mode *mode = v->field;

	if (strcmp(v->text, "snat") == 0)
		*mode = TABLE_L4_SNAT;
	else if (strcmp(v->text, "dsr") == 0)
		*mode = TABLE_L4_DSR;
	else
		return refuse(v, "is neither snat nor dsr");
	return 0;
}

int option_value_encapsulation(struct option_value *v)
{
	enum table_l4_encapsulation *encapsulation = v->field;

	if (strcmp(v->text, "ipip") == 0)
		*encapsulation = TABLE_L4_IPIP;
	else if (strcmp(v->text, "gue") == 0)
		*encapsulation = TABLE_L4_GUE;
	else
		return refuse(v, "is neither ipip nor gue");
	return 0;
}

int option_value_return_interface(struct option_value *v)
{
	const char **grown;

	if (!*v->text || strlen(v->text) >= SLUICE_IFNAME_MAX || strchr(v->text, '/'))
		return refuse(v, "is not a name that an interface can have (1 to 15 characters)");
	if (v->options->l4.return_interfaces_count == SLUICE_INTERFACES_MAX)
		return refuse(v, "is one interface too many (16 at most)");
	grown = reallocarray(v->options->l4.return_interfaces,
			     v->options->l4.return_interfaces_count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	grown[v->options->l4.return_interfaces_count++] = v->text;
	v->options->l4.return_interfaces = grown;
	return 0;
}

int option_value_node_address(struct option_value *v)
{
	struct inet_addr addr;

	if (inet_addr_parse(v->text, &addr))
		return refuse(v, "is not an IPv4 or IPv6 address");
	if (inet_addr_is_any(&addr))
		return refuse(v, "is the wildcard, which no packet can come from");
	if (inet_addr_is_v4(&addr))
		v->options->l4.node_address4 = addr;
	else
		v->options->l4.node_address6 = addr;
	return 0;
}

int option_value_tunnel_peer(struct option_value *v)
{
	struct options *options = v->options;
	struct inet_addr addr, *grown;

	if (inet_addr_parse(v->text, &addr))
		return refuse(v, "is no IPv4 or IPv6 address");
	grown = reallocarray(options->l4.tunnel_peers, options->l4.tunnel_peers_count + 1,
			     sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	grown[options->l4.tunnel_peers_count++] = addr;
	options->l4.tunnel_peers = grown;
	return 0;
}

int option_value_port_range(struct option_value *v)
{
	unsigned long least, most;
	char *end;

	least = strtoul(v->text, &end, 10);
	if (v->text[0] < '0' || v->text[0] > '9' || *end != '-' || end[1] < '0' || end[1] > '9')
		return refuse(v, "does not read FIRST-LAST");
	most = strtoul(end + 1, &end, 10);
	if (*end || most > UINT16_MAX || least < PORT_LEAST || least > most)
		return refuse(v, "is not a range of ports from 1024 to 65535");
	v->options->l4.source_port_min = (uint16_t)least;
	v->options->l4.source_port_max = (uint16_t)most;
	return 0;
}
