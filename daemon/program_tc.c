/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program of the tc hooks, on the maps of the other one. */
#include <errno.h>
#include <fcntl.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "epoch.h"
#include "guard.h"
#include "ipacct_tc.skel.h"
#include "maps_make.h"
#include "program_tc.h"

static void cleanup_skeleton(struct ipacct_tc_bpf **skeleton)
{
	if (*skeleton)
		ipacct_tc_bpf__destroy(*skeleton);
}

static int maps_reuse(struct ipacct_tc_bpf *skeleton, const struct ipacct_maps *maps)
{
	const struct {
		const char *name;
		int fd;
	} ours[] = {
#define MAP(member, pin) { pin, maps->member##_fd },
		IPACCT_MAPS(MAP)
#undef MAP
	};

	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(skeleton->obj, ours[i].name);
		int ret = map ? bpf_map__reuse_fd(map, ours[i].fd) : 0; /* one that it never asks */

		if (ret)
			return ret;
	}
	return bpf_map__reuse_fd(skeleton->maps.data_ctl, maps->ctl_fd); /* by address */
}

int program_tc_load(const struct ipacct_maps *maps, uint32_t slot, uint16_t domain,
		    uint32_t domain_slot, uint32_t flags)
{
	struct ipacct_tc_bpf *skeleton __cleanup(cleanup_skeleton) = ipacct_tc_bpf__open();
	int fd, ret;

	if (!skeleton)
		return -errno;
	skeleton->rodata->cfg_plain = program_plain(maps, flags);
	skeleton->rodata->cfg_slot = slot;
	skeleton->rodata->cfg_domain = domain;
	skeleton->rodata->cfg_domain_slot = domain_slot;
	skeleton->rodata->cfg_hot4_sets = maps->meta.hot4_sets;
	skeleton->rodata->cfg_hot6_sets = maps->meta.hot6_sets;
	skeleton->rodata->cfg_hot6_bit = ipacct_hotmap_first(&maps->meta, IPACCT_EPOCHS, true);
	skeleton->rodata->cfg_door_first = ipacct_door_first(&maps->meta, IPACCT_EPOCHS);
	skeleton->rodata->cfg_door_words = ipacct_door_words(&maps->meta);
	skeleton->rodata->cfg_guard = guard_any(maps->guard_fd);
	skeleton->rodata->cfg_no_ethernet = (flags & IPACCT_IFFLAG_NO_ETHERNET) != 0;
	skeleton->rodata->cfg_inner = (flags & IPACCT_IFFLAG_INNER) != 0;
	skeleton->rodata->cfg_vlans = (flags & IPACCT_IFFLAG_VLANS) != 0;
	ret = maps_reuse(skeleton, maps);
	if (!ret)
		ret = ipacct_tc_bpf__load(skeleton);
	if (ret)
		return ret;
	fd = fcntl(bpf_program__fd(skeleton->progs.ipacct_tc), F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? -errno : fd;
}
