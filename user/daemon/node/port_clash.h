/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port_clash.h - do the source ports of snat belong to connections of the node itself?
 */
#ifndef SLUICE_DAEMON_PORT_CLASH_H
#define SLUICE_DAEMON_PORT_CLASH_H

#include <stdbool.h>
#include <stdint.h>

/**
 * port_clash - whether the kernel gives ports of a range to connections of the node
 * @local: text of net.ipv4.ip_local_port_range, "32768 60999"
 * @reserved: text of net.ipv4.ip_local_reserved_ports, "8080,61000-61999"
 * Return: the first port of @first to @last that it gives; 0: none.
 */
uint16_t port_clash(const char *local, const char *reserved, uint16_t first, uint16_t last);

/* Says in the log that there is a clash, and the remedy. */
void port_clash_warn(uint16_t first, uint16_t last);

#endif /* SLUICE_DAEMON_PORT_CLASH_H */
