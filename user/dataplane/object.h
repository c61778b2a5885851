/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object.h - the BPF object inside sluiced: opened, given adopted maps, loaded, pinned
 */
#ifndef SLUICE_DATAPLANE_OBJECT_H
#define SLUICE_DATAPLANE_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/maps.h"

struct bpf_object;

#define SPLICE_PROGRAM "sk_skb_verdict" /* the optional program */

/* Messages of libbpf and libxdp go to the debug log, the last lines into error texts. */
void object_log_setup(void);

/**
 * object_load - load programs and maps, adopt pinned ones, pin new ones
 * @maps: out, one descriptor a map, owned by the caller
 * @out: the loaded object, ended by bpf_object__close(); its maps stay open in @maps
 * @adopted: out, true if pinned maps were found
 * Return: 0; -EPROTO pinned maps of another layout; -EPERM; -EOPNOTSUPP; -errno. @error says it.
 */
int object_load(const char *bpffs, uint32_t flows_max, int maps[MAPS_COUNT],
		struct bpf_object **out, bool *adopted, char *error);

/* Of the BPF objects inside this sluiced: the same hash, the same programs. */
uint64_t object_hash(void);

/**
 * object_open_xdp - a second, not yet loaded instance with nothing but xdp_ingress, for libxdp
 * @maps: of the first, used by it too
 */
int object_open_xdp(const int maps[MAPS_COUNT], struct bpf_object **out);

/**
 * object_load_tc - load tc_l4 over the maps of the first object
 * @prog_fd: out, owned by the caller
 * Return: 0; -errno with @error.
 */
int object_load_tc(const int maps[MAPS_COUNT], int *prog_fd, char *error);

/* Descriptor of a program of a loaded object, a copy owned by the caller; -errno. */
int object_program(const struct bpf_object *object, const char *name);

#endif /* SLUICE_DATAPLANE_OBJECT_H */
