/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.h - the process that owns all parts: it starts them, ends them, and knows no more of them
 */
#ifndef SLUICE_PROXY_WORKER_H
#define SLUICE_PROXY_WORKER_H

#include "proxy/backend/health.h"
#include "proxy/backend/http2_backend.h"
#include "proxy/backend/maps.h"
#include "proxy/backend/picker.h"
#include "proxy/backend/pool.h"
#include "proxy/client/clients.h"
#include "proxy/client/listener.h"
#include "proxy/exchange/exchange_services.h"
#include "proxy/http2/http2_session.h"
#include "proxy/loop/turn.h"
#include "proxy/options/settings.h"
#include "proxy/splice/splice.h"

struct worker {
	struct turn turn;
	struct maps maps;
	struct picker picker;
	struct pool pool;
	struct health health;
	struct http2_memory http2_memory;
	struct http2_backends http2_backends;
	struct splice splice;
	struct tls_io *tls_io;         /* owned */
	struct tls *tls;               /* owned; NULL: no HTTPS port */
	struct tls_client *tls_client; /* owned */
	struct exchange_services services;
	struct clients clients;
	struct listener listener;
	struct watch control_listen, control;
	struct watch control_claim; /* has connected, and is still to prove that it is sluiced */
	struct timer log_timer;     /* no sluiced any more: its stdout and stderr are let go */
};

/**
 * worker_new - a worker over the inherited descriptors of control.h
 * @settings: borrowed for the life of the worker
 * Return: 0; -errno with a log line.
 */
int worker_new(const struct settings *settings, struct worker **out);

/* Takes NULL. Conns that are still open end with the process. */
void worker_free(struct worker *worker);

#endif /* SLUICE_PROXY_WORKER_H */
