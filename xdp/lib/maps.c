/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The set of pinned maps. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <bpf/bpf.h>

#include "base/cleanup.h"
#include "epoch.h"
#include "maps.h"

void ipacct_problem_set(struct ipacct_problem *problem, const char *format, ...)
{
	va_list args;

	if (!problem)
		return;
	va_start(args, format);
	(void)vsnprintf(problem->text, sizeof(problem->text), format, args); /* may be cut */
	va_end(args);
}

void ipacct_lru_pin_name(uint32_t index, char *buffer, size_t buffer_bytes)
{
	(void)snprintf(buffer, buffer_bytes, "lru_%u_%u", index / IPACCT_EPOCHS,
		       index % IPACCT_EPOCHS);
}

void ipacct_maps_init(struct ipacct_maps *maps)
{
	memset(maps, 0, sizeof(*maps));
#define CLOSED(member, pin) maps->member##_fd = -1;
	IPACCT_MAPS(CLOSED)
#undef CLOSED
}

static size_t mapped_bytes(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page; /* a BPF array is mapped in whole pages */
}

static size_t roll_bytes(const struct ipacct_maps *maps)
{
	return mapped_bytes((size_t)maps->meta.n_parts * IPACCT_EPOCHS * IPACCT_ROLL_LINES *
			    sizeof(struct ipacct_counters));
}

static size_t roll6_bytes(const struct ipacct_maps *maps)
{
	return mapped_bytes((size_t)maps->meta.n_parts * IPACCT_EPOCHS * IPACCT_ROLL6_LINES *
			    sizeof(struct ipacct_roll6_line));
}

static size_t n_hot_epochs(const struct ipacct_maps *maps)
{
	return (size_t)(maps->meta.n_parts - 1) * IPACCT_EPOCHS; /* partition 0 has none */
}

static size_t hot4_bytes(const struct ipacct_maps *maps)
{
	return mapped_bytes(n_hot_epochs(maps) * maps->meta.hot4_sets * IPACCT_HOT_SET_BYTES);
}

static size_t hot6_bytes(const struct ipacct_maps *maps)
{
	return mapped_bytes(n_hot_epochs(maps) * maps->meta.hot6_sets * IPACCT_HOT_SET_BYTES);
}

static size_t hotmap_bytes(const struct ipacct_maps *maps)
{
	return mapped_bytes(n_hot_epochs(maps) *
			    ((maps->meta.hot4_sets + maps->meta.hot6_sets) / 64 +
			     ipacct_door_words(&maps->meta)) *
			    sizeof(__u64));
}

static size_t parts_bytes(const struct ipacct_maps *maps)
{
	return mapped_bytes((size_t)maps->meta.n_parts * IPACCT_EPOCHS *
			    sizeof(struct ipacct_part));
}

static void unmap(void *at, size_t bytes)
{
	if (at)
		munmap(at, bytes);
}

void ipacct_maps_finish(struct ipacct_maps *maps)
{
	unmap(maps->ctl, mapped_bytes(sizeof(*maps->ctl)));
	unmap(maps->parts, parts_bytes(maps));
	unmap(maps->roll, roll_bytes(maps));
	unmap(maps->roll6, roll6_bytes(maps));
	unmap(maps->hot4, hot4_bytes(maps));
	unmap(maps->hot6, hot6_bytes(maps));
	unmap(maps->hotmap, hotmap_bytes(maps));
	for (uint32_t i = 0; maps->lru_fds && i < maps->meta.n_parts * IPACCT_EPOCHS; i++)
		close_fd(&maps->lru_fds[i]);
	free(maps->lru_fds);
#define CLOSE(member, pin) close_fd(&maps->member##_fd);
	IPACCT_MAPS(CLOSE)
#undef CLOSE
	ipacct_maps_init(maps);
}

static int pin_open(const char *dir_path, const char *name, bool writable,
		    struct ipacct_problem *ret_problem)
{
	LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = writable ? 0 : BPF_F_RDONLY);
	char path[IPACCT_PIN_PATH_BYTES];
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir_path, name) >= sizeof(path))
		return -ENAMETOOLONG;
	fd = bpf_obj_get_opts(path, &opts);
	if (fd < 0) {
		fd = -errno;
		ipacct_problem_set(ret_problem, "cannot open %s: %s", path, strerror(-fd));
	}
	return fd;
}

int ipacct_meta_check(const struct ipacct_meta *meta, struct ipacct_problem *ret_problem)
{
	if (meta->magic != IPACCT_ABI_MAGIC) {
		ipacct_problem_set(ret_problem,
				   "ipacct_meta has magic 0x%08x, not 0x%08x: these "
				   "are not maps of ipacct",
				   meta->magic, IPACCT_ABI_MAGIC);
		return -EPROTO;
	}
	if (meta->abi_version != IPACCT_ABI_VERSION) {
		ipacct_problem_set(ret_problem,
				   "the pinned maps have ABI version %u (made by "
				   "ipacctd %.40s), this program reads version %u",
				   meta->abi_version, meta->build, IPACCT_ABI_VERSION);
		return -EPROTO;
	}
	if (meta->key_bytes != sizeof(struct ipacct_key) ||
	    meta->counters_bytes != sizeof(struct ipacct_counters) ||
	    meta->totals_bytes != sizeof(struct ipacct_totals) ||
	    meta->interface_bytes != sizeof(struct ipacct_interface) || !meta->n_parts ||
	    meta->n_parts > UINT16_MAX) {
		ipacct_problem_set(ret_problem,
				   "the pinned maps claim ABI version %u but other "
				   "record sizes",
				   meta->abi_version);
		return -EPROTO;
	}
	return 0;
}

int ipacct_meta_read(int fd, struct ipacct_meta *ret_meta, struct ipacct_problem *ret_problem)
{
	struct bpf_map_info info = {};
	uint32_t bytes = sizeof(info), zero = 0;

	if (bpf_obj_get_info_by_fd(fd, &info, &bytes))
		return -errno;
	if (info.value_size != sizeof(*ret_meta)) {
		ipacct_problem_set(ret_problem, "ipacct_meta has %u octets, not %zu: other ABI",
				   info.value_size, sizeof(*ret_meta));
		return -EPROTO;
	}
	if (bpf_map_lookup_elem(fd, &zero, ret_meta))
		return -errno;
	ret_meta->build[sizeof(ret_meta->build) - 1] = '\0';
	return 0;
}

static int lru_open(const char *dir_path, bool writable, struct ipacct_maps *maps,
		    struct ipacct_problem *ret_problem)
{
	uint32_t n = maps->meta.n_parts * IPACCT_EPOCHS;
	char name[IPACCT_LRU_PIN_BYTES];

	maps->lru_fds = malloc(n * sizeof(*maps->lru_fds));
	if (!maps->lru_fds)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		maps->lru_fds[i] = -1;
	for (uint32_t i = 0; i < n; i++) {
		ipacct_lru_pin_name(i, name, sizeof(name));
		maps->lru_fds[i] = pin_open(dir_path, name, writable, ret_problem);
		if (maps->lru_fds[i] < 0)
			return maps->lru_fds[i];
	}
	return 0;
}

static int all_open(const char *dir_path, bool writable, struct ipacct_maps *maps,
		    struct ipacct_problem *ret_problem)
{
	int ret;

	maps->meta_fd = pin_open(dir_path, IPACCT_PIN_META, writable, ret_problem);
	if (maps->meta_fd < 0)
		return maps->meta_fd;
	ret = ipacct_meta_read(maps->meta_fd, &maps->meta, ret_problem);
	if (!ret)
		ret = ipacct_meta_check(&maps->meta, ret_problem);
	if (ret)
		return ret;
#define OPEN(member, pin)                                                           \
	if (maps->member##_fd < 0)                                                  \
		maps->member##_fd = pin_open(dir_path, pin, writable, ret_problem); \
	if (maps->member##_fd < 0)                                                  \
		return maps->member##_fd;
	IPACCT_MAPS(OPEN)
#undef OPEN
	return lru_open(dir_path, writable, maps, ret_problem);
}

int ipacct_maps_open(const char *dir_path, bool writable, struct ipacct_maps *maps,
		     struct ipacct_problem *ret_problem)
{
	int ret;

	ipacct_maps_init(maps);
	ret = all_open(dir_path, writable, maps, ret_problem);
	if (ret == -ENOENT && maps->meta_fd >= 0)
		ret = -EBADMSG; /* ipacct_meta says that the set is complete, and it is not */
	if (ret)
		ipacct_maps_finish(maps);
	return ret;
}

/* Not there: 0, the descriptor stays −1. */
static int any_one_open(const char *dir_path, const char *name, int *fd,
			struct ipacct_problem *ret_problem)
{
	int opened = *fd < 0 ? pin_open(dir_path, name, true, ret_problem) : *fd;

	if (opened == -ENOENT) {
		ipacct_problem_set(ret_problem, "%s", "");
		return 0;
	}
	if (opened < 0)
		return opened;
	*fd = opened;
	return 0;
}

static int any_open(const char *dir_path, struct ipacct_maps *maps,
		    struct ipacct_problem *ret_problem)
{
	int ret = 0;

	maps->meta_fd = pin_open(dir_path, IPACCT_PIN_META, true, ret_problem);
	if (maps->meta_fd < 0)
		return maps->meta_fd;
	if (ipacct_meta_read(maps->meta_fd, &maps->meta, NULL) ||
	    maps->meta.magic != IPACCT_ABI_MAGIC || !maps->meta.n_parts ||
	    maps->meta.n_parts > UINT16_MAX) {
		ipacct_problem_set(ret_problem, "%s: these are not maps of ipacct", dir_path);
		return -EPROTO;
	}
#define OPEN_ANY(member, pin) \
	ret = ret ? ret : any_one_open(dir_path, pin, &maps->member##_fd, ret_problem);
	IPACCT_MAPS(OPEN_ANY)
#undef OPEN_ANY
	return ret ? ret : lru_open(dir_path, true, maps, ret_problem);
}

int ipacct_maps_open_any(const char *dir_path, struct ipacct_maps *maps,
			 struct ipacct_problem *ret_problem)
{
	int ret;

	ipacct_maps_init(maps);
	ret = any_open(dir_path, maps, ret_problem);
	if (ret == -ENOENT && maps->meta_fd >= 0)
		ret = -EBADMSG; /* as above */
	if (ret)
		ipacct_maps_finish(maps);
	return ret;
}

static int map_one(int fd, size_t bytes, void **ret_at)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	*ret_at = at;
	return 0;
}

int ipacct_maps_mmap(struct ipacct_maps *maps)
{
	int ret;

	ret = map_one(maps->ctl_fd, mapped_bytes(sizeof(*maps->ctl)), (void **)&maps->ctl);
	if (!ret)
		ret = map_one(maps->parts_fd, parts_bytes(maps), (void **)&maps->parts);
	if (!ret)
		ret = map_one(maps->roll_fd, roll_bytes(maps), (void **)&maps->roll);
	if (!ret)
		ret = map_one(maps->roll6_fd, roll6_bytes(maps), (void **)&maps->roll6);
	if (ret || !maps->meta.hot4_sets)
		return ret;
	ret = map_one(maps->hot4_fd, hot4_bytes(maps), (void **)&maps->hot4);
	if (!ret)
		ret = map_one(maps->hot6_fd, hot6_bytes(maps), (void **)&maps->hot6);
	if (!ret)
		ret = map_one(maps->hotmap_fd, hotmap_bytes(maps), (void **)&maps->hotmap);
	return ret;
}
