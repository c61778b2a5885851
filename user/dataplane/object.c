// SPDX-License-Identifier: Apache-2.0
#include "dataplane/object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "base/log.h"
#include "dataplane/dataplane.h"
#include "dataplane/error.h"
#include "dataplane/refusal.h"
#include "sluice.skel.h"
#include "sluice_tc.skel.h"

/* Not truncated: the verifier's text is one message of any length. */
static int libbpf_print(enum libbpf_print_level level, const char *format, va_list args)
{
	char *text;
	int bytes = vasprintf(&text, format, args);

	if (bytes < 0)
		return 0;
	while (bytes > 0 && text[bytes - 1] == '\n')
		text[--bytes] = '\0';
	refusal_note(level, text);
	if (level != LIBBPF_DEBUG)
		log_debug("libbpf: %s", text);
	free(text);
	return 0;
}

static int libxdp_print(enum libxdp_print_level level, const char *format, va_list args)
{
	char text[1024];
	int n = vsnprintf(text, sizeof(text), format, args);

	while (n > 0 && (size_t)n < sizeof(text) && text[n - 1] == '\n')
		text[--n] = '\0';
	if (level != LIBXDP_DEBUG)
		log_debug("libxdp: %s", text);
	return 0;
}

void object_log_setup(void)
{
	libbpf_set_print(libbpf_print);
	libxdp_set_print(libxdp_print);
}

static int elf_open(const void *elf, size_t elf_bytes, struct bpf_object **out)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "sluice");
	struct bpf_object *object;

	object = bpf_object__open_mem(elf, elf_bytes, &options);
	if (!object)
		return -errno;
	*out = object;
	return 0;
}

static int object_open(struct bpf_object **out)
{
	size_t elf_bytes;
	const void *elf = sluice_bpf__elf_bytes(&elf_bytes);

	return elf_open(elf, elf_bytes, out);
}

/* Makes a map of the object use the pinned one, if there is one. */
static int map_adopt(const char *bpffs, enum map_id id, struct bpf_map *map, bool *adopted,
		     char *error)
{
	char text[DATAPLANE_ERROR_MAX] = "";
	int fd, err;

	err = maps_open_pinned(bpffs, id, &fd, text, sizeof(text));
	if (err == -ENOENT)
		return 0;
	if (err)
		return error_set(error, err, "%s", text);
	err = bpf_map__reuse_fd(map, fd);
	close(fd);
	if (err)
		return error_set(error, err, "adopt map %s: %s", map_layouts[id].name,
				 strerror(-err));
	*adopted = true;
	return 0;
}

static int maps_prepare(const char *bpffs, uint32_t flows_max, struct bpf_object *object,
			bool adopted[MAPS_COUNT], char *error)
{
	for (unsigned int id = 0; id < MAPS_COUNT; id++) {
		const struct map_layout *layout = &map_layouts[id];
		struct bpf_map *map = bpf_object__find_map_by_name(object, layout->name);
		int err;

		if (!map)
			return error_set(error, -EPROTO, "the BPF object has no map %s",
					 layout->name);
		if (layout->sized_by_option && flows_max) {
			err = bpf_map__set_max_entries(map, flows_max);
			if (err)
				return error_set(error, err, "map %s: %u entries: %s", layout->name,
						 flows_max, strerror(-err));
		}
		err = map_adopt(bpffs, id, map, &adopted[id], error);
		if (err)
			return err;
	}
	return 0;
}

/* Copies of the descriptors of all maps, pins for those that have none. */
static int maps_pin(const char *bpffs, struct bpf_object *object, const bool adopted[MAPS_COUNT],
		    int maps[MAPS_COUNT], char *error)
{
	for (unsigned int id = 0; id < MAPS_COUNT; id++) {
		struct bpf_map *map = bpf_object__find_map_by_name(object, map_layouts[id].name);
		char path[PIN_PATH_MAX];
		int err;

		err = pin_path(path, bpffs, map_layouts[id].name);
		if (err)
			return error_set(error, err, "path too long below %s", bpffs);
		if (!adopted[id] && bpf_obj_pin(bpf_map__fd(map), path)) {
			err = -errno;
			return error_set(error, err, "pin %s: %s", path, strerror(-err));
		}
		maps[id] = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 0);
		if (maps[id] < 0) {
			err = -errno;
			return error_set(error, err, "map %s: %s", map_layouts[id].name,
					 strerror(-err));
		}
	}
	return 0;
}

/* @splice: include the optional program that a kernel may refuse. */
static int object_try(const char *bpffs, uint32_t flows_max, bool splice, bool adopted[MAPS_COUNT],
		      struct bpf_object **out, char *error)
{
	struct bpf_object *object = NULL;
	int err;

	refusal_reset();
	err = object_open(&object);
	if (err) {
		err = refusal_describe(err, error);
		goto out;
	}
	if (!splice)
		bpf_program__set_autoload(bpf_object__find_program_by_name(object, SPLICE_PROGRAM),
					  false);
	err = maps_prepare(bpffs, flows_max, object, adopted, error);
	if (err)
		goto out;
	err = bpf_object__load(object);
	if (err) {
		err = refusal_describe(err, error);
		goto out;
	}
	*out = object;
	object = NULL;
out:
	bpf_object__close(object);
	return err;
}

int object_load(const char *bpffs, uint32_t flows_max, int maps[MAPS_COUNT],
		struct bpf_object **out, bool *adopted, char *error)
{
	bool map_adopted[MAPS_COUNT] = {};
	struct bpf_object *object = NULL;
	int err;

	*adopted = false;
	err = object_try(bpffs, flows_max, true, map_adopted, &object, error);
	for (unsigned int id = 0; id < MAPS_COUNT; id++)
		*adopted = *adopted || map_adopted[id];
	if (err && err != -EPERM && err != -EPROTO) {
		log_debug("dataplane: %s; trying again without %s", error, SPLICE_PROGRAM);
		err = object_try(bpffs, flows_max, false, map_adopted, &object, error);
	}
	if (err)
		goto out;
	err = maps_pin(bpffs, object, map_adopted, maps, error);
	if (err)
		goto out;
	maps_warn_of_size(maps, flows_max);
	*out = object;
	object = NULL;
out:
	bpf_object__close(object);
	return err;
}

/* Makes the maps of an object the existing ones. */
static int maps_reuse(struct bpf_object *object, const int maps[MAPS_COUNT])
{
	int err = 0;

	for (unsigned int id = 0; id < MAPS_COUNT && !err; id++) {
		struct bpf_map *map = bpf_object__find_map_by_name(object, map_layouts[id].name);

		err = map ? bpf_map__reuse_fd(map, maps[id]) : -EPROTO;
	}
	return err;
}

int object_open_xdp(const int maps[MAPS_COUNT], struct bpf_object **out)
{
	struct bpf_object *object = NULL;
	struct bpf_program *program;
	int err;

	err = object_open(&object);
	if (err)
		goto out;
	bpf_object__for_each_program (program, object) {
		if (strcmp(bpf_program__name(program), "xdp_ingress") != 0)
			bpf_program__set_autoload(program, false);
	}
	err = maps_reuse(object, maps);
	if (err)
		goto out;
	*out = object;
	object = NULL;
out:
	bpf_object__close(object);
	return err;
}

int object_load_tc(const int maps[MAPS_COUNT], int *prog_fd, char *error)
{
	struct bpf_object *object = NULL;
	size_t elf_bytes;
	const void *elf = sluice_tc_bpf__elf_bytes(&elf_bytes);
	int err, fd;

	refusal_reset();
	err = elf_open(elf, elf_bytes, &object);
	if (!err)
		err = maps_reuse(object, maps);
	if (!err)
		err = bpf_object__load(object);
	if (err) {
		err = refusal_describe(err, error);
		goto out;
	}
	fd = object_program(object, "tc_l4");
	if (fd < 0) {
		err = error_set(error, -EPROTO, "the BPF object of TC lacks its program");
		goto out;
	}
	*prog_fd = fd;
out:
	bpf_object__close(object);
	return err;
}

/* FNV-1a, 64 bits */
static uint64_t hash_octets(uint64_t hash, const void *data, size_t bytes)
{
	const unsigned char *octets = data;

	for (size_t i = 0; i < bytes; i++)
		hash = (hash ^ octets[i]) * 0x100000001b3ull;
	return hash;
}

uint64_t object_hash(void)
{
	static uint64_t hash;
	size_t bytes;
	const void *elf;

	if (hash)
		return hash;
	elf = sluice_bpf__elf_bytes(&bytes);
	hash = hash_octets(0xcbf29ce484222325ull, elf, bytes);
	elf = sluice_tc_bpf__elf_bytes(&bytes);
	hash = hash_octets(hash, elf, bytes);
	return hash;
}

int object_program(const struct bpf_object *object, const char *name)
{
	const struct bpf_program *program = bpf_object__find_program_by_name(object, name);
	int fd;

	if (!program)
		return -ENOENT;
	fd = fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}
