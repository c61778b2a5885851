/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_server.h - the worker's end of control.h
 */
#ifndef SLUICE_PROXY_CONTROL_SERVER_H
#define SLUICE_PROXY_CONTROL_SERVER_H

struct worker;

/* Watches the inherited control listener. Return: 0; -errno with a log line. */
int control_server_start(struct worker *worker);
void control_server_stop(struct worker *worker);

#endif /* SLUICE_PROXY_CONTROL_SERVER_H */
