/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The BPF object. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/btf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "ipacct/abi.h"
#include "ipacct.skel.h"
#include "maps.h"
#include "program_object.h"

#define SETTINGS_SECTION ".rodata"
#define SETTINGS_PREFIX  "cfg_"

static void cleanup_skeleton(struct ipacct_bpf **skeleton)
{
	ipacct_bpf__destroy(*skeleton);
}

void program_object_built_in(struct program_object *ret_object)
{
	ret_object->elf = ipacct_bpf__elf_bytes(&ret_object->elf_bytes);
}

/* As ipacct_bpf__open(), of other octets. */
static struct ipacct_bpf *skeleton_of(const struct program_object *object)
{
	struct ipacct_bpf *skeleton = calloc(1, sizeof(*skeleton));
	int ret;

	if (!skeleton)
		return NULL;
	ret = ipacct_bpf__create_skeleton(skeleton);
	if (!ret) {
		/* libbpf only reads it */
		skeleton->skeleton->data = (void *)(uintptr_t)object->elf;
		skeleton->skeleton->data_sz = object->elf_bytes;
		ret = bpf_object__open_skeleton(skeleton->skeleton, NULL);
	}
	if (!ret)
		return skeleton;
	ipacct_bpf__destroy(skeleton);
	errno = -ret;
	return NULL;
}

static bool map_differs(const struct bpf_map *map, const struct bpf_map *own)
{
	return bpf_map__type(map) != bpf_map__type(own) ||
	       bpf_map__key_size(map) != bpf_map__key_size(own) ||
	       bpf_map__value_size(map) != bpf_map__value_size(own) ||
	       bpf_map__map_flags(map) != bpf_map__map_flags(own);
}

/* Where a setting lies in the section of constants, −1 when there is none of this name. */
static long setting_at(const struct btf *btf, const char *name)
{
	int section = btf__find_by_name_kind(btf, SETTINGS_SECTION, BTF_KIND_DATASEC);
	const struct btf_type *type = section < 0 ? NULL : btf__type_by_id(btf, (__u32)section);

	for (int i = 0; type && i < btf_vlen(type); i++) {
		const struct btf_var_secinfo *info = &btf_var_secinfos(type)[i];
		const struct btf_type *variable = btf__type_by_id(btf, info->type);

		if (!strcmp(btf__name_by_offset(btf, variable->name_off), name))
			return (long)info->offset;
	}
	return -1;
}

/* Whether every setting of one object lies at the same place in the other. */
static bool settings_match(const struct btf *btf, const struct btf *other)
{
	int section = btf__find_by_name_kind(btf, SETTINGS_SECTION, BTF_KIND_DATASEC);
	const struct btf_type *type = section < 0 ? NULL : btf__type_by_id(btf, (__u32)section);

	for (int i = 0; type && i < btf_vlen(type); i++) {
		const struct btf_var_secinfo *info = &btf_var_secinfos(type)[i];
		const struct btf_type *variable = btf__type_by_id(btf, info->type);
		const char *name = btf__name_by_offset(btf, variable->name_off);

		if (!strncmp(name, SETTINGS_PREFIX, strlen(SETTINGS_PREFIX)) &&
		    setting_at(other, name) != (long)info->offset)
			return false;
	}
	return type != NULL;
}

static int object_check(const struct ipacct_bpf *skeleton, struct ipacct_problem *ret_problem)
{
	struct ipacct_bpf *own __attribute__((cleanup(cleanup_skeleton))) = ipacct_bpf__open();

	if (!own)
		return -errno;
#define CHECK(member, pin)                                                                      \
	if (map_differs(skeleton->maps.ipacct_##member, own->maps.ipacct_##member)) {           \
		ipacct_problem_set(ret_problem, "its map " pin " holds other records: use the " \
						"programs that were built with it");            \
		return -EPROTO;                                                                 \
	}
	IPACCT_MAPS(CHECK)
#undef CHECK
	if (!settings_match(bpf_object__btf(own->obj), bpf_object__btf(skeleton->obj)) ||
	    !settings_match(bpf_object__btf(skeleton->obj), bpf_object__btf(own->obj))) {
		ipacct_problem_set(ret_problem, "it has other settings: use the programs that "
						"were built with it");
		return -EPROTO;
	}
	return 0;
}

int program_object_open(const struct program_object *object, struct ipacct_bpf **ret_skeleton,
			struct ipacct_problem *ret_problem)
{
	struct ipacct_bpf *skeleton = object ? skeleton_of(object) : ipacct_bpf__open();
	char words[64];
	int ret;

	if (!skeleton) {
		ret = errno ? -errno : -EINVAL;
		(void)libbpf_strerror(ret, words,
				      sizeof(words)); /* fills it, whatever it returns */
		ipacct_problem_set(ret_problem,
				   "not a BPF object with the program ipacct_xdp and its maps: %s",
				   words);
		return object ? -EPROTO : ret;
	}
	ret = object ? object_check(skeleton, ret_problem) : 0;
	if (ret)
		ipacct_bpf__destroy(skeleton);
	else
		*ret_skeleton = skeleton;
	return ret;
}
