// SPDX-License-Identifier: Apache-2.0
#include "dataplane/attach.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <xdp/libxdp.h>

#include "base/log.h"
#include "dataplane/dispatcher.h"
#include "dataplane/error.h"
#include "dataplane/object.h"
#include "dataplane/programs.h"

#define PROGRAM_MAPS_MAX 64

bool program_uses_map(int prog_fd, int map_fd)
{
	__u32 map_ids[PROGRAM_MAPS_MAX];
	struct bpf_prog_info prog = {
		.nr_map_ids = PROGRAM_MAPS_MAX,
		.map_ids = (__u64)(uintptr_t)map_ids,
	};
	struct bpf_map_info map = {};
	__u32 prog_bytes = sizeof(prog), map_bytes = sizeof(map);

	if (bpf_obj_get_info_by_fd(map_fd, &map, &map_bytes) ||
	    bpf_obj_get_info_by_fd(prog_fd, &prog, &prog_bytes))
		return false;
	for (__u32 i = 0; i < prog.nr_map_ids && i < PROGRAM_MAPS_MAX; i++) {
		if (map_ids[i] == map.id)
			return true;
	}
	return false;
}

/* The programs on an interface now. */
struct xdp_present {
	struct xdp_multiprog *multiprog; /* owned; NULL: nothing, or unknown */
	struct xdp_program *ours;        /* borrowed from it; NULL: not there */
	int pinned;                      /* owned; ours, known by its pin; -1: not so */
	uint32_t unknown_id;             /* of a program of which we cannot say more; 0: none */
	bool dispatcher;
	uint32_t mode_flag; /* XDP_FLAGS_DRV_MODE or XDP_FLAGS_SKB_MODE */
};

static void present_close(struct xdp_present *present)
{
	xdp_multiprog__close(present->multiprog);
	if (present->pinned >= 0)
		close(present->pinned);
}

static bool is_ours(const struct attach_context *context, const struct xdp_program *program)
{
	return program && program_uses_map(xdp_program__fd(program), context->maps[MAP_FRONTENDS4]);
}

/* Our own descriptor of what is there by itself; -1: nothing of ours is. */
static int present_single(const struct xdp_present *present)
{
	if (present->pinned >= 0)
		return present->pinned;
	return present->ours && !present->dispatcher ? xdp_program__fd(present->ours) : -1;
}

/* Without CAP_SYS_ADMIN libxdp sees nothing: what the kernel says of ids, and our pins, are left. */
static void present_read_id(const struct attach_context *context, uint32_t ifindex,
			    struct xdp_present *present)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (bpf_xdp_query((int)ifindex, 0, &query) || !query.prog_id)
		return;
	present->mode_flag =
		query.attach_mode == XDP_ATTACHED_SKB ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	present->pinned = programs_find(context->bpffs, query.prog_id);
	if (present->pinned < 0)
		present->unknown_id = query.prog_id;
}

static void present_read(const struct attach_context *context, uint32_t ifindex,
			 struct xdp_present *present)
{
	struct xdp_program *program = NULL;

	*present = (struct xdp_present){ .pinned = -1 };
	present->multiprog = xdp_multiprog__get_from_ifindex((int)ifindex);
	if (libxdp_get_error(present->multiprog)) {
		present->multiprog = NULL;
		present_read_id(context, ifindex, present);
		return;
	}
	present->mode_flag = xdp_multiprog__attach_mode(present->multiprog) == XDP_MODE_SKB
				     ? XDP_FLAGS_SKB_MODE
				     : XDP_FLAGS_DRV_MODE;
	if (xdp_multiprog__is_legacy(present->multiprog)) {
		program = xdp_multiprog__main_prog(present->multiprog);
		if (is_ours(context, program))
			present->ours = program;
		return;
	}
	present->dispatcher = true;
	while ((program = xdp_multiprog__next_prog(program, present->multiprog))) {
		if (is_ours(context, program))
			present->ours = program;
	}
}

int attach_xdp_check(const struct attach_context *context, const struct interface *interface,
		     char *error)
{
	struct xdp_present present;
	int err = 0;

	present_read(context, interface->ifindex, &present);
	if (present.unknown_id)
		err = error_set(
			error, -EBUSY,
			"interface %s: another XDP program (id %u) is attached, and without "
			"CAP_SYS_ADMIN it cannot be found out whose it is",
			interface->name, present.unknown_id);
	else if (present.multiprog && !present.dispatcher && !present.ours)
		err = error_set(
			error, -EBUSY,
			"interface %s: another XDP program (%s) is attached and lets no second one "
			"in",
			interface->name,
			xdp_program__name(xdp_multiprog__main_prog(present.multiprog)));
	present_close(&present);
	return err;
}

/* In one step, so the interface is never without a program. */
static int replace_single(const struct attach_context *context, uint32_t ifindex,
			  const struct xdp_present *present)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = present_single(present));

	return bpf_xdp_attach((int)ifindex, context->xdp_prog,
			      XDP_FLAGS_REPLACE | present->mode_flag, &options);
}

/* With libxdp: through its dispatcher beside others, or without it if the kernel has no freplace.
 */
static int attach_by_libxdp(const struct attach_context *context, uint32_t ifindex,
			    bool force_generic)
{
	struct xdp_program *program = NULL;
	struct bpf_object *object = NULL;
	int err;

	err = object_open_xdp(context->maps, &object);
	if (err)
		goto out;
	program = xdp_program__from_bpf_obj(object, "xdp");
	err = (int)libxdp_get_error(program);
	if (err) {
		program = NULL;
		goto out;
	}
	err = xdp_program__attach(program, (int)ifindex,
				  force_generic ? XDP_MODE_SKB : XDP_MODE_NATIVE, 0);
out:
	xdp_program__close(program);
	bpf_object__close(object);
	return err;
}

/*
 * Does the host forbid extension programs? Then no dispatcher can run. To learn this from libxdp
 * costs a second load of our program, most of a second in the verifier. The program loaded here
 * extends nothing: a kernel that allows extensions refuses the program, not its type.
 */
static bool extensions_are_refused(const struct attach_context *context)
{
	LIBBPF_OPTS(bpf_prog_load_opts, options, .attach_prog_fd = (__u32)context->xdp_prog,
		    .attach_btf_id = 1);
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_EXT, NULL, "GPL", insns,
			       sizeof(insns) / sizeof(insns[0]), &options);

	if (fd < 0)
		return errno == EPERM;
	close(fd);
	return false;
}

/* A dispatcher has to be read again to be changed, which goes by ids. */
static bool can_read_by_id(void)
{
	int fd = bpf_prog_get_fd_by_id(0); /* no program has it */

	if (fd >= 0)
		close(fd);
	return fd >= 0 || errno != EPERM;
}

/*
 * Through our dispatcher, else that of libxdp (another version refuses ours), else without a
 * dispatcher: an interface without other programs is better than none.
 */
static int attach_in_mode(const struct attach_context *context, const struct interface *interface,
			  bool generic)
{
	uint32_t mode = generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	struct dispatcher_offer offer;
	int err = -EPERM;

	if (!can_read_by_id() || extensions_are_refused(context))
		goto alone;
	dispatcher_offer(&offer);
	err = attach_by_libxdp(context, interface->ifindex, generic);
	dispatcher_withdraw(&offer);
	if (err && err != -EBUSY && err != -EEXIST && offer.made)
		err = attach_by_libxdp(context, interface->ifindex, generic);
	if (!err || err == -EBUSY || err == -EEXIST)
		return err;
alone:
	log_info("dataplane: interface %s: libxdp's dispatcher: %s; attaching without it",
		 interface->name, strerror(-err));
	return bpf_xdp_attach((int)interface->ifindex, context->xdp_prog,
			      XDP_FLAGS_UPDATE_IF_NOEXIST | mode, NULL);
}

/* The other programs get a dispatcher without ours, which must accept all programs of the last one.
 */
static int detach_by_libxdp(const struct xdp_present *present, uint32_t ifindex)
{
	struct dispatcher_offer offer;
	int err;

	dispatcher_offer(&offer);
	err = xdp_program__detach(
		present->ours, (int)ifindex,
		present->mode_flag == XDP_FLAGS_SKB_MODE ? XDP_MODE_SKB : XDP_MODE_NATIVE, 0);
	dispatcher_withdraw(&offer);
	return err;
}

static int attach_new(const struct attach_context *context, struct interface *interface)
{
	int err = -EOPNOTSUPP;

	if (!context->force_generic) {
		err = attach_in_mode(context, interface, false);
		if (err)
			log_info("dataplane: interface %s: native XDP: %s; trying generic",
				 interface->name, strerror(-err));
	}
	if (err)
		err = attach_in_mode(context, interface, true);
	return err;
}

/* The dispatcher has a copy of its own of our program: the same instructions have the same tag. */
static bool is_same(const struct attach_context *context, const struct xdp_present *present)
{
	struct bpf_prog_info there = {}, wanted = {};
	__u32 there_bytes = sizeof(there), wanted_bytes = sizeof(wanted);

	if (!present->ours || !present->dispatcher ||
	    (context->force_generic && present->mode_flag != XDP_FLAGS_SKB_MODE))
		return false;
	return !bpf_obj_get_info_by_fd(xdp_program__fd(present->ours), &there, &there_bytes) &&
	       !bpf_obj_get_info_by_fd(context->xdp_prog, &wanted, &wanted_bytes) &&
	       memcmp(there.tag, wanted.tag, sizeof(there.tag)) == 0;
}

int attach_xdp(const struct attach_context *context, struct interface *interface, char *error)
{
	struct xdp_present present;
	int err;

	present_read(context, interface->ifindex, &present);
	if (is_same(context, &present)) {
		err = 0;
	} else if (present_single(&present) >= 0) {
		err = replace_single(context, interface->ifindex, &present);
	} else {
		err = attach_new(context, interface);
		/* The new one runs, so the old one may go. */
		if (!err && present.ours)
			err = detach_by_libxdp(&present, interface->ifindex);
	}
	present_close(&present);
	if (err)
		return error_set(error, err, "interface %s: attach XDP: %s", interface->name,
				 strerror(-err));
	present_read(context, interface->ifindex, &present);
	interface->xdp_mode =
		present.mode_flag == XDP_FLAGS_SKB_MODE ? ATTACH_XDP_GENERIC : ATTACH_XDP_NATIVE;
	interface->dispatcher = present.dispatcher;
	present_close(&present);
	return 0;
}

int detach_xdp(const struct attach_context *context, uint32_t ifindex)
{
	struct xdp_present present;
	int err = 0;

	present_read(context, ifindex, &present);
	if (present.ours && present.dispatcher) {
		err = detach_by_libxdp(&present, ifindex);
	} else if (present_single(&present) >= 0) {
		LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = present_single(&present));

		err = bpf_xdp_detach((int)ifindex, present.mode_flag | XDP_FLAGS_REPLACE, &options);
	}
	present_close(&present);
	return err;
}
