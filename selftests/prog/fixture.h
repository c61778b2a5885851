/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fixture.h - the BPF object with maps of its own, filled for tests, and ways to run a program once
 */
#ifndef SELFTESTS_PROG_FIXTURE_H
#define SELFTESTS_PROG_FIXTURE_H

#include <stdint.h>

#include "poison.skel.h"
#include "prog/packet.h"
#include "sluice.skel.h"
#ifdef FIXTURE_TC
#include "sluice_tc.skel.h"
#endif
#include "sluice_drops.h"
#include "sluice_schema.h"

enum fixture_port {
	PORT_L4 = 80,       /* of FRONTEND_IP: one backend, POD_IP:8080 */
	PORT_EMPTY = 81,    /* of FRONTEND_IP: an upstream without backends */
	PORT_BAD_RING = 82, /* of FRONTEND_IP: a ring of zeroes */
	PORT_UNKNOWN = 99,  /* no frontend has it */
	PORT_HTTP = 443,    /* of FRONTEND_IP: http */
	PORT_POD = 8080,
	PORT_CLIENT = 40000,
};

enum fixture_id {
	UPSTREAM_L4 = 1,
	UPSTREAM_EMPTY = 2,
	UPSTREAM_BAD_RING = 3,
	BACKEND_POD = 1,   /* POD_IP */
	BACKEND_POD6 = 2,  /* POD_IP6 */
	BACKEND_OTHER = 3, /* OTHER_POD_IP */
	BACKEND_OTHER6 = 4,
};

/* IPv6 frontends have upstreams of their own, with these ids. */
#define UPSTREAM_V6 10

struct fixture {
	struct sluice_bpf *skel; /* owned */
	struct poison *poison;   /* owned */
#ifdef FIXTURE_TC
	struct sluice_tc_bpf *tc; /* owned; its maps are those of .skel */
#endif
};

/*
 * Tests of xdp_ingress are built twice, the second time (FIXTURE_TC) to run tc_l4 in its place,
 * with its verdicts translated to those of XDP. One thing differs in all of them: TC has one
 * verdict for what leaves, whether by the device that it came in by or by another.
 */
#ifdef FIXTURE_TC
#define FIXTURE_IS_TC 1
#define VERDICT_BACK  XDP_REDIRECT
#else
#define FIXTURE_IS_TC 0
#define VERDICT_BACK  XDP_TX
#endif

/* Loads and fills; aborts the test program with a message when it cannot. */
void fixture_open(struct fixture *fixture);
void fixture_close(struct fixture *fixture);
/* Forgets flows, reverse entries and counters; backends and rings as they were. */
void fixture_reset(struct fixture *fixture);

void fixture_backend_set(struct fixture *fixture, uint32_t id, const char *addr,
			 uint32_t upstream_id, uint8_t state, uint32_t generation);
/* A ring whose slots all name one backend. */
void fixture_ring_set(struct fixture *fixture, uint32_t upstream_id, uint32_t backend_id);

/* Whether tunnels of the node with @addr are opened. */
void fixture_peer_set(struct fixture *fixture, const char *addr, bool known);

/* The limit of new flow entries that a CPU makes a second; 0: none, as after fixture_reset(). */
void fixture_new_flows_max(struct fixture *fixture, uint32_t new_flows_max);

/* Another frontend of the family's frontend address, of TCP and UDP, as given. */
void fixture_frontend_set(struct fixture *fixture, int v6, uint16_t port, struct frontend frontend);
/* Descriptor of a map; aborts if there is none. */
int fixture_map(struct fixture *fixture, const char *name);
/* Sets the bit of an address in the filter. */
void fixture_filter_set(struct fixture *fixture, const char *addr);

/* Runs a program of TC over @packet, which it may change. Returns its verdict. */
uint32_t fixture_run(int prog_fd, struct packet *packet);
/* Runs xdp_ingress over @packet, with rubbish before it in its buffer; or tc_l4. Its verdict. */
uint32_t fixture_run_xdp(struct fixture *fixture, struct packet *packet);
uint64_t fixture_stat(struct fixture *fixture, enum sluice_stat stat);
uint64_t fixture_drop(struct fixture *fixture, enum sluice_drop reason);
/* Sum of all drop counters. */
uint64_t fixture_drops(struct fixture *fixture);

#endif /* SELFTESTS_PROG_FIXTURE_H */
