/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sockets.h - the sockets of workers: where connections are steered to, where control is spoken
 */
#ifndef SLUICE_DAEMON_SOCKETS_H
#define SLUICE_DAEMON_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/**
 * sockets_listen_tcp - a listener on the loopback address of @family, any port
 * Only sk_lookup sends connections there. Return: the descriptor; -EAFNOSUPPORT, -EADDRNOTAVAIL
 * without IPv6; -errno.
 */
int sockets_listen_tcp(int family);

/**
 * sockets_listen_control - the abstract control socket of one slot (control.h)
 * Return: the descriptor; -EADDRINUSE if the name is in use; -errno.
 */
int sockets_listen_control(const char *pin_folder, uint32_t slot);

/**
 * sockets_connect_control - connect to the listening process
 * @attested: received messages carry SCM_CREDENTIALS, from the first one on
 * @peer: out, the process that made the listener
 * Return: the descriptor; -ECONNREFUSED none does; -EAGAIN its backlog is full; -errno.
 */
int sockets_connect_control(const char *pin_folder, uint32_t slot, bool attested,
			    struct ucred *peer);

/* The same for a name of our own below "@sluice/<hash>/". */
int sockets_listen_named(const char *pin_folder, const char *leaf);
int sockets_connect_named(const char *pin_folder, const char *leaf, struct ucred *peer);

#endif /* SLUICE_DAEMON_SOCKETS_H */
