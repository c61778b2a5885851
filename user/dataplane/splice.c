// SPDX-License-Identifier: Apache-2.0
/* The part of splice (docs/splice.md) that needs privileges: the program, the rings, the proof. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "dataplane/error.h"
#include "dataplane/splice_check.h"
#include "dataplane/state.h"

int dataplane_splice_start(struct dataplane *dp, char error[DATAPLANE_ERROR_MAX])
{
	const struct splice_check_maps maps = {
		.socks = dp->maps[MAP_SOCKS],
		.slots = dp->maps[MAP_SLOTS],
		.sinks = dp->maps[MAP_SINKS],
	};
	int err;

	if (dp->sk_skb_prog < 0)
		return error_set(error, -EOPNOTSUPP,
				 "this kernel refuses the program sk_skb_verdict");
	/* Sockets in the map keep the program with which they were added. */
	if (bpf_prog_attach(dp->sk_skb_prog, dp->maps[MAP_SOCKS], BPF_SK_SKB_STREAM_VERDICT, 0)) {
		err = -errno;
		return error_set(error, err, "attach the program to socks: %s", strerror(-err));
	}
	return splice_check(&maps, error);
}

int dataplane_splice_ring(struct dataplane *dp, uint32_t worker)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "splice_events", 0, 0, SLUICE_RINGS_BYTES,
				NULL);
	int err;

	if (fd < 0)
		return -errno;
	if (bpf_map_update_elem(dp->maps[MAP_SPLICE_RINGS], &worker, &fd, BPF_ANY)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}
