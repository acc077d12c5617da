/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Make the maps, pin them, load programs on them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/btf.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "ipacct/abi.h"
#include "ipacct.skel.h"
#include "epoch.h"
#include "guard.h"
#include "hot_lines.h"
#include "maps_make.h"

static void cleanup_skeleton(struct ipacct_bpf **skeleton)
{
	if (*skeleton)
		ipacct_bpf__destroy(*skeleton);
}

/* One element holds all sets of a partition and epoch. */
static int hot_size_set(struct bpf_map *map, uint32_t n, uint32_t sets)
{
	int ret = bpf_map__set_max_entries(map, n);

	return ret ? ret : bpf_map__set_value_size(map, sets * IPACCT_HOT_SET_BYTES);
}

static int sizes_set(struct ipacct_bpf *skeleton, const struct sizing *sizing)
{
	uint32_t n = sizing->n_parts * IPACCT_EPOCHS;
	int ret = bpf_map__set_max_entries(skeleton->maps.ipacct_cpus, sizing->n_cpus);

	if (!ret)
		ret = bpf_map__set_max_entries(skeleton->maps.ipacct_parts, n);
	if (!ret)
		ret = bpf_map__set_max_entries(skeleton->maps.ipacct_lru, n);
	if (!ret)
		ret = bpf_map__set_max_entries(skeleton->maps.ipacct_roll, n * IPACCT_ROLL_LINES);
	if (!ret)
		ret = bpf_map__set_max_entries(skeleton->maps.ipacct_roll6, n * IPACCT_ROLL6_LINES);
	n -= IPACCT_EPOCHS; /* partition 0 has no hot tier */
	if (ret || !n || !sizing->hot4_sets)
		return ret;
	ret = hot_size_set(skeleton->maps.ipacct_hot4, n, sizing->hot4_sets);
	if (!ret)
		ret = hot_size_set(skeleton->maps.ipacct_hot6, n, sizing->hot6_sets);
	if (!ret)
		ret = bpf_map__set_max_entries(
			skeleton->maps.ipacct_hotmap,
			n * ((sizing->hot4_sets + sizing->hot6_sets) / 64 +
			     hot_door_words(sizing->hot4_sets, sizing->hot6_sets)));
	return ret;
}

static int own_fd(const struct bpf_map *map)
{
	int fd = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3);

	return fd < 0 ? -errno : fd;
}

/* The skeleton closes its descriptors when it goes: keep copies. */
static int fds_copy(const struct ipacct_bpf *skeleton, struct ipacct_maps *maps)
{
#define COPY(member, pin)                                           \
	maps->member##_fd = own_fd(skeleton->maps.ipacct_##member); \
	if (maps->member##_fd < 0)                                  \
		return maps->member##_fd;
	IPACCT_MAPS(COPY)
#undef COPY
	return 0;
}

static uint32_t struct_type_id(const struct ipacct_bpf *skeleton, const char *name)
{
	int id = btf__find_by_name_kind(bpf_object__btf(skeleton->obj), name, BTF_KIND_STRUCT);

	return id < 0 ? 0 : (uint32_t)id;
}

/* Kernel 6.1 refuses an inner map whose BTF differs from the template's (EINVAL). libbpf forgets
 * the template once the outer map is made: the types are found by name. */
static int lru_make(const struct ipacct_bpf *skeleton, struct ipacct_maps *maps)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts,
		    .btf_fd = (uint32_t)bpf_object__btf_fd(skeleton->obj),
		    .btf_key_type_id = struct_type_id(skeleton, "ipacct_key"),
		    .btf_value_type_id = struct_type_id(skeleton, "ipacct_counters"));
	uint32_t n = maps->meta.n_parts * IPACCT_EPOCHS;
	char name[IPACCT_LRU_PIN_BYTES];

	maps->lru_fds = malloc(n * sizeof(*maps->lru_fds));
	if (!maps->lru_fds)
		return -ENOMEM;
	memset(maps->lru_fds, 0xff, n * sizeof(*maps->lru_fds)); /* −1 */
	for (uint32_t i = 0; i < n; i++) {
		uint32_t entries =
			i < IPACCT_EPOCHS ? maps->meta.lru_shared : maps->meta.lru_entries;

		ipacct_lru_pin_name(i, name, sizeof(name));
		maps->lru_fds[i] =
			bpf_map_create(BPF_MAP_TYPE_LRU_HASH, name, sizeof(struct ipacct_key),
				       sizeof(struct ipacct_counters), entries, &opts);
		if (maps->lru_fds[i] < 0)
			return -errno;
		if (bpf_map_update_elem(maps->lru_fd, &i, &maps->lru_fds[i], BPF_ANY))
			return -errno;
	}
	return 0;
}

static int cpus_write(const struct ipacct_maps *maps, const struct sizing *sizing)
{
	uint32_t part = 0;

	for (uint32_t cpu = 0; cpu < sizing->n_cpus; cpu++) {
		bool own = sizing->own_cpus[cpu / 64] >> (cpu % 64) & 1;
		uint32_t value = own ? ++part : 0;

		if (bpf_map_update_elem(maps->cpus_fd, &cpu, &value, BPF_ANY))
			return -errno;
	}
	return 0;
}

/* The LRU keeps up to 128 free nodes per CPU that inserts (kernel/bpf/bpf_lru_list.c,
 * LOCAL_FREE_TARGET) and evicts when it cannot take 128 more: below that it never does. */
static int parts_write(const struct ipacct_maps *maps, const struct sizing *sizing)
{
	for (uint32_t i = 0; i < maps->meta.n_parts * IPACCT_EPOCHS; i++) {
		struct ipacct_part part = { .lru_budget = maps->meta.lru_entries - 128 };

		if (i < IPACCT_EPOCHS)
			part.lru_budget = maps->meta.lru_shared - 128 * sizing->n_cpus;
		if (bpf_map_update_elem(maps->parts_fd, &i, &part, BPF_ANY))
			return -errno;
	}
	return 0;
}

static int ctl_write(const struct ipacct_maps *maps)
{
	struct ipacct_domain first = { .domain = 0, .in_use = 1 };
	struct ipacct_ctl ctl = { .epoch = 0, .cut = { 1, 0 } };
	uint32_t zero = 0;

	if (getrandom(&ctl.seed, sizeof(ctl.seed), 0) != sizeof(ctl.seed) ||
	    getrandom(&ctl.instance, sizeof(ctl.instance), 0) != sizeof(ctl.instance))
		return -EIO;
	ctl.seed |= 1; /* a factor of the hot tier's hash */
	if (bpf_map_update_elem(maps->ctl_fd, &zero, &ctl, BPF_ANY) ||
	    bpf_map_update_elem(maps->doms_fd, &zero, &first, BPF_ANY) ||
	    bpf_map_update_elem(maps->meta_fd, &zero, &maps->meta, BPF_ANY))
		return -errno;
	return 0;
}

static void meta_init(struct ipacct_meta *meta, const struct sizing *sizing)
{
	*meta = (struct ipacct_meta){
		.magic = IPACCT_ABI_MAGIC,
		.abi_version = IPACCT_ABI_VERSION,
		.key_bytes = sizeof(struct ipacct_key),
		.counters_bytes = sizeof(struct ipacct_counters),
		.totals_bytes = sizeof(struct ipacct_totals),
		.interface_bytes = sizeof(struct ipacct_interface),
		.n_parts = sizing->n_parts,
		.n_cpus = sizing->n_cpus,
		.lru_entries = sizing->lru_entries,
		.lru_shared = sizing->lru_shared,
		.hot4_sets = sizing->hot4_sets,
		.hot6_sets = sizing->hot6_sets,
		.created_ns = ipacct_clock_ns(CLOCK_REALTIME),
	};
	(void)snprintf(meta->build, sizeof(meta->build), "%s", IPACCT_VERSION);
}

static int all_make(struct ipacct_bpf *skeleton, const struct sizing *sizing,
		    struct ipacct_maps *maps)
{
	int ret = fds_copy(skeleton, maps);

	if (!ret)
		ret = lru_make(skeleton, maps);
	if (!ret)
		ret = cpus_write(maps, sizing);
	if (!ret)
		ret = parts_write(maps, sizing);
	if (!ret)
		ret = ctl_write(maps);
	return ret;
}

int maps_make_of(const struct program_object *object, const struct sizing *sizing,
		 struct ipacct_maps *ret_maps, struct ipacct_problem *ret_problem)
{
	struct ipacct_bpf *skeleton __cleanup(cleanup_skeleton) = NULL;
	struct ipacct_maps maps;
	int ret = program_object_open(object, &skeleton, ret_problem);

	if (ret)
		return ret;
	ret = sizes_set(skeleton, sizing);
	if (!ret)
		ret = ipacct_bpf__load(skeleton);
	if (ret) {
		ipacct_problem_set(ret_problem,
				   "the kernel refuses the program or a map: %s "
				   "(kernel 6.1 or newer? IPACCT_DEBUG=1 shows its words)",
				   strerror(-ret));
		return ret;
	}
	ipacct_maps_init(&maps);
	meta_init(&maps.meta, sizing);
	ret = all_make(skeleton, sizing, &maps);
	if (ret) {
		ipacct_problem_set(ret_problem, "cannot make the maps: %s", strerror(-ret));
		ipacct_maps_finish(&maps);
		return ret;
	}
	*ret_maps = maps;
	return 0;
}

int maps_make(const struct sizing *sizing, struct ipacct_maps *ret_maps,
	      struct ipacct_problem *ret_problem)
{
	return maps_make_of(NULL, sizing, ret_maps, ret_problem);
}

int maps_pin_one(int fd, const char *dir, const char *name, gid_t gid)
{
	char path[IPACCT_PIN_PATH_BYTES];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
		return -ENAMETOOLONG;
	if (bpf_obj_pin(fd, path))
		return -errno;
	if (chown(path, 0, gid) || chmod(path, 0640))
		return -errno;
	return 0;
}

static void unpin_one(const char *dir, const char *name)
{
	char path[IPACCT_PIN_PATH_BYTES];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) < sizeof(path))
		(void)unlink(path); /* absent is what is wanted */
}

void maps_unpin(const char *bpffs_dir, uint32_t n_parts)
{
	char name[IPACCT_LRU_PIN_BYTES];

	unpin_one(bpffs_dir, IPACCT_PIN_META); /* first: without it the rest is no set */
#define UNPIN(member, pin) unpin_one(bpffs_dir, pin);
	IPACCT_MAPS(UNPIN)
#undef UNPIN
	for (uint32_t i = 0; i < n_parts * IPACCT_EPOCHS; i++) {
		ipacct_lru_pin_name(i, name, sizeof(name));
		unpin_one(bpffs_dir, name);
	}
}

/* What a crash left of a set without ipacct_meta: pins named like ours and nothing else. */
static void rest_unpin(const char *bpffs_dir)
{
	DIR *dir __cleanup(cleanup_dir) = opendir(bpffs_dir);
	const struct dirent *entry;

	maps_unpin(bpffs_dir, 0);
	while (dir && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "lru_", 4) &&
		    strspn(entry->d_name + 4, "0123456789_") == strlen(entry->d_name + 4))
			unpin_one(bpffs_dir, entry->d_name);
}

/* 1: it was missing and is there again. */
static int pin_one_missing(int fd, const char *dir, const char *name, gid_t gid)
{
	char path[IPACCT_PIN_PATH_BYTES];
	int ret;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
		return -ENAMETOOLONG;
	if (!faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW))
		return 0;
	ret = maps_pin_one(fd, dir, name, gid);
	return ret ? ret : 1;
}

int maps_pin_missing(const struct ipacct_maps *maps, const char *bpffs_dir, gid_t gid)
{
	char name[IPACCT_LRU_PIN_BYTES];
	int n = 0, ret = 0;

	for (uint32_t i = 0; i < maps->meta.n_parts * IPACCT_EPOCHS && ret >= 0; i++) {
		ipacct_lru_pin_name(i, name, sizeof(name));
		ret = pin_one_missing(maps->lru_fds[i], bpffs_dir, name, gid);
		n += ret > 0;
	}
#define PIN(member, pin)                                                       \
	if (ret >= 0 && maps->member##_fd != maps->meta_fd) {                  \
		ret = pin_one_missing(maps->member##_fd, bpffs_dir, pin, gid); \
		n += ret > 0;                                                  \
	}
	IPACCT_MAPS(PIN)
#undef PIN
	if (ret >= 0) { /* the description last: readers look for it first */
		ret = pin_one_missing(maps->meta_fd, bpffs_dir, IPACCT_PIN_META, gid);
		n += ret > 0;
	}
	return ret < 0 ? ret : n;
}

int maps_pin(const struct ipacct_maps *maps, const char *bpffs_dir, gid_t gid)
{
	int ret;

	rest_unpin(bpffs_dir);
	ret = maps_pin_missing(maps, bpffs_dir, gid);
	if (ret < 0)
		rest_unpin(bpffs_dir);
	return ret < 0 ? ret : 0;
}

static int maps_reuse(struct ipacct_bpf *skeleton, const struct ipacct_maps *maps)
{
	int ret;

#define REUSE(member, pin)                                                          \
	ret = bpf_map__reuse_fd(skeleton->maps.ipacct_##member, maps->member##_fd); \
	if (ret)                                                                    \
		return ret;
	IPACCT_MAPS(REUSE)
#undef REUSE
	/* the same map once more: what the program reads by address */
	return bpf_map__reuse_fd(skeleton->maps.data_ctl, maps->ctl_fd);
}

/* Whether the partition of every CPU follows from its number. */
static bool cpus_in_order(const struct ipacct_maps *maps)
{
	for (uint32_t cpu = 0, part; cpu < maps->meta.n_cpus; cpu++)
		if (bpf_map_lookup_elem(maps->cpus_fd, &cpu, &part) || part != cpu + 1)
			return false;
	return true;
}

uint32_t program_plain(const struct ipacct_maps *maps, uint32_t flags)
{
	const uint32_t asks = IPACCT_IFFLAG_INNER | IPACCT_IFFLAG_VLANS | IPACCT_IFFLAG_NO_ETHERNET;

	if (!maps->meta.hot4_sets || flags & asks)
		return IPACCT_PLAIN_ASK;
	return cpus_in_order(maps) ? IPACCT_PLAIN_BY_CPU : IPACCT_PLAIN_BY_TABLE;
}

int program_open(const struct program_object *object, const struct ipacct_maps *maps, uint32_t slot,
		 uint16_t domain, uint32_t domain_slot_number, uint32_t flags,
		 struct ipacct_bpf **ret_skeleton)
{
	struct ipacct_bpf *skeleton __cleanup(cleanup_skeleton) = NULL;
	int ret = program_object_open(object, &skeleton, NULL);

	if (ret)
		return ret;
	skeleton->rodata->cfg_plain = program_plain(maps, flags);
	skeleton->rodata->cfg_slot = slot;
	skeleton->rodata->cfg_domain = domain;
	skeleton->rodata->cfg_domain_slot = domain_slot_number;
	skeleton->rodata->cfg_inner = (flags & IPACCT_IFFLAG_INNER) != 0;
	skeleton->rodata->cfg_vlans = (flags & IPACCT_IFFLAG_VLANS) != 0;
	skeleton->rodata->cfg_hot4_sets = maps->meta.hot4_sets;
	skeleton->rodata->cfg_hot6_sets = maps->meta.hot6_sets;
	skeleton->rodata->cfg_hot6_bit = ipacct_hotmap_first(&maps->meta, IPACCT_EPOCHS, true);
	skeleton->rodata->cfg_door_first = ipacct_door_first(&maps->meta, IPACCT_EPOCHS);
	skeleton->rodata->cfg_door_words = ipacct_door_words(&maps->meta);
	/* no look-up for what nobody asked to protect */
	skeleton->rodata->cfg_guard = guard_any(maps->guard_fd);
	ret = maps_reuse(skeleton, maps);
	if (!ret)
		*ret_skeleton = take_ptr(skeleton);
	return ret;
}

int program_load_of(const struct program_object *object, const struct ipacct_maps *maps,
		    uint32_t slot, uint16_t domain, uint32_t domain_slot_number, uint32_t flags)
{
	struct ipacct_bpf *skeleton __cleanup(cleanup_skeleton) = NULL;
	int fd, ret = program_open(object, maps, slot, domain, domain_slot_number, flags,
				   &skeleton);

	if (!ret)
		ret = ipacct_bpf__load(skeleton);
	if (ret)
		return ret;
	fd = fcntl(bpf_program__fd(skeleton->progs.ipacct_xdp), F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? -errno : fd;
}

int program_load(const struct ipacct_maps *maps, uint32_t slot, uint16_t domain,
		 uint32_t domain_slot_number, uint32_t flags)
{
	return program_load_of(NULL, maps, slot, domain, domain_slot_number, flags);
}

int domain_slot(const struct ipacct_maps *maps, uint16_t domain)
{
	struct ipacct_domain record;

	for (uint32_t slot = 0; slot < IPACCT_DOMAINS_MAX; slot++) {
		if (bpf_map_lookup_elem(maps->doms_fd, &slot, &record))
			return -errno;
		if (record.in_use && record.domain == domain)
			return (int)slot;
		if (record.in_use)
			continue;
		record = (struct ipacct_domain){ .domain = domain, .in_use = 1 };
		if (bpf_map_update_elem(maps->doms_fd, &slot, &record, BPF_ANY))
			return -errno;
		return (int)slot;
	}
	return -ENOSPC;
}
