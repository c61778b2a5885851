/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dataplane.h - BPF programs and maps: load, attach, adopt, write, read
 */
#ifndef SLUICE_DATAPLANE_DATAPLANE_H
#define SLUICE_DATAPLANE_DATAPLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/inet.h"
#include "sluice_drops.h"
#include "sluice_schema.h"
#include "table/table.h"

struct dataplane;

#define DATAPLANE_ERROR_MAX 1024

/* --xdp-mode */
enum dataplane_xdp {
	DATAPLANE_XDP_AUTO = 0,    /* native, else generic, else TC */
	DATAPLANE_XDP_GENERIC = 1, /* generic, else TC */
	DATAPLANE_XDP_TC = 2,      /* no XDP program at all */
};

struct dataplane_options {
	const char *bpffs;             /* mount point, "/sys/fs/bpf" */
	const char *const *interfaces; /* names to attach to */
	size_t interfaces_count;
	const char *const *return_interfaces; /* devices only for replies of remote pods */
	size_t return_interfaces_count;
	uint32_t flows_max; /* 0: SLUICE_FLOWS_MAX */
	enum dataplane_xdp xdp;
};

/**
 * dataplane_open - load the programs, adopt or create the pinned maps, attach
 * @error: out, on failure: what, where, why, and the remedy if there is one
 * Programs of a former sluiced are replaced in place (link update), never detached first. Maps
 * pinned by another layout are refused, not deleted. Return: 0; -EPERM no privilege; -EACCES the
 * verifier refused the program that @error names; -ENOENT bpffs
 * not mounted there; -ENODEV no such interface; -EOPNOTSUPP the kernel lacks a feature; other
 * -errno.
 */
int dataplane_open(const struct dataplane_options *options, struct dataplane **out,
		   char error[DATAPLANE_ERROR_MAX]);

/* Closes descriptors; pinned maps, links and programs stay. Takes NULL. */
void dataplane_close(struct dataplane *dp);

/**
 * dataplane_remove - detach all programs, remove all pins and routes of ours under @bpffs
 * Return: 0, also if there was nothing; -errno with @error filled.
 */
int dataplane_remove(const char *bpffs, char error[DATAPLANE_ERROR_MAX]);

/* The ids in adopted maps (empty if the maps are new). @out: freed by table_ids_free(). */
int dataplane_read_ids(struct dataplane *dp, struct table_ids *out);

/**
 * dataplane_apply - write a delta to the maps, in the order that table.h states
 * On failure, the next call tries again everything that was not applied.
 * Return: 0; -ENOSPC a map is full, @error names it; -errno.
 */
int dataplane_apply(struct dataplane *dp, const struct table_delta *delta,
		    char error[DATAPLANE_ERROR_MAX]);

/**
 * dataplane_reconcile - after the first table_update() of a process: remove entries of adopted maps
 * that the table does not name (frontends of objects that were deleted while no sluiced ran)
 */
int dataplane_reconcile(struct dataplane *dp, const struct table_delta *first,
			char error[DATAPLANE_ERROR_MAX]);

/* Makes the listeners of one set of workers get all new connections. fds: workers * 2, IPv4 and
 * IPv6 in turn, -1 for none. The dataplane chooses slots. Return: 0; -errno. */
int dataplane_set_listeners(struct dataplane *dp, const int *fds, uint32_t workers);

/* Map descriptors that a worker inherits. Borrowed. */
struct dataplane_worker_maps {
	int upstreams, backends, members, worker_stats;
	int socks, sinks, slots;
};
void dataplane_worker_maps(const struct dataplane *dp, struct dataplane_worker_maps *out);

/* The data of this node for the programs. */
struct dataplane_node {
	struct inet_addr addr4, addr6; /* our own; zero: none, nothing is sent to remote pods */
	uint16_t source_port_min, source_port_max; /* host order, inclusive: for source NAT */
	uint16_t gue_port;                         /* host order */
	bool pass_unknown_ports;
	uint32_t new_flows_max; /* entries of flows a CPU makes a second; 0: no limit */
	uint32_t answers_max;   /* answers of our own a CPU makes a second; 0: no limit */
	uint64_t flow_hash_key; /* the same on all nodes; 0: none */
};
void dataplane_set_node(struct dataplane *dp, const struct dataplane_node *node);

/**
 * dataplane_set_tunnel_peers - nodes whose tunnels are opened here: these and no others
 * Return: 0; -ENOSPC; -errno.
 */
int dataplane_set_tunnel_peers(struct dataplane *dp, const struct inet_addr *addrs, size_t count);

/**
 * dataplane_sweep - take entries of flows that are over out of the tables, for about @time_ns
 * Return: 1 all tables have been walked, and the next call begins anew; 0 there is more; -errno.
 */
int dataplane_sweep(struct dataplane *dp, uint64_t time_ns);

/* Sets the networks (ascending) that manifests deny; those of commands stay. Return: 0; -ENOSPC;
 * -errno, with @error filled. */
int dataplane_denylist_set(struct dataplane *dp, const struct inet_network *networks, size_t count,
			   char error[DATAPLANE_ERROR_MAX]);

/**
 * dataplane_deny - a command adds or removes a denied network
 * Return: 0; -EEXIST it is already denied; -ENOENT it is not denied; -EPERM a manifest denies it;
 * -ENOSPC; -errno.
 */
int dataplane_deny(struct dataplane *dp, const struct inet_network *network, bool deny);

/**
 * dataplane_expire_drains - end the flows of backends that have drained for @timeout_ms
 * Return: ms until the next one is due; UINT64_MAX if none drains.
 */
uint64_t dataplane_expire_drains(struct dataplane *dp, uint64_t timeout_ms);

/* Determines the interfaces by which XDP can send now. Return: 0; -errno. */
int dataplane_update_ports(struct dataplane *dp);

/**
 * dataplane_events_open - begin to read records of dropped packets
 * @fd: out; readable when there are records. Borrowed
 */
typedef void dataplane_event_fn(void *ctx, const struct drop_event *event);
int dataplane_events_open(struct dataplane *dp, dataplane_event_fn *fn, void *ctx, int *fd);
/* Passes all available records to @fn. */
void dataplane_events_read(struct dataplane *dp);

/* The data of this node, mapped. Borrowed. */
/*
 * Addresses in a flat network, see user/daemon/node/announcer.h; node_config.announce turns it on.
 * The map outlives the process, like all maps.
 */

/* Calls @fn for each address that frontends have and no interface has. Stops at non-zero. */
int dataplane_each_virtual(struct dataplane *dp, int (*fn)(void *ctx, const struct inet_addr *addr),
			   void *ctx);

struct ethernet {
	uint32_t ifindex;
	uint8_t mac[6];
};
/* The existing interfaces with Ethernet. Return: their number. */
size_t dataplane_ethernets(const struct dataplane *dp, struct ethernet out[SLUICE_INTERFACES_MAX]);

/**
 * dataplane_announce - answer for @addr on these interfaces, or be silent about it
 * @until_ns: CLOCK_MONOTONIC, end of answering unless renewed; 0: silence;
 *            UINT64_MAX: never
 * Return: 0; -E2BIG the map is full; -errno.
 */
int dataplane_announce(struct dataplane *dp, const struct inet_addr *addr, uint64_t until_ns,
		       const struct ethernet *ethernets, size_t count);

/*
 * Removes addresses that @keep refuses: the stack then answers for them. NULL: all. Return: 0;
 * -errno.
 */
int dataplane_announce_prune(struct dataplane *dp,
			     bool (*keep)(void *ctx, const struct inet_addr *addr,
					  uint32_t ifindex),
			     void *ctx);

/* What the programs know of this node, mapped: written by the caller in place. Borrowed. */
struct node_config *dataplane_node_config(struct dataplane *dp);

/**
 * dataplane_splice_start - attach the program of splice, and test that this kernel has the
 * properties it needs (splice_check.h); takes some milliseconds
 * Return: 0; -EOPNOTSUPP it has not; -errno; with @error filled.
 */
int dataplane_splice_start(struct dataplane *dp, char error[DATAPLANE_ERROR_MAX]);

/* A new ring of events for the process of a worker. Return: descriptor, the caller's; -errno. */
int dataplane_splice_ring(struct dataplane *dp, uint32_t worker);

/* The daemon's own entry, mapped: written by the caller in place. Borrowed. */
struct daemon_state *dataplane_daemon_state(struct dataplane *dp);

/**
 * dataplane_reattach - attach the programs again to interfaces that returned under another number
 * Missing interfaces count as not attached until then.
 * Return: 0; -errno of the first failure with @error filled, the others are served.
 */
int dataplane_reattach(struct dataplane *dp, char error[DATAPLANE_ERROR_MAX]);

/* Fills .interfaces of daemon_state from the current state. */
void dataplane_describe_interfaces(const struct dataplane *dp, struct daemon_state *state);

/*
 * Reading, for admin/ and cli/: needs only the pins, works without the daemon.
 */
struct dataplane_view;

/* Return: 0; -ENOENT no pins (never started, or removed); -EPERM; -EPROTO another schema. */
int dataplane_view_open(const char *bpffs, struct dataplane_view **out,
			char error[DATAPLANE_ERROR_MAX]);
/* A view over an open dataplane, for admin/. */
int dataplane_view_of(struct dataplane *dp, struct dataplane_view **out);
void dataplane_view_close(struct dataplane_view *view);

/* Borrowed, mapped: changes under the reader. */
const struct daemon_state *dataplane_view_daemon(const struct dataplane_view *view);
const struct worker_stats *dataplane_view_worker(const struct dataplane_view *view,
						 uint32_t worker);
const struct steering *dataplane_view_steering(const struct dataplane_view *view);

/* Sums over CPUs. Return: 0; -errno. */
int dataplane_view_stats(const struct dataplane_view *view, uint64_t out[STAT_MAX]);
int dataplane_view_drops(const struct dataplane_view *view, uint64_t out[DROP_MAX]);
int dataplane_view_frontend_traffic(const struct dataplane_view *view, uint32_t frontend_id,
				    struct traffic *out);
int dataplane_view_backend_traffic(const struct dataplane_view *view, uint32_t backend_id,
				   struct traffic *out);
/**
 * dataplane_view_backends_traffic - counters of backends 0 to @count - 1, many in one system call
 * @out: @count of them; ids that are not in use read 0 or what is left of an earlier backend
 * Return: 0; -ENOMEM; -errno.
 */
int dataplane_view_backends_traffic(const struct dataplane_view *view, uint32_t count,
				    struct traffic *out);

struct frontend_view {
	struct inet_addr addr;
	uint16_t port; /* host order */
	uint8_t proto;
	struct frontend value;
};
struct upstream_view {
	uint32_t id;
	char name[SLUICE_UPSTREAM_NAME_MAX];
	struct upstream value;
};
struct backend_view {
	uint32_t id;
	struct backend value;
};
struct flow_view {
	struct inet_addr saddr, daddr;
	uint16_t sport, dport; /* host order */
	uint8_t proto;
	struct flow value;
};

struct deny_view {
	struct inet_network network;
	struct deny value;
};

/* Each calls @fn for every entry in use; stops at non-zero and returns it; -errno on failure. */
int dataplane_view_frontends(const struct dataplane_view *view,
			     int (*fn)(void *ctx, const struct frontend_view *), void *ctx);
int dataplane_view_upstreams(const struct dataplane_view *view,
			     int (*fn)(void *ctx, const struct upstream_view *), void *ctx);
int dataplane_view_backends(const struct dataplane_view *view,
			    int (*fn)(void *ctx, const struct backend_view *), void *ctx);
int dataplane_view_denylist(const struct dataplane_view *view,
			    int (*fn)(void *ctx, const struct deny_view *), void *ctx);
int dataplane_view_flows(const struct dataplane_view *view,
			 int (*fn)(void *ctx, const struct flow_view *), void *ctx);

/* Metric name and meaning of a stat or drop number; NULL: none. */
const char *dataplane_stat_name(unsigned int stat);
const char *dataplane_drop_name(unsigned int drop);
const char *dataplane_drop_text(unsigned int drop);

#endif /* SLUICE_DATAPLANE_DATAPLANE_H */
