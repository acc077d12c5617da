/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Read-only data of one program into another, by the names in their BTF: so the bench need not know
 * which settings there are, and measures what the daemon would load. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "settings.h"

#define SETTINGS_MAPS_MAX 64 /* maps of one program: ours has fewer than 20 */

/* Descriptor and description of the program's .rodata, or a negative errno. */
static int rodata_open(int prog_fd, struct bpf_map_info *ret_info)
{
	uint32_t ids[SETTINGS_MAPS_MAX], bytes = sizeof(struct bpf_prog_info);
	struct bpf_prog_info program = { .nr_map_ids = SETTINGS_MAPS_MAX,
					 .map_ids = (uint64_t)(uintptr_t)ids };

	if (bpf_obj_get_info_by_fd(prog_fd, &program, &bytes))
		return -errno;
	for (uint32_t i = 0; i < program.nr_map_ids && i < SETTINGS_MAPS_MAX; i++) {
		int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd < 0)
			return -errno;
		memset(ret_info, 0, sizeof(*ret_info));
		bytes = sizeof(*ret_info);
		if (!bpf_obj_get_info_by_fd(fd, ret_info, &bytes) &&
		    strstr(ret_info->name, ".rodata") && ret_info->btf_id)
			return fd;
		close(fd);
	}
	return -ENOENT;
}

/* The place of a variable in a data section, or NULL. */
static const struct btf_var_secinfo *variable_find(const struct btf *btf,
						   const struct btf_type *section, const char *name)
{
	const struct btf_var_secinfo *at = btf_var_secinfos(section);

	for (uint32_t i = 0; i < btf_vlen(section); i++) {
		const struct btf_type *type = btf__type_by_id(btf, at[i].type);

		if (!strcmp(btf__name_by_offset(btf, type->name_off), name))
			return &at[i];
	}
	return NULL;
}

static int variables_copy(const struct btf *from_btf, const struct btf_type *from_section,
			  const char *from, struct bpf_object *object)
{
	const struct btf *btf = bpf_object__btf(object);
	int id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC), n = 0;
	const struct btf_type *section = id < 0 ? NULL : btf__type_by_id(btf, (uint32_t)id);
	struct bpf_map *map = NULL;
	size_t bytes;
	char *to =
		NULL; /* libbpf gives it const, for a skeleton's sake; until load it may be set */

	bpf_object__for_each_map(map, object)
		if (strstr(bpf_map__name(map), ".rodata"))
			to = (char *)(uintptr_t)bpf_map__initial_value(map, &bytes);
	if (!section || !to)
		return -ENOENT;
	for (uint32_t i = 0; i < btf_vlen(from_section); i++) {
		const struct btf_var_secinfo *source = &btf_var_secinfos(from_section)[i], *target;
		const struct btf_type *type = btf__type_by_id(from_btf, source->type);

		target = variable_find(btf, section, btf__name_by_offset(from_btf, type->name_off));
		if (!target || target->size != source->size ||
		    target->offset + target->size > bytes)
			continue; /* a string constant of one of them */
		memcpy(to + target->offset, from + source->offset, source->size);
		n++;
	}
	return n;
}

int settings_copy(int prog_fd, struct bpf_object *object)
{
	struct bpf_map_info info;
	int fd = rodata_open(prog_fd, &info), ret = -ENOENT;
	const struct btf_type *section;
	struct btf *btf;
	uint32_t zero = 0;
	char *value;

	if (fd < 0)
		return fd;
	btf = btf__load_from_kernel_by_id(info.btf_id);
	value = malloc(info.value_size);
	section = btf ? btf__type_by_id(btf, info.btf_value_type_id) : NULL;
	if (section && value && btf_is_datasec(section))
		ret = bpf_map_lookup_elem(fd, &zero, value) ? -errno : 0;
	if (!ret)
		ret = variables_copy(btf, section, value, object);
	free(value);
	btf__free(btf);
	close(fd);
	return ret;
}
